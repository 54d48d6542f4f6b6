//! Balancers that speak the PROXY protocol, and clients where it is spoken.

use super::{Served, asks, meets, meets_beside};
use crate::world::{Setup, World};

const HEADER: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

/// Whoever comes from `trusted` is a balancer.
fn spoken(trusted: &'static str) -> impl Fn(&mut Setup) {
    move |ours| {
        ours.set("", "proxy_protocol", "true");
        ours.set("", "trusted_proxies", trusted);
    }
}

const US: &str = "[\"loopback\"]";
const OTHERS: &str = "[\"10.0.0.0/8\"]";

/// Others come by a balancer too.
async fn named(world: &World) -> Served {
    asks(world.wire().await, world, HEADER).await
}

/// What is heard after this.
async fn after(world: &World, said: &[u8]) -> String {
    let mut wire = world.wire().await;
    wire.send(said).await;
    String::from_utf8(wire.rest().await).unwrap()
}

#[tokio::test]
async fn a_balancer_before_its_header() {
    meets_beside(named, "header_timeout", "", spoken(US), async |world| after(world, b"").await).await;
}

#[tokio::test]
async fn a_balancer_inside_its_header() {
    for begun in [&HEADER.as_bytes()[..20], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x01"] {
        let peer = async |world: &World| after(world, begun).await;
        meets_beside(named, "header_timeout", "", spoken(US), peer).await;
    }
}

#[tokio::test]
async fn a_balancer_behind_its_header() {
    let peer = async |world: &World| after(world, HEADER.as_bytes()).await;
    meets_beside(named, "idle_timeout", "", spoken(US), peer).await;
}

#[tokio::test]
async fn a_client_before_its_first_byte_where_balancers_have_headers() {
    meets("idle_timeout", "", spoken(OTHERS), async |world| after(world, b"").await).await;
}

#[tokio::test]
async fn a_client_whose_first_bytes_could_become_a_header() {
    meets("header_timeout", "", spoken(OTHERS), async |world| after(world, b"PROX").await).await;
}
