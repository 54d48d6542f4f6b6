//! The path of bytes through the whole program: what a raw application sees, and what is told of requests that come to nothing.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Ask, BAT, World};

const STRANGE: &[&str] = &["x+forwarded+user", "x_forwarded.user", "x~forwarded~email", "x-auth!request-user"];

/// An application that takes one request and says nothing; the world in front of it, and where its connections come.
async fn before_silence() -> (World, TcpListener) {
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = application.local_addr().unwrap();
    let world = World::with(|setup| {
        setup.set("", "upstream", &format!("\"http://{address}\""));
        setup.rule("/**", "public");
    });
    (world.await, application)
}

async fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "a whole head");
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_request_whose_client_left_is_counted_all_the_same() {
    let (world, application) = before_silence().await;
    let mut client = world.wire().await;
    client.send(format!("GET /long HTTP/1.1\r\nhost: {}\r\n\r\n", world.setup.host())).await;
    let (mut connection, _) = application.accept().await.unwrap();
    head(&mut connection).await;
    drop(client);
    assert_eq!(connection.read(&mut [0; 16]).await.unwrap(), 0, "it is let go of");
    world.counts("tokigate_requests_total{decision=\"forwarded_public\"} 1").await;
}

#[tokio::test]
async fn where_the_token_goes_in_authorization_nobody_else_sets_that() {
    for (passed_on, theirs) in [("\"authorization\"", None), ("\"off\"", Some("Bearer forged"))] {
        let world = World::with(|setup| {
            setup.set("identity", "access_token", passed_on);
            setup.rule("/deep/open/**", "public");
            setup.rule("/deep/maybe/**", "optional");
        });
        let world = world.await;
        for path in ["/deep/open/a", "/deep/maybe/a"] {
            assert_eq!(world.curl(Ask::plain(path).with("authorization", "Bearer forged")).await.status, 200);
            assert_eq!(world.told("authorization").as_deref(), theirs, "{path}");
        }
        let browser = world.signed_in(BAT).await;
        browser.send(Ask::script("/deep/maybe/a").with("authorization", "Bearer forged")).await;
        let told = world.told("authorization").unwrap();
        assert_eq!(told == "Bearer forged", theirs.is_some(), "{told}");
    }
}

#[tokio::test]
async fn an_identity_is_nobodys_to_claim_in_any_spelling_on_any_path() {
    let (world, application) = before_silence().await;
    let mut client = world.wire().await;
    let claims: String = STRANGE.iter().map(|name| format!("{name}: admin\r\n")).collect();
    client.send(format!("GET / HTTP/1.1\r\nhost: {}\r\n{claims}\r\n", world.setup.host())).await;
    let (mut connection, _) = application.accept().await.unwrap();
    let seen = head(&mut connection).await;
    assert!(!seen.contains("admin"), "{seen}");
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}
