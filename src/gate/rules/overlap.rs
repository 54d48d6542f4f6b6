//! Overlap: whether some path is in one pattern and not in another. Exact: patterns are automata, and all that they could read is walked through, shortest
//! first.

use std::collections::HashSet;

use smallvec::SmallVec;

use crate::gate::pattern::{Pattern, Segment};

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The shortest there is.
    Path(String),
    Nothing,
    /// It would take too long to find out.
    Unknown,
}

/// A path that some pattern of each of `all` matches, and none of `none`, as written.
pub(super) fn path_in(all: &[&[&Pattern]], none: &[&Pattern], steps_left: &mut usize) -> Found {
    let machines: Vec<Machine> = all.iter().copied().chain([none]).map(Machine::new).collect();
    let start: Vec<States> = machines.iter().map(Machine::start).collect();
    let mut seen = HashSet::from([start.clone()]);
    // States, the step before, and the byte that led here.
    let mut walked: Vec<(Vec<States>, usize, u8)> = vec![(start, 0, 0)];
    let mut next = 0;
    while next < walked.len() {
        for byte in bytes_of_interest(&machines, &walked[next].0) {
            let Some(left) = steps_left.checked_sub(1) else { return Found::Unknown };
            *steps_left = left;
            let there: Vec<States> =
                machines.iter().zip(&walked[next].0).map(|(machine, states)| machine.step(states, byte)).collect();
            let (inside, outside) = there.split_at(all.len());
            if inside.iter().any(|states| states.is_empty()) || !seen.insert(there.clone()) {
                continue;
            }
            let is_in = inside.iter().zip(&machines).all(|(states, machine)| machine.accepts(states));
            let is_out = !outside.iter().zip(&machines[all.len()..]).any(|(states, machine)| machine.accepts(states));
            walked.push((there, next, byte));
            if is_in && is_out {
                return Found::Path(spelled(&walked));
            }
        }
        next += 1;
    }
    Found::Nothing
}

/// Whether two patterns have nothing in common, as far as a look at them tells.
pub(super) fn are_apart(one: &Pattern, other: &Pattern) -> bool {
    let differ = |(one, other): (&Segment, &Segment)| match (one, other) {
        (Segment::Text(one), Segment::Text(other)) => one != other,
        (Segment::Any | Segment::Text(_) | Segment::Wild(_), _) => false,
    };
    let is_one = |(one, other): &(&Segment, &Segment)| **one != Segment::Any && **other != Segment::Any;
    let (one, other) = (one.exact(), other.exact());
    one.iter().zip(other).take_while(is_one).any(differ)
        || one.iter().rev().zip(other.iter().rev()).take_while(is_one).any(differ)
}

/// Where some patterns are in what they read.
type States = SmallVec<[u32; 8]>;

/// Patterns as one automaton: a row of tokens for each, a state for each place in it.
struct Machine {
    tokens: Vec<Token>,
    starts: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Byte(u8),
    /// `*`: any run inside a segment.
    Run,
    /// `**`: before a segment that it takes, or behind all of them.
    Segments,
    /// `**`: inside one.
    Inside,
    End,
}

impl Machine {
    fn new(patterns: &[&Pattern]) -> Machine {
        let mut machine = Machine { tokens: Vec::new(), starts: Vec::new() };
        for pattern in patterns {
            machine.starts.push(place(machine.tokens.len()));
            for segment in pattern.exact() {
                machine.put(segment);
            }
            machine.tokens.push(Token::End);
        }
        machine
    }

    fn put(&mut self, segment: &Segment) {
        let bytes = |text: &[u8]| text.iter().copied().map(Token::Byte).collect::<Vec<_>>();
        match segment {
            Segment::Any => self.tokens.extend([Token::Segments, Token::Inside]),
            Segment::Text(text) => {
                self.tokens.push(Token::Byte(b'/'));
                self.tokens.extend(bytes(text));
            }
            Segment::Wild(pieces) => {
                self.tokens.push(Token::Byte(b'/'));
                for (index, piece) in pieces.iter().enumerate() {
                    if index > 0 {
                        self.tokens.push(Token::Run);
                    }
                    self.tokens.extend(bytes(piece));
                }
            }
        }
    }

    fn start(&self) -> States {
        let mut states = States::new();
        self.starts.iter().for_each(|start| self.reach(*start, &mut states));
        in_order(states)
    }

    fn step(&self, states: &States, byte: u8) -> States {
        let mut next = States::new();
        for &state in states {
            match self.tokens[state as usize] {
                Token::Byte(wanted) if wanted == byte => self.reach(state + 1, &mut next),
                Token::Run if byte != b'/' => self.reach(state, &mut next),
                Token::Segments if byte == b'/' => self.reach(state + 1, &mut next),
                Token::Inside => self.reach(state, &mut next),
                Token::Byte(_) | Token::Run | Token::Segments | Token::End => {}
            }
        }
        in_order(next)
    }

    /// The state, and those that nothing need be read to get to.
    fn reach(&self, state: u32, states: &mut States) {
        states.push(state);
        match self.tokens[state as usize] {
            Token::Run | Token::Inside => self.reach(state + 1, states),
            Token::Segments => self.reach(state + 2, states),
            Token::Byte(_) | Token::End => {}
        }
    }

    fn accepts(&self, states: &States) -> bool {
        states.iter().any(|state| self.tokens[*state as usize] == Token::End)
    }
}

/// Every byte that leads somewhere of its own, and one that stands for all others.
fn bytes_of_interest(machines: &[Machine], states: &[States]) -> Vec<u8> {
    let mut bytes = vec![b'/'];
    for (machine, states) in machines.iter().zip(states) {
        for state in states {
            if let Token::Byte(byte) = machine.tokens[*state as usize] {
                bytes.push(byte);
            }
        }
    }
    let other = (b'a'..=b'z').rev().skip(2).chain(0x80..=0xff).find(|other| !bytes.contains(other));
    bytes.extend(other);
    bytes.sort_unstable();
    bytes.dedup();
    bytes
}

fn spelled(walked: &[(Vec<States>, usize, u8)]) -> String {
    let mut path = Vec::new();
    let mut at = walked.len() - 1;
    while at > 0 {
        path.push(walked[at].2);
        at = walked[at].1;
    }
    path.reverse();
    String::from_utf8_lossy(&path).into_owned()
}

fn in_order(mut states: States) -> States {
    states.sort_unstable();
    states.dedup();
    states
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("patterns are shorter than that")
}

#[cfg(test)]
mod tests;
