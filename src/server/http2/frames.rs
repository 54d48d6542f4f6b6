//! Frames: where one HTTP/2 frame ends and the next begins (RFC 9113 §4.1), in one direction's bytes, cut up in any way.

/// Follows the bytes; keeps nothing but the head of the frame under way.
#[derive(Debug)]
pub struct Frames {
    head: [u8; HEAD_BYTES],
    have: usize,
    /// Bytes of the frame (or the preface) that come after its head.
    left: usize,
    under_way: Option<Head>,
    /// A header block has begun whose last frame has not come (§4.3).
    block_is_open: bool,
}

/// What stands before every frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub length: usize,
    pub kind: Kind,
    flags: u8,
    /// 0: the connection's own.
    pub stream: u32,
}

/// RFC 9113 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    RstStream,
    Settings,
    Ping,
    WindowUpdate,
    Continuation,
    /// PRIORITY, PUSH_PROMISE, GOAWAY, and extensions.
    Other,
}

impl Frames {
    /// Of a server: frames from the first byte.
    pub fn of_server() -> Frames {
        Frames { head: [0; HEAD_BYTES], have: 0, left: 0, under_way: None, block_is_open: false }
    }

    /// Of a client: the preface comes first (§3.4).
    pub fn of_client() -> Frames {
        Frames { left: PREFACE_BYTES, ..Frames::of_server() }
    }

    /// Between two frames, or before the first.
    pub fn at_boundary(&self) -> bool {
        self.have == 0 && (self.left == 0 || self.left == PREFACE_BYTES && self.under_way.is_none())
    }

    /// Something has begun that holds up all else until it is whole: a header block, or any frame but DATA, whose bytes are waited for
    /// by whoever takes the upload.
    pub fn owes_the_rest(&self) -> bool {
        let frame_is_open = !self.at_boundary() && self.under_way.is_none_or(|head| head.kind != Kind::Data);
        frame_is_open || self.block_is_open
    }

    /// `seen` is called with each frame's head as soon as that is whole.
    pub fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Head)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                bytes = &bytes[taken..];
                self.skip(taken);
                continue;
            }
            let taken = (HEAD_BYTES - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD_BYTES {
                let head = Head::read(self.head);
                (self.have, self.left, self.under_way) = (0, head.length, Some(head));
                seen(head);
                self.skip(0);
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.left -= bytes;
        if self.left == 0
            && let Some(head) = self.under_way.take()
        {
            match head.kind {
                Kind::Headers | Kind::Continuation => self.block_is_open = !head.ends_headers(),
                Kind::Data | Kind::RstStream | Kind::Settings | Kind::Ping | Kind::WindowUpdate | Kind::Other => {}
            }
        }
    }
}

impl Head {
    fn read(bytes: [u8; HEAD_BYTES]) -> Head {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            3 => Kind::RstStream,
            4 => Kind::Settings,
            6 => Kind::Ping,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            _ => Kind::Other,
        };
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Head { length, kind, flags, stream: u32::from_be_bytes(stream) & !RESERVED }
    }

    /// Of DATA and HEADERS.
    pub fn ends_stream(self) -> bool {
        self.flags & 0x1 != 0
    }

    /// Of HEADERS and CONTINUATION.
    fn ends_headers(self) -> bool {
        self.flags & 0x4 != 0
    }
}

/// A GOAWAY frame (§6.8).
pub fn goaway(last_stream: u32, error: u32) -> [u8; HEAD_BYTES + 8] {
    let mut frame = [0; HEAD_BYTES + 8];
    frame[2] = 8;
    frame[3] = 7;
    frame[HEAD_BYTES..HEAD_BYTES + 4].copy_from_slice(&last_stream.to_be_bytes());
    frame[HEAD_BYTES + 4..].copy_from_slice(&error.to_be_bytes());
    frame
}

pub const ENHANCE_YOUR_CALM: u32 = 0xb;

const HEAD_BYTES: usize = 9;
const PREFACE_BYTES: usize = crate::server::arrival::PREFACE.len();
const RESERVED: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
        let mut frame = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.resize(HEAD_BYTES + length, 0xee);
        frame
    }

    #[test]
    fn a_client_that_has_said_nothing_owes_nothing_and_one_inside_its_preface_the_rest() {
        let mut frames = Frames::of_client();
        assert!(!frames.owes_the_rest());
        frames.feed(b"PRI", |_| {});
        assert!(frames.owes_the_rest());
        frames.feed(&[0; PREFACE_BYTES - 3], |_| {});
        assert!(!frames.owes_the_rest());
    }

    #[test]
    fn a_header_block_is_owed_until_its_last_frame_is_whole() {
        let mut frames = Frames::of_server();
        frames.feed(&frame(3, 1, 0x1, 1), |_| {});
        assert!(frames.owes_the_rest() && frames.at_boundary());
        frames.feed(&frame(3, 9, 0, 1), |_| {});
        assert!(frames.owes_the_rest());
        let last = frame(3, 9, 0x4, 1);
        frames.feed(&last[..11], |_| {});
        assert!(frames.owes_the_rest());
        frames.feed(&last[11..], |_| {});
        assert!(!frames.owes_the_rest());
    }

    #[test]
    fn nobody_owes_the_rest_of_data() {
        let mut frames = Frames::of_server();
        frames.feed(&frame(100, 0, 0, 1)[..50], |_| {});
        assert!(!frames.owes_the_rest() && !frames.at_boundary());
    }

    #[test]
    fn a_goaway_reads_as_it_was_meant() {
        let mut seen = Vec::new();
        let mut frames = Frames::of_server();
        let frame = goaway(7, ENHANCE_YOUR_CALM);
        frames.feed(&frame, |head| seen.push(head));
        assert_eq!((seen[0].length, seen[0].stream, frames.at_boundary()), (8, 0, true));
        assert_eq!(frame[3..], [7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0xb]);
    }

    proptest! {
        /// However the bytes are cut up, the heads are those of the frames that were joined.
        #[test]
        fn heads_do_not_depend_on_how_the_bytes_come(
            made in prop::collection::vec((prop_oneof![0..40usize, 16_380..16_390usize], 0..12u8, any::<u8>(), 0..1u32 << 31), 1..8),
            cuts in prop::collection::vec(1..300usize, 1..30),
        ) {
            let bytes: Vec<u8> = made.iter().flat_map(|(length, kind, flags, stream)| frame(*length, *kind, *flags, *stream)).collect();
            let (mut frames, mut seen, mut rest, mut cut) = (Frames::of_server(), Vec::new(), &bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cut.next().unwrap()));
                frames.feed(piece, |head| seen.push((head.length, head.flags, head.stream)));
                rest = after;
            }
            let sent: Vec<_> = made.iter().map(|(length, _, flags, stream)| (*length, *flags, *stream)).collect();
            prop_assert_eq!(seen, sent);
            prop_assert!(frames.at_boundary());
        }
    }
}
