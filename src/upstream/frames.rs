//! Frames: where a WebSocket frame ends and the next begins (RFC 6455 §5.2), so that a close can be said between two of them.

/// Follows one direction's bytes, in pieces of any size; keeps nothing but the head of the frame under way.
#[derive(Debug, Default)]
pub struct Frames {
    head: [u8; LONGEST_HEAD],
    have: usize,
    /// Bytes of the frame that come after its head (the masking key among them).
    left: u64,
    closed: bool,
}

impl Frames {
    /// Between two frames.
    pub fn at_boundary(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// A close frame has gone through, whole.
    pub fn closed(&self) -> bool {
        self.closed
    }

    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.next_boundary(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Goes on to the next boundary, or to the end of the bytes where that comes first. Returns how many it went.
    pub fn next_boundary(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.left == 0 && taken < bytes.len() {
            self.head[self.have] = bytes[taken];
            self.have += 1;
            taken += 1;
            if let Some(rest) = self.rest_of_frame() {
                self.left = rest;
                if rest == 0 {
                    self.end_frame();
                    return taken;
                }
            }
        }
        let body = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - taken);
        self.left -= body as u64;
        if self.left == 0 && body > 0 {
            self.end_frame();
        }
        taken + body
    }

    fn end_frame(&mut self) {
        self.closed |= self.head[0] & OPCODE == CLOSE;
        self.have = 0;
    }

    /// What follows the head, once that is whole.
    fn rest_of_frame(&self) -> Option<u64> {
        let head = &self.head[..self.have];
        let second = *head.get(1)?;
        let length = match second & !MASKED {
            126 => u64::from(u16::from_be_bytes(*head.get(2..)?.first_chunk()?)),
            127 => u64::from_be_bytes(*head.get(2..)?.first_chunk()?),
            short => u64::from(short),
        };
        Some(if second & MASKED == 0 { length } else { length.saturating_add(4) })
    }
}

/// A close frame with a status (RFC 6455 §5.5.1). `mask`: towards the application we are the client, and clients mask.
pub fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    let length =
        u8::try_from(payload.len()).ok().filter(|length| *length <= 125).expect("reasons are short words of ours");
    let mut frame = vec![FIN | CLOSE, length];
    match mask {
        None => frame.extend(payload),
        Some(key) => {
            frame[1] |= MASKED;
            frame.extend(key);
            frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
    frame
}

/// Without the masking key.
const LONGEST_HEAD: usize = 10;
const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x8;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(opcode: u8, masked: bool, length: usize) -> Vec<u8> {
        let mask = if masked { MASKED } else { 0 };
        let mut frame = vec![FIN | opcode];
        match length {
            0..126 => frame.push(mask | u8::try_from(length).unwrap()),
            126..65536 => {
                frame.push(mask | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(vec![0xff; length + if masked { 4 } else { 0 }]);
        frame
    }

    #[test]
    fn a_close_is_seen_when_it_is_whole() {
        let close = close(4401, "session over", None);
        let mut frames = Frames::default();
        frames.feed(&close[..5]);
        assert!(!frames.closed() && !frames.at_boundary());
        frames.feed(&close[5..]);
        assert!(frames.closed() && frames.at_boundary());
    }

    #[test]
    fn a_masked_close_reads_as_it_was_meant() {
        let frame = close(1001, "going away", Some([1, 2, 3, 4]));
        assert_eq!(frame[..6], [0x88, 0x80 | 12, 1, 2, 3, 4]);
        let payload: Vec<u8> =
            frame[6..].iter().zip([1u8, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        assert_eq!(payload, [&[0x03, 0xe9], &b"going away"[..]].concat());
    }

    #[test]
    fn an_endless_frame_has_no_boundary() {
        let mut frames = Frames::default();
        frames.feed(&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        frames.feed(&[0; 100_000]);
        assert!(!frames.at_boundary());
    }

    proptest! {
        /// However the bytes are cut up, boundaries are where the frames were joined.
        #[test]
        fn boundaries_do_not_depend_on_how_the_bytes_come(
            made in prop::collection::vec((0..=10u8, any::<bool>(), prop_oneof![0..4usize, 120..130usize, 65_530..65_540usize]), 1..6),
            cuts in prop::collection::vec(1..200usize, 1..40),
        ) {
            let frames: Vec<Vec<u8>> = made.iter().map(|(opcode, masked, length)| frame(*opcode, *masked, *length)).collect();
            let ends: Vec<usize> = frames.iter().scan(0, |at, frame| { *at += frame.len(); Some(*at) }).collect();
            let bytes = frames.concat();

            let (mut follower, mut at, mut found, mut cut) = (Frames::default(), 0, Vec::new(), cuts.iter().cycle());
            while at < bytes.len() {
                let piece = &bytes[at..bytes.len().min(at + cut.next().unwrap() * 7)];
                let taken = follower.next_boundary(piece);
                prop_assert!(taken > 0);
                at += taken;
                if follower.at_boundary() {
                    found.push(at);
                }
            }
            prop_assert_eq!(found, ends);
            prop_assert_eq!(follower.closed(), made.iter().any(|(opcode, ..)| *opcode == CLOSE));
        }
    }
}
