//! Conditions on claims: a rule's `require`.
//!
//! All keys must hold, and of each any value. A list claim holds when any of its elements does. Values are compared as they are written, whether as text,
//! as a number or as a boolean: providers differ in which of them they send. With a `*`, which stands for any run of characters, texts and numbers alone
//! are compared: "anything at all" is not what a `false` is meant to be.

use crate::gate::identity::{EMAIL, EMAIL_VERIFIED};
use crate::gate::pattern::{Case, match_pieces};
use crate::session::{Claim, Claims, Session};

/// One key of `require`.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// A dotted claim path.
    pub claim: String,
    /// At least one.
    pub values: Vec<Wanted>,
}

/// One value that will do.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// No `*` in it; booleans and numbers as they are written.
    Exactly(String),
    /// The texts between the `*`s: at least two.
    Like(Vec<Vec<u8>>),
}

/// Why a requirement does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The provider did not say it, or said nothing with it.
    Missing,
    /// It says something else.
    Other,
    /// `email` alone: the provider says that the address is not verified.
    Unverified,
}

impl Wanted {
    pub fn new(text: &str) -> Wanted {
        if text.contains('*') {
            Wanted::Like(text.split('*').map(|piece| piece.as_bytes().to_vec()).collect())
        } else {
            Wanted::Exactly(text.to_owned())
        }
    }

    fn is(&self, text: &str) -> bool {
        match self {
            Wanted::Exactly(wanted) => wanted == text,
            Wanted::Like(pieces) => match_pieces(pieces, text.as_bytes(), Case::Kept),
        }
    }

    fn is_in_lower_case(&self, text: &str) -> bool {
        match self {
            Wanted::Exactly(wanted) => wanted.eq_ignore_ascii_case(text),
            Wanted::Like(pieces) => {
                let lower: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_ascii_lowercase()).collect();
                match_pieces(&lower, text.as_bytes(), Case::Folded)
            }
        }
    }
}

impl Requirement {
    /// `user_claim`: the claim that names the user, whose value the session has of its own.
    pub fn check(&self, session: &Session, user_claim: &str) -> Result<(), Unmet> {
        if self.claim == EMAIL {
            return self.check_email(&session.claims);
        }
        let claim = if self.claim == user_claim {
            Claim::Text(session.user.as_str())
        } else {
            session.claims.get(&self.claim).ok_or(Unmet::Missing)?
        };
        let holds = |text: &str| !text.is_empty() && self.values.iter().any(|value| value.is(text));
        let held = match claim {
            Claim::Text("") => return Err(Unmet::Missing),
            Claim::Text(text) | Claim::Number(text) => holds(text),
            Claim::Bool(value) => {
                let text = if value { "true" } else { "false" };
                self.values.iter().any(|wanted| matches!(wanted, Wanted::Exactly(wanted) if wanted == text))
            }
            Claim::List(mut elements) => elements.any(holds),
        };
        if held { Ok(()) } else { Err(Unmet::Other) }
    }

    /// The whole address, without regard to case: RFC 5321 §2.4 lets local parts differ by it, no provider of people does.
    fn check_email(&self, claims: &Claims) -> Result<(), Unmet> {
        let (address, _) = verified_address(claims)?;
        let holds = self.values.iter().any(|value| value.is_in_lower_case(address));
        if holds { Ok(()) } else { Err(Unmet::Other) }
    }
}

/// The e-mail address and its domain: with exactly one `@`, and where `email_verified` is not false (security.md C-25).
pub(in crate::gate) fn verified_address(claims: &Claims) -> Result<(&str, &str), Unmet> {
    let address = match claims.get(EMAIL) {
        None | Some(Claim::Text("")) => return Err(Unmet::Missing),
        Some(Claim::Text(address)) => address,
        Some(Claim::Number(_) | Claim::Bool(_) | Claim::List(_)) => return Err(Unmet::Other),
    };
    let verified = match claims.get(EMAIL_VERIFIED) {
        None | Some(Claim::Bool(true)) => true,
        Some(Claim::Text(text)) => !text.eq_ignore_ascii_case("false"),
        Some(Claim::Bool(false) | Claim::Number(_) | Claim::List(_)) => false,
    };
    if !verified {
        return Err(Unmet::Unverified);
    }
    match address.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
            Ok((address, domain))
        }
        Some(_) | None => Err(Unmet::Other),
    }
}

#[cfg(test)]
mod tests;
