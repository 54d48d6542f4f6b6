//! What a proxy that asks is told: it takes every 2xx for a yes.

use http::StatusCode;

use super::house::{Gatehouse, Jar};

const ASKS: [&str; 2] = ["/oauth2/auth", "/oauth2/auth/redirect"];

async fn asked(headers: &[(&str, &str)], jar: &Jar, method: &str, address: &str) -> StatusCode {
    let house = Gatehouse::with(&[("TRUSTED_PROXIES", "loopback")], |_| {}).await;
    let told = [("x-forwarded-method", "GET"), ("x-forwarded-host", "app.example.mn"), ("x-forwarded-uri", "/private")];
    let headers: Vec<_> = told.iter().chain(headers).copied().collect();
    let ask = house.ask(jar, method, address, &headers);
    house.go(&mut jar.clone(), &ask).await.status()
}

#[tokio::test]
async fn the_signed_out_page_lets_nobody_pass() {
    let forged = Jar([("__Host-tokigate.out".to_owned(), "1".to_owned())].into());
    for address in ASKS {
        let status = asked(&[("accept", "text/html")], &forged, "GET", address).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{address}");
    }
}

#[tokio::test]
async fn what_is_200_to_a_grpc_client_is_no_yes_to_a_proxy() {
    let grpc = [("content-type", "application/grpc")];
    for (method, address, expected) in [
        ("GET", "/oauth2/auth", StatusCode::UNAUTHORIZED),
        ("GET", "/oauth2/auth/redirect", StatusCode::UNAUTHORIZED),
        ("GET", "/oauth2/auth/redirect?unknown=1", StatusCode::BAD_REQUEST),
        ("POST", "/oauth2/auth", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/oauth2/auth/redirect", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(asked(&grpc, &Jar::default(), method, address).await, expected, "{method} {address}");
    }
}

#[tokio::test]
async fn who_must_be_allowed_on_a_public_path_must_have_a_session_that_lives() {
    let rules = r#"[{path="/private",access="public"}]"#;
    let house = Gatehouse::with(&[("TRUSTED_PROXIES", "loopback"), ("RULES", rules)], |_| {}).await;
    let mut jar = Jar::default();
    house.sign_in_at("/somewhere", &mut jar, "100001").await;
    house.turn(3600);
    let told = [("x-forwarded-host", "app.example.mn"), ("x-forwarded-uri", "/private"), ("x-forwarded-method", "GET")];
    let ask = house.ask(&jar, "GET", "/oauth2/auth?allowed_groups=nobody", &told);
    house.go(&mut jar, &ask).await;
    assert_eq!(house.refreshes(), 1);
}
