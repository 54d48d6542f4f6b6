//! What the provider says about a user, in three places, and how it becomes one.
//!
//! The order, strongest first, claim by claim (toki.md: "the token answer and user info win over [the ID token's] claims"):
//!
//! 1. the token answer's own fields (`userId`),
//! 2. user info,
//! 3. the ID token.
//!
//! A refresh adds one rule: a place that said nothing this time (no ID token, user info not reached) stands by what it said before. One that
//! did answer, and no longer has a claim, has taken it back; but the token answer may leave out what it said at sign-in (toki.md).
//!
//! Identifiers are compared before anything is taken, each with the same claim of the other places and no other: which of them are the same
//! is not known (toki.md).

use serde_json::{Map, Value};

use super::userinfo::UserInfo;
use super::{NoSubject, Subject, json};

/// Everything that was said in one go: at sign-in, or at a refresh.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    pub token: &'a Map<String, Value>,
    pub userinfo: Option<&'a UserInfo>,
    pub id_token: Option<&'a Map<String, Value>>,
}

/// Who said a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Token,
    UserInfo,
    IdToken,
}

/// A claim that is kept: by the path that the configuration calls it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub path: String,
    pub value: Value,
    pub source: Source,
}

/// Why the user cannot be told from what was said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhoIsIt {
    #[error("`{0}` has two values: the answers are about different users")]
    Disagreement(String),
    #[error("`{0}` is neither text nor a whole number")]
    NotAnIdentifier(String),
    #[error("there is no `{0}`")]
    Missing(String),
    #[error("`{0}` cannot name a user: {1}")]
    NoSubject(String, NoSubject),
}

impl Said<'_> {
    /// The value of an identifier, where any place has one; all that do must agree.
    pub fn identifier(&self, path: &str) -> Result<Option<String>, WhoIsIt> {
        let envelope = self.userinfo.map(|info| &info.envelope);
        let places = [Some(self.token), self.userinfo.map(|info| &info.claims), envelope, self.id_token];
        let mut known: Option<String> = None;
        for value in places.into_iter().flatten().filter_map(|place| lookup(place, path)) {
            let text = identifier(value).ok_or_else(|| WhoIsIt::NotAnIdentifier(path.to_owned()))?;
            if known.as_ref().is_some_and(|known| *known != text) {
                return Err(WhoIsIt::Disagreement(path.to_owned()));
            }
            known = Some(text);
        }
        Ok(known)
    }

    /// Who the user is, by the claim that names them.
    pub fn subject(&self, user_claim: &str) -> Result<Subject, WhoIsIt> {
        let name = self.identifier(user_claim)?.ok_or_else(|| WhoIsIt::Missing(user_claim.to_owned()))?;
        Subject::parse(&name).map_err(|why| WhoIsIt::NoSubject(user_claim.to_owned(), why))
    }

    /// The wanted claims, and no other. `before`: what was kept so far; empty at sign-in.
    pub fn keep<'p>(&self, wanted: impl Iterator<Item = &'p str>, before: &[Kept]) -> Vec<Kept> {
        wanted.filter_map(|path| self.strongest(path, before.iter().find(|kept| kept.path == path))).collect()
    }

    fn strongest(&self, path: &str, before: Option<&Kept>) -> Option<Kept> {
        Source::IN_ORDER.into_iter().find_map(|source| {
            let place = self.place(source);
            let stands = place.is_none() || source == Source::Token;
            let said = place.and_then(|place| lookup(place, path)).filter(|value| !value.is_object());
            let said_before = before.filter(|kept| stands && kept.source == source).map(|kept| &kept.value);
            let value = said.or(said_before)?.clone();
            Some(Kept { path: path.to_owned(), value, source })
        })
    }

    fn place(&self, source: Source) -> Option<&Map<String, Value>> {
        match source {
            Source::Token => Some(self.token),
            Source::UserInfo => self.userinfo.map(|info| &info.claims),
            Source::IdToken => self.id_token,
        }
    }

    /// What a log may tell of it all.
    pub fn received(&self) -> Vec<Received> {
        let places = Source::IN_ORDER.into_iter().filter_map(|source| Some((source, self.place(source)?)));
        places
            .flat_map(|(source, place)| place.iter().map(move |(name, value)| Received::of(source, name, value)))
            .take(MAX_RECEIVED)
            .collect()
    }
}

