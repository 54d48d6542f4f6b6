//! The authorization response (RFC 6749 §4.1.2), read from the callback's query.

use percent_encoding::percent_decode_str;

use super::Secret;
use super::metadata::Metadata;

/// What the browser brought back.
#[derive(Debug)]
pub enum Callback {
    Code {
        code: Secret<String>,
        state: String,
        iss: Option<String>,
    },
    /// RFC 6749 §4.1.2.1; `description` is the provider's text: shown escaped, never trusted.
    Refused {
        error: String,
        description: Option<String>,
        state: Option<String>,
        iss: Option<String>,
    },
}

/// Why a query is no authorization response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("state is missing")]
    NoState,
    #[error("neither code nor error is there")]
    NeitherCodeNorError,
    #[error("a parameter appears twice")]
    Repeated,
    #[error("a parameter is empty, too long, or not UTF-8")]
    BadValue,
}

impl Callback {
    /// Strict about the parameters it knows, deaf to all others (RFC 6749 §4.1.2). An answer that carries both a code and an error is an
    /// error: nothing is spent on it.
    pub fn read(query: Option<&str>) -> Result<Callback, Malformed> {
        let mut known = Known::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(slot) = known.slot(&percent_decode_str(name).decode_utf8_lossy()) else { continue };
            if slot.replace(value).is_some() {
                return Err(Malformed::Repeated);
            }
        }
        let state = known.state.map(|raw| visible(raw, MAX_STATE)).transpose()?;
        let iss = known.iss.map(|raw| visible(raw, MAX_ISSUER)).transpose()?;
        if let Some(error) = known.error {
            let error = visible(error, MAX_ERROR)?;
            return Ok(Callback::Refused { error, description: known.description.and_then(description), state, iss });
        }
        let code = Secret::new(visible(known.code.ok_or(Malformed::NeitherCodeNorError)?, MAX_CODE)?);
        Ok(Callback::Code { code, state: state.ok_or(Malformed::NoState)?, iss })
    }
}

/// Why an answer's `iss` does not hold (RFC 9207 §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignIssuer {
    #[error("its iss is another issuer's")]
    Another,
    #[error("its iss is missing, and the provider's metadata says that it is always there")]
    Missing,
}

