//! Sign-in, refresh, sign-out and streams of events, in streams of one connection.

use futures_util::future::join_all;

use crate::world::http2::{connect, whole};
use crate::world::{Ask, BAT, Speaks, World, eventually};

#[tokio::test]
async fn a_person_signs_in_and_the_application_is_told_who() {
    let world = World::new().await;
    let browser = world.browser().speaking(Speaks::Http2);
    let page = browser.sign_in(BAT, "/deep/a?b=%2F").await;
    assert_eq!(page.status, 200, "{page}");
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
    assert_eq!(world.told("cookie"), None);
    assert_eq!(world.seen(), ["/deep/a?b=%2F"]);
    assert!(browser.is_signed_in().await);
    browser.load("/oauth2/sign_out").await;
    assert!(!browser.is_signed_in().await);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn a_hundred_streams_of_one_connection_cost_one_refresh_and_each_gets_its_cookies() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    let (client, _connection) = connect(world.address()).await;
    let ask = |number: usize| {
        let address = format!("http://{}/deep/{number}", world.setup.host());
        let request = http::Request::get(address).header("cookie", browser.cookie_line()).body(()).unwrap();
        let client = client.clone();
        async move {
            let (answer, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
            let answer = answer.await.unwrap();
            let cookies = answer.headers().get_all("set-cookie").iter().count();
            let status = answer.status();
            whole(&mut answer.into_body()).await.unwrap();
            (status.as_u16(), cookies)
        }
    };
    let answers = join_all((0..100).map(ask)).await;
    assert!(answers.iter().all(|(status, cookies)| *status == 200 && *cookies >= 2), "{answers:?}");
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn a_stream_of_events_ends_properly_with_its_session_and_the_connection_goes_on() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let (mut client, _connection) = connect(world.address()).await;
    let get = |target: &str| {
        let address = format!("http://{}{target}", world.setup.host());
        let script = http::Request::get(address).header("cookie", browser.cookie_line());
        script.header("sec-fetch-mode", "cors").header("sec-fetch-site", "same-origin").body(()).unwrap()
    };
    let (answer, _) = client.send_request(get("/events?ms=20"), true).unwrap();
    let mut events = answer.await.unwrap().into_body();
    assert!(events.data().await.unwrap().is_ok());
    browser.load("/oauth2/sign_out").await;
    whole(&mut events).await.expect("an end, and no reset");
    let requests = world.app.requests().clone();
    eventually("the application notices", || requests.open_streams() == 0).await;
    let (answer, _) = client.send_request(get("/deep/a"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_client_that_resets_its_stream_lets_go_of_the_application() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let stream = browser.speaking(Speaks::Http2).open(Ask::script("/events?ms=20")).await;
    let requests = world.app.requests().clone();
    eventually("it streams", || requests.open_streams() == 1).await;
    drop(stream);
    eventually("the application notices", || requests.open_streams() == 0).await;
}
