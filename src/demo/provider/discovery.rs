//! OpenID Connect Discovery §4. TOKI publishes nothing of the kind: only where `Options::oidc` says so.

use serde_json::{Value, json};

use super::Stand;
use super::options::Pushing;

pub(super) fn metadata(stand: &Stand) -> Value {
    let issuer = stand.issuer();
    let base = stand.base();
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "userinfo_endpoint": format!("{base}/oauth2/userinfo"),
        "jwks_uri": format!("{base}/oauth2/jwks"),
        "introspection_endpoint": format!("{base}/oauth2/introspect"),
        "scopes_supported": ["openid", "offline_access", "profile", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "authorization_response_iss_parameter_supported": true,
    });
    let options = &stand.options;
    if options.pushing != Pushing::Off {
        metadata["pushed_authorization_request_endpoint"] = format!("{base}/oauth2/par").into();
        metadata["require_pushed_authorization_requests"] = (options.pushing == Pushing::Required).into();
    }
    if options.revocation {
        metadata["revocation_endpoint"] = format!("{base}/oauth2/revoke").into();
    }
    if options.end_session {
        metadata["end_session_endpoint"] = format!("{base}/oauth2/logout").into();
    }
    metadata
}
