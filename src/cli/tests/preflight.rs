//! `check --explain … --origin`: what a preflight gets.

use super::*;

const SHOP: &str = "https://shop.example.mn";

fn preflight(name: &str, config: &str, request: &str, origin: &str) -> String {
    let file = Written::new(name, &format!("{config}[cors]\norigins = [\"{SHOP}\"]\n"));
    let told = told(&["check", "--config", file.path(), "--explain", request, "--origin", origin], &[]);
    assert_eq!(told.exit, Exit::Done, "{}", told.err);
    told.out.lines().find_map(|line| line.strip_prefix("a preflight  ")).map(str::to_owned).unwrap_or(told.out)
}

#[test]
fn the_preflight_of_a_page_of_another_origin_is_explained_too() {
    let rule = "[[rules]]\npath = \"/api/**\"\nmethods = [\"PUT\"]\nupstream = \"http://127.0.0.1:4000\"\n";
    let preflight = |request, origin| preflight("preflight.toml", &format!("{GOOD}{rule}"), request, origin);
    assert_eq!(preflight("PUT /api/x", SHOP), "reaches http://127.0.0.1:4000, in nobody's name");
    assert_eq!(preflight("DELETE /api/x", SHOP), "reaches http://127.0.0.1:3000, in nobody's name");
    assert_eq!(preflight("PUT /closed", SHOP), "gets 403 Forbidden (denied)");
    assert_eq!(preflight("POST /oauth2/refresh", SHOP), "is told what scripts of cors.origins may send there");
    let unlisted = "gets 401 Unauthorized (sign_in_needed): cors.origins does not list this origin";
    assert_eq!(preflight("PUT /api/x", "https://evil.example"), unlisted);
    assert_eq!(told(&["check", "--origin", SHOP], &[]).exit, Exit::Misused, "of which request?");
}

/// As `/oauth2/auth` answers it.
#[test]
fn without_an_application_the_preflight_of_a_closed_path_is_a_request_like_any_other() {
    let alone = GOOD.replace("upstream = \"http://127.0.0.1:3000\"\n", "");
    let preflight = |request| preflight("preflight-alone.toml", &alone, request, SHOP);
    assert_eq!(preflight("PUT /api/x"), "gets 401 Unauthorized (sign_in_needed)");
    assert_eq!(preflight("PUT /closed"), "gets 403 Forbidden (denied)");
    assert_eq!(preflight("PUT /public/x"), "is allowed (forward-auth), in nobody's name");
    assert_eq!(preflight("POST /oauth2/refresh"), "is told what scripts of cors.origins may send there");
}
