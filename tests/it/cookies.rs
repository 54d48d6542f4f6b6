//! The session in the browser: attributes, pieces, budgets, and what is worth nothing. Issue 2 §3, security.md 2.4.

use tokigate::demo::provider::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{Ask, BAT, Browser, CLIENT, Cookie, SARAA, World};

/// The session's cookies: neither attempts nor the marker of signing out.
fn session_cookies(world: &World, browser: &Browser) -> Vec<Cookie> {
    let base = world.setup.cookie();
    let other = [format!("{base}.a"), format!("{base}.out"), format!("{base}.back")];
    browser.cookies().into_iter().filter(|cookie| !other.iter().any(|other| cookie.name.starts_with(other))).collect()
}

/// Those of the tokens; the others are of the identity.
fn token_cookies(world: &World, browser: &Browser) -> Vec<Cookie> {
    let prefix = format!("{}.t", world.setup.cookie());
    session_cookies(world, browser).into_iter().filter(|cookie| cookie.name.starts_with(&prefix)).collect()
}

/// Tokens that take several cookies.
async fn large(bytes: usize) -> World {
    let world = World::with(|setup| {
        setup.session("cookie_budget", "\"32KiB\"");
        setup.set("limits", "header_bytes", "\"64KiB\"");
        setup.options.answers.access_token_bytes = bytes / 3;
        setup.options.answers.refresh_token_bytes = bytes / 3;
        setup.options.answers.id_token_bytes = bytes / 3;
    });
    world.await
}

#[tokio::test]
async fn session_cookies_are_host_bound_secure_http_only_lax_and_persistent() {
    let world = World::with(|setup| setup.https()).await;
    let browser = world.signed_in(BAT).await;
    let cookies = session_cookies(&world, &browser);
    assert!(cookies.len() >= 2, "two parts: {cookies:?}");
    for cookie in cookies {
        assert!(cookie.name.starts_with("__Host-tokigate"), "{cookie:?}");
        assert!(cookie.secure && cookie.http_only && cookie.path == "/", "{cookie:?}");
        assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
        assert_eq!(cookie.max_age, Some(12 * 3600));
    }
}

#[tokio::test]
async fn on_plain_http_loopback_the_name_has_the_port_and_no_prefix() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let name = format!("tokigate-{}", world.setup.port);
    for cookie in session_cookies(&world, &browser) {
        assert!(cookie.name.starts_with(&name) && !cookie.secure && cookie.http_only, "{cookie:?}");
    }
}

#[tokio::test]
async fn max_age_is_what_is_left_of_the_lifetime() {
    let world = World::with(|setup| setup.session("lifetime", "\"1h\"")).await;
    let browser = world.signed_in(BAT).await;
    world.turn(1800);
    // The refresh writes anew.
    assert_eq!(browser.load("/deep/a").await.status, 200);
    for cookie in session_cookies(&world, &browser) {
        assert_eq!(cookie.max_age, Some(1800), "{cookie:?}");
    }
    world.turn(1801);
    assert_eq!(browser.names(), Vec::<String>::new(), "the browser forgets them");
    assert_eq!(browser.load("/deep/a").await.status, 302);
}

#[tokio::test]
async fn the_lifetime_ends_it_whatever_the_browser_keeps() {
    let world = World::with(|setup| setup.session("lifetime", "\"1h\"")).await;
    let browser = world.signed_in(BAT).await;
    for _ in 0..40 {
        browser.jar().keep_for_ever();
        world.turn(89);
        browser.load("/deep/busy").await;
    }
    world.turn(60);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn nothing_is_set_where_nothing_changed() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for ask in
        [Ask::page("/deep/a"), Ask::script("/api/time"), Ask::script("/oauth2/session"), Ask::script("/status/500")]
    {
        let reply = browser.send(ask).await;
        assert_eq!(reply.set_cookies(), Vec::<String>::new(), "{reply}");
    }
}

#[tokio::test]
async fn an_answer_that_sets_one_is_not_cacheable_whatever_the_application_says() {
    let says =
        "HTTP/1.1 200 OK\r\ncache-control: public, max-age=600\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("\"http://{}\"", application.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = application.accept().await.unwrap();
            let mut head = vec![0; 16 * 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(says.as_bytes()).await;
        }
    });
    let world = World::with(|setup| setup.set("", "upstream", &address)).await;
    let browser = world.signed_in(BAT).await;
    assert_eq!(browser.load("/deep/a").await.header("cache-control"), Some("public, max-age=600"), "as it was said");
    world.turn(61);
    let reply = browser.load("/deep/a").await;
    assert!(!reply.set_cookies().is_empty());
    let lines: Vec<_> = reply.headers.get_all("cache-control").iter().collect();
    assert!(lines.len() == 1 && lines[0].to_str().unwrap().contains("no-store"), "{reply}");
}

