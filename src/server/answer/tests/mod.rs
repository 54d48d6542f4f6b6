mod data;
mod failure;
mod onward;

use std::time::Duration;

use http::header::*;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;

use super::*;
use crate::gate::Lacks;
use crate::gate::rules::Unmet;
use crate::gate::{Refusal, ReturnTo};
use crate::oidc::StepUp;
use crate::oidc::step_up::Unmet as TooWeak;
use crate::provider::SignInError;
use crate::upstream::UpstreamError;
use crate::wire::Grpc;

fn places() -> Vec<Place> {
    ["https://app.example.mn", "https://second.example.mn"]
        .map(|origin| Place {
            origin: origin.to_owned(),
            home: format!("{origin}/"),
            gate: format!("{origin}/oauth2"),
            host: origin.strip_prefix("https://").unwrap().to_owned(),
        })
        .to_vec()
}

/// Asks in a form, and hands on what is answered.
fn asking<T>(form: Form, answer: impl FnOnce(&Asked<'_>) -> T) -> T {
    let places = places();
    let voice =
        Voice { name: Some("Дэлгүүр".to_owned()), provider: Some("TOKI".to_owned()), ..Voice::default() };
    let request_id = HeaderValue::from_static("0123abcd");
    answer(&Asked {
        form,
        head: false,
        language: Language::English,
        request_id: &request_id,
        user: None,
        voice: &voice,
        places: &places,
        public_url: 0,
    })
}

fn text(response: Response<Body>) -> String {
    let collected = futures_util::FutureExt::now_or_never(response.into_body().collect());
    String::from_utf8(collected.expect("it is all there").unwrap().to_bytes().to_vec()).unwrap()
}

fn json_of(response: Response<Body>) -> serde_json::Value {
    serde_json::from_str(&text(response)).unwrap()
}

fn back_to(path: &str) -> ReturnTo {
    ReturnTo::checked(path.to_owned())
}

fn stranger() -> Refusal {
    Refusal::SignInNeeded { public_url: 0, return_to: back_to("/api?a=1&b=%20"), step_up: StepUp::default() }
}

const FORMS: [Form; 7] =
    [Form::Page, Form::Frame, Form::Form, Form::Data, Form::Grpc(Grpc::Http2), Form::Bare, Form::ForwardAuth];

fn refusals() -> Vec<Refusal> {
    vec![
        stranger(),
        Refusal::Denied { rule: Some(3) },
        Refusal::Unnamed,
        Refusal::ForeignOrigin,
        Refusal::OriginalUnknown { missing: "X-Forwarded-Uri" },
        Refusal::NotAllowed,
        Refusal::UnknownParameter("x".to_owned()),
        Refusal::AmbiguousPath { meets: vec![Some(2), None] },
        Refusal::NotFound,
        Refusal::MethodNotAllowed { allow: "GET, HEAD" },
        Refusal::Misdirected,
        Refusal::ProviderAway { retry_after: Duration::from_millis(2500) },
        Refusal::NoNavigation,
        not_met(&[("groups", Unmet::Missing)]),
        too_old(),
    ]
}

fn not_met(claims: &[(&str, Unmet)]) -> Refusal {
    let claims = claims.iter().map(|(claim, why)| ((*claim).to_owned(), *why)).collect();
    Refusal::NotMet { rule: Some(2), lacks: Lacks::Claims(claims), return_to: back_to("/admin") }
}

fn too_old() -> Refusal {
    Refusal::StepUpNeeded {
        rule: Some(1),
        unmet: TooWeak::Age,
        public_url: 0,
        return_to: back_to("/admin"),
        step_up: StepUp {
            max_age: Some(Duration::from_secs(900)),
            acr_values: vec!["urn:mace:a/b".to_owned(), "phr".to_owned()],
        },
    }
}

/// RFC 9470 §3.
#[test]
fn whose_sign_in_is_too_old_is_told_how_old_it_may_be_and_where_to_sign_in() {
    let response = asking(Form::Data, |asked| refusal(&too_old(), asked));
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        "Bearer error=\"insufficient_user_authentication\", error_description=\"More recent authentication is required\", max_age=\"900\", acr_values=\"urn:mace:a/b phr\""
    );
    let problem = json_of(response);
    let login_url = "https://app.example.mn/oauth2/start?max_age=900&acr_values=urn%3Amace%3Aa/b%20phr";
    assert_eq!((&problem["login_url"], &problem["reason"]), (&login_url.into(), &"sign_in_too_old".into()));
    let page = text(asking(Form::Page, |asked| refusal(&too_old(), asked)));
    assert!(page.contains("/oauth2/start?rd=/admin&#38;again=1&#38;max_age=900&#38;acr_values="), "{page}");
    let grpc = asking(Form::Grpc(Grpc::Http2), |asked| refusal(&too_old(), asked));
    assert!(grpc.headers()["grpc-status"] == "16" && !grpc.headers().contains_key(WWW_AUTHENTICATE));
}

