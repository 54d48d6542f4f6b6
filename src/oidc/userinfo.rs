//! User info (OpenID Connect Core §5.3; toki.md "User info"): where it is asked, and what was answered.

use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};
use url::Url;

use super::authorize::UNRESERVED;
use super::json::{self, NotAnObject};

/// The address of user info, in which `{name}` stands for a field of the token answer.
#[derive(Clone, Copy)]
pub struct Template<'a>(pub &'a str);

/// Why an address cannot be made of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("the token answer has no usable `{0}`, which the user-info address needs")]
    Field(String),
    #[error("the user-info address is no URL once it is filled in")]
    NoUrl,
}

impl<'a> Template<'a> {
    /// The fields that it names.
    pub fn fields(self) -> impl Iterator<Item = &'a str> {
        self.0.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
    }

    /// Puts the fields in, percent-encoded: whatever a value holds, it stays one value.
    pub fn fill(self, field: impl Fn(&str) -> Option<String>) -> Result<Url, Unfilled> {
        let mut pieces = self.0.split('{');
        let mut address = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let Some((name, rest)) = piece.split_once('}') else { return Err(Unfilled::NoUrl) };
            // Dots survive encoding, and in a path they climb.
            let value = field(name).filter(|value| !matches!(value.as_str(), "" | "." | ".."));
            let value = value.ok_or_else(|| Unfilled::Field(name.to_owned()))?;
            address.extend(utf8_percent_encode(&value, UNRESERVED));
            address.push_str(rest);
        }
        Url::parse(&address).map_err(|_| Unfilled::NoUrl)
    }
}

/// An answer of the user-info endpoint.
pub struct UserInfo {
    /// The claims: the object at `userinfo_path` where it is there, else the whole answer.
    pub claims: Map<String, Value>,
    /// The envelope they came in: empty where there was none. Its identifiers are compared too.
    pub envelope: Map<String, Value>,
}

/// Why an answer is no user info.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUserInfo {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] NotAnObject),
    #[error("what is at userinfo_path is no object")]
    NoClaims,
    #[error("it has no `sub`")]
    NoSubject,
}

impl UserInfo {
    /// `path`: dotted, `[provider] userinfo_path`.
    pub fn read(body: &[u8], path: Option<&str>) -> Result<UserInfo, BadUserInfo> {
        let whole = json::object(body, MAX_ANSWER)?;
        match path.and_then(|path| json::at(&whole, path)) {
            None => Ok(UserInfo { claims: whole, envelope: Map::new() }),
            Some(Value::Object(claims)) => Ok(UserInfo { claims: claims.clone(), envelope: whole }),
            Some(_) => Err(BadUserInfo::NoClaims),
        }
    }

    /// OpenID Connect Core §5.3.2: `sub` is always there, else the claims may be anybody's.
    pub fn with_subject(self) -> Result<UserInfo, BadUserInfo> {
        let named = self.claims.get("sub").or(self.envelope.get("sub")).is_some_and(Value::is_string);
        if named { Ok(self) } else { Err(BadUserInfo::NoSubject) }
    }
}

const MAX_ANSWER: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKI: Template<'_> = Template("https://sso.toki.mn/oauth2/userinfo?userId={userId}");

    #[test]
    fn a_field_stays_one_value_whatever_it_holds() {
        for (value, encoded) in [
            ("100001", "100001"),
            ("a&userId=b", "a%26userId%3Db"),
            ("a b/../c#d?e+f%g", "a%20b%2F..%2Fc%23d%3Fe%2Bf%25g"),
            ("Бат", "%D0%91%D0%B0%D1%82"),
        ] {
            let url = TOKI.fill(|name| (name == "userId").then(|| value.to_owned())).unwrap();
            assert_eq!(url.query().unwrap(), format!("userId={encoded}"));
            assert_eq!(url.query_pairs().collect::<Vec<_>>(), [("userId".into(), value.into())]);
        }
    }

    #[test]
    fn a_field_cannot_climb_in_a_path() {
        let template = Template("https://op.example/users/{id}/info");
        assert_eq!(template.fill(|_| Some("../admin".into())).unwrap().path(), "/users/..%2Fadmin/info");
        for climbing in [".", "..", ""] {
            assert_eq!(template.fill(|_| Some(climbing.into())), Err(Unfilled::Field("id".into())));
        }
    }

    #[test]
    fn a_template_names_its_fields_and_needs_them_all() {
        let two = Template("https://op.example/{tenant}/u?id={userId}");
        assert_eq!(two.fields().collect::<Vec<_>>(), ["tenant", "userId"]);
        assert_eq!(two.fill(|name| (name == "tenant").then(|| "t".into())), Err(Unfilled::Field("userId".into())));
        assert_eq!(Template("https://op.example/u").fields().count(), 0);
        assert_eq!(Template("https://op.example/{u").fill(|_| Some("x".into())), Err(Unfilled::NoUrl));
    }

    #[test]
    fn the_envelope_is_opened_where_it_is_there() {
        let claims = |body: &str, path| UserInfo::read(body.as_bytes(), path).map(|info| Value::Object(info.claims));
        let enveloped = r#"{"data":{"firstName":"Бат"},"userId":"7"}"#;
        assert_eq!(claims(enveloped, Some("data")).unwrap().to_string(), r#"{"firstName":"Бат"}"#);
        assert_eq!(claims(enveloped, None).unwrap().to_string(), enveloped);
        assert_eq!(claims(r#"{"sub":"a"}"#, Some("data")).unwrap().to_string(), r#"{"sub":"a"}"#);
        assert_eq!(claims(r#"{"a":{"b":{"c":1}}}"#, Some("a.b")).unwrap().to_string(), r#"{"c":1}"#);
        for none in [r#"{"data":[]}"#, r#"{"data":"x"}"#, r#"{"data":null}"#] {
            assert_eq!(claims(none, Some("data")), Err(BadUserInfo::NoClaims));
        }
        for unreadable in ["[]", "<html>", "eyJhbGciOiJSUzI1NiJ9.e30.x", r#"{"sub":"a","sub":"b"}"#] {
            assert!(matches!(claims(unreadable, None), Err(BadUserInfo::Unreadable(_))), "{unreadable}");
        }
    }

    #[test]
    fn an_openid_answer_says_whom_it_is_about() {
        let read = |body: &str| UserInfo::read(body.as_bytes(), None).unwrap().with_subject().map(|_| ());
        assert_eq!(read(r#"{"sub":"a"}"#), Ok(()));
        assert_eq!(read(r#"{"email":"a@b"}"#), Err(BadUserInfo::NoSubject));
        assert_eq!(read(r#"{"sub":1}"#), Err(BadUserInfo::NoSubject));
    }
}
