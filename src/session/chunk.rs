//! A sealed part over several cookies: every `Set-Cookie` under 4,096 bytes, the pieces of one part of one sealing.
//!
//! The first piece begins with a letter that says how many there are (`a`: one). Each later one begins with a letter for its place and eight
//! characters of the sealing's nonce, so that a stale or swapped piece is noticed before anything is opened. What is tampered with beyond that does
//! not open: the seal is over the whole.

use std::borrow::Cow;

use crate::wire::cookies::MAX_PIECES;

/// Splits a sealed text into values of at most `room` bytes. `None`: it needs more than [`MAX_PIECES`].
pub fn split(text: &str, room: usize) -> Option<Vec<String>> {
    let count = pieces(text.len(), room)?;
    let (first, mut rest) = text.split_at(text.len().min(room - 1));
    let mut values = vec![format!("{}{first}", letter(count - 1))];
    for index in 1..count {
        let (piece, after) = rest.split_at(rest.len().min(room - LATER_HEAD));
        values.push(format!("{}{}{piece}", letter(index), &text[TAG]));
        rest = after;
    }
    Some(values)
}

/// How many values of at most `room` bytes a sealed text of this length takes. `None`: more than [`MAX_PIECES`].
pub fn pieces(len: usize, room: usize) -> Option<u8> {
    debug_assert!(room > TAG.end, "a piece holds more than its head");
    let beyond_first = len.saturating_sub(room - 1);
    let count = 1 + beyond_first.div_ceil(room - LATER_HEAD);
    u8::try_from(count).ok().filter(|count| *count <= MAX_PIECES)
}

/// What the pieces add to a text that is split over so many.
pub fn overhead(count: u8) -> usize {
    1 + LATER_HEAD * usize::from(count.saturating_sub(1))
}

/// The sealed text, where exactly its pieces came: none is missing, surplus or of another sealing. `came` counts the pieces that came, `piece` gives
/// one. A single piece is not copied.
pub fn join<'a>(came: usize, piece: impl Fn(u8) -> Option<&'a [u8]>) -> Option<Cow<'a, [u8]>> {
    let (count, first) = piece(0)?.split_first()?;
    let count = count.checked_sub(b'a')?.checked_add(1).filter(|count| *count <= MAX_PIECES)?;
    if came != usize::from(count) {
        return None;
    }
    if count == 1 {
        return Some(Cow::Borrowed(first));
    }
    let tag = first.get(TAG)?;
    let mut text = first.to_vec();
    for index in 1..count {
        let rest = piece(index)?.strip_prefix(&[b'a' + index])?.strip_prefix(tag)?;
        text.extend_from_slice(rest);
    }
    Some(Cow::Owned(text))
}

/// `a` is 0.
fn letter(index: u8) -> char {
    char::from(b'a' + index)
}

/// Where a sealed text's characters hold nothing but its nonce: bytes 6 to 12.
const TAG: std::ops::Range<usize> = 8..16;
const LATER_HEAD: usize = 1 + (TAG.end - TAG.start);

#[cfg(test)]
mod tests;
