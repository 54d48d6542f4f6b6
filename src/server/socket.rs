//! Socket: a connection that goes on as a tunnel, until its session or this process is over.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::drain::Stage;
use super::peer::Switch;
use super::worker::Floor;
use crate::upstream::tunnel::Cause;

/// `read`: what the client sent behind its request; it waited for the application's 101.
pub async fn run<C>(client: C, read: Bytes, switch: Switch, floor: &Floor)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let session = async {
        match switch.end {
            Some(end) => end.await,
            None => std::future::pending().await,
        }
    };
    let stop = async {
        tokio::select! {
            () = session => Cause::SessionOver,
            () = floor.reached(Stage::Finishing) => Cause::GoingAway,
        }
    };
    switch.tunnel.run(client, read, stop).await;
}
