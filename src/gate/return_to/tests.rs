mod payloads;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use url::Url;

use super::super::Settings;
use super::super::identity::Template;
use super::super::route::PublicUrl;
use super::*;
use crate::wire::Host;

const ORIGIN: &str = "https://app.example.mn";

fn site(host: &str, path: &str) -> Site {
    let url = PublicUrl { https: true, host: Host { name: host.to_owned(), port: None }, path: path.to_owned() };
    let settings = Settings {
        public_urls: vec![url.clone()],
        extra_hosts: Vec::new(),
        prefix: "/oauth2".to_owned(),
        callback_path: None,
        health_path: None,
        forward_auth_only: false,
        rules: Vec::new(),
        identity: super::super::Identity {
            headers: vec![(http::HeaderName::from_static("x-forwarded-user"), Template::parse("sub").expect("a path"))],
            user_claim: "sub".to_owned(),
            access_token: Default::default(),
            id_token: Default::default(),
        },
        allowed_origins: Vec::new(),
        cors_origins: Vec::new(),
        lifetimes: Default::default(),
    };
    Site::new(&url, &settings)
}

/// The whole origin, and a part of another.
fn sites() -> Vec<Site> {
    vec![site("app.example.mn", ""), site("shop.example.mn", "/mn")]
}

fn parse(rd: &str) -> Option<String> {
    parse_at(rd, 0)
}

fn parse_at(rd: &str, current: usize) -> Option<String> {
    let sites = sites();
    ReturnTo::parse(rd, &sites, current).map(|(index, to)| format!("{}{}", sites[index].origin, to.as_str()))
}

/// What a browser makes of an accepted address, whether it stands in `Location` alone or behind the origin, and of what becomes of it where
/// something on the way decodes it once too often.
fn leads_home(rd: &str, current: usize) -> Result<(), TestCaseError> {
    let sites = sites();
    let Some((index, to)) = ReturnTo::parse(rd, &sites, current) else { return Ok(()) };
    let (site, to) = (&sites[index], to.as_str());
    prop_assert!(to.bytes().all(|byte| byte.is_ascii_graphic()), "{to}");
    let base = Url::parse(&format!("{}{}/callback?code=x", site.origin, site.own)).expect("an address");
    let decoded = percent_decode_str(to).decode_utf8_lossy().into_owned();
    let read = |address: &str| base.join(address).map_err(|error| TestCaseError::fail(format!("{address}: {error}")));
    for address in [&format!("{}{to}", site.origin), to, &decoded] {
        let read = read(address)?;
        prop_assert_eq!(&read.origin().ascii_serialization(), &site.origin, "{}", address);
        prop_assert!(read.username().is_empty() && read.password().is_none(), "{address}");
    }
    let path = read(to)?.path().as_bytes().to_vec();
    prop_assert!(site.holds(&path) && !site.reads_as_own(&path), "{to}");
    Ok(())
}

#[test]
fn paths_of_this_site_are_taken_byte_for_byte() {
    for path in [
        "/",
        "/a",
        "/a/b/",
        "/a?b=c&d=%2F",
        "/a#b",
        "/a%2Fb",
        "/a/../b",
        "/.well-known/x",
        "/a;b",
        "/?//evil.mn",
        "/a?u=https://evil.mn",
        "/a#//evil.mn",
        "/a:b@c",
        "/@evil.mn",
        "/a//b",
        "/javascript:alert(1)",
        "/a%252fb",
        "/%D0%B1",
        "/oauth2x",
    ] {
        assert_eq!(parse(path), Some(format!("{ORIGIN}{path}")), "{path}");
        assert_eq!(parse(&format!("{ORIGIN}{path}")), Some(format!("{ORIGIN}{path}")), "{path}");
    }
    assert_eq!(parse("/б"), Some(format!("{ORIGIN}/%D0%B1")), "as a browser would write it");
}

#[test]
fn an_absolute_address_has_exactly_the_origin_of_a_public_url() {
    assert_eq!(parse(ORIGIN), Some(format!("{ORIGIN}/")));
    assert_eq!(parse("HTTPS://App.Example.MN?x"), Some(format!("{ORIGIN}/?x")));
    assert_eq!(parse("https://shop.example.mn/mn/x").as_deref(), Some("https://shop.example.mn/mn/x"));
    for address in [
        "http://app.example.mn/",
        "https://app.example.mn:443/",
        "https://app.example.mn:8443/",
        "https://app.example.mn./",
        "https://app.example.mn@evil.mn/",
        "https://user@app.example.mn/",
        "https://app.example.mn.evil.mn/",
        "https://evil-app.example.mn/",
        "https://appXexample.mn/",
        "https://app.example.mnx/",
        "https://evil.mn\\@app.example.mn/",
        "https://app.example.mn\\.evil.mn/",
        "https://app.example.mn%2eevil.mn/",
        "https://app.example.mn%00.evil.mn",
        "https://app.example.mn。evil.mn/",
        "https://app。example。mn/",
        "https://ａpp.example.mn/",
        "https:///app.example.mn/",
        "https:/app.example.mn/",
        "https:app.example.mn/",
        "//app.example.mn/",
        "https://app.example.mn//evil.mn/",
        "https://app.example.mn/\\evil.mn",
        "https://app.example.mn\t/",
        " https://app.example.mn/",
        "https://shop.example.mn/",
        "https://shop.example.mn/mnx",
        "https://shop.example.mn/mn/%2e%2e/x",
        "https://evil.mn#app.example.mn/",
        "https://evil.mn?https://app.example.mn/",
        "ftp://app.example.mn/",
        "https://[app.example.mn]/",
        "https://3627734734/",
    ] {
        assert_eq!(parse(address), None, "{address}");
    }
}