#[tokio::test]
async fn a_path_and_a_prefix_are_joined_to_the_name() {
    for (path, prefix, name) in [
        ("/app1", "/oauth2", "__Host-tokigate-app1"),
        ("", "/auth", "__Host-tokigate-auth"),
        ("/app1", "/auth", "__Host-tokigate-app1-auth"),
    ] {
        let world = World::with(|setup| {
            setup.https();
            setup.public_url += path;
            setup.set("", "prefix", &format!("{prefix:?}"));
            let redirect = format!("{}{prefix}/callback", setup.public_url);
            setup.options.clients = vec![Client::public(CLIENT, &redirect)];
        });
        let world = world.await;
        let browser = world.browser();
        browser.sign_in(BAT, &format!("{path}/deep/a")).await;
        let names = browser.names();
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
        assert!(names.iter().all(|known| known == name || known.starts_with(&format!("{name}."))), "{names:?}");
    }
}

#[tokio::test]
async fn without_the_token_part_no_token_is_passed_on_and_the_user_is_who_they_are() {
    let world = World::with(|setup| {
        setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
        setup.options.access_lifetime = std::time::Duration::from_secs(600);
    });
    let world = world.await;
    let browser = world.signed_in(BAT).await;
    assert!(world.told("x-forwarded-access-token").is_some());
    let prefix = format!("{}.t", world.setup.cookie());
    browser.jar().retain(|cookie| !cookie.name.starts_with(&prefix));
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
    assert_eq!((world.told("x-forwarded-access-token"), world.told("x-forwarded-user").as_deref()), (None, Some(BAT)));
}

#[tokio::test]
async fn every_cookie_stays_under_four_kilobytes_with_its_attributes() {
    for bytes in [3_000, 6_000, 9_000, 12_000, 18_000] {
        let world = large(bytes).await;
        let browser = world.browser();
        let start = browser.load("/deep/a").await;
        let back = world.allow(&start, BAT).await;
        let done = browser.come_back(&back).await;
        assert_eq!(done.status, 302, "{bytes}: {}", done.text());
        let sizes: Vec<usize> = done.set_cookies().iter().map(String::len).collect();
        assert!(sizes.iter().all(|size| *size <= 4096), "{bytes}: {sizes:?}");
        // And it works: the tokens come back whole.
        world.turn(61);
        assert_eq!(browser.load("/deep/b").await.status, 200);
        assert!(browser.is_signed_in().await, "{bytes}");
        assert_eq!(world.refreshes(), 1, "{bytes}");
    }
}

#[tokio::test]
async fn every_size_works_on_both_sides_of_a_border() {
    let world = large(0).await;
    for bytes in (2_300..3_500).step_by(61) {
        world.provider.reshape(|answers| answers.access_token_bytes = bytes);
        let browser = world.signed_in(BAT).await;
        world.turn(61);
        assert_eq!(browser.load("/deep/b").await.status, 200, "{bytes}");
        world.turn(61);
        assert_eq!(browser.fetch("/deep/b").await.status, 200, "{bytes}");
    }
}

#[tokio::test]
async fn over_the_budget_the_sign_in_explains() {
    let world = World::with(|setup| {
        setup.options.answers.access_token_bytes = 4_000;
        setup.options.answers.refresh_token_bytes = 4_000;
        setup.options.answers.id_token_bytes = 4_000;
    });
    let world = world.await;
    let browser = world.browser();
    let start = browser.load("/deep/a").await;
    let back = world.allow(&start, BAT).await;
    let reply = browser.come_back(&back).await;
    assert!(reply.status >= 500 && reply.is_html(), "{reply}");
    assert!(session_cookies(&world, &browser).is_empty());
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
}

#[tokio::test]
async fn the_id_token_goes_first_so_that_the_rest_fits() {
    let world = World::with(|setup| {
        setup.set("identity", "id_token", "\"x-forwarded-id-token\"");
        setup.set("identity", "access_token", "\"x-forwarded-access-token\"");
        setup.options.answers.id_token_bytes = 7_000;
    });
    let world = world.await;
    world.signed_in(BAT).await;
    assert!(world.told("x-forwarded-access-token").is_some());
    assert_eq!(world.told("x-forwarded-id-token"), None);
}

#[tokio::test]
async fn pieces_that_shrink_leave_none_behind() {
    let world = large(15_000).await;
    let browser = world.signed_in(BAT).await;
    let many = token_cookies(&world, &browser).len();
    world.provider.reshape(|answers| {
        answers.access_token_bytes = 0;
        answers.refresh_token_bytes = 0;
        answers.id_token_bytes = 0;
    });
    world.turn(61);
    browser.load("/deep/a").await;
    let few = token_cookies(&world, &browser).len();
    assert!(few < many && few >= 1, "{many} then {few}");
    world.turn(61);
    assert_eq!((browser.load("/deep/b").await.status, browser.is_signed_in().await), (200, true));
}

#[tokio::test]
async fn without_its_token_part_a_refreshable_session_ends_with_its_access_token() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    let prefix = format!("{}.t", world.setup.cookie());
    browser.jar().retain(|cookie| !cookie.name.starts_with(&prefix));
    assert_eq!(browser.fetch("/deep/a").await.status, 200, "an identity part that opens is a session by itself");
    world.turn(61);
    assert!(!browser.copy().is_signed_in().await);
    assert_eq!(browser.fetch("/oauth2/userinfo").await.status, 401);
    assert_eq!(browser.fetch("/deep/a").await.status, 401);
    assert_eq!(world.refreshes(), 0);
}

