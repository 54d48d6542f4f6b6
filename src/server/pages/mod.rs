//! Pages: what a person sees of the gate. One layout; no script, nothing from elsewhere; English and Mongolian.

mod en;
mod language;
mod mn;
mod notice;

use std::borrow::Cow;
use std::sync::LazyLock;

use askama::Template;
use base64::Engine;
use sha2::{Digest, Sha256};

pub use language::Language;
pub use notice::Notice;

use crate::config::server::{self, Pages};

/// How the pages of one configuration speak.
#[derive(Clone, Debug, Default)]
pub struct Voice {
    /// `[pages] name`; without it, the host.
    pub name: Option<String>,
    /// `[pages] support`: an address, a telephone number, whatever helps.
    pub support: Option<String>,
    pub language: server::Language,
    /// What people know the provider as: `TOKI` under its preset.
    pub provider: Option<String>,
}

impl Voice {
    pub fn new(pages: &Pages, provider: Option<&str>) -> Voice {
        Voice {
            name: pages.name.clone(),
            support: pages.support.clone(),
            language: pages.language,
            provider: provider.map(str::to_owned),
        }
    }
}

/// One page, all of it.
pub struct Page<'a> {
    pub voice: &'a Voice,
    pub language: Language,
    /// What stands for the application's name where `[pages] name` is not written.
    pub host: &'a str,
    pub request_id: &'a str,
    /// Who is signed in, as far as `[log] user` lets it be shown.
    pub user: Option<&'a str>,
    pub notice: Notice<'a>,
    pub links: Links<'a>,
}

/// Where a page's buttons lead. Each is an address of our own; one without a label in the text is left out.
#[derive(Clone, Debug, Default)]
pub struct Links<'a> {
    /// The main thing to do.
    pub go: Option<Go<'a>>,
    /// The main thing to do, as a form that posts.
    pub post: Option<Cow<'a, str>>,
    /// Another thing to do.
    pub other: Option<Cow<'a, str>>,
    pub refresh: Option<Refresh<'a>>,
}

#[derive(Clone, Debug)]
pub struct Go<'a> {
    pub href: Cow<'a, str>,
    pub target: Target,
}

/// Where a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Here,
    /// Out of the frame.
    Top,
    /// A new tab: this one keeps what was typed.
    NewTab,
}

/// The page goes on by itself.
#[derive(Clone, Debug)]
pub struct Refresh<'a> {
    /// Seconds.
    pub after: u64,
    /// Absent: the same address again.
    pub to: Option<Cow<'a, str>>,
}

/// What a page says, in one language.
#[derive(Debug)]
pub struct Text {
    pub title: Cow<'static, str>,
    pub says: Vec<Cow<'static, str>>,
    pub button: Option<Cow<'static, str>>,
    pub other: Option<&'static str>,
}

impl Text {
    fn new(title: impl Into<Cow<'static, str>>) -> Text {
        Text { title: title.into(), says: Vec::new(), button: None, other: None }
    }

    fn says(mut self, line: impl Into<Cow<'static, str>>) -> Text {
        self.says.push(line.into());
        self
    }

    fn button(mut self, label: impl Into<Cow<'static, str>>) -> Text {
        self.button = Some(label.into());
        self
    }

    fn other(mut self, label: &'static str) -> Text {
        self.other = Some(label);
        self
    }
}

/// What the texts are told.
struct Words<'a> {
    app: &'a str,
    provider: Option<&'a str>,
}

impl Page<'_> {
    pub fn render(&self) -> String {
        let app = self.voice.name.as_deref().unwrap_or(self.host);
        let layout = Layout {
            lang: self.language.tag(),
            app,
            style: STYLE,
            text: self.notice.text(self.language, &Words { app, provider: self.voice.provider.as_deref() }),
            quote: self.notice.quote(),
            links: &self.links,
            request_id: self.request_id,
            user: self.user,
            support: self.voice.support.as_deref(),
            support_href: self.voice.support.as_deref().and_then(href_of_support),
            footer: match self.language {
                Language::English => &en::FOOTER,
                Language::Mongolian => &mn::FOOTER,
            },
        };
        layout.render().expect("writing to a String does not fail")
    }
}

impl Notice<'_> {
    /// What a program is told: title and first sentence, in English.
    pub fn summary(&self, voice: &Voice, host: &str) -> (String, String) {
        let words = Words { app: voice.name.as_deref().unwrap_or(host), provider: voice.provider.as_deref() };
        let text = en::text(self, &words);
        let detail = text.says.into_iter().next().unwrap_or_else(|| text.title.clone());
        (text.title.into_owned(), detail.into_owned())
    }

    fn text(&self, language: Language, words: &Words<'_>) -> Text {
        match language {
            Language::English => en::text(self, words),
            Language::Mongolian => mn::text(self, words),
        }
    }
}

impl Target {
    fn attribute(self) -> Option<&'static str> {
        match self {
            Target::Here => None,
            Target::Top => Some("_top"),
            Target::NewTab => Some("_blank"),
        }
    }
}

/// The source of the one style for `style-src`: its hash, so that no other style is taken (CSP Level 3 §2.3.1).
pub static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    format!("'sha256-{hash}'")
});

const STYLE: &str = include_str!("../../../templates/page.css");

#[derive(Template)]
#[template(path = "page.html")]
struct Layout<'a> {
    lang: &'static str,
    app: &'a str,
    style: &'static str,
    text: Text,
    quote: Option<String>,
    links: &'a Links<'a>,
    request_id: &'a str,
    user: Option<&'a str>,
    support: Option<&'a str>,
    support_href: Option<String>,
    footer: &'static Footer,
}

impl Layout<'_> {
    fn acts(&self) -> bool {
        (self.text.button.is_some() && (self.links.go.is_some() || self.links.post.is_some()))
            || (self.text.other.is_some() && self.links.other.is_some())
    }
}

/// The words below the line.
struct Footer {
    request: &'static str,
    user: &'static str,
    support: &'static str,
}

/// A support contact that is an address of the web or of mail becomes a link.
fn href_of_support(support: &str) -> Option<String> {
    if support.starts_with("https://") || support.starts_with("http://") {
        return Some(support.to_owned());
    }
    let (name, host) = support.split_once('@')?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".+-_".contains(c));
    (plain(name) && plain(host)).then(|| format!("mailto:{support}"))
}

#[cfg(test)]
mod tests;
