//! Identity headers: templates over claims, encoded so that nobody becomes somebody else on the way.

/// A dotted claim path or a template such as `{firstName} {lastName}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// A dotted claim path. The path `<user_claim>` stands for the configured user claim.
    Claim(String),
}

/// Why a template cannot be read; the message is for `check`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    #[error("it is empty")]
    Empty,
    #[error("a brace is not closed, or closed without being opened")]
    Brace,
}

impl Template {
    /// Without braces the whole text is one claim path.
    pub fn parse(text: &str) -> Result<Template, BadTemplate> {
        let _ = text;
        todo!()
    }

    /// The claim paths it needs.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Claim(path) => Some(path.as_str()),
            Piece::Text(_) => None,
        })
    }
}
