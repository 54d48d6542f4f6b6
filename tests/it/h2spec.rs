//! What h2spec 2.6 asks of a server (github.com/summerwind/h2spec), asked by a client of our own: its 146 cases, and three that it has elsewhere;
//! each by prior knowledge over TCP, and again by ALPN over TLS.
//!
//! A test is called after the case: `generic::s3_1_case_2_…` is `generic/3.1/2`, `http2_6_data::s6_1_case_2_…` is `http2/6.1/2`. Where h2spec
//! takes a closed connection for an answer, these want what RFC 9113 wants: the GOAWAY or the RST_STREAM with its code, and then the end.

mod generic;
mod generic_hpack;
mod hpack;
mod http2_3_4;
mod http2_5;
mod http2_6_data;
mod http2_6_flow;
mod http2_6_settings;
mod http2_7_8;

use crate::world::frames::{code, flag};
use crate::world::hpack::block;
use crate::world::{Carried, Client};

/// The case on each kind of connection, hands shaken.
async fn each(case: impl AsyncFn(&mut Client)) {
    each_from_the_first_byte(async |client| {
        client.shake_hands(&[]).await;
        case(client).await;
    })
    .await;
}

/// The case on each kind of connection, and the gate serves others after it.
async fn each_from_the_first_byte(case: impl AsyncFn(&mut Client)) {
    for carried in [Carried::Plainly, Carried::ByTls] {
        let mut client = Client::silent(carried).await;
        case(&mut client).await;
        client.come_again().await;
        client.headers(flag::WHOLE, 1, &client.get()).await;
        client.answers(1).await;
    }
}

/// What the library says in a GOAWAY where RFC 9113 has a code that tells more: the connection is over all the same, which is all that h2spec
/// asks for.
const LESS_PRECISE: u32 = code::PROTOCOL_ERROR;

/// A field of four thousand octets.
fn long_field(name: &str) -> Vec<u8> {
    block(&[(name, &"x".repeat(4000))])
}