#[test]
fn a_stranger_is_led_to_the_sign_in_that_the_rule_wants() {
    let step_up = StepUp { max_age: Some(Duration::from_secs(60)), ..StepUp::default() };
    let needed = Refusal::SignInNeeded { public_url: 0, return_to: back_to("/admin"), step_up };
    let problem = json_of(asking(Form::Data, |asked| refusal(&needed, asked)));
    assert_eq!(problem["login_url"], "https://app.example.mn/oauth2/start?max_age=60");
    let forward_auth = asking(Form::ForwardAuth, |asked| refusal(&needed, asked));
    assert!(forward_auth.headers()[LOCATION].to_str().unwrap().ends_with("/admin&max_age=60"));
}

#[test]
fn a_person_is_told_what_kind_of_thing_is_missing_and_no_more() {
    for (claims, reason, says) in [
        (&[("groups", Unmet::Other)][..], "group_missing", "group"),
        (&[("realm_access.roles", Unmet::Missing)], "group_missing", "group"),
        (&[("email", Unmet::Other)], "email_not_allowed", "e-mail"),
        (&[("email", Unmet::Unverified), ("groups", Unmet::Other)], "email_not_verified", "verified"),
        (&[("email_verified", Unmet::Other)], "email_not_verified", "verified"),
        (&[("nationalId", Unmet::Missing)], "claim_not_met", "access"),
    ] {
        let page = asking(Form::Page, |asked| refusal(&not_met(claims), asked));
        assert_eq!((page.status(), super::reason(&page)), (StatusCode::FORBIDDEN, Some(reason)));
        let page = text(page);
        assert!(page.contains(says) && !page.contains("rules[") && !page.contains("nationalId"), "{page}");
        let problem = json_of(asking(Form::Data, |asked| refusal(&not_met(claims), asked)));
        assert_eq!(problem["reason"], reason);
    }
    let elsewhere = Refusal::NotMet { rule: Some(0), lacks: Lacks::Network, return_to: back_to("/") };
    assert_eq!(json_of(asking(Form::Data, |asked| refusal(&elsewhere, asked)))["reason"], "wrong_network");
}

#[test]
fn a_stranger_who_wants_data_is_told_where_to_sign_in() {
    let response = asking(Form::Data, |asked| refusal(&stranger(), asked));
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
    let problem = json_of(response);
    assert_eq!(problem["login_url"], "https://app.example.mn/oauth2/start");
    assert_eq!(problem["status"], 401);
    let names: Vec<_> = problem.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["type", "title", "status", "detail", "login_url"]);
}

#[test]
fn a_stranger_who_speaks_grpc_is_told_in_grpc() {
    let response = asking(Form::Grpc(Grpc::Http2), |asked| refusal(&stranger(), asked));
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
    let denied = asking(Form::Grpc(Grpc::Http2), |asked| refusal(&Refusal::Denied { rule: None }, asked));
    assert_eq!((denied.status(), &denied.headers()["grpc-status"]), (StatusCode::OK, &HeaderValue::from_static("7")));
}

#[test]
fn a_stranger_at_forward_auth_is_shown_the_way_back_to_the_whole_address() {
    let response = asking(Form::ForwardAuth, |asked| refusal(&stranger(), asked));
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()[LOCATION],
        "https://app.example.mn/oauth2/start?rd=https%3A//app.example.mn/api%3Fa%3D1%26b%3D%2520"
    );
    assert_eq!(text(response), "");
}

#[test]
fn what_was_matched_to_the_second_address_leads_to_the_second() {
    let needed = Refusal::SignInNeeded { public_url: 1, return_to: back_to("/"), step_up: StepUp::default() };
    let problem = json_of(asking(Form::Data, |asked| refusal(&needed, asked)));
    assert_eq!(problem["login_url"], "https://second.example.mn/oauth2/start");
}

#[test]
fn a_socket_and_a_preflight_get_a_head_alone() {
    let response = asking(Form::Bare, |asked| refusal(&stranger(), asked));
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!response.headers().contains_key(CONTENT_TYPE));
    assert_eq!(text(response), "");
}

