use http::header::*;

use super::*;

#[test]
fn sign_out_from_another_site_is_a_form_whose_post_comes_from_here() {
    let response = asking(Form::Page, |asked| ask_sign_out(0, &back_to("/bye?x=1"), None, asked));
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // `no-referrer` would make the POST's Origin `null`, and the question would be asked again for ever.
    assert_eq!(response.headers()[REFERRER_POLICY], "same-origin");
    let page = text(response);
    assert!(page.contains(r#"<form method="post" action="https://app.example.mn/oauth2/sign_out?rd=/bye%3Fx%3D1">"#));
}

/// Chromium holds where a POST is redirected to the policy of the page, too.
#[test]
fn its_post_may_be_led_on_to_the_providers_own_sign_out() {
    let onward = Some("http://localhost:9000");
    let response = asking(Form::Page, |asked| ask_sign_out(0, &back_to("/"), onward, asked));
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https: http://localhost:9000;"), "{policy}");
}

#[test]
fn the_signed_out_page_has_one_button_and_it_starts_a_sign_in() {
    let page = text(asking(Form::Page, |asked| signed_out(0, &back_to("/x"), asked)));
    assert_eq!(page.matches(" href=").count(), 1, "{page}");
    assert!(page.contains(r#"href="https://app.example.mn/oauth2/start?rd=/x""#), "{page}");
}

#[test]
fn redirects_are_302_to_this_site_byte_for_byte() {
    let target = "/a%2Fb//c;d?q=%20x&y='\"";
    let response = asking(Form::Page, |asked| to_return(1, &back_to(target), asked));
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], format!("https://second.example.mn{target}"));
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[REFERRER_POLICY], "no-referrer");
    let start = asking(Form::Page, |asked| to_start(0, &back_to("/a&b"), asked));
    assert_eq!(start.headers()[LOCATION], "https://app.example.mn/oauth2/start?rd=/a%26b");
}

#[test]
fn a_line_break_never_gets_into_an_address() {
    let response = asking(Form::Page, |asked| to_return(0, &back_to("/a\r\nSet-Cookie: x"), asked));
    assert_eq!(response.headers()[LOCATION], "https://app.example.mn/");
}

#[test]
fn strict_cookies_go_on_by_a_page() {
    let response = asking(Form::Page, |asked| go_on(0, &back_to("/a?b&c"), asked));
    assert_eq!(response.status(), StatusCode::OK);
    let page = text(response);
    let refresh = r#"<meta http-equiv="refresh" content="0; url=https://app.example.mn/a?b&#38;c">"#;
    assert!(page.contains(refresh), "{page}");
}
