//! The provider ends sessions: OpenID Connect Back-Channel Logout 1.0, and Front-Channel Logout 1.0. Security.md O-05 to O-10, and the logout modules
//! of the OpenID Foundation's plan.

use serde_json::{Value, json};
use tokigate::demo::provider::{Endpoint, Fault, LogoutToken, Signature};

use crate::world::{Ask, BAT, Browser, CLIENT, Reply, SARAA, Setup, Socket, World, WsEnd};

const ADDRESS: &str = "/oauth2/backchannel_logout";

async fn world() -> World {
    World::oidc(|_| {}).await
}

fn form(token: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish()
}

async fn tell(world: &World, token: &LogoutToken) -> Reply {
    world.curl(Ask::plain(ADDRESS).form(&form(&world.provider.sign_logout_token(token)))).await
}

fn sid(world: &World, user: &str) -> String {
    world.provider.sids(user).pop().expect("this user has signed in")
}

fn sub(world: &World, user: &str) -> String {
    world.setup.options.users.get(user).unwrap().sub.clone()
}

fn about_session(world: &World, user: &str) -> LogoutToken {
    world.provider.logout_token(CLIENT, Some(&sid(world, user)), None)
}

/// 400, as §2.8 wants it.
fn is_refused(reply: &Reply) -> bool {
    reply.status == 400
        && reply.header("cache-control") == Some("no-store")
        && reply.json()["error"] == "invalid_request"
        && reply.json()["error_description"].is_string()
}

fn is_taken(reply: &Reply) -> bool {
    reply.status == 200 && reply.header("cache-control") == Some("no-store") && reply.body.is_empty()
}

/// Its next page load goes to the provider, and comes back by itself.
async fn has_to_sign_in(browser: &Browser) -> bool {
    let page = browser.load("/deep/a").await;
    page.status == 302 && page.location().contains("/oauth2/authorize?") && browser.fetch("/deep/a").await.status == 401
}

#[tokio::test]
async fn rp_backchannel_rpinitlogout_a_session_that_is_named_ends_and_no_other() {
    let world = world().await;
    let (one, two) = (world.signed_in(BAT).await, world.signed_in(BAT).await);
    let other = world.signed_in(SARAA).await;
    let first = world.provider.sids(BAT).remove(0);
    let reply = tell(&world, &world.provider.logout_token(CLIENT, Some(&first), None)).await;
    assert!(is_taken(&reply), "{reply}");
    assert!(has_to_sign_in(&one).await);
    assert!(two.is_signed_in().await && other.is_signed_in().await);
    let session = |name: &String| *name == world.setup.cookie() || name.contains(".t");
    assert!(!one.names().iter().any(session), "its cookies went: {:?}", one.names());
}

#[tokio::test]
async fn a_user_who_is_named_leaves_everywhere_and_nobody_else_does() {
    let world = world().await;
    let (one, two, other) = (world.signed_in(BAT).await, world.signed_in(BAT).await, world.signed_in(SARAA).await);
    assert!(is_taken(&tell(&world, &world.provider.logout_token(CLIENT, None, Some(&sub(&world, BAT)))).await));
    assert!(has_to_sign_in(&one).await && has_to_sign_in(&two).await);
    assert!(other.is_signed_in().await);
}

#[tokio::test]
async fn where_both_are_named_both_must_be_the_sessions() {
    let world = world().await;
    let (bat, saraa) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    let of_two = world.provider.logout_token(CLIENT, Some(&sid(&world, BAT)), Some(&sub(&world, SARAA)));
    assert!(is_taken(&tell(&world, &of_two).await), "nobody is left to sign out, which is as good");
    assert!(bat.is_signed_in().await && saraa.is_signed_in().await);
    let of_one = world.provider.logout_token(CLIENT, Some(&sid(&world, BAT)), Some(&sub(&world, BAT)));
    assert!(is_taken(&tell(&world, &of_one).await));
    assert!(has_to_sign_in(&bat).await);
    assert!(saraa.is_signed_in().await);
}

