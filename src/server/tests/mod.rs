//! Workers, connections and forwarding over real sockets, without the gate: a handler that lets everybody pass.

mod authority;
mod bodies;
mod connections;
mod drain;
mod forward;
mod forward_auth;
mod house;
mod http2;
mod proxy_protocol;
mod reload;
mod sessions;
mod socket;
mod stalls;
mod tls;
mod world;