impl Source {
    /// Strongest first.
    pub const IN_ORDER: [Source; 3] = [Source::Token, Source::UserInfo, Source::IdToken];

    pub fn name(self) -> &'static str {
        match self {
            Source::Token => "token",
            Source::UserInfo => "userinfo",
            Source::IdToken => "id_token",
        }
    }
}

/// One claim that the provider sent, as far as a log may tell: never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `userinfo:phoneNo`, `id_token:sub`, `token:userId`.
    pub name: String,
    pub kind: &'static str,
    /// Bytes of a text, digits of a number, elements of a list, members of an object.
    pub len: usize,
}

impl Received {
    fn of(source: Source, name: &str, value: &Value) -> Received {
        let (kind, len) = match value {
            Value::Null => ("null", 0),
            Value::Bool(_) => ("boolean", 0),
            Value::Number(number) => ("number", number.to_string().len()),
            Value::String(text) => ("string", text.len()),
            Value::Array(list) => ("list", list.len()),
            Value::Object(members) => ("object", members.len()),
        };
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        Received { name: format!("{}:{name}", source.name()), kind, len }
    }
}

/// The text of an identifier: text, or a whole number that JSON readers agree on (RFC 8259 §6).
pub fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An exact top-level name wins over a path; null counts as absent.
fn lookup<'a>(place: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    place.get(path).or_else(|| json::at(place, path)).filter(|value| !value.is_null())
}

