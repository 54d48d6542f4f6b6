//! Peer: who is at the other end of a connection, and what becomes of it after the answer.

use http::HeaderValue;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use crate::upstream::{Ending, Tunnel};
use crate::wire::Remote;

/// One per connection; of HTTP/2, one per stream.
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

    /// The same peer for one stream of its connection.
    pub fn of_stream(&self) -> Rc<Peer> {
        Rc::new(Peer { remote: self.remote, address_value: self.address_value.clone(), switch: RefCell::new(None) })
    }

    /// For a handler that answers 101: once that is sent, the connection is this tunnel's, until `end` returns.
    pub fn switch_to(&self, tunnel: Tunnel, end: Option<Ending>) {
        self.switch.replace(Some(Switch { tunnel, end }));
    }

    pub fn take_switch(&self) -> Option<Switch> {
        self.switch.take()
    }
}
