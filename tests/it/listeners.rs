//! Where the gate listens: several addresses at once, IPv6, and sockets that somebody else has bound (sd_listen_fds(3)).

use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::world::{Ask, Process, World, eventually, free_port};

/// What a socket unit with both does.
const BOTH: &str =
    "exec 3<&0 4>&1 </dev/null >$OUT; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=public:local exec \"$@\"";

fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("this machine has no IPv6: not tried");
    }
    has
}

fn path() -> PathBuf {
    std::env::temp_dir().join(format!("tokigate-listen-{}.sock", free_port()))
}

fn nothing() -> OwnedFd {
    std::fs::File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

/// A world whose gate is started by the test, on sockets that the test has bound.
async fn passed(listen: &str) -> (World, TcpListener, UnixListener, PathBuf) {
    let path = path();
    let unix = UnixListener::bind(&path).unwrap();
    let world = World::without_gate(|setup| {
        setup.set("", "listen", listen);
        setup.rule("/deep/open/**", "public");
    });
    let world = world.await;
    let tcp = TcpListener::bind(("127.0.0.1", world.setup.port)).unwrap();
    (world, tcp, unix, path)
}

async fn by_socket(path: &Path, host: &str, target: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(crate::world::PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn all_of_several_lead_to_the_same_gate() {
    let path = path();
    let mut listen = Vec::new();
    let world = World::with(|setup| {
        let port = setup.port;
        listen = vec![format!("127.0.0.1:{port}"), format!("unix:{}", path.display()), format!("127.0.0.2:{port}")];
        if has_ipv6() {
            listen.push(format!("[::1]:{port}"));
        }
        setup.set("", "listen", &format!("{listen:?}"));
        setup.rule("/deep/open/**", "public");
    });
    let world = world.await;
    let host = world.setup.host();
    for address in listen.iter().filter_map(|address| address.parse::<SocketAddr>().ok()) {
        assert_eq!(Ask::plain("/deep/open/a").send(address, &host).await.status, 200, "{address}");
        // The connection's own address, IPv6 without brackets.
        let own = if address.ip() == Ipv6Addr::LOCALHOST { "::1" } else { "127.0.0.1" };
        let told = world.told("x-forwarded-for");
        assert!(told.as_deref() == Some(own) || told.as_deref() == Some("127.0.0.2"), "{address}: {told:?}");
        assert_eq!(Ask::script("/deep/a").send(address, &host).await.status, 401, "{address}");
    }
    assert!(by_socket(&path, &host, "/deep/open/a").await.starts_with("HTTP/1.1 200 "));
    assert_eq!(world.told("x-forwarded-for"), None);
    drop(world);
    assert!(!path.exists(), "a socket's file goes with whoever made it");
}

#[tokio::test]
async fn both_kinds_of_addresses_come_by_one_listener_and_are_told_as_what_they_are() {
    if !has_ipv6() {
        return;
    }
    let world = World::with(|setup| {
        setup.set("", "listen", &format!("\"[::]:{}\"", setup.port));
        setup.set("", "trusted_proxies", "[\"127.0.0.0/8\"]");
        setup.rule("/deep/open/**", "public");
    });
    let world = world.await;
    let (host, port) = (world.setup.host(), world.setup.port);
    for (address, told, of_a_proxy) in [("127.0.0.1", "127.0.0.1", "192.0.2.9, 127.0.0.1"), ("::1", "::1", "::1")] {
        let address = SocketAddr::new(address.parse().unwrap(), port);
        assert_eq!(Ask::plain("/deep/open/a").send(address, &host).await.status, 200, "{address}");
        assert_eq!(world.told("x-forwarded-for").as_deref(), Some(told));
        // Networks are compared with the older address, not with how the listener sees it.
        let ask = Ask::plain("/deep/open/a").with("x-forwarded-for", "192.0.2.9");
        assert_eq!(ask.send(address, &host).await.status, 200, "{address}");
        assert_eq!(world.told("x-forwarded-for").as_deref(), Some(of_a_proxy));
    }
}

#[tokio::test]
async fn what_was_passed_on_serves_and_stays_when_the_gate_goes() {
    let (world, tcp, unix, path) = passed("[\"fd:public\", \"fd:local\"]").await;
    let (address, host) = (tcp.local_addr().unwrap(), world.setup.host());
    let mut process = Process::launched(&world.setup.toml(), BOTH, [tcp.into(), unix.into()]);
    process.until_ready().await;
    assert_eq!(Ask::plain("/deep/open/a").send(address, &host).await.status, 200);
    assert_eq!(world.told("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert!(by_socket(&path, &host, "/deep/open/a").await.starts_with("HTTP/1.1 200 "));
    process.terminate();
    assert_eq!(process.exit().await, Some(0));
    let started = process.log().into_iter().find(|line| line["event"] == "started").unwrap();
    assert_eq!(started["listen"], format!("{address}, unix:{}", path.display()));
    assert!(path.exists(), "the file is whoever's that made it");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_restart_loses_no_connection() {
    let (world, tcp, _, path) = passed("\"fd:3\"").await;
    std::fs::remove_file(&path).unwrap();
    let (address, host) = (tcp.local_addr().unwrap(), world.setup.host());
    let line = "exec 3<&0 </dev/null >$OUT; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
    let launch = || Process::launched(&world.setup.toml(), line, [tcp.try_clone().unwrap().into(), nothing()]);
    let mut first = launch();
    first.until_ready().await;

    let (answered, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (answered, enough, host) = (Arc::clone(&answered), Arc::clone(&enough), host.clone());
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    assert_eq!(Ask::plain("/deep/open/a").send(address, &host).await.status, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    eventually("the first answers", || answered.load(Ordering::Relaxed) > 50).await;
    first.terminate();
    assert_eq!(first.exit().await, Some(0));
    let before = answered.load(Ordering::Relaxed);
    // Nobody is there: they wait in the socket's queue.
    let mut second = launch();
    second.until_ready().await;
    eventually("the second answers", || answered.load(Ordering::Relaxed) > before + 50).await;
    enough.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_told_with_its_key_and_the_mend() {
    let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let one = "exec 3<&0 </dev/null >$OUT; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=public exec \"$@\"";
    let not_passed = "was not passed on: LISTEN_FDS is not set, or LISTEN_PID is another process; start it by its socket unit (deploy/systemd), or write an address and port";
    let no_listener = "write ListenStream= and Accept=no in the socket unit";
    for (listen, line, socket, told) in [
        ("fd:3", "exec \"$@\" </dev/null >$OUT", tcp(), format!("listen: fd:3 {not_passed}")),
        ("fd:3", &*one.replace("$$", "1"), tcp(), format!("listen: fd:3 {not_passed}")),
        ("fd:4", one, tcp(), "listen: fd:4 was not passed on; there are fd:3 (public)".to_owned()),
        ("fd:other", one, tcp(), "listen: fd:other was not passed on; there are fd:3 (public)".to_owned()),
        (
            "fd:3",
            one,
            nothing(),
            format!("listen: fd:3 is no stream socket that listens (fd 3 is not a socket); {no_listener}"),
        ),
        (
            "fd:3",
            one,
            UdpSocket::bind("127.0.0.1:0").unwrap().into(),
            format!(
                "listen: fd:3 is no stream socket that listens (fd 3 is not a valid unix stream socket); {no_listener}"
            ),
        ),
        (
            "fd:3",
            one,
            connected(),
            format!("listen: fd:3 is no stream socket that listens (it is connected, or bound alone); {no_listener}"),
        ),
        (
            "fd:3\", \"fd:public",
            one,
            tcp(),
            "listen: fd:public is taken by an entry before it; leave one of them out".to_owned(),
        ),
    ] {
        let world = World::without_gate(|setup| setup.set("", "listen", &format!("[\"{listen}\"]"))).await;
        let mut process = Process::launched(&world.setup.toml(), line, [socket, nothing()]);
        assert_eq!(process.exit().await, Some(2), "{listen} {line}");
        let said = process.log().into_iter().find(|line| line["event"] == "start_failed").unwrap();
        assert_eq!(said["message"], told, "{listen} {line}");
    }
}

/// What `Accept=yes` passes on.
fn connected() -> OwnedFd {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap().into()
}

#[tokio::test]
async fn a_socket_that_nobody_names_is_told_of() {
    let (world, tcp, unix, path) = passed("\"fd:3\"").await;
    let mut process = Process::launched(&world.setup.toml(), BOTH, [tcp.into(), unix.into()]);
    process.until_ready().await;
    let warned = process.log().into_iter().find(|line| line["left"] == 1);
    assert!(warned.is_some_and(|line| line["key"] == "listen"), "{}", process.said());
    std::fs::remove_file(&path).unwrap();
}
