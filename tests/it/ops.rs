//! The admin listener: interface.md, "On the admin listener" and "Metrics".

use crate::world::{Ask, BAT, World};

/// The value of the line that begins with this.
fn metric(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|known| known.strip_prefix(line)?.trim().parse().ok())
}

#[tokio::test]
async fn health_readiness_and_metrics_are_on_the_admin_listener_alone() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(world.admin(target).await.status, 200, "{target}");
        assert_eq!(world.browser().fetch(target).await.status, 401, "{target}");
        // On the public listener they are the application's.
        assert!(browser.fetch(target).await.header("x-sample-app").is_some(), "{target}");
    }
    assert_eq!(world.admin("/deep/a").await.status, 404);
    let posted = Ask::plain("/metrics").method("POST").send(world.gate.as_ref().unwrap().admin(), "localhost").await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn every_metric_of_the_interface_is_there() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    browser.load("/deep/a").await;
    let text = world.admin("/metrics").await.text();
    for name in [
        "tokigate_requests_total",
        "tokigate_request_duration_seconds",
        "tokigate_logins_total",
        "tokigate_refreshes_total",
        "tokigate_provider_requests_total",
        "tokigate_provider_request_duration_seconds",
        "tokigate_upstream_connections",
        "tokigate_client_connections",
        "tokigate_tunnels",
        "tokigate_session_cookie_bytes",
        "tokigate_config_reloads_total",
        "process_",
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}:\n{text}");
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let world = World::new().await;
    let browser = world.signed_in(BAT).await;
    world.turn(61);
    browser.load("/deep/a").await;
    world.browser().fetch("/deep/a").await;
    let refused = world.browser();
    let back = world.refuse(&refused.load("/deep/a").await).await;
    refused.come_back(&back).await;
    world.provider.revoke_user(BAT);
    world.turn(61);
    browser.fetch("/deep/a").await;
    let text = world.admin("/metrics").await.text();
    for (line, value) in [
        ("tokigate_logins_total{result=\"success\"}", 1.0),
        ("tokigate_logins_total{result=\"refused\"}", 1.0),
        ("tokigate_refreshes_total{result=\"renewed\"}", 1.0),
        ("tokigate_refreshes_total{result=\"ended\"}", 1.0),
        ("tokigate_requests_total{decision=\"forwarded\"}", 2.0),
        ("tokigate_requests_total{decision=\"sign_in\"}", 2.0),
        ("tokigate_requests_total{decision=\"unauthenticated\"}", 2.0),
    ] {
        assert_eq!(metric(&text, line), Some(value), "{line}:\n{text}");
    }
}

#[tokio::test]
async fn labels_do_not_grow_with_what_clients_send() {
    let world = World::new().await;
    world.browser().fetch("/deep/first").await;
    let before = world.admin("/metrics").await.text().lines().count();
    for number in 0..200 {
        let ask = Ask::script(&format!("/deep/{number}")).method(&format!("METHOD{number}"));
        world.curl(ask).await;
    }
    let text = world.admin("/metrics").await.text();
    assert_eq!(text.lines().count(), before);
    assert!(!text.contains("/deep/") && !text.contains("METHOD"));
}
