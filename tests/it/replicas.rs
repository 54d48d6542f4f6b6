//! Several processes before one application, without a shared store: issue 2 §3 and §4.

use tokigate::demo::provider::Facts;

use crate::world::{Ask, BAT, World};

#[tokio::test]
async fn a_sign_in_that_begins_at_one_ends_at_another_and_counts_at_both() {
    let world = World::new().await;
    let (_other, door) = world.replica();
    let here = world.browser();
    let there = here.through(&door);
    let start = here.load("/deep/a?b").await;
    let back = here.at_provider(&start, BAT).await;
    let done = there.come_back(&back).await;
    assert_eq!(there.inside(&done.location()).as_deref(), Some("/deep/a?b"));
    assert_eq!((here.fetch("/deep/a").await.status, there.fetch("/deep/a").await.status), (200, 200));
}

#[tokio::test]
async fn the_burst_of_scripts_behind_a_page_carries_the_new_cookie_wherever_it_goes() {
    let world = World::new().await;
    let (_other, door) = world.replica();
    let here = world.signed_in(BAT).await;
    let there = here.through(&door);
    for _ in 0..5 {
        world.turn(45);
        // Scripts that were on their way before the page came.
        let early = futures_util::future::join_all((0..10).map(|_| there.send_only(Ask::script("/api/time")))).await;
        assert!(early.iter().all(|reply| reply.status == 200));
        assert_eq!(here.load("/deep/page").await.status, 200);
        let burst =
            (0..20).map(|number| if number % 2 == 0 { here.fetch("/api/time") } else { there.fetch("/api/time") });
        assert!(futures_util::future::join_all(burst).await.iter().all(|reply| reply.status == 200));
    }
    assert_eq!((world.refreshes(), world.provider.calls().facts()), (5, Facts::default()));
}

#[tokio::test]
async fn a_browser_that_changes_between_them_at_every_refresh_loses_nothing() {
    let world = World::new().await;
    let (_other, door) = world.replica();
    let here = world.signed_in(BAT).await;
    let there = here.through(&door);
    for round in 0..10 {
        world.turn(61);
        let browser = if round % 2 == 0 { &there } else { &here };
        assert_eq!(browser.fetch("/deep/a").await.status, 200, "round {round}");
    }
    assert_eq!((world.refreshes(), world.provider.calls().facts()), (10, Facts::default()));
}
