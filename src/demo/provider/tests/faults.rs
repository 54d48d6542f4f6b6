use super::super::*;
use super::world::*;

#[tokio::test]
async fn an_answer_lost_after_the_rotation_has_rotated() {
    let world = World::toki().await;
    let tokens = world.signed_in().await;
    world.provider.faults().next(Endpoint::Refresh, 1, Fault::LoseAnswer);
    let address = format!("{}/oauth2/token", world.provider.url());
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token")), ("client_id", CLIENT)];
    assert!(world.browser.post(address).form(&form).send().await.is_err());
    assert_eq!(world.provider.calls().last(Endpoint::Refresh).unwrap().status, None);
    assert_eq!(world.refresh(text(&tokens, "refresh_token")).await.0, 400);
    assert_eq!(world.provider.calls().count(Endpoint::Token), 3);
}

#[tokio::test]
async fn faults_come_as_often_as_asked_and_go() {
    let world = World::toki().await;
    let faults = world.provider.faults();
    let get = || world.browser.get(world.provider.url()).send();
    faults.next(Endpoint::Start, 2, Fault::html(503));
    for status in [503, 503, 200] {
        assert_eq!(get().await.unwrap().status(), status);
    }
    faults.set(Endpoint::Start, Fault::Truncate);
    assert!(!get().await.unwrap().text().await.unwrap().contains("</html>"));
    faults.clear();
    faults.set(Endpoint::Start, Fault::BreakOff);
    assert!(get().await.unwrap().text().await.is_err());
    faults.clear();
    faults.set(Endpoint::Start, Fault::Huge(1_000_000));
    assert!(get().await.unwrap().bytes().await.unwrap().len() >= 1_000_000);
    faults.clear();

    faults.down(true);
    assert!(get().await.is_err());
    faults.down(false);
    assert_eq!(get().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_held_answer_waits_for_the_word() {
    let world = World::toki().await;
    let tokens = world.signed_in().await;
    let hold = world.provider.faults().hold(Endpoint::Refresh);
    let refreshing = world.refresh(text(&tokens, "refresh_token"));
    let letting_go = async {
        hold.arrived(1).await;
        assert_eq!(world.provider.calls().last(Endpoint::Refresh).unwrap().status, None);
        hold.release_one();
    };
    assert_eq!(tokio::join!(refreshing, letting_go).0.0, 200);
}

#[tokio::test]
async fn odd_answers_are_as_odd_as_asked() {
    let world = World::toki().await;
    world.provider.reshape(|answers| {
        answers.expires_in = ExpiresIn::Text;
        answers.user_id = UserId::Number;
        answers.token_type = "bearer";
        answers.envelope = false;
        answers.email = false;
        answers.access_token_bytes = 3000;
        answers.id_token_bytes = 5000;
    });
    let tokens = world.signed_in().await;
    assert_eq!((text(&tokens, "expires_in"), tokens["userId"].as_u64()), ("60", Some(100_001)));
    assert_eq!(text(&tokens, "access_token").len(), 3000);
    assert!((5000..5100).contains(&text(&tokens, "id_token").len()));
    let (_, info) = world.user_info(text(&tokens, "access_token"), BAT).await;
    assert_eq!((text(&info, "lastName"), info.get("email")), ("Дорж", None));

    world.provider.faults().next(Endpoint::Refresh, 1, Fault::AnotherUser);
    let (_, other) = world.refresh(text(&tokens, "refresh_token")).await;
    assert_ne!(other["userId"], tokens["userId"]);

    world.provider.faults().next(Endpoint::UserInfo, 1, Fault::AnotherUser);
    let (status, info) = world.user_info(text(&tokens, "access_token"), BAT).await;
    assert!(status.is_success() && text(&info, "userId") != BAT);
}

#[tokio::test]
async fn for_development_any_client_on_this_machine_will_do() {
    let world = World::with(Options { any_loopback_redirect: true, ..Options::toki() }).await;
    let mut request = world.request();
    let places = [("http://localhost:3000/auth/toki/callback", 303), ("https://app.example.mn/callback", 400)];
    for (place, status) in places {
        request[2].1 = place;
        assert_eq!(world.decide(&request, &vec![("user", BAT), ("decision", "allow")]).await.status(), status);
    }
    let page = world.browser.get(world.provider.url()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("any client identifier"));
}

#[tokio::test]
async fn an_answer_is_what_the_tests_rewrites_make_of_it_in_their_order() {
    let world = World::toki().await;
    let faults = world.provider.faults();
    let append = |more: &'static str| {
        Fault::Rewrite(Rewrite::json(move |answer| {
            let token = format!("{}{more}", answer["access_token"].as_str().unwrap());
            answer["access_token"] = token.into();
        }))
    };
    faults.set(Endpoint::Code, append("-one"));
    faults.set(Endpoint::Code, append("-two"));
    assert!(text(&world.signed_in().await, "access_token").ends_with("-one-two"));
    // What is no JSON stays as it is.
    faults.set(Endpoint::Start, Fault::Rewrite(Rewrite::json(|_| panic!("no JSON to change"))));
    assert_eq!(world.browser.get(world.provider.url()).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn it_may_live_below_a_path_and_has_nothing_elsewhere() {
    let options = Options { below: "/tenants/one".to_owned(), ..Options::openid() };
    let world = World::with(options).await;
    let metadata = get_json(&world, "/tenants/one/.well-known/openid-configuration").await;
    assert!(text(&metadata, "token_endpoint").ends_with("/tenants/one/oauth2/token"));
    let elsewhere = world.browser.get(format!("{}/.well-known/openid-configuration", world.provider.url()));
    assert_eq!(elsewhere.send().await.unwrap().status(), 404);
}