#[tokio::test]
async fn it_is_no_sign_out_of_the_browsers_own_and_the_next_sign_in_lasts() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let stolen = browser.copy();
    tell(&world, &world.provider.logout_token(CLIENT, None, Some(&sub(&world, BAT)))).await;
    // At the same moment, by the clock, and by the same name.
    assert_eq!(browser.sign_in(BAT, "/deep/again").await.status, 200);
    world.turn(30);
    assert!(browser.is_signed_in().await);
    assert_eq!(stolen.fetch("/deep/a").await.status, 401, "the old cookies stay worth nothing");
}

#[tokio::test]
async fn a_token_with_a_deviation_ends_nothing() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let sound = || about_session(&world, BAT);
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let now = world.clock.now().unix_seconds();
    for (module, token) in [
        ("alg-none", sound().signed(Signature::Missing)),
        ("invalid signature", sound().signed(Signature::OfOtherClaims)),
        ("another key", sound().signed(Signature::OfAnotherKey)),
        ("another key, once more", sound().signed(Signature::OfAnotherKey)),
        ("wrong-iss", sound().with("iss", json!("https://op.invalid"))),
        ("no iss", sound().with("iss", Value::Null)),
        ("wrong-aud", sound().with("aud", json!("another"))),
        ("another aud too", sound().with("aud", json!([CLIENT, "another"]))),
        ("no-event", sound().with("events", Value::Null)),
        ("wrong-event", sound().with("events", json!({ "http://schemas.openid.net/event/other": {} }))),
        ("event of another type", sound().with("events", json!({ event: "yes" }))),
        ("with-nonce", sound().with("nonce", json!("n"))),
        ("nobody", sound().with("sid", Value::Null)),
        ("no iat", sound().with("iat", Value::Null)),
        ("iat ahead", sound().with("iat", json!(now + 3600))),
        ("no exp", sound().with("exp", Value::Null)),
        ("expired", sound().with("exp", json!(now - 120))),
        ("no jti", sound().with("jti", Value::Null)),
        ("an access token", sound().typed(Some("at+jwt"))),
    ] {
        let reply = tell(&world, &token).await;
        assert!(is_refused(&reply), "{module}: {reply}");
        assert!(browser.is_signed_in().await, "{module}");
    }
    assert!(is_taken(&tell(&world, &sound().typed(None)).await));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_token_under_an_algorithm_that_is_not_configured_ends_nothing() {
    let world = World::oidc(|setup| setup.options.algorithm = tokigate::demo::provider::Algorithm::Es256).await;
    let browser = world.signed_in(BAT).await;
    let token = world.provider.sign_logout_token(&about_session(&world, BAT));
    let world = {
        let mut world = world;
        world.restart(|setup| setup.set("provider", "id_token_algs", "[\"RS256\"]"));
        world.until_degraded(false).await;
        world
    };
    let reply = world.curl(Ask::plain(ADDRESS).form(&form(&token))).await;
    assert!(is_refused(&reply), "{reply}");
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_token_is_taken_once() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let token = world.provider.logout_token(CLIENT, None, Some(&sub(&world, BAT)));
    assert!(is_taken(&tell(&world, &token).await));
    world.turn(1);
    browser.sign_in(BAT, "/deep/again").await;
    for _ in 0..3 {
        assert!(is_refused(&tell(&world, &token).await));
        world.turn(30);
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn what_is_no_form_with_one_token_is_refused_and_ends_nothing() {
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    let token = || world.provider.sign_logout_token(&about_session(&world, BAT));
    let sound = || Ask::plain(ADDRESS).form(&form(&token()));
    let twice = format!("{}&{}", form(&token()), form(&token()));
    let large = format!("{}&padding={}", form(&token()), "x".repeat(1 << 20));
    for (status, ask) in [
        (405, Ask::plain(&format!("{ADDRESS}?{}", form(&token())))),
        (405, sound().method("PUT")),
        (400, Ask::plain(&format!("{ADDRESS}?{}", form(&token()))).form("")),
        (400, sound().with("content-type", "application/json")),
        (400, sound().with("content-type", "text/plain")),
        (400, sound().without("content-type")),
        (400, sound().and("content-type", "text/plain")),
        (400, Ask::plain(ADDRESS).form(&twice)),
        (400, Ask::plain(ADDRESS).form("logout_token=")),
        (400, Ask::plain(ADDRESS).form("token=x")),
        (413, Ask::plain(ADDRESS).form(&large)),
        (404, Ask { target: format!("{ADDRESS}/"), ..sound() }),
    ] {
        let reply = world.curl(ask.clone()).await;
        assert_eq!(reply.status, status, "{} {}: {reply}", ask.method, ask.target);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(browser.is_signed_in().await);
    }
    let unusual = Ask::plain(ADDRESS)
        .form(&format!("a=b&{}&logout_tokens=c", form(&token())))
        .with("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    assert!(is_taken(&world.curl(unusual).await));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn where_nobody_is_known_who_could_sign_nothing_is_taken() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let token = world.provider.logout_token(CLIENT, Some(&sid(&world, BAT)), Some(&sub(&world, BAT)));
    assert!(is_refused(&tell(&world, &token).await));
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn while_the_keys_cannot_be_had_a_provider_that_tries_again_may() {
    let world = world().await;
    world.provider.faults().set(Endpoint::Jwks, Fault::status(500, "{}"));
    let token = world.provider.logout_token(CLIENT, Some("s"), None);
    let reply = tell(&world, &token).await;
    assert_eq!((reply.status, reply.header("cache-control")), (503, Some("no-store")), "{reply}");
    assert!(reply.header("retry-after").is_some());
    world.provider.faults().clear();
    world.turn(10);
    assert!(is_taken(&tell(&world, &token).await), "the same token");
}

#[tokio::test]
async fn its_sockets_and_streams_end_at_once_and_no_others() {
    let world = world().await;
    let (browser, other) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    // More than there are workers.
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(Socket::open(&world, Some(&browser), "/ws", None).await.unwrap());
    }
    let mut others = Socket::open(&world, Some(&other), "/ws", None).await.unwrap();
    let mut stream = browser.open(Ask::script("/events").with("accept", "text/event-stream")).await;
    assert_eq!(stream.status, 200);
    assert!(stream.next().await.is_some());
    assert!(is_taken(&tell(&world, &about_session(&world, BAT)).await));
    for socket in &mut sockets {
        assert_eq!(socket.end().await, WsEnd::Closed(4401));
    }
    stream.end().await;
    others.say("still").await;
    assert_eq!(others.hear().await, "still");
}

#[tokio::test]
async fn no_refresh_brings_it_back_neither_one_in_flight_nor_one_that_was_kept() {
    for age in [45, 61] {
        let world = world().await;
        let browser = world.signed_in(BAT).await;
        let before = browser.copy();
        world.turn(age);
        let hold = world.provider.faults().hold(Endpoint::Refresh);
        let asking = browser.clone();
        let in_flight = tokio::spawn(async move { asking.send_only(Ask::page("/slow?ms=50")).await });
        hold.arrived(1).await;
        assert!(is_taken(&tell(&world, &about_session(&world, BAT)).await));
        hold.release();
        let reply = in_flight.await.unwrap();
        assert!(reply.set_cookies().iter().all(|line| line.contains("Max-Age=0") || line.contains(".a")), "{reply}");
        browser.take(&reply);
        world.provider.faults().clear();
        for browser in [&browser, &before] {
            assert_eq!(browser.fetch("/deep/a").await.status, 401, "age {age}");
        }
        world.turn(60);
        assert_eq!(before.fetch("/deep/a").await.status, 401, "age {age}");
        assert_eq!(world.refreshes(), 1);
    }
    // The result is kept, since no browser has it; and the end comes then.
    let world = world().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    assert_eq!(browser.send_only(Ask::script("/deep/a")).await.status, 200);
    tell(&world, &about_session(&world, BAT)).await;
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_sign_in_that_was_in_flight_is_over_and_the_next_one_is_not() {
    let world = world().await;
    let browser = world.browser();
    let start = browser.load("/deep/wanted").await;
    let back = browser.at_provider(&start, BAT).await;
    let hold = world.provider.faults().hold(Endpoint::Code);
    let returning = browser.clone();
    let callback = tokio::spawn(async move { returning.come_back(&back).await });
    hold.arrived(1).await;
    world.turn(1);
    assert!(is_taken(&tell(&world, &about_session(&world, BAT)).await));
    world.turn(1);
    hold.release();
    let callback = callback.await.unwrap();
    assert_eq!(callback.status, 302, "{callback}");
    assert!(!browser.is_signed_in().await, "the provider had ended it before it was one here");
    world.provider.faults().clear();
    assert_eq!(browser.sign_in(BAT, "/deep/wanted").await.status, 200);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn it_stays_ended_for_as_long_as_its_cookies_live() {
    let world = World::oidc(|setup| setup.session("lifetime", "\"12h\"")).await;
    let browser = world.signed_in(BAT).await;
    let stolen = browser.copy();
    stolen.jar().keep_for_ever();
    tell(&world, &about_session(&world, BAT)).await;
    for hours in [0, 1, 6, 4, 1] {
        world.turn(hours * 3600);
        // What others do meanwhile makes the process tidy up.
        world.signed_in(SARAA).await;
        assert_eq!(stolen.copy().fetch("/deep/a").await.status, 401);
    }
}

#[tokio::test]
async fn under_each_name_of_the_gate_the_provider_reaches_it() {
    let world = World::oidc(|setup| {
        setup.set("", "extra_hosts", "[\"gate.internal\"]");
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    let token = world.provider.sign_logout_token(&about_session(&world, BAT));
    let inside = Ask::plain(ADDRESS).form(&form(&token)).with("host", "gate.internal");
    assert!(is_taken(&world.curl(inside).await));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_gate_that_only_answers_other_proxies_takes_it_too() {
    let world = World::oidc(|setup| setup.unset("", "upstream")).await;
    let reply = tell(&world, &world.provider.logout_token(CLIENT, Some("s"), None)).await;
    assert!(is_taken(&reply), "{reply}");
}

#[tokio::test]
async fn a_provider_that_signs_somebody_out_tells_the_gate_by_itself() {
    let world = World::oidc(|setup: &mut Setup| {
        let mut client = setup.provider_options().clients.remove(0);
        client.backchannel_logout_uri = Some(format!("http://127.0.0.1:{}{ADDRESS}", setup.port));
        setup.options.clients = vec![client];
        setup.set("", "extra_hosts", &format!("[\"127.0.0.1:{}\"]", setup.port));
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(world.provider.sign_out(&sid(&world, BAT)).await, [200]);
    assert!(has_to_sign_in(&browser).await);
}

#[tokio::test]
async fn both_ways_are_counted() {
    let world = world().await;
    world.signed_in(BAT).await;
    tell(&world, &about_session(&world, BAT)).await;
    tell(&world, &about_session(&world, BAT).signed(Signature::Missing)).await;
    world.curl(Ask::plain("/oauth2/frontchannel_logout?iss=x&sid=y")).await;
    let metrics = world.admin("/metrics").await.text();
    for line in [
        "tokigate_provider_logouts_total{channel=\"back\",result=\"accepted\"} 1",
        "tokigate_provider_logouts_total{channel=\"back\",result=\"refused\"} 1",
        "tokigate_provider_logouts_total{channel=\"front\",result=\"accepted\"} 0",
        "tokigate_provider_logouts_total{channel=\"front\",result=\"refused\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}
