//! The provider's answer: refused before the code is spent, or spent once. Issue 2 §2, security.md 2.2.

mod words;

use tokigate::demo::provider::{Endpoint, Fault};

use crate::world::{Ask, BAT, Browser, OTHER_KEY, Reply, SARAA, World};

/// A refusal: no session, no redirect, a page with a request id.
#[track_caller]
fn is_refused(world: &World, reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply}");
    assert!(reply.is_html() && reply.header("location").is_none(), "{reply}");
    let session = world.setup.cookie();
    assert!(!reply.set_cookies().iter().any(|line| starts_a_session(line, &session)), "{reply}");
}

fn starts_a_session(line: &str, name: &str) -> bool {
    line.starts_with(&format!("{name}=")) && !line.contains("Max-Age=0")
}

/// Started, and allowed at the provider: what comes back.
async fn pending(world: &World, browser: &Browser, target: &str) -> String {
    let start = browser.load(target).await;
    world.allow(&start, BAT).await
}

/// The callback's target with another value of this parameter; without one, it is left out.
fn changed(callback: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = callback.split_once('?').unwrap();
    let mut params: Vec<String> =
        query.split('&').filter(|param| !param.starts_with(&format!("{name}="))).map(str::to_owned).collect();
    params.extend(value.map(|value| format!("{name}={value}")));
    format!("{path}?{}", params.join("&"))
}

fn param(callback: &str, name: &str) -> String {
    let url = url::Url::parse(&format!("http://localhost{callback}")).unwrap();
    url.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_state_that_is_missing_repeated_or_not_ours_is_refused_before_the_code_is_spent() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    let state = param(&back, "state");
    let mut flipped = state.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let bad = [
        changed(&back, "state", None),
        changed(&back, "state", Some("")),
        changed(&back, "state", Some("abc")),
        changed(&back, "state", Some(&flipped)),
        changed(&back, "state", Some(&state[..state.len() - 1])),
        changed(&back, "state", Some(&format!("{state}A"))),
        format!("{back}&state={state}"),
        format!("{back}&state=other"),
        format!("{back}&code=other"),
        changed(&back, "code", None),
        changed(&back, "code", Some("")),
        "/oauth2/callback".to_owned(),
        "/oauth2/callback?".to_owned(),
        "/oauth2/callback?&".to_owned(),
        "/oauth2/callback?=".to_owned(),
        "/oauth2/callback?%".to_owned(),
        "/oauth2/callback?&&&=".to_owned(),
        format!("/oauth2/callback?{}", "a&".repeat(2000)),
    ];
    for callback in &bad {
        is_refused(&world, &browser.copy().come_back(callback).await, 400);
    }
    assert_eq!(world.codes(), 0);
    // The browser's own attempt is as good as before.
    assert_eq!(browser.come_back(&back).await.status, 302);
    assert_eq!(world.codes(), 1);
}

#[tokio::test]
async fn a_used_callback_spends_nothing_again() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    let before = browser.copy();
    browser.come_back(&back).await;
    // By the same browser, which is signed in: on to the page.
    let again = browser.come_back(&back).await;
    assert_eq!(browser.inside(&again.location()).as_deref(), Some("/deep/a"));
    // By one that kept the attempt's cookie and has no session.
    let thief = before.come_back(&back).await;
    assert!(!before.is_signed_in().await, "{thief}");
    assert_eq!(world.codes(), 1);
    assert!(browser.is_signed_in().await, "and nothing of the first is revoked");
}

#[tokio::test]
async fn two_callbacks_of_one_attempt_at_the_same_moment_spend_the_code_once() {
    let world = World::new().await;
    for round in 0..10 {
        let browser = world.browser();
        let back = pending(&world, &browser, "/deep/a").await;
        let hold = world.provider.faults().hold(Endpoint::Code);
        let asks = (0..4).map(|_| browser.send_only(Ask::page_from_elsewhere(&back)));
        let all = futures_util::future::join_all(asks);
        let release = async {
            hold.arrived(1).await;
            // Time for the others to do what they must not.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            hold.release();
        };
        let (replies, ()) = tokio::join!(all, release);
        world.provider.faults().clear();
        assert_eq!(world.codes(), round + 1, "once");
        replies.iter().for_each(|reply| browser.take(reply));
        assert!(browser.is_signed_in().await);
    }
    assert_eq!(world.provider.calls().facts().codes_reused, 0);
}

#[tokio::test]
async fn an_attempt_older_than_ten_minutes_spends_nothing_however_long_its_cookie_was_kept() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/slow").await;
    browser.jar().keep_for_ever();
    world.turn(601);
    // As without its cookie: who thought about it for long is sent round once.
    let restart = browser.come_back(&back).await;
    assert_eq!((restart.status, world.codes()), (302, 0));
    let again = world.allow(&restart, BAT).await;
    let done = browser.come_back(&again).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/slow"));
}

