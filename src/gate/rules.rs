//! Rules: read from top to bottom; the first that matches decides.

use http::Method;

/// One `[[rules]]` entry as written and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `*` is any run inside one segment, `**` any number of segments; `/x/**` includes `/x`.
    pub paths: Vec<String>,
    /// All, where empty.
    pub methods: Vec<Method>,
    pub access: Access,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access {
    Public,
    /// Identity headers where there is a session, no refusal where there is none.
    Optional,
    #[default]
    User,
    /// 403 for everybody.
    Deny,
}
