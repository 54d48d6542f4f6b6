//! Several tabs of one browser sign in at the same time: issue 2 §2.

use std::collections::HashSet;

use crate::world::{Ask, BAT, Browser, SARAA, World};

/// So many tabs are sent to the provider; the callback of each, in the order of their start.
async fn tabs(world: &World, browser: &Browser, count: usize) -> Vec<(String, String)> {
    let mut callbacks = Vec::new();
    for number in 0..count {
        let target = format!("/deep/tab{number}?n={number}");
        let start = browser.load(&target).await;
        callbacks.push((target, world.allow(&start, BAT).await));
        // Which is the oldest must be plain.
        world.turn(1);
    }
    callbacks
}

#[tokio::test]
async fn six_tabs_finish_in_any_order_each_at_its_own_address() {
    let world = World::new().await;
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]] {
        let browser = world.browser();
        let callbacks = tabs(&world, &browser, 6).await;
        let before = world.codes();
        assert_eq!(browser.names().len(), 6);
        for tab in order {
            let (target, back) = &callbacks[tab];
            let done = browser.come_back(back).await;
            assert_eq!((done.status, browser.inside(&done.location())), (302, Some(target.clone())), "tab {tab}");
        }
        assert_eq!(world.codes() - before, 6, "each spent its own code");
        assert!(browser.is_signed_in().await);
        assert_eq!(attempts(&world, &browser), 0);
    }
}

#[tokio::test]
async fn a_seventh_tab_takes_the_place_of_the_oldest() {
    let world = World::new().await;
    let browser = world.browser();
    let callbacks = tabs(&world, &browser, 7).await;
    assert_eq!(browser.names().len(), 6);
    // The second to seventh still work, before the first is heard of.
    for (target, back) in &callbacks[1..] {
        let done = browser.come_back(back).await;
        assert_eq!(browser.inside(&done.location()).as_ref(), Some(target));
    }
    assert_eq!(world.codes(), 6);
}

#[tokio::test]
async fn the_tab_that_lost_its_place_restarts_on_its_own_and_lands_at_its_own_address() {
    let world = World::new().await;
    let browser = world.browser();
    let callbacks = tabs(&world, &browser, 7).await;
    let (target, back) = &callbacks[0];
    let restart = browser.come_back(back).await;
    assert_eq!((restart.status, world.codes()), (302, 0), "{restart}");
    let back = world.allow(&restart, BAT).await;
    let done = browser.come_back(&back).await;
    assert_eq!(browser.inside(&done.location()).as_ref(), Some(target));
}

#[tokio::test]
async fn a_hundred_tabs_keep_the_cookie_line_short() {
    let world = World::new().await;
    let browser = world.browser();
    for number in 0..100 {
        browser.load(&format!("/deep/{number}?{}", "q".repeat(300))).await;
        world.turn(1);
    }
    assert_eq!(browser.names().len(), 6);
    assert!(browser.cookie_line().len() < 8192, "{}", browser.cookie_line().len());
}

#[tokio::test]
async fn a_tab_that_finishes_leaves_the_others_alone() {
    let world = World::new().await;
    let browser = world.browser();
    let callbacks = tabs(&world, &browser, 3).await;
    browser.come_back(&callbacks[1].1).await;
    assert_eq!(attempts(&world, &browser), 2);
    // Another user in another tab: the last one to finish is who is signed in.
    let start = browser.load("/oauth2/start?rd=/deep/other").await;
    let back = world.allow(&start, SARAA).await;
    browser.come_back(&back).await;
    browser.load("/deep/who").await;
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(SARAA));
}

#[tokio::test]
async fn six_slots_have_six_names() {
    let world = World::new().await;
    let browser = world.browser();
    let mut names = HashSet::new();
    for _ in 0..30 {
        browser.load("/deep/a").await;
        names.extend(browser.names());
        world.turn(1);
    }
    assert_eq!(names.len(), 6, "{names:?}");
}

#[tokio::test]
async fn answers_to_two_tabs_that_arrive_out_of_order_lose_neither() {
    let world = World::new().await;
    let browser = world.browser();
    // Both are asked before either answer is stored: they may want the same slot.
    let one = browser.send_only(Ask::page("/deep/one")).await;
    let two = browser.send_only(Ask::page("/deep/two")).await;
    browser.take(&two);
    browser.take(&one);
    for (start, target) in [(&one, "/deep/one"), (&two, "/deep/two")] {
        let back = world.allow(start, BAT).await;
        let mut done = browser.come_back(&back).await;
        if done.location().contains("/oauth2/authorize") {
            // Its cookie was overwritten: one silent round, and still the right page.
            let back = world.allow(&done, BAT).await;
            done = browser.come_back(&back).await;
        }
        assert_eq!(browser.inside(&done.location()).as_deref(), Some(target));
    }
}

fn attempts(world: &World, browser: &Browser) -> usize {
    let prefix = format!("{}.a", world.setup.cookie());
    browser.names().iter().filter(|name| name.starts_with(&prefix)).count()
}
