//! What a session's tokens part remembers of earlier answers (`Tokens::remembered`): fields of the user-info address, identifiers to compare, the
//! nonce, and who said each claim.
//!
//! Fields and identifiers stand under their own names. The rest has names that begin with `}`, which no field of a template can; of the claims only
//! those that user info did not say are listed.

use serde_json::{Map, Value};

use super::Settings;
use crate::oidc::claims::{self, Kept, Said, Source, WhoIsIt};
use crate::oidc::metadata::Metadata;
use crate::session::{Claims, Session};

/// Read from the tokens part, or begun at sign-in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered(Vec<(String, String)>);

impl Remembered {
    pub fn read(of_tokens: &[(String, String)]) -> Remembered {
        Remembered(of_tokens.to_vec())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub fn into_tokens(self) -> Vec<(String, String)> {
        self.0
    }

    /// The nonce that was sent, where an ID token came back with it.
    pub fn nonce(&self) -> Option<&str> {
        self.get(NONCE)
    }

    pub fn set_nonce(&mut self, nonce: &str) {
        self.set(NONCE, nonce.to_owned());
    }

    /// A field of the user-info address: what the token answer says, else what it said before.
    pub fn field(&self, answer: &Map<String, Value>, name: &str) -> Option<String> {
        answer.get(name).and_then(claims::identifier).or_else(|| self.get(name).map(str::to_owned))
    }

    /// Takes over what later calls need: the fields of the user-info address, and the identifiers.
    pub fn take_over(&mut self, said: &Said<'_>, settings: &Settings, metadata: &Metadata) -> Result<(), WhoIsIt> {
        for name in super::userinfo::address(settings, metadata).into_iter().flat_map(|template| template.fields()) {
            if let Some(value) = said.token.get(name).and_then(claims::identifier) {
                self.set(name, value);
            }
        }
        for name in identifiers(settings) {
            if let Some(value) = said.identifier(name)? {
                self.set(name, value);
            }
        }
        Ok(())
    }

    /// Whether what was said is about another user than before (toki.md: only values of the same claim are compared).
    pub fn is_another_user(&self, said: &Said<'_>, settings: &Settings, session: &Session) -> Result<bool, WhoIsIt> {
        for name in identifiers(settings) {
            let Some(now) = said.identifier(name)? else { continue };
            let before = if name == settings.user_claim { Some(session.user.as_str()) } else { self.get(name) };
            if before.is_some_and(|before| before != now) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The session's claims, each with who said it.
    pub fn kept(&self, claims: &Claims) -> Vec<Kept> {
        let said_by = |path: &str| {
            let listed = |(name, _): &&(&str, Source)| {
                self.get(name).is_some_and(|paths| paths.split(BETWEEN).any(|listed| listed == path))
            };
            LISTED.iter().find(listed).map_or(Source::UserInfo, |(_, source)| *source)
        };
        claims.to_json().into_iter().map(|(path, value)| Kept { source: said_by(&path), path, value }).collect()
    }

    pub fn set_sources(&mut self, kept: &[Kept]) {
        for (name, source) in LISTED {
            let paths: Vec<&str> =
                kept.iter().filter(|kept| kept.source == source).map(|kept| kept.path.as_str()).collect();
            self.0.retain(|(known, _)| known != name);
            if !paths.is_empty() {
                self.0.push((name.to_owned(), paths.join(BETWEEN)));
            }
        }
    }
}

/// The claims as a session holds them.
pub fn claims_of(kept: &[Kept]) -> Claims {
    let object: Map<String, Value> = kept.iter().map(|kept| (kept.path.clone(), kept.value.clone())).collect();
    Claims::select(&object, kept.iter().map(|kept| kept.path.as_str()))
}

/// The claims that say who a user is.
fn identifiers(settings: &Settings) -> impl Iterator<Item = &str> {
    let usual = ["userId", "sub"];
    let own = Some(settings.user_claim.as_str()).filter(|claim| !usual.contains(claim));
    usual.into_iter().chain(own)
}

const NONCE: &str = "}n";
const LISTED: [(&str, Source); 2] = [("}t", Source::Token), ("}i", Source::IdToken)];
/// No dotted path of a configuration holds one.
const BETWEEN: &str = "\n";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_said_a_claim_survives_and_user_info_needs_no_mention() {
        let kept: Vec<Kept> = [
            ("userId", Source::Token),
            ("groups", Source::UserInfo),
            ("acr", Source::IdToken),
            ("a.b", Source::IdToken),
        ]
        .map(|(path, source)| Kept { path: path.to_owned(), value: json!("x"), source })
        .to_vec();
        let mut remembered = Remembered::default();
        remembered.set_sources(&kept);
        let pairs = remembered.clone().into_tokens();
        assert_eq!(pairs, [("}t".into(), "userId".into()), ("}i".into(), "acr\na.b".into())]);
        assert_eq!(Remembered::read(&pairs).kept(&claims_of(&kept)), kept);
        remembered.set_sources(&kept[1..2]);
        assert_eq!(remembered, Remembered::default());
    }

    #[test]
    fn a_field_is_what_the_answer_says_else_what_it_said_before() {
        let mut remembered = Remembered::default();
        remembered.set("userId", "7".into());
        let answer = |value: Value| value.as_object().cloned().unwrap();
        assert_eq!(remembered.field(&answer(json!({"userId": 8})), "userId").as_deref(), Some("8"));
        assert_eq!(remembered.field(&answer(json!({"userId": []})), "userId").as_deref(), Some("7"));
        assert_eq!(remembered.field(&answer(json!({})), "tenant"), None);
    }
}
