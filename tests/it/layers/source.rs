//! Sources as the compiler sees them: without comments, texts and what is compiled for tests alone.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub(super) struct Source {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) lines: usize,
    pub(super) text: String,
    /// Comments and texts blanked.
    pub(super) whole: String,
    /// The same without `#[cfg(test)]`; nothing of a file that is for tests alone.
    pub(super) code: String,
    /// Modules of its own that are for tests alone.
    test_modules: Vec<String>,
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of the crate.
pub(super) fn sources() -> impl Iterator<Item = &'static Source> {
    all().filter(|source| source.path.starts_with("src/"))
}

/// And those of the tests.
pub(super) fn all() -> impl Iterator<Item = &'static Source> {
    static ALL: LazyLock<Vec<Source>> =
        LazyLock::new(|| ["src", "tests"].into_iter().flat_map(sources_below).collect());
    ALL.iter()
}

fn sources_below(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a source is text");
        let path = path.strip_prefix(root()).expect("below the root");
        Source::read(&path.to_string_lossy(), &text)
    };
    let mut sources: Vec<Source> = paths.iter().map(read).collect();
    let for_tests: Vec<String> = sources.iter().flat_map(Source::test_paths).collect();
    for source in &mut sources {
        let module = source.module().join("/");
        if for_tests.iter().any(|path| module == *path || module.starts_with(&format!("{path}/"))) {
            source.code.clear();
        }
    }
    sources
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("node_modules") {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

impl Source {
    pub(super) fn read(path: &str, text: &str) -> Source {
        let whole = without_texts(text);
        let (code, test_modules) = without_tests(&whole);
        Source { path: path.to_owned(), lines: text.lines().count(), text: text.to_owned(), whole, code, test_modules }
    }

    /// The room of the picture that it belongs to.
    pub(super) fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap_or_default()
    }

    /// `src/gate/own.rs` is `gate`, `own`.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect()
    }

    fn test_paths(&self) -> Vec<String> {
        let module = match self.module().join("/").as_str() {
            "lib" | "main" => String::new(),
            module => format!("{module}/"),
        };
        self.test_modules.iter().map(|name| format!("{module}{name}")).collect()
    }

    pub(super) fn has_word(&self, word: &str) -> bool {
        words(&self.code).any(|found| found == word)
    }

    /// The rooms that it names, each once, in the order of their first naming by each way there is: `crate::…`, `use crate::{…}`, `tokigate::…`,
    /// `super::…` out of the room.
    pub(super) fn imports(&self) -> Vec<String> {
        let tight: String = tight(&self.code);
        let mut rooms: Vec<String> = Vec::new();
        let mut add = |after: &str| {
            for room in heads(after) {
                if !rooms.contains(&room) {
                    rooms.push(room);
                }
            }
        };
        for start in ["crate::", "tokigate::"] {
            for (at, _) in tight.match_indices(start) {
                if !is_inside_word(&tight, at) {
                    add(&tight[at + start.len()..]);
                }
            }
        }
        let out_of_the_room = "super::".repeat(self.module().len());
        for (at, _) in tight.match_indices(&out_of_the_room) {
            let is_more =
                tight[..at].ends_with("super::") || tight[at + out_of_the_room.len()..].starts_with("super::");
            if !is_inside_word(&tight, at) && !is_more {
                add(&tight[at + out_of_the_room.len()..]);
            }
        }
        rooms.retain(|room| room.starts_with(|first: char| first.is_ascii_lowercase()));
        rooms
    }
}

/// `a::b…` begins with `a`, `{a::b, c}` with `a` and `c`.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().map(str::to_owned).into_iter().collect();
    };
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                heads.extend(words(&group[start..at]).next().map(str::to_owned));
                start = at + 1;
                if char == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !is_word(char)).filter(|word| !word.is_empty())
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn is_inside_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(is_word)
}

/// No blanks around `::` and braces, whatever the formatter did.
fn tight(code: &str) -> String {
    let mut tight = code.split_whitespace().collect::<Vec<_>>().join(" ");
    for mark in ["::", "{", "}", ","] {
        tight = tight.replace(&format!(" {mark}"), mark).replace(&format!("{mark} "), mark);
    }
    tight
}

/// Comments, and the insides of texts and characters, as blanks; lines stay lines.
fn without_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let before = code.chars().next_back().unwrap_or(' ');
        let length = match char {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            'r' if !is_word(before) || before == 'b' => raw_text(rest),
            '"' => 1 + closing(&rest[1..], '"'),
            '\'' => character(rest),
            _ => 0,
        };
        let length = if length == 0 { char.len_utf8() } else { length };
        let (taken, after) = rest.split_at(length);
        if length == char.len_utf8() {
            code.push(char);
        } else {
            code.extend(taken.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &text[at..];
        match rest {
            _ if rest.starts_with("/*") => (depth, at) = (depth + 1, at + 2),
            _ if rest.starts_with("*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += rest.chars().next().map_or(1, char::len_utf8),
        }
        if depth == 0 || at >= text.len() {
            return at.min(text.len());
        }
    }
}

/// `r"…"`, `r#"…"#`; 0 where it is none.
fn raw_text(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let Some(inside) = text[1 + hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    2 + hashes + inside.find(&end).map_or(inside.len(), |at| at + end.len())
}

/// Up to and with the quote that no backslash escapes.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            char if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// `'x'`, `'\n'`; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text[1..].chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => 1 + closing(&text[1..], '\''),
        (Some(char), Some('\'')) => 2 + char.len_utf8(),
        _ => 0,
    }
}

/// The code without items for tests alone, and the names of the modules in files of their own among them.
fn without_tests(code: &str) -> (String, Vec<String>) {
    let mut left = String::with_capacity(code.len());
    let mut modules = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        left.push_str(&rest[..at]);
        let item = &rest[at + "#[cfg(test)]".len()..];
        let end = end_of_item(item);
        let mut said = words(&item[..end]).skip_while(|word| *word != "mod").skip(1);
        if let (true, Some(name)) = (item[..end].ends_with(';'), said.next()) {
            modules.push(name.to_owned());
        }
        rest = &item[end..];
    }
    left.push_str(rest);
    (left, modules)
}

/// After the `;` outside all brackets, or the brace that closes the first.
fn end_of_item(item: &str) -> usize {
    let mut depth = 0usize;
    for (at, char) in item.char_indices() {
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth == 0 && !item[at + 1..].trim_start().starts_with(';') {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}
