//! Applications over TLS: `https://` and `[upstream_tls]`.

use std::path::PathBuf;

use crate::world::{Ask, BAT, Ca, Setup, Socket, TlsFront, Validity, World, WsEnd};

/// A folder of one's own for certificates; gone with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("tokigate-upstream-tls-{}", crate::world::free_port()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn ca(&self, ca: &Ca) -> String {
        let file = self.0.join("ca.pem");
        ca.write(&file);
        format!("{file:?}")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A front before the sample application, and the gate that reaches it by this host.
async fn before(
    host: &str,
    front: impl AsyncFnOnce(std::net::SocketAddr) -> TlsFront,
    change: impl FnOnce(&mut Setup),
) -> (World, TlsFront) {
    let mut world = World::without_gate(|_| {}).await;
    let front = front(world.app.address().unwrap()).await;
    world.setup.set("", "upstream", &format!("\"https://{host}:{}\"", front.port()));
    change(&mut world.setup);
    world.start();
    (world, front)
}

async fn refused(
    host: &str,
    front: impl AsyncFnOnce(std::net::SocketAddr) -> TlsFront,
    change: impl FnOnce(&mut Setup),
) -> String {
    let (world, front) = before(host, front, |setup| {
        setup.rule("/deep/open", "public");
        change(setup);
    })
    .await;
    let answer = world.curl(Ask::plain("/deep/open")).await;
    assert_eq!(answer.status, 502, "{answer}");
    assert_eq!((world.seen(), front.seen().len()), (Vec::new(), 0), "nothing is sent to it");
    let ready = world.admin("/readyz").await;
    assert_eq!(ready.status, 200);
    ready.json()["degraded"][0]["why"].as_str().unwrap_or_else(|| panic!("{ready}")).to_owned()
}

#[tokio::test]
async fn an_application_over_tls_is_known_by_its_authority_and_its_name() {
    let (ca, folder) = (Ca::new("ours"), Folder::new());
    for host in ["localhost", "127.0.0.1"] {
        let file = folder.ca(&ca);
        let (world, front) = before(
            host,
            async |app| TlsFront::start(ca.server(&["localhost", "127.0.0.1"]), app).await,
            |setup| setup.set("upstream_tls", "ca_file", &file),
        )
        .await;
        let browser = world.signed_in(BAT).await;
        assert_eq!(browser.fetch("/deep/a?b=%2f").await.status, 200, "{host}");
        assert_eq!(world.seen().last().unwrap(), "/deep/a?b=%2f");
        assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
        assert_eq!(world.told("host").as_deref(), Some(world.setup.host().as_str()), "the client's, as ever");
        let name = (host == "localhost").then_some("localhost");
        assert!(front.seen().iter().all(|shaken| shaken.sni.as_deref() == name), "{:?}", front.seen());
    }
}

#[tokio::test]
async fn one_that_cannot_prove_who_it_is_gets_no_request() {
    let (ca, other, folder) = (Ca::new("ours"), Ca::new("theirs"), Folder::new());
    let trusting = |setup: &mut Setup| setup.set("upstream_tls", "ca_file", &folder.ca(&ca));

    let unknown =
        refused("localhost", async |app| TlsFront::start(other.server(&["localhost"]), app).await, trusting).await;
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("upstream_tls.ca_file"), "{unknown}");
    let system = refused("localhost", async |app| TlsFront::start(ca.server(&["localhost"]), app).await, |_| {}).await;
    assert!(system.contains("UnknownIssuer"), "{system}");
    let named =
        refused("localhost", async |app| TlsFront::start(ca.server(&["app.internal"]), app).await, trusting).await;
    assert!(named.contains("not valid for name") && named.contains("app.internal"), "{named}");
    let address =
        refused("127.0.0.1", async |app| TlsFront::start(ca.server(&["localhost"]), app).await, trusting).await;
    assert!(address.contains("not valid for name"), "{address}");
    let expired = async |app| TlsFront::start(ca.server_that_is(Validity::Expired), app).await;
    let expired = refused("localhost", expired, trusting).await;
    assert!(expired.contains("expired"), "{expired}");
    let early = async |app| TlsFront::start(ca.server_that_is(Validity::NotYet), app).await;
    let early = refused("localhost", early, trusting).await;
    assert!(early.contains("not valid yet"), "{early}");
    // What is a client's is no server's (RFC 5280 §4.2.1.12).
    let client = refused("localhost", async |app| TlsFront::start(ca.client("localhost"), app).await, trusting).await;
    assert!(client.contains("its certificate is not taken"), "{client}");
}

