use http::HeaderName;

use super::*;
use crate::clock::Timestamp;
use crate::oidc::Subject;
use crate::session::{AtProvider, Claims, Session, SessionId};

#[test]
fn each_cookie_of_a_yes_stands_once_more_under_a_number_and_of_no_other_answer() {
    let mut yes = asking(Form::ForwardAuth, |asked| allowed(&[], asked));
    let mut other = asking(Form::Data, |asked| session_status(None, asked));
    for response in [&mut yes, &mut other] {
        for cookie in ["a=1; Path=/", "b=2; Path=/"] {
            response.headers_mut().append("set-cookie", HeaderValue::from_static(cookie));
        }
        count_cookies(response);
    }
    assert_eq!(yes.headers()["x-auth-request-set-cookie-1"], "a=1; Path=/");
    assert_eq!(yes.headers()["x-auth-request-set-cookie-2"], "b=2; Path=/");
    assert!(!other.headers().contains_key("x-auth-request-set-cookie-1"));
}

#[test]
fn forward_auth_names_the_user_twice_and_doubles_nothing_else() {
    let identity = [
        (HeaderName::from_static("x-forwarded-user"), HeaderValue::from_static("u-1")),
        (HeaderName::from_static("x-forwarded-access-token"), HeaderValue::from_static("t")),
        (HeaderName::from_static("x-name"), HeaderValue::from_static("n")),
    ];
    let response = asking(Form::ForwardAuth, |asked| allowed(&identity, asked));
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    for (name, value) in [
        ("x-forwarded-user", "u-1"),
        ("x-auth-request-user", "u-1"),
        ("x-forwarded-access-token", "t"),
        ("x-auth-request-access-token", "t"),
        ("x-name", "n"),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    assert_eq!(response.headers().keys().filter(|name| name.as_str().starts_with("x-auth-request-")).count(), 2);
}

#[test]
fn a_session_tells_of_itself_in_the_same_eight_fields_always() {
    let fields = [
        "active",
        "user",
        "user_hash",
        "created_at",
        "expires_at",
        "expires_in_seconds",
        "token_expires_in_seconds",
        "refreshable",
    ];
    let at = Timestamp::from_unix_seconds;
    let session = Session {
        id: SessionId::from_bytes([1; 16]),
        generation: 0,
        user: Subject::parse("бат").unwrap(),
        created_at: at(1_700_000_000),
        expires_at: at(1_700_043_200),
        seen_at: at(1_700_000_000),
        auth_time: Some(at(1_700_000_000)),
        token_issued_at: at(1_700_000_000),
        token_expires_at: at(1_700_000_060),
        refreshable: true,
        claims: Claims::default(),
        at_provider: AtProvider::default(),
    };
    let now = at(1_700_000_100);
    let status = SessionStatus { session: &session, user_hash: Some("h"), left: session.expires_at.since(now), now };
    let active = json_of(asking(Form::Data, |asked| session_status(Some(&status), asked)));
    let expected = serde_json::json!({
        "active": true, "user": "бат", "user_hash": "h",
        "created_at": "2023-11-14T22:13:20Z", "expires_at": "2023-11-15T10:13:20Z",
        "expires_in_seconds": 43100, "token_expires_in_seconds": 0, "refreshable": true,
    });
    assert_eq!(active, expected);
    let none = json_of(asking(Form::Data, |asked| session_status(None, asked)));
    assert_eq!(none["active"], false);
    for value in [active, none] {
        assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), fields);
    }
}
