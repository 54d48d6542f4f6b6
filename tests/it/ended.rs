//! An ended session stays ended: issue 2 §3. Sign-out, and sign-in as another user, while a refresh and twenty requests are in flight,
//! answers arriving in every order.

use tokigate::demo::provider::{Endpoint, Hold};

use crate::world::{Ask, BAT, Browser, Dice, Reply, SARAA, World, eventually};

/// Twenty requests wait for a refresh that is held at the provider.
struct InFlight {
    hold: Hold,
    asking: Vec<tokio::task::JoinHandle<Reply>>,
}

impl InFlight {
    /// `due`: how old the token is. Past 60 seconds the requests wait themselves; before, the application has them meanwhile.
    async fn begin(world: &World, browser: &Browser, age: u64) -> InFlight {
        world.turn(age);
        let hold = world.provider.faults().hold(Endpoint::Refresh);
        let asking = (0..20).map(|number| {
            let browser = browser.clone();
            let ask = if number % 2 == 0 { Ask::page("/slow?ms=100") } else { Ask::script("/slow?ms=100") };
            tokio::spawn(async move { browser.send_only(ask).await })
        });
        let asking = asking.collect();
        hold.arrived(1).await;
        if age < 60 {
            let requests = world.app.requests().clone();
            let under_way =
                move || requests.heads().iter().filter(|head| head.target.starts_with("/slow")).count() == 20;
            eventually("the application has them", under_way).await;
        }
        InFlight { hold, asking }
    }

    async fn answers(self, world: &World) -> Vec<Reply> {
        self.hold.release();
        world.provider.faults().clear();
        let mut replies = Vec::new();
        for asking in self.asking {
            replies.push(asking.await.unwrap());
        }
        replies
    }
}

/// The browser as it would be had the answers come in each of many orders.
fn every_order<'a>(browser: &'a Browser, replies: &'a mut [Reply]) -> impl Iterator<Item = Browser> + 'a {
    let mut dice = Dice::new(11);
    (0..60).map(move |number| {
        match number {
            0 => {}
            1 => replies.reverse(),
            _ => dice.shuffle(replies),
        }
        let browser = browser.copy();
        replies.iter().for_each(|reply| browser.take(reply));
        browser
    })
}

#[tokio::test]
async fn after_a_sign_out_no_order_of_answers_brings_the_session_back() {
    for age in [45, 52, 61, 3000] {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        let before = browser.copy();
        let in_flight = InFlight::begin(&world, &browser, age).await;
        let signed_out = browser.send_only(Ask::page("/oauth2/sign_out")).await;
        assert_eq!(signed_out.status, 200, "{signed_out}");
        let mut replies = in_flight.answers(&world).await;
        replies.push(signed_out);
        for browser in every_order(&before, &mut replies) {
            assert_eq!(browser.fetch("/deep/a").await.status, 401, "age {age}");
            // The signed-out page, not a silent sign-in.
            let page = browser.load("/deep/a").await;
            assert_eq!(page.status, 200, "age {age}: {page}");
            assert!(page.header("x-sample-app").is_none());
        }
        assert_eq!(before.fetch("/deep/a").await.status, 401, "a cookie that still names it is no session");
        // What came of the refresh is discarded.
        world.turn(60);
        assert_eq!(before.fetch("/deep/a").await.status, 401);
        assert!(world.refreshes() <= 1, "{}", world.refreshes());
    }
}

