//! The life of a session while requests are under way: answers held, lost, and arriving in any order.

use std::time::Duration;

use http::StatusCode;

use super::house::{Gatehouse, Jar, location, set_cookies};
use crate::demo::provider::{Endpoint, Fault};

const BAT: &str = "100001";
const SARAA: &str = "100002";
const IDENTITY: &str = "__Host-tokigate";
const TOKENS: &str = "__Host-tokigate.t0";
const MARKER: &str = "__Host-tokigate.out";

async fn signed_in(house: &Gatehouse) -> Jar {
    let mut jar = Jar::default();
    house.sign_in(&mut jar, BAT).await;
    jar
}

/// Fifteen minutes of idleness end a session.
async fn idle() -> Gatehouse {
    Gatehouse::with(&[("SESSION__IDLE_TIMEOUT", "15m")], |_| {}).await
}

#[tokio::test]
async fn a_page_load_beside_the_sign_out_does_not_sign_in_again() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    let page = house.page(&jar, "/other-tab");
    let sign_out = house.page(&jar, "/oauth2/sign_out");
    house.go(&mut jar, &sign_out).await;
    let answer = house.go(&mut jar, &page).await;
    assert_eq!(answer.status(), StatusCode::OK, "the signed-out page, not the provider");
    assert_eq!(jar.names(), [MARKER]);
}

#[tokio::test]
async fn a_sign_out_whose_answer_was_lost_is_one_at_the_next_page_load() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    house.go(&mut jar.clone(), &house.page(&jar, "/oauth2/sign_out")).await;
    let answer = house.load(&mut jar, "/").await;
    assert_eq!((answer.status(), jar.names()), (StatusCode::OK, vec![MARKER]));
}

#[tokio::test]
async fn the_button_asks_who_it_is_even_where_the_sign_outs_answer_was_lost() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    house.go(&mut jar.clone(), &house.page(&jar, "/oauth2/sign_out")).await;
    let answer = house.load(&mut jar, "/oauth2/start?rd=/x").await;
    assert!(location(&answer).contains("prompt=login"), "{:?}", answer.headers());
}

#[tokio::test]
async fn a_callback_that_is_loaded_again_after_the_sign_out_does_not_sign_in() {
    let house = Gatehouse::new().await;
    let mut jar = Jar::default();
    let answer = house.load(&mut jar, "/x").await;
    let back = house.at_toki(&answer, BAT).await;
    house.load(&mut jar, &back).await;
    house.load(&mut jar, "/oauth2/sign_out").await;
    let answer = house.load(&mut jar, &back).await;
    assert_eq!((answer.status(), jar.names()), (StatusCode::OK, vec![MARKER]));
}

#[tokio::test]
async fn a_late_answer_about_a_session_that_was_refused_leaves_its_successor_alone() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    house.turn(3575);
    house.toki.faults().next(Endpoint::Token, 1, Fault::InvalidGrant);
    let (slow, quick) = (house.script(&jar, "/poll"), house.script(&jar, "/quick"));
    let slow = house.begin(&slow).await;
    let answer = house.go(&mut jar, &quick).await;
    assert!(jar.0.is_empty(), "{:?}", answer.headers());
    house.sign_in(&mut jar, BAT).await;
    jar.take(slow.end().await.headers());
    assert!(house.is_signed_in(&jar), "{jar:?}");
}

#[tokio::test]
async fn of_a_refused_sessions_requests_each_that_begins_later_deletes_its_cookies() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    house.turn(3600);
    house.toki.faults().next(Endpoint::Token, 1, Fault::InvalidGrant);
    house.go(&mut jar.clone(), &house.script(&jar, "/")).await;
    let answer = house.call(&mut jar, "/").await;
    assert_eq!((answer.status(), jar.0.len()), (StatusCode::UNAUTHORIZED, 0));
}

#[tokio::test]
async fn a_result_that_is_kept_does_not_undo_activity_that_was_written_down_meanwhile() {
    let house = idle().await;
    let mut jar = signed_in(&house).await;
    for _ in 0..4 {
        house.turn(850);
        house.call(&mut jar, "/").await;
    }
    // The session is 3,400 s old; at 3,545 a page load refreshes beside the request, and its answer is lost.
    house.turn(145);
    let (page, script) = (house.page(&jar, "/"), house.script(&jar, "/"));
    let (page, script) = (house.begin(&page).await, house.begin(&script).await);
    page.end().await;
    jar.take(script.end().await.headers());
    assert_eq!(house.refreshes(), 1);
    house.turn(800);
    assert!(house.reaches(&jar, "/").await, "800 s after the last activity");
}