const MAX_RECEIVED: usize = 200;
const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Answers {
        token: Map<String, Value>,
        userinfo: Option<UserInfo>,
        id_token: Option<Map<String, Value>>,
    }

    fn object(value: Value) -> Option<Map<String, Value>> {
        value.as_object().cloned()
    }

    fn answers(token: Value, userinfo: Value, id_token: Value) -> Answers {
        let userinfo = object(userinfo).map(|claims| UserInfo { claims, envelope: Map::new() });
        Answers { token: object(token).unwrap(), userinfo, id_token: object(id_token) }
    }

    impl Answers {
        fn said(&self) -> Said<'_> {
            Said { token: &self.token, userinfo: self.userinfo.as_ref(), id_token: self.id_token.as_ref() }
        }

        fn keep(&self, wanted: &[&str], before: &[Kept]) -> Vec<Kept> {
            self.said().keep(wanted.iter().copied(), before)
        }
    }

    fn kept(path: &str, value: impl Into<Value>, source: Source) -> Kept {
        Kept { path: path.to_owned(), value: value.into(), source }
    }

    #[test]
    fn the_token_answer_wins_over_user_info_and_both_over_the_id_token() {
        let all = answers(
            json!({"userId": "1"}),
            json!({"userId": "1", "email": "u@x", "nationalId": "АА00112233", "a": {"b": "deep"}}),
            json!({"userId": "1", "email": "i@x", "acr": "2", "iss": "x"}),
        );
        assert_eq!(
            all.keep(&["userId", "email", "acr", "a.b", "a", "phone"], &[]),
            [
                kept("userId", "1", Source::Token),
                kept("email", "u@x", Source::UserInfo),
                kept("acr", "2", Source::IdToken),
                kept("a.b", "deep", Source::UserInfo),
            ]
        );
    }

    #[test]
    fn what_nobody_wants_is_not_kept() {
        let all = answers(json!({}), json!({"nationalId": "АА00112233", "dob": "1990-01-01"}), Value::Null);
        assert_eq!(all.keep(&["email"], &[]), []);
    }

    #[test]
    fn null_in_a_stronger_place_hides_nothing() {
        let all = answers(json!({"email": null}), json!({"email": null}), json!({"email": "i@x"}));
        assert_eq!(all.keep(&["email"], &[]), [kept("email", "i@x", Source::IdToken)]);
    }

    #[test]
    fn a_place_that_was_silent_stands_by_what_it_said() {
        let before = [
            kept("userId", "1", Source::Token),
            kept("groups", json!(["a"]), Source::UserInfo),
            kept("acr", "2", Source::IdToken),
        ];
        let wanted = ["userId", "groups", "acr"];
        let silent = answers(json!({}), Value::Null, Value::Null);
        assert_eq!(silent.keep(&wanted, &before), before);

        let weaker = answers(json!({}), Value::Null, json!({"groups": ["b"], "acr": "2"}));
        assert_eq!(weaker.keep(&wanted, &before), before, "the ID token does not speak for user info");

        let taken_back = answers(json!({}), json!({"sub": "x"}), json!({"sub": "x"}));
        assert_eq!(taken_back.keep(&wanted, &before), [kept("userId", "1", Source::Token)]);

        let changed = answers(json!({}), json!({"groups": ["b"]}), Value::Null);
        assert_eq!(changed.keep(&["groups"], &before), [kept("groups", json!(["b"]), Source::UserInfo)]);
    }

    #[test]
    fn only_values_of_the_same_claim_are_compared() {
        let different_claims = answers(json!({"userId": "1"}), json!({"userId": 1, "sub": "s"}), json!({"sub": "s"}));
        assert_eq!(different_claims.said().identifier("userId"), Ok(Some("1".into())));
        assert_eq!(different_claims.said().identifier("sub"), Ok(Some("s".into())));
        assert_eq!(different_claims.said().identifier("id"), Ok(None));

        for different_users in [
            answers(json!({"userId": "1"}), json!({"userId": "2"}), Value::Null),
            answers(json!({}), json!({"userId": "1"}), json!({"userId": "2"})),
        ] {
            assert_eq!(different_users.said().identifier("userId"), Err(WhoIsIt::Disagreement("userId".into())));
        }
        let mut enveloped = answers(json!({"userId": "1"}), json!({"firstName": "Бат"}), Value::Null);
        enveloped.userinfo.as_mut().unwrap().envelope.insert("userId".into(), "2".into());
        assert_eq!(enveloped.said().identifier("userId"), Err(WhoIsIt::Disagreement("userId".into())));
    }

    #[test]
    fn a_user_is_named_by_text_or_a_whole_number() {
        let subject =
            |value: Value| answers(json!({ "userId": value }), Value::Null, Value::Null).said().subject("userId");
        assert_eq!(subject(json!("Бат")).unwrap().as_str(), "Бат");
        assert_eq!(subject(json!(100_001)).unwrap().as_str(), "100001");
        assert_eq!(subject(Value::Null), Err(WhoIsIt::Missing("userId".into())));
        for bad in [
            json!(1.5),
            json!(1e300),
            json!(123_456_789_012_345_678_901_234_567_890_f64),
            json!(true),
            json!(["1"]),
            json!({}),
        ] {
            assert_eq!(subject(bad), Err(WhoIsIt::NotAnIdentifier("userId".into())));
        }
        for bad in ["", " ", "a\nb", &"x".repeat(1025)] {
            assert!(matches!(subject(json!(bad)), Err(WhoIsIt::NoSubject(_, _))));
        }
    }

    #[test]
    fn a_log_learns_names_types_and_lengths_and_no_value() {
        let all = answers(
            json!({"userId": 100_001}),
            json!({"phoneNo": "99112233", "groups": ["a", "b"]}),
            json!({"sub": "s"}),
        );
        let lines: Vec<String> =
            all.said().received().iter().map(|r| format!("{} {} {}", r.name, r.kind, r.len)).collect();
        assert_eq!(
            lines,
            ["token:userId number 6", "userinfo:phoneNo string 8", "userinfo:groups list 2", "id_token:sub string 1"]
        );
    }
}
