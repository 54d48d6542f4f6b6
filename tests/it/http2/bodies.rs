//! Bodies that are larger than anything in memory, and trailers.

use bytes::Bytes;

use crate::world::http2::{connect, whole};
use crate::world::{Ask, BAT, Speaks, World};

const MIB: u64 = 1024 * 1024;
const SIZE: u64 = 256 * MIB;

#[tokio::test]
async fn large_bodies_go_through_both_ways_in_little_memory() {
    let (world, process) = World::around_a_process(|setup| setup.rule("/**", "public")).await;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let address = |path: &str| format!("http://{}{path}", world.setup.host());
    assert_eq!(client.get(address("/bytes/1")).send().await.unwrap().version(), http::Version::HTTP_2);
    let before = process.peak();

    let mut down = client.get(address(&format!("/bytes/{SIZE}"))).send().await.unwrap();
    let mut got = 0;
    while let Some(piece) = down.chunk().await.unwrap() {
        got += piece.len() as u64;
    }
    assert_eq!(got, SIZE);

    let pieces =
        futures_util::stream::iter((0..SIZE / MIB).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'.'; 1 << 20]))));
    let up = client.post(address("/upload")).body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
    let told: String = up.text().await.unwrap();
    assert!(told.contains(&SIZE.to_string()), "{told}");
    let grown = process.peak() - before;
    assert!(grown < 10 * MIB, "{grown} bytes for bodies of {SIZE}");
}

#[tokio::test]
async fn trailers_of_an_application_that_speaks_http_1_1_arrive() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let (mut client, _connection) = connect(world.address()).await;
    let request = http::Request::get(format!("http://{}/trailers", world.setup.host()));
    let request = request.header("cookie", browser.cookie_line()).header("te", "trailers").body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(whole(&mut body).await.unwrap(), b"a body with a trailer\n");
    let trailers = body.trailers().await.unwrap().expect("trailers");
    assert_eq!(trailers["x-checksum"], "of-the-body");
}

#[tokio::test]
async fn what_breaks_off_never_looks_complete() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for target in ["/abort?bytes=100&of=1000", "/abort?bytes=100&chunked=1"] {
        let (mut client, _connection) = connect(world.address()).await;
        let request = http::Request::get(format!("http://{}{target}", world.setup.host()));
        let (answer, _) =
            client.send_request(request.header("cookie", browser.cookie_line()).body(()).unwrap(), true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        assert!(whole(&mut body).await.unwrap_err().is_reset(), "{target}");
    }
}

#[tokio::test]
async fn an_upload_beyond_the_limit_is_413_with_a_length_and_without() {
    let world = World::with(|setup| setup.set("limits", "body_bytes", "\"1KiB\"")).await;
    let browser = world.signed_in(BAT).await.speaking(Speaks::Http2);
    let large = Ask::script("/echo").method("POST").body(&[b'.'; 2000]);
    assert_eq!(browser.send(large).await.status, 413);
    let small = Ask::script("/echo").method("POST").body(&[b'.'; 1024]);
    assert_eq!(browser.send(small).await.status, 200);
    let (mut client, _connection) = connect(world.address()).await;
    let request = http::Request::post(format!("http://{}/echo", world.setup.host()));
    let request = request.header("cookie", browser.cookie_line()).body(()).unwrap();
    let (answer, mut up) = client.send_request(request, false).unwrap();
    up.send_data(Bytes::from_static(&[b'.'; 2000]), true).unwrap();
    let answer = answer.await.unwrap();
    // An echo may have begun to answer already; then it breaks off.
    assert!(answer.status() == 413 || whole(&mut answer.into_body()).await.is_err());
}