#[tokio::test]
async fn a_token_part_of_another_session_is_as_good_as_none() {
    let world = World::new().await;
    let (bat, saraa) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    for cookie in token_cookies(&world, &saraa) {
        bat.jar().put(&cookie.name, &cookie.value);
    }
    assert_eq!(bat.fetch("/deep/a").await.status, 200);
    assert_eq!(world.told("x-forwarded-user").as_deref(), Some(BAT));
    world.turn(61);
    assert!(!bat.copy().is_signed_in().await);
    assert_eq!(bat.copy().fetch("/oauth2/userinfo").await.status, 401);
    assert_eq!(bat.fetch("/deep/a").await.status, 401, "and ends with its access token");
    assert_eq!(world.refreshes(), 0, "nobody's token is spent for somebody else");
}

#[tokio::test]
async fn a_piece_that_is_lost_swapped_or_surplus_makes_its_part_absent() {
    let world = large(12_000).await;
    let good = world.signed_in(BAT).await;
    let pieces = token_cookies(&world, &good);
    assert!(pieces.len() >= 3, "{}", pieces.len());
    let lost = good.copy();
    lost.jar().remove(&pieces[1].name);
    let swapped = good.copy();
    swapped.jar().put(&pieces[0].name, &pieces[1].value);
    swapped.jar().put(&pieces[1].name, &pieces[0].value);
    let doubled = good.copy();
    doubled.jar().put(&pieces[1].name, &pieces[0].value);
    let surplus = good.copy();
    surplus.jar().put(&format!("{}.t{}", world.setup.cookie(), pieces.len()), &pieces[0].value);
    world.turn(61);
    for (what, browser) in [("lost", &lost), ("swapped", &swapped), ("doubled", &doubled), ("surplus", &surplus)] {
        let reply = browser.fetch("/deep/a").await;
        assert_eq!((reply.status, browser.names()), (401, Vec::new()), "{what}, and what is no use is cleared");
    }
    assert_eq!(world.refreshes(), 0);
    assert_eq!(good.fetch("/deep/a").await.status, 200, "the others are as they were");
}

#[tokio::test]
async fn a_piece_of_an_older_generation_does_not_fit_the_others() {
    let mut world = large(12_000).await;
    let browser = world.signed_in(BAT).await;
    let old = token_cookies(&world, &browser);
    world.turn(61);
    browser.fetch("/deep/a").await;
    let mixed = browser.copy();
    mixed.jar().put(&old[1].name, &old[1].value);
    // A process that remembers nothing.
    world.restart(|_| {});
    world.turn(61);
    assert_eq!(mixed.fetch("/deep/a").await.status, 401);
    assert_eq!((world.refreshes(), world.provider.calls().facts().rotated_tokens_reused), (1, 0));
    assert_eq!(browser.fetch("/deep/a").await.status, 200);
}

#[tokio::test]
async fn parts_of_two_generations_work_together() {
    let world = World::new().await;
    let old = world.signed_in(BAT).await;
    let new = old.copy();
    world.turn(61);
    assert_eq!(new.load("/deep/a").await.status, 200);
    // Its answers were stored in part only: old identity with new tokens, new identity with old tokens.
    let (one, two) = (old.copy(), new.copy());
    for cookie in token_cookies(&world, &new) {
        one.jar().put(&cookie.name, &cookie.value);
    }
    for cookie in token_cookies(&world, &old) {
        two.jar().put(&cookie.name, &cookie.value);
    }
    for browser in [&one, &two] {
        assert_eq!(browser.fetch("/deep/b").await.status, 200);
        world.turn(61);
        assert_eq!(browser.fetch("/deep/b").await.status, 200);
        assert_eq!(browser.fetch("/deep/b").await.status, 200);
    }
    assert_eq!(world.provider.calls().facts().rotated_tokens_reused, 0);
}

#[tokio::test]
async fn an_old_token_part_is_never_spent_again_however_often_it_comes_with_the_new_identity() {
    let world = World::new().await;
    let (browser, other) = (world.signed_in(BAT).await, world.signed_in(SARAA).await);
    let old = token_cookies(&world, &browser);
    world.turn(61);
    browser.load("/deep/a").await;
    for cookie in &old {
        browser.jar().put(&cookie.name, &cookie.value);
    }
    for _ in 0..3 {
        // What would mend it is lost on its way.
        let reply = browser.send_only(Ask::script("/deep/b")).await;
        assert!(reply.status == 200 && !reply.set_cookies().is_empty(), "{reply}");
        // Another's refresh makes the process look through what it remembers.
        world.turn(61);
        other.load("/deep/c").await;
    }
    assert_eq!(browser.fetch("/deep/d").await.status, 200);
    assert_eq!(world.provider.calls().facts().rotated_tokens_reused, 0);
}
