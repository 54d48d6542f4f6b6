//! Peer: who is at the other end of a connection, and what becomes of it after the answer.

use http::HeaderValue;
use std::cell::RefCell;
use std::net::IpAddr;

use crate::upstream::{Ending, Tunnel};
use crate::wire::Remote;

/// One per connection.
pub struct Peer {
    pub remote: Remote,
    /// Its address as a header's value.
    pub address_value: Option<HeaderValue>,
    switch: RefCell<Option<Switch>>,
}

/// What the connection goes on as after a 101.
pub struct Switch {
    pub tunnel: Tunnel,
    /// Returns when the session is over.
    pub end: Option<Ending>,
}

impl Peer {
    pub fn new(remote: Remote) -> Peer {
        let value = |address: IpAddr| HeaderValue::try_from(address.to_string()).expect("an address is visible ASCII");
        Peer { remote, address_value: remote.address().map(value), switch: RefCell::new(None) }
    }

    /// For a handler that answers 101: once that is sent, the connection is this tunnel's, until `end` returns.
    pub fn switch_to(&self, tunnel: Tunnel, end: Option<Ending>) {
        self.switch.replace(Some(Switch { tunnel, end }));
    }

    pub fn take_switch(&self) -> Option<Switch> {
        self.switch.take()
    }
}
