//! The whole program over HTTP/2: what a request means does not change with the wire that it came on (RFC 9113 §8, RFC 8441).

mod bodies;
mod leaving;
mod meaning;
mod sessions;
mod sockets;