#[tokio::test]
async fn a_state_older_than_an_hour_is_refused() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    browser.jar().keep_for_ever();
    world.turn(3601);
    is_refused(&world, &browser.come_back(&back).await, 400);
    assert_eq!(world.codes(), 0);
}

#[tokio::test]
async fn somebody_elses_callback_signs_nobody_in() {
    let world = World::new().await;
    let attacker = world.browser();
    let theirs = pending(&world, &attacker, "/deep/attacker").await;
    // L-16: the victim has an attempt of their own.
    let victim = world.browser();
    let own = pending(&world, &victim, "/deep/victim").await;
    let reply = victim.come_back(&theirs).await;
    assert!(!victim.is_signed_in().await, "{reply}");
    assert_eq!(world.codes(), 0);
    let done = victim.come_back(&own).await;
    assert_eq!(victim.inside(&done.location()).as_deref(), Some("/deep/victim"), "their own still completes");
}

#[tokio::test]
async fn a_state_of_another_key_is_foreign() {
    let world = World::new().await;
    let other = World::with(|setup| setup.session("keys", &format!("[{OTHER_KEY:?}]"))).await;
    let back = pending(&other, &other.browser(), "/deep/a").await;
    is_refused(&world, &world.browser().come_back(&back).await, 400);
    assert_eq!(world.codes(), 0);
}

#[tokio::test]
async fn without_its_cookie_it_restarts_once_in_silence_and_lands_at_the_right_page() {
    let world = World::new().await;
    let back = pending(&world, &world.browser(), "/deep/right?page=1").await;
    let other = world.browser();
    let restart = other.come_back(&back).await;
    assert!(restart.status == 302 && restart.location().contains("/oauth2/authorize?"), "{restart}");
    assert_eq!(world.codes(), 0);
    let back = world.allow(&restart, BAT).await;
    let done = other.come_back(&back).await;
    assert_eq!(other.inside(&done.location()).as_deref(), Some("/deep/right?page=1"));
    assert!(other.is_signed_in().await);
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_and_not_sent_round() {
    let world = World::new().await;
    let mut back = pending(&world, &world.browser(), "/deep/a").await;
    let mut rounds = 0;
    let last = loop {
        // A browser that drops everything.
        let reply = world.browser().come_back(&back).await;
        if reply.status != 302 {
            break reply;
        }
        rounds += 1;
        assert!(rounds <= 2, "round and round");
        back = world.allow(&reply, BAT).await;
    };
    assert_eq!(rounds, 1);
    is_refused(&world, &last, 400);
    assert_eq!(world.codes(), 0);
}

#[tokio::test]
async fn a_return_address_that_does_not_fit_the_state_is_kept_by_the_cookie_alone() {
    let world = World::new().await;
    let long = format!("/deep/long?{}", "x".repeat(2000));
    let browser = world.browser();
    assert!(browser.sign_in(BAT, &long).await.header("x-sample-app").is_some());
    let start = world.browser().load(&long).await;
    assert!(start.location().len() < 2000, "opaque, but not endless: {}", start.location().len());
    let back = world.allow(&start, BAT).await;
    let other = world.browser();
    let restart = other.come_back(&back).await;
    let back = world.allow(&restart, BAT).await;
    let done = other.come_back(&back).await;
    assert_eq!(other.inside(&done.location()).as_deref(), Some("/"));
}

#[tokio::test]
async fn a_callback_without_its_cookie_leads_who_is_signed_in_to_the_page() {
    let world = World::new().await;
    let back = pending(&world, &world.browser(), "/deep/from-state").await;
    let browser = world.signed_in(SARAA).await;
    let codes = world.codes();
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/from-state"));
    assert_eq!(world.codes(), codes);
    browser.load("/deep/who").await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(SARAA), "still who they were");
}

#[tokio::test]
async fn a_refused_consent_is_a_403_page_that_offers_to_try_again() {
    let world = World::new().await;
    let browser = world.browser();
    let start = browser.load("/deep/wanted?x=1").await;
    let back = world.refuse(&start).await;
    let reply = browser.come_back(&back).await;
    is_refused(&world, &reply, 403);
    assert!(reply.text().contains("/oauth2/start?rd="), "{reply}");
    assert_eq!(browser.names(), Vec::<String>::new(), "the attempt is over");
    assert_eq!(world.codes(), 0);
    // The offer leads back to the page that was wanted.
    let link = reply.text();
    let link = link.split("href=\"").find(|rest| rest.contains("/oauth2/start?rd=")).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let start = link.strip_prefix(&world.setup.public_url).unwrap_or(&link).to_owned();
    assert_eq!(browser.sign_in_by(&start, BAT).await, "/deep/wanted?x=1");
}

