//! What tests of the gate rely on.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;

struct World {
    app: App,
    client: reqwest::Client,
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let app = App::start(TcpListener::bind("127.0.0.1:0").await.unwrap());
        Self { app, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address().unwrap())
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }
}

#[tokio::test]
async fn it_shows_who_it_thinks_you_are_and_nothing_of_it_as_markup() {
    let world = World::new().await;
    let request = world.client.get(world.url("/"));
    let request = request.header("x-forwarded-user", "100001").header("x-forwarded-groups", "admin,a%2Cb");
    let request =
        request.header("x-forwarded-preferred-username", "%D0%91%D0%B0%D1%82 <b>").header("x-evil", "<script>");
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<h1 id=\"name\">Бат &lt;b&gt;</h1>") && page.contains("<span class=\"tag\">a,b</span>"));
    assert!(page.contains("<td class=\"mono\">&lt;script&gt;</td>") && !page.contains("{{"));
    assert!(world.get("/").await.text().await.unwrap().contains("Nobody"));
}

#[tokio::test]
async fn it_remembers_heads_with_repeated_lines_and_the_very_bytes() {
    let world = World::new().await;
    let request = world.client.get(world.url("/headers?a=%2F")).header("x-twice", "1").header("x-twice", "2");
    let seen: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((seen["method"].as_str(), seen["target"].as_str()), (Some("GET"), Some("/headers?a=%2F")));
    assert!(seen["headers"].as_array().unwrap().contains(&serde_json::json!(["x-twice", "2"])));
    assert_eq!(world.app.requests().last().unwrap().lines("x-twice"), ["1", "2"]);
    assert_eq!(world.app.requests().count(), 1);
    assert!(world.app.requests().raw()[0].starts_with(b"GET /headers?a=%2F HTTP/1.1\r\n"));
}

#[tokio::test]
async fn bodies_stream_up_and_down() {
    let world = World::new().await;
    let down = world.get("/bytes/100000").await;
    assert_eq!(down.content_length(), Some(100_000));
    assert_eq!(down.bytes().await.unwrap().len(), 100_000);
    let up = world.client.post(world.url("/upload")).body("abc").send().await.unwrap();
    let up: Value = up.json().await.unwrap();
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!((up["bytes"].as_u64(), up["sha256"].as_str()), (Some(3), Some(sha256)));
    let echo = world.client.post(world.url("/echo")).body("there and back").send().await.unwrap();
    assert_eq!(echo.text().await.unwrap(), "there and back");
    assert!(world.get("/abort").await.bytes().await.is_err());
    assert_eq!(world.get("/status/418").await.status(), 418);
}

#[tokio::test]
async fn events_come_one_by_one_and_their_end_is_noticed() {
    let world = World::new().await;
    assert_eq!(world.get("/events?ms=1&n=3").await.text().await.unwrap().matches("data: ").count(), 3);
    let mut endless = world.get("/events?ms=5").await;
    assert!(endless.chunk().await.unwrap().unwrap().starts_with(b"id: 1\ndata: "));
    assert_eq!(world.app.requests().open_streams(), 1);
    drop(endless);
    while world.app.requests().open_streams() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_socket_says_what_it_hears_and_closes_as_it_is_closed() {
    let world = World::new().await;
    let url = format!("ws://{}/ws?hello=first", world.app.address().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("first"));
    for message in [Message::text("Сайн уу"), Message::binary(vec![7; 200]), Message::binary(vec![7; 70_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    assert_eq!(world.app.requests().open_sockets(), 1);
    let close = CloseFrame { code: CloseCode::Library(4001), reason: "enough".into() };
    socket.close(Some(close)).await.unwrap();
    let Message::Close(Some(answered)) = socket.next().await.unwrap().unwrap() else { panic!("a close frame") };
    assert_eq!(answered.code, CloseCode::Library(4001));
}

#[tokio::test]
async fn what_is_no_proper_handshake_stays_http() {
    let world = World::new().await;
    assert_eq!(world.get("/ws").await.status(), 426);
    let listener = format!("ws://{}/status/403", world.app.address().unwrap());
    let Err(Error::Http(refusal)) = tokio_tungstenite::connect_async(listener).await else { panic!("refused") };
    assert_eq!(refusal.status(), 403);
}

#[tokio::test]
async fn a_form_is_shown_and_its_fields_are_shown_back() {
    let world = World::new().await;
    assert!(world.get("/form").await.text().await.unwrap().contains("<form method=\"post\""));
    let sent = world.client.post(world.url("/form")).form(&[("note", "<b> & c")]).send().await.unwrap();
    assert!(sent.text().await.unwrap().contains("<tr><th>note</th><td class=\"mono\">&lt;b&gt; &amp; c</td></tr>"));
}

#[tokio::test]
async fn over_a_unix_socket_trailers_come_for_who_wants_them() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let path = std::env::temp_dir().join(format!("tokigate-sample-{}.sock", std::process::id()));
    let _app = App::start_unix(UnixListener::bind(&path).unwrap());
    let mut connection = tokio::net::UnixStream::connect(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let request = "GET /trailers HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te, close\r\n\r\n";
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("a body with a trailer\n\r\n0\r\nx-checksum: of-the-body\r\n\r\n"), "{answer}");
}
