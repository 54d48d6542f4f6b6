//! Calls of gRPC end: with their session, and with nothing else that they say of themselves.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::world::{BAT, Browser, Call, Http2App, PATIENCE, World};

async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"))
}

/// Both sides stream for as long as both are there; notifies `gone` when the client is not.
async fn chat(gone: &Arc<Notify>, kind: &'static str) -> Http2App {
    let gone = Arc::clone(gone);
    Http2App::start(move |mut call: Call| {
        let gone = Arc::clone(&gone);
        async move {
            if call.path() != "/chat.Chat/Talk" {
                return call.answer("ok");
            }
            let mut down = call.begin(kind);
            down.send_data(Bytes::from_static(b"hello"), false).unwrap();
            while let Some(Ok(_)) = call.request.body_mut().data().await {}
            gone.notify_one();
        }
    })
    .await
}

async fn before(app: &Http2App) -> World {
    World::with(|setup| setup.set("", "upstream", &app.upstream())).await
}

async fn call(world: &World, browser: &Browser, kind: &str) -> (h2::RecvStream, h2::SendStream<Bytes>) {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::post(format!("http://{}/chat.Chat/Talk", world.setup.host()))
        .header("content-type", kind)
        .header("cookie", browser.cookie_line());
    let (answer, up) = client.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    let mut down = in_time("the head", answer).await.unwrap().into_body();
    assert_eq!(in_time("a message", down.data()).await.unwrap().unwrap(), "hello");
    (down, up)
}

#[tokio::test]
async fn a_call_is_over_with_its_session_for_both_sides() {
    let gone = Arc::new(Notify::new());
    let app = chat(&gone, "application/grpc").await;
    let world = before(&app).await;
    let browser = world.signed_in(BAT).await;
    let (mut down, _up) = call(&world, &browser, "application/grpc").await;
    browser.load("/oauth2/sign_out").await;
    assert!(in_time("the client's end", down.data()).await.is_none());
    let trailers = in_time("trailers", down.trailers()).await.unwrap();
    assert_eq!(trailers.unwrap()["grpc-status"], "16", "UNAUTHENTICATED");
    in_time("the application's end", gone.notified()).await;
}

#[tokio::test]
async fn a_call_of_grpc_web_has_its_status_in_its_body_and_so_is_broken_off() {
    let gone = Arc::new(Notify::new());
    let app = chat(&gone, "application/grpc-web+proto").await;
    let world = before(&app).await;
    let browser = world.signed_in(BAT).await;
    let (mut down, _up) = call(&world, &browser, "application/grpc-web+proto").await;
    browser.load("/oauth2/sign_out").await;
    assert!(in_time("the client's end", down.data()).await.unwrap().is_err());
    in_time("the application's end", gone.notified()).await;
}
