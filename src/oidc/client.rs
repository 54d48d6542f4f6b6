//! How the client says who it is, and the forms it says so with: to the token endpoint and to every other address that wants to know
//! (RFC 6749 §2.3.1, RFC 7523 §2.2, RFC 8705 §2, OpenID Connect Core §9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::Secret;

/// How the client says who it is.
#[derive(Clone, Copy)]
pub enum Authentication<'a> {
    /// `client_id` alone; also where the certificate of the connection says who calls (RFC 8705 §2.1).
    Named,
    /// Identifier and secret in the body.
    Post(&'a Secret<String>),
    /// Identifier and secret in `Authorization`.
    Basic(&'a Secret<String>),
    /// A JWT that the client signed (`oidc::signing`).
    Assertion(&'a Secret<String>),
}

/// A form of the client's, ready to send.
#[derive(Debug)]
pub struct Form {
    /// `application/x-www-form-urlencoded`.
    pub body: Secret<String>,
    pub authorization: Option<Secret<String>>,
}

impl Form {
    /// `fields` say what is asked for; who asks is added. Where they name the `client_id` themselves (RFC 9126 §2.1), it is not said twice.
    pub fn new(fields: &[(&str, &str)], client_id: &str, authentication: Authentication<'_>) -> Form {
        let named = [("client_id", client_id)];
        let (id, proof, authorization): (&[_], [Option<(&str, &str)>; 2], _) = match authentication {
            Authentication::Named => (&named, [None, None], None),
            Authentication::Post(secret) => (&named, [Some(("client_secret", secret.expose())), None], None),
            Authentication::Basic(secret) => (&[], [None, None], Some(basic(client_id, secret))),
            Authentication::Assertion(assertion) => {
                let kind = Some(("client_assertion_type", JWT_BEARER));
                (&named, [kind, Some(("client_assertion", assertion.expose()))], None)
            }
        };
        let says_id = fields.iter().any(|(name, _)| *name == "client_id");
        let id = id.iter().copied().filter(|_| !says_id);
        let all = fields.iter().copied().chain(id).chain(proof.into_iter().flatten());
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        Form { body: Secret::new(body), authorization }
    }
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret<String>) -> Secret<String> {
    let half = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", half(client_id), half(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// The two halves as RFC 6749 §2.3.1 says, still encoded.
    fn halves(client_id: &str, hidden: &str) -> (String, String) {
        let hidden = secret(hidden);
        let form = Form::new(&[("a", "b")], client_id, Authentication::Basic(&hidden));
        assert_eq!(form.body.expose(), "a=b", "neither half is in the body");
        let header = form.authorization.unwrap();
        let pair = STANDARD.decode(header.expose().strip_prefix("Basic ").unwrap()).unwrap();
        let pair = String::from_utf8(pair).unwrap();
        let (id, secret) = pair.split_once(':').unwrap();
        (id.to_owned(), secret.to_owned())
    }

    #[test]
    fn every_way_says_it_in_its_own_place() {
        let (hidden, assertion) = (secret("s&3"), secret("a.b.c"));
        for (authentication, said) in [
            (Authentication::Named, "x=%2B+1&client_id=i%3Ad"),
            (Authentication::Post(&hidden), "x=%2B+1&client_id=i%3Ad&client_secret=s%263"),
            (
                Authentication::Assertion(&assertion),
                "x=%2B+1&client_id=i%3Ad\
                 &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c",
            ),
        ] {
            let form = Form::new(&[("x", "+ 1")], "i:d", authentication);
            assert_eq!((form.body.expose().as_str(), form.authorization), (said, None));
        }
    }

    #[test]
    fn basic_stands_alone_and_its_halves_are_encoded() {
        assert_eq!(halves("i:d", "p:w d"), ("i%3Ad".to_owned(), "p%3Aw+d".to_owned()));
    }

    /// RFC 6749 appendix B: what `application/x-www-form-urlencoded` leaves as it is, and nothing else.
    #[test]
    fn every_reserved_character_of_a_secret_is_encoded_and_read_back() {
        let all: String = (b' '..=b'~').map(char::from).chain("é€".chars()).collect();
        let (id, hidden) = halves(&all, &all);
        assert_eq!(id, hidden);
        let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._%+".contains(&byte);
        assert!(id.bytes().all(kept), "{id}");
        for (plain, encoded) in [("%", "%25"), ("+", "%2B"), (" ", "+"), (":", "%3A"), ("~", "%7E"), ("é", "%C3%A9")] {
            assert_eq!(halves("id", plain).1, encoded);
        }
        let decoded = form_urlencoded::parse(format!("{id}=").as_bytes()).next().unwrap().0.into_owned();
        assert_eq!(decoded, all);
    }

    #[test]
    fn an_identifier_that_is_asked_for_is_said_once() {
        let hidden = secret("s");
        let fields = [("client_id", "id"), ("scope", "openid")];
        for authentication in [Authentication::Named, Authentication::Post(&hidden), Authentication::Basic(&hidden)] {
            let form = Form::new(&fields, "id", authentication);
            assert_eq!(form.body.expose().matches("client_id=id").count(), 1);
        }
    }
}