#[tokio::test]
async fn one_that_speaks_in_the_clear_gets_no_request_either() {
    let (ca, folder) = (Ca::new("ours"), Folder::new());
    let world = World::with(|setup| {
        let app = setup.upstream().replace("http://127.0.0.1", "https://localhost");
        setup.set("", "upstream", &app);
        setup.set("upstream_tls", "ca_file", &folder.ca(&ca));
        setup.rule("/deep/open", "public");
    })
    .await;
    assert_eq!(world.curl(Ask::plain("/deep/open")).await.status, 502);
    let ready = world.admin("/readyz").await;
    assert!(ready.text().contains("it does not speak TLS"), "{ready}");
    assert_eq!(world.seen(), [""; 0]);
}

#[tokio::test]
async fn a_handshake_that_hangs_is_given_up_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let world = World::with(|setup| {
        setup.set("", "upstream", &format!("\"https://localhost:{port}\""));
        setup.set("limits", "upstream_connect_timeout", "\"300ms\"");
        setup.rule("/deep/open", "public");
    })
    .await;
    let answer = world.curl(Ask::plain("/deep/open")).await;
    assert_eq!(answer.status, 504, "{answer}");
    assert!(answer.text().contains("application_connect_timeout"), "{answer}");
}

#[tokio::test]
async fn an_application_that_asks_who_calls_is_shown_the_gates_certificate() {
    let (ca, clients, folder) = (Ca::new("ours"), Ca::new("clients"), Folder::new());
    let stern = async |app| TlsFront::stern(ca.server(&["localhost"]), &clients, app).await;
    let gate = clients.client("gate");
    let (cert, key) = gate.write(&folder.0, "gate");
    let (world, front) = before("localhost", stern, |setup| {
        setup.set("upstream_tls", "ca_file", &folder.ca(&ca));
        setup.set("upstream_tls", "cert_file", &format!("{cert:?}"));
        setup.set("upstream_tls", "key_file", &format!("{key:?}"));
        setup.rule("/deep/open", "public");
    })
    .await;
    assert_eq!(world.curl(Ask::plain("/deep/open")).await.status, 200);
    assert_eq!(front.seen()[0].shown.as_deref(), Some(&*gate.chain[0]));
}

#[tokio::test]
async fn one_that_does_not_take_the_gate_says_so() {
    let (ca, clients, folder) = (Ca::new("ours"), Ca::new("clients"), Folder::new());
    let stern = async |app| TlsFront::stern(ca.server(&["localhost"]), &clients, app).await;
    let why = refused("localhost", stern, |setup| setup.set("upstream_tls", "ca_file", &folder.ca(&ca))).await;
    assert!(why.contains("CertificateRequired") && why.contains("upstream_tls.cert_file"), "{why}");
    // One that somebody else vouches for.
    let (cert, key) = ca.client("gate").write(&folder.0, "gate");
    let stern = async |app| TlsFront::stern(ca.server(&["localhost"]), &clients, app).await;
    let why = refused("localhost", stern, |setup| {
        setup.set("upstream_tls", "ca_file", &folder.ca(&ca));
        setup.set("upstream_tls", "cert_file", &format!("{cert:?}"));
        setup.set("upstream_tls", "key_file", &format!("{key:?}"));
    });
    assert!(why.await.contains("it refuses the connection"));
}