#[test]
fn a_frame_opens_at_the_top_and_a_lost_form_beside_itself() {
    let frame = asking(Form::Frame, |asked| refusal(&stranger(), asked));
    assert_eq!(frame.status(), StatusCode::UNAUTHORIZED);
    assert!(frame.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().ends_with("frame-ancestors *"));
    assert!(text(frame).contains(r#"target="_top""#));
    let form = asking(Form::Form, |asked| refusal(&stranger(), asked));
    assert_eq!((form.status(), reason(&form)), (StatusCode::UNAUTHORIZED, Some("form_not_kept")));
    let page = text(form);
    assert!(page.contains(r#"target="_blank""#) && page.contains("not kept"), "{page}");
}

#[test]
fn each_refusal_has_its_status_in_every_form() {
    let expected = [401, 403, 403, 403, 403, 403, 400, 400, 404, 405, 421, 503, 401, 403, 401];
    for (refused, expected) in refusals().iter().zip(expected) {
        for form in FORMS {
            let response = asking(form, |asked| refusal(refused, asked));
            let expected = if matches!(form, Form::Grpc(_)) { 200 } else { expected };
            assert_eq!(response.status().as_u16(), expected, "{refused:?} as {form:?}");
            assert!(reason(&response).is_some(), "{refused:?} has no reason");
        }
    }
}

#[test]
fn what_helps_to_go_on_is_in_the_head() {
    let away = asking(Form::Data, |asked| refusal(&refusals()[11], asked));
    assert_eq!(away.headers()[RETRY_AFTER], "3", "rounded up");
    let method = asking(Form::Data, |asked| refusal(&refusals()[9], asked));
    assert_eq!(method.headers()[ALLOW], "GET, HEAD");
    let elsewhere = text(asking(Form::Page, |asked| refusal(&Refusal::Misdirected, asked)));
    assert!(elsewhere.contains(r#"<a class="go" href="https://app.example.mn/">https://app.example.mn/</a>"#));
    let too_many = SignInError::TooMany { retry_after: Duration::from_secs(7) };
    let busy = asking(Form::Page, |asked| sign_in_failed(&too_many, None, asked));
    assert_eq!((busy.status(), &busy.headers()[RETRY_AFTER]), (StatusCode::TOO_MANY_REQUESTS, &HeaderValue::from(7)));
}

#[test]
fn a_form_that_was_posted_is_never_sent_again_by_a_link() {
    let away = Refusal::ProviderAway { retry_after: Duration::from_secs(5) };
    let down = UpstreamError::Connect("x".to_owned());
    for answer in
        [asking(Form::Form, |asked| refusal(&away, asked)), asking(Form::Form, |asked| upstream_failed(&down, asked))]
    {
        let page = text(answer);
        assert!(!page.contains("http-equiv") && !page.contains("href"), "{page}");
    }
    assert!(text(asking(Form::Page, |asked| refusal(&away, asked))).contains(r#"http-equiv="refresh" content="5""#));
}

#[test]
fn every_answer_of_our_own_is_kept_by_nobody() {
    for refused in refusals() {
        for form in FORMS {
            let response = asking(form, |asked| refusal(&refused, asked));
            let headers = response.headers();
            assert_eq!(headers[CACHE_CONTROL], "no-store");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
            assert_eq!(headers["x-request-id"], "0123abcd");
            assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'; "));
        }
    }
}

#[test]
fn head_is_told_the_length_and_gets_nothing() {
    asking(Form::Page, |asked| {
        let whole = refusal(&stranger(), asked);
        let head = refusal(&stranger(), &Asked { head: true, ..*asked });
        assert_eq!(head.headers()[CONTENT_LENGTH], whole.headers()[CONTENT_LENGTH]);
        assert_ne!(head.headers()[CONTENT_LENGTH], "0");
        assert_eq!(text(head), "");
    });
}

const RIGHT_TO_LEFT: char = '\u{202e}';

proptest! {
    /// Whatever the provider or a client wrote, none of it becomes markup, and no header breaks.
    #[test]
    fn nothing_that_others_wrote_becomes_markup(words in r#"[<>"'&/ \\a=\t;\u{202e}й]{0,40}"#, path in r#"/[a-z"'<>&;= ]{0,20}"#) {
        let problem = CallbackProblem::Refused { error: words.clone(), description: Some(words) };
        let page = text(asking(Form::Page, |asked| callback_problem(&problem, Some(&back_to(&path)), asked)));
        let inside = &page[page.find("<body>").unwrap()..];
        for (at, _) in inside.match_indices('<') {
            let tag = inside[at + 1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '/').next().unwrap();
            let ours = ["body", "main", "h1", "p", "div", "a", "blockquote", "footer", "code", "html"];
            prop_assert!(ours.contains(&tag.trim_start_matches('/')), "<{tag} in {inside}");
        }
        prop_assert!(!inside.contains(RIGHT_TO_LEFT));
    }
}
