//! Socket: a connection that goes on as a tunnel, until its session or this process is over.

use bytes::Bytes;

use super::drain::Stage;
use super::peer::Switch;
use super::worker::Floor;
use crate::upstream::Stream;
use crate::upstream::tunnel::Cause;

/// `read`: what the client sent behind its request; it waited for the application's 101.
pub async fn run(client: Stream, read: Bytes, switch: Switch, floor: &Floor) {
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
