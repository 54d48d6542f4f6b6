//! Who the application is told it is, and that nobody else can say so: interface.md, "What the application gets"; security.md 2.8.

use crate::world::{Ask, BAT, Browser, SARAA, UNURMAA, World};

/// Whatever could be read as a statement about the user, in the spellings of those who join, cut or fold names.
const SPOOFED: [&str; 26] = [
    "X-Forwarded-User",
    "x-forwarded-user",
    "X_Forwarded_User",
    "X-Forwarded_User",
    "x_FORWARDED-user",
    "X.Forwarded.User",
    "X-Forwarded.User",
    "X-Forwarded-Email",
    "X_Forwarded_Email",
    "X-Forwarded-Groups",
    "X.Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X_Forwarded_Access_Token",
    "X-Forwarded-Id-Token",
    "X-Auth-Request-User",
    "X_Auth_Request_User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Anything",
    "x.auth.request.groups",
    "X-Tokigate-Assertion",
    "X-Tokigate-User",
    "X_Tokigate_User",
    "x.tokigate.anything",
    "X-Tokigate_Assertion",
    "X-Auth_Request-Access-Token",
];

/// What the application was sent, byte for byte, on the newest connection.
fn raw(world: &World) -> String {
    let all = world.app.requests().raw();
    all.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

fn lines(target: &str, world: &World, browser: Option<&Browser>, more: &[String]) -> Vec<String> {
    let mut lines = vec![format!("GET {target} HTTP/1.1"), format!("Host: {}", world.setup.host())];
    lines.extend(more.iter().cloned());
    lines.extend(browser.map(|browser| format!("Cookie: {}", browser.cookie_line())));
    lines
}

async fn send(world: &World, lines: &[String]) -> String {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    world.wire().await.request(&lines).await
}

#[tokio::test]
async fn names_in_cyrillic_and_groups_with_commas_arrive_as_documented() {
    let world = World::new().await;
    world.signed_in(UNURMAA).await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(UNURMAA));
    assert_eq!(world.told("x-forwarded-email").as_deref(), Some("unurmaa@example.mn"));
    let name = world.told("x-forwarded-preferred-username").unwrap();
    assert_eq!(decoded(&name), "Өнөрмаа Түвшинжаргал");
    assert!(name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{name}");
    let groups = world.told("x-forwarded-groups").unwrap();
    let groups: Vec<String> = groups.split(',').map(decoded).collect();
    assert_eq!(groups, ["staff", "Санхүү, тайлан"]);
}

#[tokio::test]
async fn a_missing_claim_sends_no_header() {
    let world = World::new().await;
    world.signed_in(SARAA).await;
    let head = world.app.requests().last().unwrap();
    assert_eq!((head.lines("x-forwarded-email").len(), head.lines("x-forwarded-groups").len()), (0, 0));
    assert_eq!(head.lines("x-forwarded-user"), [SARAA]);
}

#[tokio::test]
async fn a_table_that_is_written_replaces_the_default_whole() {
    let world = World::with(|setup| {
        setup.set(
            "identity",
            "headers",
            "{ \"X-User\" = \"userId\", \"X-Phone\" = \"phoneNo\", \"X-Both\" = \"{email} {missing}\" }",
        );
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    assert_eq!((world.told("x-user").as_deref(), world.told("x-phone").as_deref()), (Some(BAT), Some("99112233")));
    assert_eq!(
        (world.told("x-both"), world.told("x-forwarded-user"), world.told("x-forwarded-groups")),
        (None, None, None)
    );
    // Its names are kept clean, and so are the default ones.
    let more: Vec<String> = ["X-User", "X_User", "x.phone", "X-Both", "X-Forwarded-User"]
        .iter()
        .map(|name| format!("{name}: evil"))
        .collect();
    world.app.requests().clear();
    send(&world, &lines("/headers", &world, Some(&browser), &more)).await;
    assert!(!raw(&world).contains("evil"), "{}", raw(&world));
}

#[tokio::test]
async fn whoever_says_who_it_is_is_not_believed_on_any_path() {
    let world = World::with(|setup| {
        setup.rule("/public/**", "public");
        setup.rule("/headers/optional", "optional");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let more: Vec<String> =
        SPOOFED.iter().flat_map(|name| [format!("{name}: evil"), format!("{name}: evil2")]).collect();
    let named = SPOOFED.map(|name| format!("Connection: {name}")).to_vec();
    for (target, who) in [
        ("/public/a", None),
        ("/public/a", Some(&browser)),
        ("/headers/optional", None),
        ("/headers/optional", Some(&browser)),
        ("/headers", Some(&browser)),
    ] {
        // Before and after everything else, and each named in `Connection` too.
        for more in [more.clone(), [more.clone(), named.clone()].concat()] {
            world.app.requests().clear();
            let head = send(&world, &lines(target, &world, who, &more)).await;
            assert!(head.starts_with("HTTP/1.1 200"), "{target}: {head}");
            let raw = raw(&world);
            assert!(!raw.contains("evil"), "{target}: {raw}");
            let head = world.app.requests().last().unwrap();
            let told = head.lines("x-forwarded-user");
            let expected: &[&str] = if who.is_some() && target != "/public/a" { &[BAT] } else { &[] };
            assert_eq!(told, expected, "{target}");
        }
    }
}

#[tokio::test]
async fn a_trailer_says_nothing_about_the_user_either() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let mut wire = world.wire().await;
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-User, X-Fine\r\n\r\n",
        world.setup.host(),
        browser.cookie_line()
    );
    world.app.requests().clear();
    wire.send(format!(
        "{head}4\r\nbody\r\n0\r\nX-Forwarded-User: evil\r\nX_Forwarded_Email: evil\r\nX-Fine: 1\r\n\r\n"
    ))
    .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200"));
    assert!(!raw(&world).contains("evil"), "{}", raw(&world));
}

#[tokio::test]
async fn hop_by_hop_headers_of_every_line_are_gone_and_connection_cannot_take_others_along() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let more: Vec<String> = [
        "Connection: keep-alive, X-Hop-One",
        "Connection: x-hop-two , host, cookie, x-forwarded-user, x-forwarded-for",
        "X-Hop-One: 1",
        "X-Hop-Two: 2",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic abc",
        "HTTP2-Settings: AAA",
        "Proxy: http://evil.example",
        "X-Kept: 3",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut all = lines("/headers", &world, Some(&browser), &more);
    all.push("Cookie: mine=1".to_owned());
    assert!(send(&world, &all).await.starts_with("HTTP/1.1 200"));
    let head = world.app.requests().last().unwrap();
    for gone in
        ["x-hop-one", "x-hop-two", "keep-alive", "proxy-connection", "proxy-authorization", "http2-settings", "proxy"]
    {
        assert_eq!(head.lines(gone), Vec::<&str>::new(), "{gone}");
    }
    assert_eq!(head.lines("x-kept"), ["3"]);
    assert_eq!(head.lines("x-forwarded-user"), [BAT]);
    assert_eq!(head.header("host"), Some(world.setup.host().as_str()));
    assert_eq!(head.lines("cookie"), ["mine=1"]);
    assert!(head.header("x-forwarded-for").is_some());
}

#[tokio::test]
async fn where_it_comes_from_is_what_the_public_url_says_whoever_connected() {
    let world = World::with(|setup| setup.https()).await;
    let browser = world.signed_in(BAT).await;
    let forged = Ask::script("/headers")
        .with("x-forwarded-proto", "http")
        .with("x-forwarded-host", "evil.example")
        .with("x-forwarded-port", "1")
        .with("x-forwarded-for", "9.9.9.9")
        .with("x-forwarded-prefix", "/evil")
        .with("x-forwarded-server", "evil")
        .with("forwarded", "for=9.9.9.9;host=evil.example")
        .with("x-real-ip", "9.9.9.9")
        .with("x-original-url", "/evil")
        .with("x-rewrite-url", "/evil");
    assert_eq!(browser.send(forged).await.status, 200);
    let head = world.app.requests().last().unwrap();
    assert_eq!(head.lines("x-forwarded-proto"), ["https"]);
    assert_eq!(head.lines("x-forwarded-host"), ["app.example.mn"]);
    assert_eq!(head.lines("x-forwarded-port"), ["443"]);
    assert_eq!(head.lines("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(head.lines("host"), ["app.example.mn"]);
    let whole = format!("{:?}", head.headers);
    assert!(!whole.contains("evil") && !whole.contains("9.9.9.9"), "{whole}");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_about_the_client_and_nobody_about_the_host() {
    let world = World::with(|setup| {
        setup.https();
        setup.set("", "trusted_proxies", "[\"loopback\", \"10.0.0.0/8\"]");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let ask = Ask::script("/headers").with("x-forwarded-for", "9.9.9.9, 6.6.6.6, 10.0.0.5");
    assert_eq!(browser.send(ask).await.status, 200);
    assert_eq!(world.told("x-forwarded-for").as_deref(), Some("9.9.9.9, 6.6.6.6, 10.0.0.5, 127.0.0.1"));
    assert_eq!(world.told("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(world.told("x-forwarded-host").as_deref(), Some("app.example.mn"));
}

#[tokio::test]
async fn tokens_are_passed_on_where_it_is_configured_and_nobody_elses() {
    let world = World::with(|setup| {
        setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
        setup.set("identity", "id_token", "\"authorization\"");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let ask = Ask::script("/headers").with("x-forwarded-access-token", "evil").with("authorization", "Bearer evil");
    browser.send(ask).await;
    let head = world.app.requests().last().unwrap();
    let bearer = world.provider.calls().last(tokigate::demo::provider::Endpoint::UserInfo).unwrap();
    let token = bearer.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    assert_eq!(head.lines("x-forwarded-access-token"), [token.as_str()]);
    let [authorization] = head.lines("authorization")[..] else { panic!("one: {head:?}") };
    assert_eq!(authorization.strip_prefix("Bearer ").unwrap().split('.').count(), 3, "a JWT");
}

#[tokio::test]
async fn an_authorization_header_that_is_not_the_gates_business_passes_untouched() {
    let world = World::with(|setup| setup.rule("/public/**", "public")).await;
    let browser = world.signed_in(BAT).await;
    for (target, value) in [("/headers", "Basic dXNlcjpwYXNz"), ("/public/a", "Bearer something")] {
        browser.send(Ask::script(target).with("authorization", value)).await;
        assert_eq!(world.told("authorization").as_deref(), Some(value));
    }
    assert_eq!(world.told("x-forwarded-access-token"), None, "and no token goes where none was asked for");
}

#[tokio::test]
async fn an_identity_that_changes_mid_session_is_the_one_of_its_refresh() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.provider.change_user(BAT, |claims| drop(claims.insert("email".into(), "new@example.mn".into())));
    browser.load("/deep/a").await;
    assert_eq!(world.told("x-forwarded-email").as_deref(), Some("bat.dorj@example.mn"));
    world.turn(61);
    browser.load("/deep/a").await;
    assert_eq!(world.told("x-forwarded-email").as_deref(), Some("new@example.mn"));
}

#[tokio::test]
async fn a_claim_with_a_line_break_or_a_percent_stays_one_value() {
    let world = World::new().await;
    let value = "a\r\nX-Forwarded-User: evil\u{0}100%,\u{1F600}";
    world.provider.change_user(BAT, |claims| drop(claims.insert("email".into(), value.into())));
    world.signed_in(BAT).await;
    let told = world.told("x-forwarded-email");
    if let Some(told) = told {
        assert_eq!(decoded(&told), value);
    }
    assert_eq!(world.app.requests().last().unwrap().lines("x-forwarded-user"), [BAT]);
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}
