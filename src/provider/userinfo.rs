//! User info: asked with a fresh access token, at sign-in and at every refresh.

use super::http::{Asking, Failure};
use super::keys::Unverified;
use super::{Preset, Settings, Shared, UserinfoMode};
use crate::oidc::jwt;
use crate::oidc::metadata::Metadata;
use crate::oidc::userinfo::{Answer, Expect, SignedUserInfo, Template, UserInfo};
use crate::telemetry::metrics::Endpoint;

/// What user info says; `None` where it is not asked. `asking` has the access token, `field` has the values that the address may name.
pub async fn ask(
    shared: &Shared,
    metadata: &Metadata,
    asking: Asking<'_>,
    field: impl Fn(&str) -> Option<String>,
) -> Result<Option<UserInfo>, Failure> {
    let Shared { settings, http, .. } = shared;
    let Some(template) = address(settings, metadata) else { return Ok(None) };
    let url = template.fill(field).map_err(|error| Failure::Broken(error.to_string()))?;
    let read = |body: &[u8]| Answer::read(body, settings.userinfo_path.as_deref()).map_err(|error| error.to_string());
    let info = match http.get(Endpoint::Userinfo, url, asking, read).await? {
        Answer::Plain(info) => info,
        Answer::Signed(signed) => verified(shared, metadata, &signed).await?,
    };
    let info = match settings.preset {
        Preset::Oidc => info.with_subject().map_err(|error| Failure::Broken(error.to_string()))?,
        Preset::Toki | Preset::Oauth2 => info,
    };
    Ok(Some(info))
}

async fn verified(shared: &Shared, metadata: &Metadata, signed: &SignedUserInfo) -> Result<UserInfo, Failure> {
    let Shared { settings, http, keys, clock, .. } = shared;
    let expect = Expect {
        issuer: metadata.issuer.as_deref(),
        client_id: &settings.client_id,
        algorithms: &settings.id_token_algs,
        path: settings.userinfo_path.as_deref(),
    };
    let verify = |keys: jwt::Keys<'_>| signed.verify(&expect, keys, clock.now());
    keys.verify(metadata.jwks_uri.as_ref(), http, clock, verify).await.map_err(|why| match why {
        Unverified::Refused(_) | Unverified::Unsure(_) => Failure::Broken(why.to_string()),
        Unverified::NoKeys(_) => Failure::Unreachable(why.to_string()),
    })
}

/// Where it is asked, if it is.
pub fn address<'a>(settings: &Settings, metadata: &'a Metadata) -> Option<Template<'a>> {
    match settings.userinfo {
        UserinfoMode::Off => None,
        UserinfoMode::Required | UserinfoMode::Optional => metadata.userinfo_endpoint.as_deref().map(Template),
    }
}
