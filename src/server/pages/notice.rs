//! Notice: everything that a page of the gate can have to say.

/// One thing to say; its words are in `en.rs` and `mn.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    // Without a session.
    SignIn,
    /// The same, inside a frame.
    Frame,
    /// A form was posted without a session, and its fields are gone.
    FormNotKept,
    /// The browser keeps some cookies of ours, and not the session's.
    SessionLost,
    /// `/start` was asked for by something that is no page load.
    NoNavigation,

    // In and out.
    SignedOut,
    AskSignOut,
    /// `same_site = "Strict"`: a page between the provider and the application, so that the cookies are sent.
    GoOn,

    // A sign-in that did not come about.
    ConsentRefused,
    /// The provider's own words: shown as a quotation.
    ProviderRefused {
        error: &'a str,
        description: Option<&'a str>,
    },
    BadAnswer,
    StaleAnswer,
    ForeignAnswer,
    OtherBrowser,
    NoCookies,
    CodeRefused,
    ProviderUnreachable,
    ProviderBroken,
    ClientRefused,
    TooManySignIns,
    SessionTooLarge,
    Unnamed,
    /// The provider let the person in otherwise than this page asks for.
    SignInTooWeak,

    // A session that is not enough.
    /// The person signed in longer ago than this page wants.
    SignInTooOld,
    /// The person signed in otherwise than this page wants.
    StrongerSignIn,
    /// The same, or not in the way it wants, inside a frame.
    FrameAgain,
    /// A form was posted that wants another sign-in, and its fields are gone.
    FormNeedsSignIn,

    // A session that cannot go on for now.
    ProviderAway,

    // Refused.
    Denied,
    WrongNetwork,
    NotInGroup,
    EmailNotAllowed,
    EmailNotVerified,
    /// Something else that the provider says, or does not say, of the person.
    ClaimNotMet,
    /// API clients: an access token that is not taken, cannot be read, or does not reach far enough.
    TokenNotTaken,
    TokenUnclear,
    ScopeNeeded,
    TooManyTokens,
    ForeignOrigin,
    /// Forward-auth: the proxy in front did not tell enough of the original request.
    OriginalUnknown,
    UnknownParameter,
    AmbiguousPath,
    NotFound,
    MethodNotAllowed,
    /// No `public_url` has this host; the right address.
    Misdirected {
        address: &'a str,
    },

    // The application.
    ApplicationDown,
    ApplicationSlow,
    ApplicationBroken,

    // At the door.
    BadRequest,
    BodySlow,
    BodyTooLarge,
    NotSupported,

    Broken,
}

impl Notice<'_> {
    /// What somebody else said, shown as theirs: at most 300 characters, control characters gone.
    pub fn quote(&self) -> Option<String> {
        let Notice::ProviderRefused { error, description } = self else { return None };
        let words = match description {
            Some(description) => format!("{error}: {description}"),
            None => (*error).to_owned(),
        };
        Some(words.chars().filter(|c| !c.is_control() && !is_bidi_control(*c)).take(300).collect())
    }
}

/// Characters that turn the direction of what follows: a quotation must not rearrange the page around it (UAX #9 §2).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