#[tokio::test]
async fn a_certificate_that_is_renewed_is_shown_without_a_restart() {
    let (ca, clients, folder) = (Ca::new("ours"), Ca::new("clients"), Folder::new());
    let stern = async |app| TlsFront::stern(ca.server(&["localhost"]), &clients, app).await;
    let (cert, key) = clients.client("gate").write(&folder.0, "gate");
    let (world, front) = before("localhost", stern, |setup| {
        setup.set("upstream_tls", "ca_file", &folder.ca(&ca));
        setup.set("upstream_tls", "cert_file", &format!("{cert:?}"));
        setup.set("upstream_tls", "key_file", &format!("{key:?}"));
        // Every request on a connection of its own.
        setup.set("limits", "upstream_idle_timeout", "\"0s\"");
        setup.rule("/deep/open", "public");
    })
    .await;
    assert_eq!(world.curl(Ask::plain("/deep/open")).await.status, 200);
    let renewed = clients.client("gate");
    renewed.write(&folder.0, "gate");
    let shown = async || {
        assert_eq!(world.curl(Ask::plain("/deep/open")).await.status, 200);
        front.seen().last().unwrap().shown.clone()
    };
    let began = tokio::time::Instant::now();
    while shown().await.as_deref() != Some(&*renewed.chain[0]) {
        assert!(began.elapsed() < crate::world::PATIENCE, "shown in time");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let metrics = world.admin("/metrics").await.text();
    assert!(metrics.contains("tokigate_config_reloads_total{result=\"success\"} 1"), "{metrics}");
}

#[tokio::test]
async fn an_authority_that_changes_counts_without_a_restart_and_one_that_cannot_be_read_does_not() {
    let (ca, other, folder) = (Ca::new("ours"), Ca::new("theirs"), Folder::new());
    let (world, _front) = before(
        "localhost",
        async |app| TlsFront::start(ca.server(&["localhost"]), app).await,
        |setup| {
            setup.set("upstream_tls", "ca_file", &folder.ca(&other));
            setup.set("limits", "upstream_idle_timeout", "\"0s\"");
            setup.rule("/deep/open", "public");
        },
    )
    .await;
    let status = async || world.curl(Ask::plain("/deep/open")).await.status;
    assert_eq!(status().await, 502);
    folder.ca(&ca);
    let began = tokio::time::Instant::now();
    while status().await != 200 {
        assert!(began.elapsed() < crate::world::PATIENCE, "trusted in time");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    std::fs::write(folder.0.join("ca.pem"), "").unwrap();
    while !world.admin("/metrics").await.text().contains("tokigate_config_reloads_total{result=\"failure\"} 1") {
        assert!(began.elapsed() < 2 * crate::world::PATIENCE, "told in time");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn sessions_are_resumed_and_keys_exchanged_so_that_they_last() {
    let (ca, folder) = (Ca::new("ours"), Folder::new());
    let (world, front) = before(
        "localhost",
        async |app| TlsFront::start(ca.server(&["localhost"]), app).await,
        |setup| {
            setup.set("upstream_tls", "ca_file", &folder.ca(&ca));
            setup.set("limits", "upstream_idle_timeout", "\"0s\"");
            setup.rule("/deep/open", "public");
        },
    )
    .await;
    for _ in 0..3 {
        assert_eq!(world.curl(Ask::plain("/deep/open")).await.status, 200);
    }
    let seen = front.seen();
    assert_eq!(seen.iter().map(|shaken| shaken.resumed).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(seen[0].key_exchange, Some(rustls::NamedGroup::X25519MLKEM768));
}

#[tokio::test]
async fn a_websocket_goes_through_tls_too() {
    let (ca, folder) = (Ca::new("ours"), Folder::new());
    let (world, front) = before(
        "localhost",
        async |app| TlsFront::start(ca.server(&["localhost"]), app).await,
        |setup| setup.set("upstream_tls", "ca_file", &folder.ca(&ca)),
    )
    .await;
    let browser = world.signed_in(BAT).await;
    let mut socket = Socket::open(&world, Some(&browser), "/ws", None).await.unwrap();
    socket.say("over TLS").await;
    assert_eq!(socket.hear().await, "over TLS");
    assert_eq!(front.seen().last().unwrap().alpn.as_deref(), Some("http/1.1"));
    browser.send(Ask::page("/oauth2/sign_out").with("sec-fetch-site", "same-origin")).await;
    assert_eq!(socket.end().await, WsEnd::Closed(4401));
}

#[tokio::test]
async fn a_rule_may_lead_to_https_and_all_else_stay_in_the_clear() {
    let (ca, folder) = (Ca::new("ours"), Folder::new());
    let other = tokigate::demo::app::App::start(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let front = TlsFront::start(ca.server(&["localhost"]), other.address().unwrap()).await;
    let world = World::with(|setup| {
        setup.set("upstream_tls", "ca_file", &folder.ca(&ca));
        setup.rest += &format!(
            "[[rules]]\npath = [\"/deep/other/**\"]\naccess = \"public\"\nupstream = \"https://localhost:{}\"\n",
            front.port()
        );
        setup.rule("/deep/open", "public");
    })
    .await;
    assert_eq!(world.curl(Ask::plain("/deep/other/a")).await.status, 200);
    assert_eq!(world.curl(Ask::plain("/deep/open")).await.status, 200);
    assert_eq!(other.requests().heads().into_iter().map(|head| head.target).collect::<Vec<_>>(), ["/deep/other/a"]);
    assert_eq!(world.seen(), ["/deep/open"]);
}