/// security.md R-10: no loop, and nobody is signed out by a link.
#[test]
fn the_gates_own_addresses_are_no_destination_however_they_are_read() {
    for path in [
        "/oauth2",
        "/oauth2/",
        "/oauth2/callback",
        "/oauth2/sign_out?rd=/",
        "/oauth2/start#x",
        "/OAuth2/logout",
        "/%6fauth2/sign_out",
        "/x/../oauth2/sign_out",
        "/x/%2e%2e/oauth2/sign_out",
        "/oauth2;x/sign_out",
        "/%256fauth2/start",
        "/./oauth2/start",
        "/x/..;/oauth2/y",
    ] {
        assert_eq!(parse(path), None, "{path}");
    }
}

#[test]
fn below_a_path_means_in_every_reading() {
    assert_eq!(parse_at("/mn/x", 1).as_deref(), Some("https://shop.example.mn/mn/x"));
    for path in
        ["/", "/x", "/mnx", "/mn/../x", "/mn/%2e%2e/x", "/mn/..;/x", "/mn%2f..%2fx", "/MN/x", "/mn/oauth2/start"]
    {
        assert_eq!(parse_at(path, 1), None, "{path}");
    }
}

#[test]
fn what_nobody_can_read_for_certain_is_refused() {
    for path in ["/a%", "/a%zz", "/a%00", "/a%0d%0aset-cookie:x", "/a%2500", "/a b", "/a\tb", "/a\r\nb", "/a\u{7f}", ""]
    {
        assert_eq!(parse(path), None, "{path:?}");
    }
}

/// security.md R-08: nothing is cut off.
#[test]
fn a_longer_address_than_can_be_kept_is_the_root() {
    let just = format!("/{}", "a".repeat(LONGEST - 1));
    assert_eq!(parse(&just), Some(format!("{ORIGIN}{just}")));
    assert_eq!(parse(&format!("{just}a")), None);
    assert_eq!(parse(&format!("/{}", "б".repeat(LONGEST / 4))), None, "encoded it is longer");
    let target: PathAndQuery = format!("{just}a").parse().expect("a target");
    assert_eq!(ReturnTo::from_target(&target, &sites()[1]).as_str(), "/mn/");
}

/// What open redirects are written with.
const ALPHABET: [&str; 48] = [
    "/",
    "/",
    "/",
    "//",
    "\\",
    "\t",
    "\n",
    "\r",
    " ",
    "\u{0}",
    ":",
    "@",
    "?",
    "#",
    ";",
    ".",
    "..",
    "%",
    "%2f",
    "%5c",
    "%09",
    "%00",
    "%2e",
    "%3a",
    "%40",
    "%23",
    "%3f",
    "%252f",
    "%255c",
    "%E3%80%82",
    "\u{3002}",
    "\u{ff0e}",
    "\u{ff0f}",
    "\u{ff3c}",
    "\u{2215}",
    "\u{202e}",
    "\u{feff}",
    "evil.mn",
    "https:",
    "http:",
    "javascript:",
    "app.example.mn",
    ORIGIN,
    "shop.example.mn",
    "https://shop.example.mn",
    "mn",
    "oauth2",
    "sign_out",
];

fn rd() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["", "/", "/", "/mn/", ORIGIN, "https://shop.example.mn/mn"]);
    let pieces = prop::collection::vec(prop::sample::select(&ALPHABET[..]), 0..8);
    (start, pieces).prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_destination_leaves_the_site(rd in rd(), current in 0..2usize) {
        leads_home(&rd, current)?;
    }

    /// security.md R-02: what is asked for is come back to, or the root is.
    #[test]
    fn no_target_is_come_back_to_elsewhere(pieces in prop::collection::vec(prop::sample::select(&ALPHABET[..]), 0..8)) {
        let Ok(target) = PathAndQuery::try_from(format!("/{}", pieces.concat())) else { return Ok(()) };
        let to = ReturnTo::from_target(&target, &sites()[0]);
        prop_assert!(to.as_str() == target.as_str() || to.as_str() == "/");
        let base = Url::parse("https://app.example.mn/oauth2/callback").expect("an address");
        for read in [base.join(to.as_str()), Url::parse(&format!("{ORIGIN}{}", to.as_str()))] {
            prop_assert_eq!(read.expect("an address").origin().ascii_serialization(), ORIGIN);
        }
    }
}
