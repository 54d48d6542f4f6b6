//! A client that speaks HTTP/2 by prior knowledge.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::tests::world::{PATIENCE, World};

/// Its connection is driven until it ends.
pub async fn connect(world: &World) -> SendRequest<Bytes> {
    with(world, &h2::client::Builder::new()).await.0
}

/// And how it ends.
pub async fn with(
    world: &World,
    builder: &h2::client::Builder,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (client, connection) = builder.handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    (client.ready().await.unwrap(), connection)
}

pub fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// All of it, as text.
pub async fn body(answer: Response<RecvStream>) -> String {
    let mut stream = answer.into_body();
    let mut all = Vec::new();
    while let Some(data) = timeout(PATIENCE, stream.data()).await.unwrap() {
        let data = data.unwrap();
        stream.flow_control().release_capacity(data.len()).unwrap();
        all.extend(data);
    }
    String::from_utf8(all).unwrap()
}
