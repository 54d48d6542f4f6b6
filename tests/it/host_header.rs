//! `host_header`: whom the application is told that a request is for.

use tokigate::demo::app::App;
use tokio::net::{TcpListener, UnixListener};

use crate::world::{Ask, BAT, Setup, Socket, World, free_port};

/// One application at the top, another by TCP and a third on a socket for rules.
async fn three(change: impl FnOnce(&mut Setup)) -> (World, App, App) {
    let tcp = App::start(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let path = std::env::temp_dir().join(format!("tokigate-host-{}.sock", free_port()));
    let unix = App::start_unix(UnixListener::bind(&path).unwrap());
    let rules = format!(
        "[[rules]]\npath = \"/deep/tcp/**\"\nupstream = \"http://localhost:{}\"\n[[rules]]\npath = \"/deep/unix/**\"\nupstream = \"unix:{}\"\n",
        tcp.address().unwrap().port(),
        path.display()
    );
    let world = World::with(|setup| {
        setup.rest += &rules;
        change(setup);
    })
    .await;
    (world, tcp, unix)
}

fn told(app: &App, header: &str) -> Option<String> {
    app.requests().last().and_then(|head| head.header(header).map(str::to_owned))
}

#[tokio::test]
async fn each_application_is_asked_by_its_own_name_and_told_the_public_one() {
    let (world, tcp, unix) = three(|setup| setup.set("", "host_header", "\"upstream\"")).await;
    let browser = world.signed_in(BAT).await;
    for target in ["/deep/a", "/deep/tcp/a", "/deep/unix/a"] {
        assert_eq!(browser.fetch(target).await.status, 200, "{target}");
    }
    let own = world.app.address().unwrap().to_string();
    let by_name = format!("localhost:{}", tcp.address().unwrap().port());
    for (app, host) in [(&world.app, own.as_str()), (&tcp, by_name.as_str()), (&unix, "localhost")] {
        assert_eq!(told(app, "host").as_deref(), Some(host));
        assert_eq!(told(app, "x-forwarded-host"), Some(world.setup.host()), "{host}");
        assert_eq!(told(app, "x-forwarded-user").as_deref(), Some(BAT), "{host}");
    }
}

#[tokio::test]
async fn by_default_they_all_get_what_the_client_asked_for() {
    let (world, tcp, unix) = three(|_| {}).await;
    let browser = world.signed_in(BAT).await;
    for (target, app) in [("/deep/a", &world.app), ("/deep/tcp/a", &tcp), ("/deep/unix/a", &unix)] {
        assert_eq!(browser.fetch(target).await.status, 200, "{target}");
        assert_eq!(told(app, "host"), Some(world.setup.host()), "{target}");
    }
}

/// `Origin` stays what the browser said: an application that compares the two has to be told of the public name.
#[tokio::test]
async fn a_sockets_handshake_is_no_exception() {
    let (world, ..) = three(|setup| setup.set("", "host_header", "\"upstream\"")).await;
    let browser = world.signed_in(BAT).await;
    let own = world.setup.public_url.clone();
    let mut socket = Socket::open(&world, Some(&browser), "/ws?hello=first", Some(&own)).await.unwrap();
    assert_eq!(socket.hear().await, "first");
    assert_eq!(world.told("host"), Some(world.app.address().unwrap().to_string()));
    assert_eq!(world.told("origin"), Some(own));
    assert_eq!(world.told("x-forwarded-host"), Some(world.setup.host()));
    // The gate itself goes on comparing with the public one.
    let foreign = format!("http://{}", world.app.address().unwrap());
    assert_eq!(Socket::open(&world, Some(&browser), "/ws", Some(&foreign)).await.err(), Some(403));
}

#[tokio::test]
async fn neither_an_absolute_target_nor_a_second_name_chooses_another() {
    let (world, ..) = three(|setup| {
        setup.set("", "host_header", "\"upstream\"");
        setup.set("", "extra_hosts", "[\"machines.example\"]");
        setup.rule("/deep/open/**", "public");
    })
    .await;
    let own = world.app.address().unwrap().to_string();
    let host = world.setup.host();
    for (target, host) in [
        (format!("http://{host}/deep/open/a"), host.as_str()),
        ("http://machines.example/deep/open/b".to_owned(), "machines.example"),
        ("/deep/open/c".to_owned(), "machines.example"),
    ] {
        let reply = Ask::plain(&target).send(world.address(), host).await;
        assert_eq!((reply.status, world.told("host")), (200, Some(own.clone())), "{target}");
    }
}
