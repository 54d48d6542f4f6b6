//! Issue 2 §4: when a refresh is due, and who waits for it.

use super::*;
use crate::session::SessionId;

/// A token of an hour whose window is its last minute.
fn due() -> Session {
    Session { id: SessionId::from_bytes([0; 16]), ..session() }
}

fn renewal(gate: &Gate, asking: Asking, second: u64) -> Renewal {
    gate.renewal(&asking.read(), &due(), NOW + Duration::from_secs(second))
}

/// Fresh, first half of the window, second half, run out.
fn over_time(gate: &Gate, asking: Asking) -> [Renewal; 4] {
    [3539, 3541, 3571, 3600].map(|second| renewal(gate, asking.clone(), second))
}

const NEVER: [Renewal; 4] = [Renewal::No; 4];
const AS_A_PAGE: [Renewal; 4] = [Renewal::No, Renewal::Beside, Renewal::Beside, Renewal::First];
const AS_A_SCRIPT: [Renewal; 4] = [Renewal::No, Renewal::No, Renewal::Beside, Renewal::First];

#[test]
fn pages_begin_early_scripts_late_and_only_who_comes_too_late_waits() {
    assert_eq!(over_time(&gate(), page("/x")), AS_A_PAGE);
    assert_eq!(over_time(&gate(), page("/blog/x")), AS_A_PAGE);
    for asking in [
        script("/x"),
        form("/x"),
        socket("/x"),
        ask("POST /x").with("content-type: application/grpc"),
        page("/x").with("sec-purpose: prefetch"),
        ask("GET /x").with("sec-fetch-mode: navigate").with("sec-fetch-dest: iframe"),
    ] {
        assert_eq!(over_time(&gate(), asking), AS_A_SCRIPT);
    }
}

#[test]
fn public_denied_and_ambiguous_paths_and_what_goes_nowhere_begin_none() {
    for asking in
        [page("/assets/x"), page("/internal/x"), page("/%69nternal"), page("/x").under("evil.mn"), page("/oauth2/x")]
    {
        assert_eq!(over_time(&gate(), asking), NEVER);
    }
    let health = gate_with(|settings| settings.health_path = Some("/ping".to_owned()));
    assert_eq!(over_time(&health, page("/ping")), NEVER);
}

#[test]
fn of_the_gates_own_addresses_only_refresh_and_auth_begin_one() {
    for target in ["/oauth2/session", "/oauth2/userinfo", "/oauth2/start", "/oauth2/sign_out", "/oauth2/callback"] {
        assert_eq!(over_time(&gate(), page(target)), NEVER, "{target}");
    }
    assert_eq!(over_time(&gate(), ask("POST /oauth2/refresh")), [Renewal::First; 4]);
    assert_eq!(over_time(&gate(), page("/oauth2/refresh")), NEVER, "a GET is none");
}

#[test]
fn auth_is_judged_by_the_request_it_asks_about() {
    let about = |own: &str, target: &str, line: &str| {
        let asking = ask(&format!("GET {own}")).by_proxy().with("x-forwarded-method: GET").with(line);
        asking.with(&format!("x-forwarded-uri: {target}"))
    };
    for own in ["/oauth2/auth", "/oauth2/auth/redirect"] {
        assert_eq!(over_time(&gate(), about(own, "/x", "accept: text/html")), AS_A_PAGE);
        assert_eq!(over_time(&gate(), about(own, "/x", "accept: */*")), AS_A_SCRIPT);
        assert_eq!(over_time(&gate(), about(own, "/assets/x", "accept: text/html")), NEVER);
        assert_eq!(over_time(&gate(), about(own, "/oauth2/refresh", "accept: text/html")), NEVER);
        assert_eq!(over_time(&gate(), ask(&format!("GET {own}"))), NEVER, "nothing was told");
    }
}

#[test]
fn what_cannot_be_refreshed_or_is_over_is_left_alone() {
    let alone = Session { refreshable: false, ..due() };
    for second in [0, 3571, 3600, 7200] {
        let now = NOW + Duration::from_secs(second);
        assert_eq!(gate().renewal(&page("/x").read(), &alone, now), Renewal::No);
        assert_eq!(gate().renewal(&ask("POST /oauth2/refresh").read(), &alone, now), Renewal::No);
    }
    for asking in [page("/x"), ask("POST /oauth2/refresh")] {
        assert_eq!(renewal(&gate(), asking, 12 * 3600), Renewal::No);
    }
}

#[test]
fn a_token_that_is_passed_on_has_thirty_seconds_left_or_is_waited_for() {
    for (access_token, id_token) in
        [(PassOn::Forwarded, PassOn::Off), (PassOn::Authorization, PassOn::Off), (PassOn::Off, PassOn::Forwarded)]
    {
        let gate = gate_with(|settings| {
            (settings.identity.access_token, settings.identity.id_token) = (access_token, id_token)
        });
        assert_eq!(renewal(&gate, script("/x"), 3570), Renewal::Beside);
        assert_eq!(renewal(&gate, script("/x"), 3571), Renewal::First);
        assert_eq!(renewal(&gate, page("/assets/x"), 3571), Renewal::No);
        // However late the window begins.
        let narrow = gate_with(|settings| {
            (settings.identity.access_token, settings.identity.id_token) = (access_token, id_token);
            settings.lifetimes.refresh_before = Some(Duration::from_secs(5));
        });
        assert_eq!(renewal(&narrow, script("/x"), 3571), Renewal::First);
    }
}

#[test]
fn a_token_that_never_has_thirty_seconds_is_waited_for_in_its_second_half() {
    let gate = gate_with(|settings| settings.identity.access_token = PassOn::Forwarded);
    let short = Session { token_expires_at: NOW + Duration::from_secs(20), ..due() };
    let at = |second| gate.renewal(&script("/x").read(), &short, NOW + Duration::from_secs(second));
    assert_eq!((at(9), at(11)), (Renewal::No, Renewal::First));
}