#[tokio::test]
async fn after_a_sign_in_over_it_no_order_of_answers_brings_the_old_user_back_nor_loses_the_new_one() {
    for age in [45, 52, 61] {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        let before = browser.copy();
        let in_flight = InFlight::begin(&world, &browser, age).await;
        // In another tab, whose cookies are the same.
        let start = before.load("/oauth2/start?rd=/deep/new").await;
        let back = before.at_provider(&start, SARAA).await;
        let over = before.send_only(Ask::page_from_elsewhere(&back)).await;
        assert_eq!(over.status, 302, "{over}");
        let mut replies = in_flight.answers(&world).await;
        replies.push(over);
        for browser in every_order(&before, &mut replies) {
            let reply = browser.fetch("/deep/who").await;
            assert_eq!(reply.status, 200, "age {age}: {reply}");
            assert_eq!(world.told("x-forwarded-user").as_deref(), Some(SARAA), "age {age}");
        }
        assert_eq!(browser.fetch("/deep/a").await.status, 401, "the old cookies alone");
    }
}

#[tokio::test]
async fn nothing_seals_it_again_that_was_renewed_before_the_end_and_is_answered_after_it() {
    for age in [45, 61] {
        let world = World::new().await;
        let browser = world.signed_in(BAT).await;
        world.turn(age);
        // The refresh is long through when the application answers, and so is the sign-out.
        let asking = futures_util::future::join_all((0..20).map(|_| browser.send_only(Ask::page("/slow?ms=600"))));
        let sign_out = async {
            let (requests, calls) = (world.app.requests().clone(), world.provider.calls().clone());
            let slow = move || requests.heads().iter().filter(|head| head.target.starts_with("/slow")).count() == 20;
            eventually("the application has them", slow).await;
            eventually("the refresh is through", || calls.count(Endpoint::UserInfo) == 2).await;
            browser.copy().send(Ask::page("/oauth2/sign_out")).await
        };
        let (replies, signed_out) = tokio::join!(asking, sign_out);
        assert_eq!((signed_out.status, world.refreshes()), (200, 1));
        for reply in replies {
            let sets: Vec<String> =
                reply.set_cookies().into_iter().filter(|line| !line.contains("Max-Age=0")).collect();
            assert_eq!((reply.status, sets), (200, Vec::new()), "age {age}");
        }
    }
}

#[tokio::test]
async fn requests_that_come_after_the_end_with_the_old_cookies_are_nobodys() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let stolen = browser.copy();
    stolen.jar().keep_for_ever();
    browser.load("/oauth2/sign_out").await;
    for seconds in [0, 61, 3600, 8 * 3600] {
        world.turn(seconds);
        assert_eq!(stolen.copy().fetch("/deep/a").await.status, 401);
        assert_eq!(stolen.copy().send(Ask::script("/oauth2/refresh").method("POST")).await.json()["active"], false);
        assert!(!stolen.copy().is_signed_in().await);
    }
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn a_refresh_that_ends_the_session_ends_it_for_all_who_wait() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let before = browser.copy();
    world.turn(61);
    world.provider.revoke_user(BAT);
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let asks = futures_util::future::join_all((0..20).map(|_| browser.send_only(Ask::script("/deep/a"))));
    let release = async {
        hold.arrived(1).await;
        hold.release();
    };
    let (mut replies, ()) = tokio::join!(asks, release);
    assert!(replies.iter().all(|reply| reply.status == 401));
    for browser in every_order(&before, &mut replies) {
        assert_eq!(browser.fetch("/deep/a").await.status, 401);
    }
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn signing_out_twice_and_from_two_tabs_is_signing_out() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let all = futures_util::future::join_all((0..5).map(|_| browser.send_only(Ask::page("/oauth2/sign_out")))).await;
    for reply in &all {
        assert_eq!(reply.status, 200, "{reply}");
        browser.take(reply);
    }
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    // And the next sign-in is as good as any.
    assert_eq!(browser.sign_in_by("/oauth2/start?rd=/deep/b", SARAA).await, "/deep/b");
    assert_eq!(browser.fetch("/deep/b").await.status, 200);
}

#[tokio::test]
async fn other_sessions_of_the_same_user_go_on() {
    let world = World::new().await;
    let (one, two) = (world.signed_in(BAT).await, world.signed_in(BAT).await);
    one.load("/oauth2/sign_out").await;
    assert_eq!(two.fetch("/deep/a").await.status, 200);
}