#[tokio::test]
async fn what_the_provider_says_of_an_error_is_text_and_never_markup() {
    let world = World::new().await;
    for error in
        ["access_denied", "server_error", "temporarily_unavailable", "invalid_scope", "%3Cb%3E", "login_required"]
    {
        let browser = world.browser();
        let start = browser.load("/deep/a").await;
        let state = start.location_param("state").unwrap();
        let back = format!(
            "/oauth2/callback?error={error}&state={state}&error_description=%3Cscript%3Ealert(1)%3C/script%3E%22'&error_uri=javascript:1"
        );
        let reply = browser.come_back(&back).await;
        assert!((400..=503).contains(&reply.status) && reply.is_html(), "{reply}");
        assert!(!reply.text().contains("<script") && !reply.text().contains("javascript:"), "{reply}");
        assert!(reply.text().contains("/oauth2/start?rd="), "offers to try again: {reply}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(reply.header("referrer-policy").is_some());
    }
    assert_eq!(world.codes(), 0);
}

#[tokio::test]
async fn an_error_without_a_state_of_ours_is_refused() {
    let world = World::new().await;
    for callback in ["/oauth2/callback?error=access_denied", "/oauth2/callback?error=access_denied&state=x"] {
        is_refused(&world, &world.browser().come_back(callback).await, 400);
    }
}

#[tokio::test]
async fn only_get_is_taken() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    let posted = browser.send(Ask::page_from_elsewhere(&back).form("code=a&state=b")).await;
    assert_eq!(posted.status, 405, "{posted}");
    assert!(posted.header("allow").unwrap().contains("GET"));
    assert_eq!(world.codes(), 0);
    assert_eq!(browser.come_back(&back).await.status, 302);
}

#[tokio::test]
async fn other_spellings_of_its_address_are_no_callback_and_reach_nobody() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    let query = back.split_once('?').unwrap().1;
    for path in [
        "/oauth2/callback/",
        "/oauth2//callback",
        "//oauth2/callback",
        "/OAuth2/Callback",
        "/oauth2/callback;x",
        "/oauth2/%63allback",
        "/oauth2/x/../callback",
        "/./oauth2/callback",
    ] {
        let reply = browser.copy().come_back(&format!("{path}?{query}")).await;
        assert!(
            !reply.set_cookies().iter().any(|line| starts_a_session(line, &world.setup.cookie())),
            "{path}: {reply}"
        );
    }
    assert_eq!((world.codes(), world.seen()), (0, Vec::new()));
}

#[tokio::test]
async fn the_applications_own_callback_reaches_it_byte_for_byte() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let target = "/app/callback?code=abc&state=%7Bd%7D";
    browser.load(target).await;
    assert_eq!(world.seen().last().map(String::as_str), Some(target));
}

#[tokio::test]
async fn a_script_that_calls_it_without_a_cookie_starts_nothing() {
    let world = World::new().await;
    let back = pending(&world, &world.browser(), "/deep/a").await;
    let reply = world.browser().fetch(&back).await;
    assert!(reply.status >= 400 && reply.set_cookies().is_empty(), "{reply}");
    assert_eq!(world.codes(), 0);
}

#[tokio::test]
async fn calls_for_codes_are_limited_for_the_whole_process() {
    let world = World::with(|setup| setup.set("limits", "logins_per_minute", "3")).await;
    for _ in 0..3 {
        world.signed_in(BAT).await;
    }
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    let limited = browser.come_back(&back).await;
    is_refused(&world, &limited, 429);
    assert!(limited.header("retry-after").is_some());
    assert_eq!(world.codes(), 3);
    world.turn(21);
    world.signed_in(BAT).await;
}

#[tokio::test]
async fn a_browser_that_leaves_during_the_callback_cancels_nothing_halfway() {
    let world = World::new().await;
    let browser = world.browser();
    let back = pending(&world, &browser, "/deep/a").await;
    let hold = world.provider.faults().hold(Endpoint::Code);
    tokio::select! {
        reply = browser.send_only(Ask::page_from_elsewhere(&back)) => panic!("held: {reply}"),
        () = hold.arrived(1) => {}
    }
    hold.release();
    // What was begun goes on: the user is asked about.
    crate::world::eventually("user info is asked", || world.provider.calls().count(Endpoint::UserInfo) == 1).await;
    world.provider.faults().clear();
    // The same address again spends nothing.
    let again = browser.come_back(&back).await;
    assert_eq!(world.codes(), 1, "{again}");
    // And one more round brings it in.
    let back = world.allow(&again, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_deref(), Some("/deep/a"));
}

#[tokio::test]
async fn a_callback_waits_for_nobody_elses() {
    let world = World::new().await;
    let (slow, quick) = (world.browser(), world.browser());
    let slow_back = pending(&world, &slow, "/deep/slow").await;
    let quick_back = pending(&world, &quick, "/deep/quick").await;
    world.provider.faults().next(Endpoint::Code, 1, Fault::Hang);
    let hanging = tokio::spawn(async move { slow.send_only(Ask::page_from_elsewhere(&slow_back)).await });
    let calls = world.provider.calls().clone();
    crate::world::eventually("the first is under way", || calls.count(Endpoint::Code) == 1).await;
    assert_eq!(quick.come_back(&quick_back).await.status, 302);
    hanging.abort();
}
