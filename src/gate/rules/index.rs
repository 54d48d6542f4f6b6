//! Index: which rules a path can meet at all, so that a thousand rules cost what a few do.
//!
//! A tree of patterns, segment by segment, that is walked from several nodes at once, because a star stands for many segments. It knows no capitals: what
//! it finds is a rule or two too many, never one too few, and `Pattern::matches` has the last word.

use smallvec::SmallVec;

use crate::gate::pattern::{Case, Pattern, Segment, match_pieces};

/// Places of rules, in their order.
pub(super) type Near = SmallVec<[u32; 8]>;

#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The root first.
    nodes: Vec<Node>,
    /// Rules that match what is no path.
    everything: Near,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// By segments without a star, in lower case, sorted.
    texts: Vec<(Vec<u8>, u32)>,
    /// By segments with stars, in lower case: by what they begin with, and those that begin with a star by what they end with.
    starts: Wilds,
    ends_with: Wilds,
    /// Behind `**`.
    any: Option<u32>,
    /// This is behind a `**`: it stays, whatever segments come.
    stays: bool,
    /// The rules whose pattern ends here.
    ends: Vec<u32>,
}

/// The pieces between stars, and the node behind them.
type Wild = (Vec<Vec<u8>>, u32);

/// Segments with stars, by the text at one of their ends.
#[derive(Clone, Debug, Default)]
struct Wilds {
    /// Sorted by the text.
    texts: Vec<(Vec<u8>, Vec<Wild>)>,
    /// How long texts are: each length once.
    lengths: Vec<usize>,
}

impl Index {
    /// Each rule's patterns, in the rules' order.
    pub(super) fn new<'p>(rules: impl Iterator<Item = &'p [Pattern]>) -> Index {
        let mut index = Index { nodes: vec![Node::default()], everything: Near::new() };
        for (rule, patterns) in (0..).zip(rules) {
            for pattern in patterns {
                index.put(rule, pattern.exact());
                if pattern.has_capitals() {
                    // Capitals beyond ASCII are other letters here.
                    index.put(rule, pattern.lower());
                }
                if pattern.is_everything() {
                    index.everything.push(rule);
                }
            }
        }
        index
    }

    /// The rules that this reading of a path may meet, whatever the case of its letters.
    pub(super) fn near(&self, reading: &[u8]) -> Near {
        let mut near = Near::new();
        self.add_near(reading, &mut near);
        in_order(near)
    }

    /// The same for several readings.
    pub(super) fn near_any<'r>(&self, readings: impl Iterator<Item = &'r [u8]>) -> Near {
        let mut near = Near::new();
        for reading in readings {
            self.add_near(reading, &mut near);
            near = in_order(near);
        }
        near
    }

    fn add_near(&self, reading: &[u8], near: &mut Near) {
        let Some(path) = reading.strip_prefix(b"/") else { return near.extend_from_slice(&self.everything) };
        let mut here = Near::new();
        self.arrive(0, &mut here);
        for segment in path.split(|byte| *byte == b'/') {
            let mut next = Near::new();
            for node in &here {
                self.step(*node, segment, &mut next);
            }
            here = in_order(next);
            if here.is_empty() {
                return;
            }
        }
        for node in here {
            near.extend_from_slice(&self.nodes[node as usize].ends);
        }
    }

    fn step(&self, at: u32, segment: &[u8], next: &mut Near) {
        let node = &self.nodes[at as usize];
        if node.stays {
            next.push(at);
        }
        if let Some(found) = find(&node.texts, segment) {
            self.arrive(*found, next);
        }
        let starts = node.starts.lengths.iter().filter_map(|length| node.starts.at(segment.get(..*length)?));
        let start_of = |length: &usize| segment.len().checked_sub(*length);
        let ends = node.ends_with.lengths.iter().filter_map(|length| node.ends_with.at(&segment[start_of(length)?..]));
        for (pieces, node) in starts.chain(ends).flatten() {
            if match_pieces(pieces, segment, Case::Folded) {
                self.arrive(*node, next);
            }
        }
    }

    /// `**` may stand for no segment.
    fn arrive(&self, node: u32, at: &mut Near) {
        let mut arrived = Some(node);
        while let Some(node) = arrived {
            at.push(node);
            arrived = self.nodes[node as usize].any;
        }
    }

    fn put(&mut self, rule: u32, pattern: &[Segment]) {
        let mut at = 0;
        for segment in pattern {
            let fresh = u32::try_from(self.nodes.len()).expect("patterns have fewer segments than that");
            let node = &mut self.nodes[at as usize];
            let lower = |text: &Vec<u8>| text.to_ascii_lowercase();
            let next = match segment {
                Segment::Any => *node.any.get_or_insert(fresh),
                Segment::Text(text) => child(&mut node.texts, lower(text), fresh),
                Segment::Wild(pieces) => {
                    let pieces: Vec<Vec<u8>> = pieces.iter().map(lower).collect();
                    let is_text = |text: &&Vec<u8>| !text.is_empty();
                    match pieces.first().filter(is_text).cloned() {
                        Some(start) => node.starts.put(start, pieces, fresh),
                        None => node.ends_with.put(pieces.last().cloned().unwrap_or_default(), pieces, fresh),
                    }
                }
            };
            if next == fresh {
                self.nodes.push(Node { stays: *segment == Segment::Any, ..Node::default() });
            }
            at = next;
        }
        self.nodes[at as usize].ends.push(rule);
    }
}

impl Wilds {
    fn at(&self, text: &[u8]) -> Option<&Vec<Wild>> {
        find(&self.texts, text)
    }

    fn put(&mut self, text: Vec<u8>, pieces: Vec<Vec<u8>>, fresh: u32) -> u32 {
        if !self.lengths.contains(&text.len()) {
            self.lengths.push(text.len());
        }
        let place = self.texts.binary_search_by(|(known, _)| known.cmp(&text)).unwrap_or_else(|place| {
            self.texts.insert(place, (text, Vec::new()));
            place
        });
        child(&mut self.texts[place].1, pieces, fresh)
    }
}

/// What stands at this text, which is in lower case there.
fn find<'v, V>(sorted: &'v [(Vec<u8>, V)], text: &[u8]) -> Option<&'v V> {
    let lower = || text.iter().map(u8::to_ascii_lowercase);
    let found = sorted.binary_search_by(|(known, _)| known.iter().copied().cmp(lower())).ok()?;
    Some(&sorted[found].1)
}

fn child<K: Ord>(children: &mut Vec<(K, u32)>, key: K, fresh: u32) -> u32 {
    match children.binary_search_by(|(known, _)| known.cmp(&key)) {
        Ok(found) => children[found].1,
        Err(place) => {
            children.insert(place, (key, fresh));
            fresh
        }
    }
}

fn in_order(mut places: Near) -> Near {
    if places.len() > 1 {
        places.sort_unstable();
        places.dedup();
    }
    places
}
