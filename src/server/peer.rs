//! Peer: who is at the other end of a connection, and what becomes of it after the answer.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use http::HeaderValue;

use super::tls::{Secured, Shown};
use crate::upstream::{Ending, Tunnel};
use crate::wire::Remote;

/// One per connection; of HTTP/2, one per stream.
pub struct Peer {
    pub remote: Remote,
    /// There where it speaks TLS with us.
    pub secured: Option<Rc<Secured>>,
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
    pub fn new(remote: Remote, secured: Option<Secured>) -> Peer {
        let value = |address: IpAddr| HeaderValue::try_from(address.to_string()).expect("an address is visible ASCII");
        Peer {
            remote,
            secured: secured.map(Rc::new),
            address_value: remote.address().map(value),
            switch: RefCell::new(None),
        }
    }

    /// The one it showed, where we demand one, as a header's value.
    pub fn client_certificate(&self) -> Option<&HeaderValue> {
        Some(&self.shown()?.header)
    }

    pub fn shown(&self) -> Option<&Shown> {
        self.secured.as_ref()?.shown.as_ref()
    }

    /// The same peer for one stream of its connection.
    pub fn of_stream(&self) -> Rc<Peer> {
        let (secured, address_value) = (self.secured.clone(), self.address_value.clone());
        Rc::new(Peer { remote: self.remote, secured, address_value, switch: RefCell::new(None) })
    }

    /// For a handler that answers 101: once that is sent, the connection is this tunnel's, until `end` returns.
    pub fn switch_to(&self, tunnel: Tunnel, end: Option<Ending>) {
        self.switch.replace(Some(Switch { tunnel, end }));
    }

    pub fn take_switch(&self) -> Option<Switch> {
        self.switch.take()
    }
}
