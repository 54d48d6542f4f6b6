//! User info: asked with a fresh access token, at sign-in and at every refresh.

use super::http::{Asking, Failure, Http};
use super::{Preset, Settings, UserinfoMode};
use crate::oidc::metadata::Metadata;
use crate::oidc::userinfo::{Template, UserInfo};
use crate::telemetry::metrics::Endpoint;

/// What user info says; `None` where it is not asked. `asking` has the access token, `field` has the values that the address may name.
pub async fn ask(
    http: &Http,
    settings: &Settings,
    metadata: &Metadata,
    asking: Asking<'_>,
    field: impl Fn(&str) -> Option<String>,
) -> Result<Option<UserInfo>, Failure> {
    let Some(template) = address(settings, metadata) else { return Ok(None) };
    let url = template.fill(field).map_err(|error| Failure::Broken(error.to_string()))?;
    let read = |body: &[u8]| {
        let info = UserInfo::read(body, settings.userinfo_path.as_deref());
        let info = match settings.preset {
            Preset::Oidc => info.and_then(UserInfo::with_subject),
            Preset::Toki | Preset::Oauth2 => info,
        };
        info.map_err(|error| error.to_string())
    };
    http.get(Endpoint::Userinfo, url, asking, read).await.map(Some)
}

/// Where it is asked, if it is.
pub fn address<'a>(settings: &Settings, metadata: &'a Metadata) -> Option<Template<'a>> {
    match settings.userinfo {
        UserinfoMode::Off => None,
        UserinfoMode::Required | UserinfoMode::Optional => metadata.userinfo_endpoint.as_deref().map(Template),
    }
}
