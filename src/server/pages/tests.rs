use super::*;

/// Every notice there is.
const NOTICES: &[Notice<'static>] = &[
    Notice::SignIn,
    Notice::Frame,
    Notice::FormNotKept,
    Notice::NoNavigation,
    Notice::SignedOut,
    Notice::AskSignOut,
    Notice::GoOn,
    Notice::ConsentRefused,
    Notice::ProviderRefused { error: "login_required", description: Some("Хэрэглэгч \"алга\"") },
    Notice::BadAnswer,
    Notice::StaleAnswer,
    Notice::ForeignAnswer,
    Notice::OtherBrowser,
    Notice::NoCookies,
    Notice::CodeRefused,
    Notice::ProviderUnreachable,
    Notice::ProviderBroken,
    Notice::ClientRefused,
    Notice::TooManySignIns,
    Notice::SessionTooLarge,
    Notice::Unnamed,
    Notice::SignInTooWeak,
    Notice::SessionLost,
    Notice::SignInTooOld,
    Notice::StrongerSignIn,
    Notice::FrameAgain,
    Notice::FormNeedsSignIn,
    Notice::ProviderAway,
    Notice::Denied,
    Notice::WrongNetwork,
    Notice::NotInGroup,
    Notice::EmailNotAllowed,
    Notice::EmailNotVerified,
    Notice::ClaimNotMet,
    Notice::TokenNotTaken,
    Notice::TokenUnclear,
    Notice::ScopeNeeded,
    Notice::TooManyTokens,
    Notice::ForeignOrigin,
    Notice::OriginalUnknown,
    Notice::UnknownParameter,
    Notice::AmbiguousPath,
    Notice::NotFound,
    Notice::MethodNotAllowed,
    Notice::Misdirected { address: "https://app.example.mn/" },
    Notice::ApplicationDown,
    Notice::ApplicationSlow,
    Notice::ApplicationBroken,
    Notice::BadRequest,
    Notice::BodySlow,
    Notice::BodyTooLarge,
    Notice::NotSupported,
    Notice::Broken,
];

fn page(voice: &Voice, language: Language, notice: Notice<'_>) -> String {
    let links = Links {
        go: Some(Go { href: "https://app.example.mn/oauth2/start?rd=/".into(), target: Target::Here }),
        other: Some("https://app.example.mn/".into()),
        ..Links::default()
    };
    Page { voice, language, host: "app.example.mn", request_id: "req-1", user: Some("h-1"), notice, links }.render()
}

#[test]
fn the_style_that_the_policy_allows_is_the_one_in_the_page() {
    let html = page(&Voice::default(), Language::English, Notice::SignIn);
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
    assert_eq!(*STYLE_SOURCE, format!("'sha256-{hash}'"));
    assert_eq!(html.matches("<style>").count(), 1);
}

#[test]
fn no_page_needs_anything_but_itself() {
    for notice in NOTICES {
        let html = page(&Voice::default(), Language::English, *notice);
        for other in ["<script", "<img", "<link", "<iframe", "style=", "url(", "@import", "src=", "onclick="] {
            assert!(!html.contains(other), "{other} in {html}");
        }
    }
}

#[test]
fn every_page_says_its_language_the_request_and_where_help_is() {
    let voice = Voice { support: Some("help@example.mn".to_owned()), ..Voice::default() };
    for (language, tag) in [(Language::English, "en"), (Language::Mongolian, "mn")] {
        for notice in NOTICES {
            let html = page(&voice, language, *notice);
            assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\""), "{html}");
            assert!(html.contains(&format!("<html lang=\"{tag}\">")));
            assert!(html.contains("<code>req-1</code>") && html.contains("<code>h-1</code>"), "{html}");
            assert!(html.contains(r#"<a href="mailto:help@example.mn">help@example.mn</a>"#), "{html}");
            assert_eq!(html.matches("<h1>").count(), 1);
        }
    }
}

#[test]
fn the_two_languages_say_the_same_things_with_the_same_buttons() {
    let words = Words { app: "app", provider: None };
    for notice in NOTICES {
        let (english, mongolian) = (en::text(notice, &words), mn::text(notice, &words));
        assert_eq!(english.says.len(), mongolian.says.len(), "{notice:?}");
        assert_eq!(english.button.is_some(), mongolian.button.is_some(), "{notice:?}");
        assert_eq!(english.other.is_some(), mongolian.other.is_some(), "{notice:?}");
        let cyrillic = |c: char| ('\u{400}'..'\u{500}').contains(&c);
        assert!(mongolian.title.chars().any(cyrillic) && !english.title.chars().any(cyrillic), "{notice:?}");
    }
}

#[test]
fn a_hostile_name_stays_text() {
    let name = r#""><script>alert(1)</script>'"#.to_owned();
    let voice =
        Voice { name: Some(name.clone()), support: Some(name.clone()), provider: Some(name), ..Voice::default() };
    for notice in NOTICES {
        for language in [Language::English, Language::Mongolian] {
            assert!(!page(&voice, language, *notice).contains("<script"), "{notice:?}");
        }
    }
    let quoted = Notice::ProviderRefused { error: "<b>", description: Some("\u{202e}\"><img src=x>\u{7}") };
    let html = page(&Voice::default(), Language::English, quoted);
    assert!(html.contains("<blockquote>&#60;b&#62;: &#34;&#62;&#60;img src=x&#62;</blockquote>"), "{html}");
}

#[test]
fn a_quotation_has_an_end() {
    let long = "й".repeat(5000);
    let quote = Notice::ProviderRefused { error: "e", description: Some(&long) }.quote().unwrap();
    assert_eq!(quote.chars().count(), 300);
}

#[test]
fn support_becomes_a_link_only_where_it_is_an_address() {
    assert_eq!(href_of_support("help@example.mn").as_deref(), Some("mailto:help@example.mn"));
    assert_eq!(href_of_support("https://help.example.mn/").as_deref(), Some("https://help.example.mn/"));
    for text in ["7700-1234", "javascript:alert(1)", "a@b?cc=c@d", "@", "ask Bat @ desk"] {
        assert_eq!(href_of_support(text), None, "{text}");
    }
}

/// `PAGES=DIR cargo test --lib writes_the_pages_down` writes them for whoever wants to look at them.
#[test]
fn writes_the_pages_down() {
    let Some(folder) = std::env::var_os("PAGES").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let voice = Voice {
        name: Some("Дэлгүүр".to_owned()),
        support: Some("help@example.mn".to_owned()),
        provider: Some("TOKI".to_owned()),
        ..Voice::default()
    };
    for (number, notice) in NOTICES.iter().enumerate() {
        for language in [Language::English, Language::Mongolian] {
            let file = folder.join(format!("{number:02}-{}.html", language.tag()));
            std::fs::write(file, page(&voice, language, *notice)).unwrap();
        }
    }
}
