use std::time::Duration;

use http::header::*;

use super::*;
use crate::wire::Malformed;

#[test]
fn the_door_answers_each_fault_by_its_name_and_closes() {
    let expected = [
        (Malformed::Host, 400),
        (Malformed::Target, 400),
        (Malformed::Framing, 400),
        (Malformed::Coding, 501),
        (Malformed::Expectation, 417),
        (Malformed::Method, 405),
        (Malformed::Upgrade, 400),
        (Malformed::BodyTooLarge, 413),
    ];
    for (fault, status) in expected {
        let response = asking(Form::Data, |asked| malformed(fault, asked));
        assert_eq!(response.status().as_u16(), status, "{fault:?}");
        assert_eq!(response.headers()[CONNECTION], "close", "{fault:?}");
    }
}

#[test]
fn a_sign_in_that_fails_says_whose_fault_it_is() {
    let text_of = || "x".to_owned();
    let expected = [
        (SignInError::NotReady(text_of()), 503),
        (SignInError::Unreachable(text_of()), 502),
        (SignInError::Broken(text_of()), 502),
        (SignInError::CodeRefused(text_of()), 400),
        (SignInError::ClientRefused(text_of()), 502),
        (SignInError::IdToken(text_of()), 502),
        (SignInError::Unnamed(text_of()), 403),
        (SignInError::TooMany { retry_after: Duration::ZERO }, 429),
    ];
    for (error, status) in expected {
        // Whoever comes back is a browser, whatever it accepts.
        let response = asking(Form::Data, |asked| sign_in_failed(&error, Some(&back_to("/a?b")), asked));
        assert_eq!(response.status().as_u16(), status, "{error:?}");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    }
}

#[test]
fn a_callback_that_leads_nowhere_offers_to_begin_again_where_it_was_going() {
    use crate::oidc::callback::Malformed::NoState;
    let refused = |error: &str| CallbackProblem::Refused { error: error.to_owned(), description: None };
    let expected = [
        (CallbackProblem::Malformed(NoState), 400),
        (CallbackProblem::ForeignState, 400),
        (CallbackProblem::ForeignIssuer, 400),
        (CallbackProblem::Stale, 400),
        (CallbackProblem::OtherBrowser, 400),
        (CallbackProblem::NoCookies, 400),
        (refused("access_denied"), 403),
        (refused("login_required"), 403),
        (refused("server_error"), 502),
        (refused("temporarily_unavailable"), 502),
    ];
    for (problem, status) in expected {
        let response = asking(Form::Data, |asked| callback_problem(&problem, Some(&back_to("/a?b=c")), asked));
        assert_eq!(response.status().as_u16(), status, "{problem:?}");
        let page = text(response);
        assert!(page.contains(r#"href="https://app.example.mn/oauth2/start?rd=/a%3Fb%3Dc""#), "{problem:?}: {page}");
    }
}

#[test]
fn an_application_that_fails_is_told_apart_from_one_that_is_slow() {
    let text_of = || "x".to_owned();
    let expected = [
        (UpstreamError::Connect(text_of()), 502),
        (UpstreamError::ConnectTimeout(String::new(), Duration::ZERO), 504),
        (UpstreamError::Timeout(Duration::ZERO), 504),
        (UpstreamError::Closed(text_of()), 502),
        (UpstreamError::Broken(text_of()), 502),
        (UpstreamError::RequestBody(text_of()), 400),
        (UpstreamError::RequestBodyTimeout(Duration::ZERO), 408),
        (UpstreamError::BodyTooLarge, 413),
        (UpstreamError::SessionOver, 401),
    ];
    for (error, status) in expected {
        let data = asking(Form::Data, |asked| upstream_failed(&error, asked));
        assert_eq!(
            (data.status().as_u16(), &data.headers()[CONTENT_TYPE]),
            (status, &HeaderValue::from_static("application/problem+json"))
        );
        let page = asking(Form::Page, |asked| upstream_failed(&error, asked));
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8", "{error:?}");
    }
}
