//! Request identifiers: unique, not secret, and made without a system call.

use std::cell::Cell;

use http::HeaderValue;

/// One per worker: a random start, and a counter.
pub struct RequestIds {
    start: u64,
    next: Cell<u64>,
}

impl RequestIds {
    pub fn new() -> RequestIds {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        RequestIds { start: u64::from_le_bytes(bytes), next: Cell::new(0) }
    }

    /// 24 hexadecimal digits.
    pub fn fresh(&self) -> HeaderValue {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let mut text = [0; 24];
        digits(self.start, &mut text[..16]);
        digits(number, &mut text[16..]);
        HeaderValue::from_bytes(&text).expect("digits are visible ASCII")
    }
}

/// The lowest digits that fit.
fn digits(mut value: u64, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_all_are_24_digits() {
        let (one, two) = (RequestIds::new(), RequestIds::new());
        let ids: std::collections::HashSet<HeaderValue> = (0..1000).flat_map(|_| [one.fresh(), two.fresh()]).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.len() == 24 && id.as_bytes().iter().all(u8::is_ascii_hexdigit)));
    }
}
