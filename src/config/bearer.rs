//! `[[bearer]]`: whose access tokens are taken, and how each issuer's are checked.

use url::Url;

use super::choices::{USUAL_ALGORITHMS, algorithms};
use super::endpoints::{checked, issuer};
use super::identity::dotted;
use super::report::Report;
use super::secret;
use super::value::{At, Key};
use super::{Place, client, raw};
use crate::oidc::Secret;
use crate::provider::{Bearer, BearerCheck, Introspection};

/// `user_claim`: what names the user of a session.
pub fn issuers(written: &raw::Configuration, user_claim: &str, report: &mut Report) -> Vec<Bearer> {
    let insecure_http = written.provider.insecure_http.written().is_some_and(|at| at.value);
    let list = &written.bearer;
    if list.elements.is_empty() {
        report.value(&list.key, Some(&list.place), "[]".to_owned());
    }
    let mut asked: Option<usize> = None;
    let mut taken: Vec<Bearer> = Vec::new();
    for (index, (place, entry)) in list.elements.iter().enumerate() {
        let one = one(place, entry, user_claim, insecure_http, report);
        if let Some(earlier) = taken.iter().position(|earlier| earlier.issuer == one.issuer && !one.issuer.is_empty()) {
            let text =
                format!("{}[{earlier}] is this issuer; write all it may say in its audience, as a list", list.key);
            report.wrong_key(&entry.issuer, text);
        }
        if !entry.introspection_endpoint.is_absent() {
            if let Some(earlier) = asked {
                report.wrong_key(
                    &entry.introspection_endpoint,
                    format!(
                        "{}[{earlier}] has one: a token that does not say whose it is would be shown to somebody else",
                        list.key
                    ),
                );
            }
            asked = asked.or(Some(index));
        }
        taken.push(one);
    }
    warn_of_names(written, &taken, report);
    let is_used = written.rules.elements.iter().any(|(_, rule)| rule.bearer.written().is_some_and(|at| at.value));
    if let (Some((place, _)), false) = (list.elements.first(), is_used) {
        let text = "no rule takes access tokens; write bearer = true into one".to_owned();
        report.warnings.push(super::Problem { place: place.clone(), key: format!("{}[0]", list.key), text });
    }
    taken
}

fn one(place: &Place, entry: &raw::Bearer, user_claim: &str, insecure_http: bool, report: &mut Report) -> Bearer {
    let name = issuer(&entry.issuer, insecure_http, report).unwrap_or_default();
    missing(&entry.issuer, place, "write the issuer exactly as its tokens name it (iss)", report);
    let user_claim = match entry.user_claim.noted(report).cloned() {
        Some(at) => {
            dotted(&at, report);
            at.value
        }
        None => user_claim.to_owned(),
    };
    Bearer {
        issuer: name,
        audiences: audiences(place, entry, report),
        algorithms: algorithms(&entry.algs, report).unwrap_or_else(|| USUAL_ALGORITHMS.to_vec()),
        user_claim,
        check: check(place, entry, insecure_http, report),
    }
}

fn audiences(place: &Place, entry: &raw::Bearer, report: &mut Report) -> Vec<String> {
    missing(&entry.audience, place, "write what its tokens for this application have in aud", report);
    let Some(at) = entry.audience.noted(report).cloned() else { return Vec::new() };
    for at in at.value.0.iter().filter(|at| at.value.trim().is_empty() || at.value.chars().any(char::is_control)) {
        report.wrong(at, "it is empty, or holds what no audience does");
    }
    at.value.0.into_iter().map(|at| at.value).collect()
}

fn check(place: &Place, entry: &raw::Bearer, insecure_http: bool, report: &mut Report) -> BearerCheck {
    let jwks_uri = address(&entry.jwks_uri, insecure_http, report);
    let endpoint = address(&entry.introspection_endpoint, insecure_http, report);
    let client_id = entry.client_id.noted(report).cloned();
    let secret = client::secret(&entry.client_secret, &entry.client_secret_file, report);
    if entry.introspection_endpoint.is_absent() {
        not_used(&entry.client_id, report);
        not_used(&entry.client_secret, report);
        not_used(&entry.client_secret_file, report);
        return BearerCheck::Keys { jwks_uri };
    }
    missing(&entry.client_id, place, "introspection answers nobody who does not say who asks (RFC 7662 §2.1)", report);
    if entry.client_secret.is_absent() {
        missing(&entry.client_secret_file, place, "introspection answers nobody who does not show who asks", report);
    }
    if let Some(at) = client_id.as_ref().filter(|at| secret::is_placeholder(&at.value) || at.value.trim().is_empty()) {
        report.wrong(at, "it is empty or a placeholder; write the identifier that the issuer gave for asking");
    }
    if !entry.algs.is_absent() && entry.jwks_uri.is_absent() {
        report
            .wrong_key(&entry.algs, "without jwks_uri no signature is checked here: the issuer is asked; leave it out");
    }
    // What stands in for a value that is missing is good for nothing: there are problems.
    let nowhere = || Url::parse("https://nowhere.invalid").expect("it is an address");
    let introspection = Introspection {
        endpoint: endpoint.unwrap_or_else(nowhere),
        client_id: client_id.map(|at| at.value).unwrap_or_default(),
        client_secret: secret.unwrap_or_else(|| Secret::new(String::new())),
    };
    match jwks_uri {
        Some(jwks_uri) => BearerCheck::Either { jwks_uri, introspection },
        None => BearerCheck::Introspection(introspection),
    }
}

fn address(key: &Key<String>, insecure_http: bool, report: &mut Report) -> Option<Url> {
    let at = key.noted(report)?.clone();
    checked(&at, insecure_http, report)
}

fn missing<T>(key: &Key<T>, place: &Place, text: &str, report: &mut Report) {
    if key.is_absent() {
        let text = format!("it is missing; {text}");
        report.problems.push(super::Problem { place: place.clone(), key: key.key.clone(), text });
    }
}

fn not_used<T>(key: &Key<T>, report: &mut Report) {
    if !key.is_absent() {
        report.wrong_key(key, "only introspection says who asks; write introspection_endpoint, or leave it out");
    }
}

/// Two issuers may call two people by one name (OpenID Connect Core §5.7), and the application is told no issuer.
fn warn_of_names(written: &raw::Configuration, taken: &[Bearer], report: &mut Report) {
    let provider = written.provider.issuer.written();
    let others = written.bearer.elements.iter().zip(taken).filter(|(_, one)| {
        !one.issuer.is_empty() && provider.is_none_or(|provider: &At<String>| provider.value != one.issuer)
    });
    for ((place, entry), one) in others {
        let text = format!(
            "it names users by its own {}, and the application cannot tell them from those who sign in: no two of them may have one name",
            one.user_claim
        );
        let place = if entry.issuer.is_absent() { place.clone() } else { entry.issuer.place() };
        report.warnings.push(super::Problem { place, key: entry.issuer.key.clone(), text });
    }
}
