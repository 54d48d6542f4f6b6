//! Addresses and ports of this machine: which are free, and how what listens there is called.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Where to listen when `asked`, or on loopback: on both families where the machine has both, since a browser asks `localhost` on either.
pub(super) fn listened_to(asked: Option<IpAddr>) -> Vec<IpAddr> {
    if let Some(ip) = asked {
        return vec![ip];
    }
    let mut ips = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        ips.push(Ipv6Addr::LOCALHOST.into());
    }
    ips
}

/// The first port from `wanted` on that is free on all of `ips`; any where `wanted` is 0.
pub(super) fn free(ips: &[IpAddr], wanted: u16) -> io::Result<u16> {
    let mut last = io::ErrorKind::AddrInUse.into();
    for step in 0..TRIES {
        let Some(port) = wanted.checked_add(if wanted == 0 { 0 } else { step }) else { break };
        match bound_on_all(ips, port) {
            Ok(port) => return Ok(port),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Binds and lets go: a moment later somebody else may have it, and then the bind that counts says so.
fn bound_on_all(ips: &[IpAddr], mut port: u16) -> io::Result<u16> {
    let mut bound = Vec::with_capacity(ips.len());
    for ip in ips {
        let listener = TcpListener::bind((*ip, port))?;
        port = listener.local_addr()?.port();
        bound.push(listener);
    }
    Ok(port)
}

/// How this machine calls what listens on all its addresses.
pub(super) fn on_loopback(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

const TRIES: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_on_any_of_the_addresses_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let ips = [Ipv4Addr::new(127, 0, 0, 2).into(), Ipv4Addr::LOCALHOST.into()];
        assert!(free(&ips, port).unwrap() > port);
        assert_eq!(free(&ips[..1], port).unwrap(), port);
    }

    #[test]
    fn port_0_is_any() {
        assert_ne!(free(&[Ipv4Addr::LOCALHOST.into()], 0).unwrap(), 0);
    }

    #[test]
    fn an_address_that_is_not_this_machines_is_no_matter_of_ports() {
        let elsewhere = free(&[Ipv4Addr::new(192, 0, 2, 1).into()], 4180).unwrap_err();
        assert_eq!(elsewhere.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn all_addresses_are_asked_on_loopback_of_their_family() {
        for (listens, asked) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("10.0.0.1:3", "10.0.0.1:3"),
            ("127.0.0.2:4", "127.0.0.2:4"),
        ] {
            assert_eq!(on_loopback(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