/// RFC 9207 §2.4. Where no issuer is known there is nothing to compare with.
pub fn check_issuer(iss: Option<&str>, metadata: &Metadata) -> Result<(), ForeignIssuer> {
    match (iss, &metadata.issuer) {
        (Some(iss), Some(known)) if iss != known => Err(ForeignIssuer::Another),
        (None, _) if metadata.iss_parameter_supported => Err(ForeignIssuer::Missing),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// The parameters that count, as they were sent.
#[derive(Default)]
struct Known<'a> {
    code: Option<&'a str>,
    state: Option<&'a str>,
    iss: Option<&'a str>,
    error: Option<&'a str>,
    description: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn slot(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        match name {
            "code" => Some(&mut self.code),
            "state" => Some(&mut self.state),
            "iss" => Some(&mut self.iss),
            "error" => Some(&mut self.error),
            "error_description" => Some(&mut self.description),
            _ => None,
        }
    }
}

/// RFC 6749 appendix A.5, A.7 and A.11: visible ASCII and space, at least one.
fn visible(raw: &str, limit: usize) -> Result<String, Malformed> {
    let value = decoded(raw).ok_or(Malformed::BadValue)?;
    let fits = !value.is_empty() && value.len() <= limit && value.bytes().all(|b| matches!(b, 0x20..=0x7E));
    fits.then_some(value).ok_or(Malformed::BadValue)
}

/// People read it, in any script; what cannot be shown is left out.
fn description(raw: &str) -> Option<String> {
    let text: String = decoded(raw)?.chars().filter(|c| !c.is_control()).take(MAX_DESCRIPTION).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// RFC 6749 appendix B.
fn decoded(raw: &str) -> Option<String> {
    let spaces = raw.replace('+', " ");
    percent_decode_str(&spaces).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Codes that are themselves encrypted tokens run to a few KiB.
const MAX_CODE: usize = 8 * 1024;
/// Ours carries at most 512 bytes of return address, sealed.
const MAX_STATE: usize = 2 * 1024;
const MAX_ISSUER: usize = 2 * 1024;
const MAX_ERROR: usize = 128;
/// Characters, not bytes.
const MAX_DESCRIPTION: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(query: &str) -> Malformed {
        Callback::read(Some(query)).expect_err(query)
    }

    #[test]
    fn a_code_comes_with_its_state() {
        let Ok(Callback::Code { code, state, iss }) =
            Callback::read(Some("code=a%2Fb+c&session_state=x&session_state=y&state=s&iss=https%3A%2F%2Fop"))
        else {
            panic!("a code");
        };
        assert_eq!((code.expose().as_str(), state.as_str(), iss.as_deref()), ("a/b c", "s", Some("https://op")));
    }

    #[test]
    fn what_is_no_answer_is_told_apart_from_what_is_a_bad_one() {
        for separators in ["", "&", "=", "%", "&&&=", "?", "&=&=&"] {
            assert_eq!(malformed(separators), Malformed::NeitherCodeNorError, "{separators}");
        }
        assert_eq!(Callback::read(None).unwrap_err(), Malformed::NeitherCodeNorError);
        assert_eq!(malformed("state=s"), Malformed::NeitherCodeNorError);
        assert_eq!(malformed("code=c"), Malformed::NoState);
    }

    #[test]
    fn a_parameter_that_counts_is_there_once() {
        for twice in [
            "code=a&code=a&state=s",
            "code=a&state=s&state=t",
            "c%6Fde=a&code=b&state=s",
            "error=a&error=b",
            "code=a&state=s&iss=a&iss=a",
        ] {
            assert_eq!(malformed(twice), Malformed::Repeated, "{twice}");
        }
    }

    #[test]
    fn values_are_visible_and_bounded() {
        let long = format!("code={}&state=s", "a".repeat(MAX_CODE + 1));
        for bad in [
            "code=&state=s",
            "code=c&state=",
            "code=%00&state=s",
            "code=%ff&state=s",
            "code=c&state=%0d%0a",
            "error=",
            "code=%D0%91&state=s",
            &long,
        ] {
            assert_eq!(malformed(bad), Malformed::BadValue, "{bad}");
        }
    }

    #[test]
    fn an_error_is_an_error_even_beside_a_code() {
        let Ok(Callback::Refused { error, description, state, .. }) = Callback::read(Some(
            "code=c&state=s&error=access_denied&error_description=%3Cscript%3E%0a%D0%91%D0%B0%D1%82",
        )) else {
            panic!("a refusal");
        };
        assert_eq!(
            (error.as_str(), description.as_deref(), state.as_deref()),
            ("access_denied", Some("<script>Бат"), Some("s"))
        );
        let Ok(Callback::Refused { state: None, description: None, .. }) =
            Callback::read(Some("error=server_error&error_description=%ff"))
        else {
            panic!("a refusal without state");
        };
    }

    #[test]
    fn an_answer_of_another_issuer_is_foreign() {
        let mut metadata = Metadata::example();
        assert_eq!(check_issuer(Some("https://evil.example"), &metadata), Err(ForeignIssuer::Another));
        assert_eq!(check_issuer(Some("https://op.example/"), &metadata), Err(ForeignIssuer::Another));
        assert_eq!(check_issuer(Some("https://op.example"), &metadata), Ok(()));
        assert_eq!(check_issuer(None, &metadata), Ok(()));
        metadata.iss_parameter_supported = true;
        assert_eq!(check_issuer(None, &metadata), Err(ForeignIssuer::Missing));
        metadata.issuer = None;
        metadata.iss_parameter_supported = false;
        assert_eq!(check_issuer(Some("https://op.example"), &metadata), Ok(()));
    }
}
