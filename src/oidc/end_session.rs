//! The provider's own sign-out (OpenID Connect RP-Initiated Logout 1.0 §2).

use url::Url;

use super::Secret;
use super::query::with_query;

/// Where a browser is sent to be signed out at the provider, too.
pub struct EndSessionRequest<'a> {
    pub endpoint: &'a Url,
    pub client_id: &'a str,
    /// Of the session that ends, where it has one.
    pub id_token_hint: Option<&'a Secret<String>>,
    pub post_logout_redirect_uri: &'a str,
    pub state: &'a str,
}

impl EndSessionRequest<'_> {
    pub fn url(&self) -> Url {
        // Without one the provider asks the person; with one that is too long for an address nobody gets that far.
        let hint = self.id_token_hint.map(|hint| hint.expose().as_str()).filter(|hint| hint.len() <= MAX_HINT);
        let said: Vec<(&str, &str)> = hint
            .map(|hint| (HINT, hint))
            .into_iter()
            .chain([
                ("client_id", self.client_id),
                ("post_logout_redirect_uri", self.post_logout_redirect_uri),
                ("state", self.state),
            ])
            .collect();
        with_query(self.endpoint, &said, |name| name == HINT)
    }
}

const HINT: &str = "id_token_hint";
/// Bytes: servers take addresses of 8 KiB.
const MAX_HINT: usize = 6 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn query(endpoint: &str, hint: Option<&str>) -> String {
        let hint = hint.map(|hint| Secret::new(hint.to_owned()));
        let request = EndSessionRequest {
            endpoint: &Url::parse(endpoint).unwrap(),
            client_id: "i:d",
            id_token_hint: hint.as_ref(),
            post_logout_redirect_uri: "https://app.example.mn/oauth2/signed_out",
            state: "s-t_a",
        };
        request.url().query().unwrap().to_owned()
    }

    const BACK: &str =
        "client_id=i%3Ad&post_logout_redirect_uri=https%3A%2F%2Fapp.example.mn%2Foauth2%2Fsigned_out&state=s-t_a";

    #[test]
    fn it_says_who_leaves_and_where_they_come_back() {
        assert_eq!(query("https://op.example/logout", Some("a.b-_.c")), format!("id_token_hint=a.b-_.c&{BACK}"));
        assert_eq!(query("https://op.example/logout", None), BACK);
    }

    #[test]
    fn the_endpoints_own_query_is_kept_but_for_what_is_ours_to_say() {
        let endpoint =
            "https://op.example/logout?tenant=%41&st%61te=evil&post_logout_redirect_uri=https://evil&federated";
        assert_eq!(query(endpoint, None), format!("tenant=%41&federated&{BACK}"));
    }

    #[test]
    fn a_hint_that_no_address_can_hold_is_left_out() {
        assert_eq!(query("https://op.example/logout", Some(&"x".repeat(6 * 1024 + 1))), BACK);
        assert!(query("https://op.example/logout", Some(&"x".repeat(6 * 1024))).starts_with("id_token_hint="));
    }
}
