//! The pages of the stand-in: choosing a user, refusing a request, saying what this is.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::Stand;
use super::users::{User, Users};
use crate::demo::html::{STYLE, escape, fill};
use crate::demo::http::{Params, page};

/// Asks who signs in, and whether the application may know.
pub(super) fn choose(
    users: &Users,
    client_id: &str,
    redirect_uri: &str,
    scope: &[String],
    chosen: Option<&str>,
) -> Response<Bytes> {
    let first = users.iter().next().map(|user| user.id.as_str());
    let chosen = chosen.filter(|id| users.get(id).is_some()).or(first);
    let mut list = String::new();
    for user in users.iter() {
        row(&mut list, user, chosen == Some(user.id.as_str()));
    }
    let application = url::Url::parse(redirect_uri).ok().map(|url| url.origin().ascii_serialization());
    let html = fill(
        include_str!("choose.html"),
        &[
            ("style", STYLE),
            ("application", &escape(application.as_deref().unwrap_or(redirect_uri))),
            ("client_id", &escape(client_id)),
            ("scope", &escape(&scope.join(" "))),
            ("users", &list),
        ],
    );
    guarded(page(StatusCode::OK, html))
}

/// A request that is not sent back to anybody: said here (RFC 6749 §4.1.2.1).
pub(super) fn refused(why: &str) -> Response<Bytes> {
    let html = fill(include_str!("refused.html"), &[("style", STYLE), ("why", &escape(why))]);
    guarded(page(StatusCode::BAD_REQUEST, html))
}

/// Whether this person wants to leave: nobody knows who sent the browser here.
pub(super) fn ask_sign_out(params: &Params) -> Response<Bytes> {
    let fields =
        params.0.iter().filter(|(name, _)| name != "decision").fold(String::new(), |mut html, (name, value)| {
            let _ = write!(html, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value));
            html
        });
    let html = fill(include_str!("sign_out.html"), &[("style", STYLE), ("fields", &fields)]);
    guarded(page(StatusCode::OK, html))
}

/// What this is, what is registered, and who can sign in.
pub(super) fn start(stand: &Stand) -> Response<Bytes> {
    let state = stand.state();
    let mut users = String::new();
    for user in state.users.iter() {
        let email = user.claims.get("email").and_then(|email| email.as_str()).unwrap_or("–");
        let (name, id, email) = (user.display_name(), escape(&user.id), escape(email));
        // Writing to a string cannot fail.
        let _ = write!(users, "<tr><td>{}</td><td><code>{id}</code></td><td>{email}</td></tr>", escape(&name));
    }
    let clients = if stand.options.any_loopback_redirect {
        "<p class=\"note\">Made for development: <strong>any client identifier</strong> is accepted, with any redirect address \
         on this machine (127.0.0.1, [::1], localhost). Never make it reachable for others.</p>"
            .to_owned()
    } else {
        state.clients.iter().fold(String::new(), |mut html, client| {
            let _ = write!(
                html,
                "<p><code>{}</code> → <code>{}</code></p>",
                escape(&client.id),
                escape(&client.redirect_uris.join(", "))
            );
            html
        })
    };
    let discovery = if stand.options.oidc {
        "<tr><td>discovery</td><td><code>/.well-known/openid-configuration</code></td></tr>"
    } else {
        ""
    };
    let html = fill(
        include_str!("start.html"),
        &[
            ("style", STYLE),
            ("base", &escape(&format!("http://{}", stand.address))),
            ("discovery", discovery),
            ("clients", &clients),
            ("users", &users),
        ],
    );
    guarded(page(StatusCode::OK, html))
}

fn row(list: &mut String, user: &User, checked: bool) {
    let name = user.display_name();
    let initials: String = name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    let text = |claim: &str| user.claims.get(claim).and_then(|value| value.as_str());
    let detail = text("email").or_else(|| text("phoneNo")).unwrap_or(&user.id);
    let groups = user.claims.get("groups").and_then(|groups| groups.as_array());
    let groups =
        groups.into_iter().flatten().filter_map(|group| group.as_str()).fold(String::new(), |mut html, group| {
            let _ = write!(html, "<span class=\"tag\">{}</span>", escape(group));
            html
        });
    // Writing to a string cannot fail.
    let _ = writeln!(
        list,
        "<label class=\"person\"><input type=\"radio\" name=\"user\" value=\"{id}\"{checked}><span class=\"face\" aria-hidden=\"true\">{initials}</span>\
         <span class=\"who\"><strong>{name}</strong><small>{detail}</small>{groups}</span></label>",
        id = escape(&user.id),
        checked = if checked { " checked" } else { "" },
        initials = escape(&initials),
        name = escape(&name),
        detail = escape(detail),
    );
}

/// Nothing from elsewhere, no scripts, no frames. Without `form-action`: it would also stop the redirect after the form.
fn guarded(mut response: Response<Bytes>) -> Response<Bytes> {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