#[tokio::test]
async fn a_slow_answer_writes_no_activity_older_than_what_was_written_meanwhile() {
    let house = Gatehouse::with(&[("SESSION__IDLE_TIMEOUT", "2m")], |_| {}).await;
    let mut jar = signed_in(&house).await;
    house.turn(60);
    let slow = house.script(&jar, "/slow");
    let slow = house.begin(&slow).await;
    house.turn(50);
    house.call(&mut jar, "/").await;
    house.turn(5);
    jar.take(slow.end().await.headers());
    house.turn(70);
    assert!(house.reaches(&jar, "/").await, "75 s after the last request");
}

#[tokio::test]
async fn a_slow_answer_writes_the_newest_tokens_not_those_it_refreshed_long_ago() {
    let house = Gatehouse::with(&[], |options| options.access_lifetime = Duration::from_secs(60)).await;
    let mut jar = signed_in(&house).await;
    house.turn(60);
    let slow = house.page(&jar, "/slow");
    let slow = house.begin(&slow).await;
    house.load(&mut jar, "/").await;
    house.turn(50);
    for _ in 0..3 {
        house.load(&mut jar, "/").await;
    }
    assert_eq!(house.refreshes(), 2);
    jar.take(slow.end().await.headers());
    // Long enough for this process to forget what the browser was seen with.
    house.turn(120);
    assert!(house.reaches(&jar, "/").await, "a refresh token was used twice");
}

#[tokio::test]
async fn an_answer_of_more_than_a_minute_writes_no_tokens_that_may_be_spent() {
    let house = Gatehouse::with(&[], |options| options.access_lifetime = Duration::from_secs(60)).await;
    let mut jar = signed_in(&house).await;
    house.turn(60);
    let slow = house.page(&jar, "/upload");
    let slow = house.begin(&slow).await;
    house.load(&mut jar, "/").await;
    for _ in 0..5 {
        house.turn(55);
        house.load(&mut jar, "/").await;
        house.load(&mut jar, "/").await;
    }
    house.turn(60);
    jar.take(slow.end().await.headers());
    house.turn(120);
    assert!(house.reaches(&jar, "/").await, "a refresh token was used twice");
}

#[tokio::test]
async fn a_slow_answer_that_seals_anew_writes_no_tokens_that_were_spent_meanwhile() {
    let mut house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    house.change_keys(&[2, 1]);
    // In the first half of the window: a page load refreshes, a script does not.
    house.turn(3545);
    let (page, script) = (house.page(&jar, "/"), house.script(&jar, "/"));
    let script = house.begin(&script).await;
    house.go(&mut jar, &page).await;
    house.load(&mut jar, "/").await;
    assert_eq!(house.refreshes(), 1);
    jar.take(script.end().await.headers());
    house.turn(3600);
    assert!(house.reaches(&jar, "/").await, "a refresh token was used twice");
}

#[tokio::test]
async fn a_session_without_tokens_that_open_is_over_with_its_access_token_everywhere() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    jar.0.insert(TOKENS.to_owned(), "azzz".to_owned());
    assert!(house.reaches(&jar, "/oauth2/userinfo").await);
    house.turn(3600);
    for target in ["/oauth2/userinfo", "/oauth2/session", "/"] {
        assert!(!house.reaches(&jar, target).await, "{target}");
    }
    let answer = house.call(&mut jar, "/oauth2/session").await;
    assert!(jar.0.is_empty(), "{:?}", set_cookies(&answer));
}

#[tokio::test]
async fn pieces_of_tokens_that_do_not_open_are_deleted_when_they_are_looked_at() {
    let house = Gatehouse::new().await;
    let mut jar = signed_in(&house).await;
    jar.0.insert(TOKENS.to_owned(), "azzz".to_owned());
    house.turn(3580);
    house.call(&mut jar, "/").await;
    assert_eq!(jar.names(), [IDENTITY]);
}

#[tokio::test]
async fn where_the_callback_sees_no_cookies_nothing_of_the_old_session_spoils_the_new_one() {
    let variables = [("SESSION__SAME_SITE", "Strict"), ("SESSION__COOKIE_BUDGET", "20KiB")];
    let house = Gatehouse::with(&variables, |options| options.answers.access_token_bytes = 14_000).await;
    let mut jar = signed_in(&house).await;
    assert!(jar.0.len() >= 5, "{:?}", jar.names());
    house.toki.reshape(|answers| answers.access_token_bytes = 0);
    let answer = house.load(&mut jar, "/oauth2/start").await;
    let back = house.at_toki(&answer, SARAA).await;
    // From another site: a browser sends what is not `Strict`.
    let lax = Jar(jar.0.iter().filter(|(name, _)| name.contains(".a")).map(|(k, v)| (k.clone(), v.clone())).collect());
    let answer = house.go(&mut lax.clone(), &house.page(&lax, &back)).await;
    jar.take(answer.headers());
    assert_eq!(jar.names(), [IDENTITY, TOKENS]);
    house.turn(3600);
    assert!(house.reaches(&jar, "/").await, "it can be refreshed");
}
