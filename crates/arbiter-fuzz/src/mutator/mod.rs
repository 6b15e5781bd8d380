//! Inputs: seeds, changed a little or a lot.
//!
//! A small mutator of our own, because an input has to be a function of the seed's number and the round alone: whatever a
//! decoder does to the process (a full stack, a full memory), the input that did it can be made again. The crates that mutate
//! keep a corpus that grows by what was found, or promise no such thing.

mod message;

/// What inputs look like, which says how to change them without breaking all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Text: JSON, TOML, words.
    Text,
    /// A protobuf message behind so many bytes.
    Message(usize),
}

/// Inputs are no longer than this, in bytes: enough for each kind of record, and small enough that a bound which grows
/// with the square of the input still shows as a delay or as memory.
pub const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Changes to one input at most: few, so that most of it is still read.
const CHANGES_MAX: usize = 6;

/// Numbers at the ends of their types, where sums overflow.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "0.1",
];

/// Bytes that mean something in text, in JSON, TOML, XML and to a terminal.
const BYTES: &[u8] = b"\0\x01\x1b\n\r\t \"'\\{}[]<>&;:=,.-#%0\x7f\x80\xc3\xff";

/// Numbers that look random, and are the same in every run: the generator that is known as SplitMix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A sequence for each pair of seed and round.
    pub fn new(seed: u64, round: u64) -> Self {
        let mut dice = Self(seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn pick<'a, T: ?Sized>(&mut self, options: &'a [&T]) -> &'a T {
        options[self.below(options.len())]
    }

    /// A range within `len`: mostly a short one.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.below(len + 1);
        let most = if self.below(8) == 0 { len - from } else { (len - from).min(40) };
        from..from + self.below(most + 1)
    }
}

/// The input of a round. The first rounds are the seeds themselves.
pub fn input(seed: u64, round: u64, seeds: &[Vec<u8>], shape: Shape, words: &[&str]) -> Vec<u8> {
    let as_it_is = usize::try_from(round).ok().and_then(|round| seeds.get(round));
    if let Some(seed) = as_it_is {
        return seed.clone();
    }
    let mut dice = Dice::new(seed, round);
    let mut bytes = match seeds.len() {
        0 => Vec::new(),
        count => seeds[dice.below(count)].clone(),
    };
    // Half of them have one change only, and a good chance to be read to the end.
    let changes = if dice.below(2) == 0 { 1 } else { 1 + dice.below(CHANGES_MAX) };
    for _ in 0..changes {
        match shape {
            Shape::Message(prefix) if prefix <= bytes.len() && dice.below(8) > 0 => {
                let changed = message::change_message(&bytes[prefix..], &mut dice, words);
                bytes.splice(prefix.., changed);
            }
            _ => change_text(&mut bytes, &mut dice, seeds, words),
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn change_text(bytes: &mut Vec<u8>, dice: &mut Dice, seeds: &[Vec<u8>], words: &[&str]) {
    let len = bytes.len();
    let at = dice.below(len + 1);
    match dice.below(18) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = BYTES[dice.below(BYTES.len())];
            }
        }
        2 => insert(bytes, at, &[BYTES[dice.below(BYTES.len())]]),
        3 => drop(bytes.drain(dice.range(len))),
        4 => bytes.truncate(at),
        5 => {
            let piece = bytes[dice.range(len)].to_vec();
            insert(bytes, at, &piece);
        }
        // Many times the same: nesting, and lists without end.
        6 => {
            let piece = bytes[dice.range(len)].to_vec();
            let times = 1 << dice.below(14);
            let room = INPUT_BYTES_MAX.saturating_sub(len) / piece.len().max(1);
            insert(bytes, at, &piece.repeat(times.min(room)));
        }
        7 | 8 | 13 | 14 => swap_number(bytes, at, dice),
        15 | 16 => swap_quoted(bytes, at, dice, words),
        9 if !words.is_empty() => insert(bytes, at, dice.pick(words).as_bytes()),
        10 if !words.is_empty() => {
            let range = dice.range(len);
            bytes.splice(range, dice.pick(words).bytes());
        }
        11 if !seeds.is_empty() => {
            let other = &seeds[dice.below(seeds.len())];
            let piece = other[dice.range(other.len())].to_vec();
            insert(bytes, at, &piece);
        }
        // A line, or what lies between two quotation marks, in another place.
        12 => {
            let edge = if dice.below(2) == 0 { b'\n' } else { b'"' };
            let edges: Vec<usize> = (0..len).filter(|at| bytes[*at] == edge).collect();
            if edges.len() > 1 {
                let first = dice.below(edges.len() - 1);
                let piece = bytes[edges[first]..edges[first + 1]].to_vec();
                insert(bytes, edges[dice.below(edges.len())], &piece);
            }
        }
        _ => bytes.extend((0..dice.below(16)).map(|_| dice.next().to_le_bytes()[0])),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let room = INPUT_BYTES_MAX.saturating_sub(bytes.len()).min(piece.len());
    bytes.splice(at..at, piece[..room].iter().copied());
}

/// Puts another number in the place of the next one that is written out.
fn swap_number(bytes: &mut Vec<u8>, from: usize, dice: &mut Dice) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = bytes[from..].iter().position(digit).map(|at| from + at) else { return };
    let length = bytes[start..].iter().take_while(|byte| digit(byte)).count();
    bytes.splice(start..start + length, dice.pick(NUMBERS).bytes());
}

/// Puts something else between the next quotation marks: other such text of the same input, or a word.
fn swap_quoted(bytes: &mut Vec<u8>, from: usize, dice: &mut Dice, words: &[&str]) {
    let marks: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'"').collect();
    let after = marks.partition_point(|at| *at < from);
    let (Some(start), Some(end)) = (marks.get(after), marks.get(after + 1)) else { return };
    let piece = match dice.below(3) {
        0 => Vec::new(),
        1 if !words.is_empty() => dice.pick(words).as_bytes().to_vec(),
        _ => {
            let other = dice.below(marks.len() - 1);
            bytes[marks[other] + 1..marks[other + 1]].to_vec()
        }
    };
    bytes.splice(start + 1..*end, piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_a_function_of_seed_and_round() {
        let seeds = [b"version = 1\n[cluster]\nname = \"vpn\"\n".to_vec(), b"{\"a\":[1,2]}".to_vec()];
        let inputs = |seed| {
            (0..2_000).map(|round| input(seed, round, &seeds, Shape::Text, &["[[node]]"])).collect::<Vec<_>>()
        };
        let first = inputs(1);
        assert_eq!(first, inputs(1));
        assert_ne!(first, inputs(2));
        assert_eq!(first[..2], seeds, "the seeds themselves come first");
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert!(different.len() > 1_000, "{} different inputs", different.len());
        assert!(first.iter().any(|input| input.len() > 1_000), "some are long");
        assert!(first.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
    }

    #[test]
    fn without_a_seed_there_are_inputs_too() {
        assert!((0..100).any(|round| !input(1, round, &[], Shape::Text, &[]).is_empty()));
    }
}
