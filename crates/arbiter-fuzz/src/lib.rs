//! Every decoder of foreign bytes, one target each: what comes from files, peers, clients, EC2 and the command line.
//!
//! A target takes any bytes, and panics if a promise is broken: a decoder does not panic, a refusal has words, and what
//! was read can be written and is read again as the same. Time, memory and the stack are bounded from outside: by
//! `driver` here, by libFuzzer under `cargo fuzz`.
//!
//! Two ways to run them. The driver of this crate (`scripts/fuzz`, and a few rounds in `scripts/test`) runs on the stable
//! toolchain; its inputs are mutated seeds, each a function of the seed number and the round. `cargo fuzz` watches which
//! code an input reaches, and needs the nightly toolchain.

pub mod driver;
pub mod mutator;
pub mod targets;

use mutator::Shape;
use std::path::PathBuf;

/// What a decoder made of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It has taken them, or a part of them.
    Taken,
    /// It has refused them.
    Refused,
}

/// One decoder.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]) -> Seen,
    /// What its input looks like.
    pub shape: Shape,
    /// Words that its input is made of, to be mixed in.
    pub words: &'static [&'static str],
    /// How many times slower than the others it is: it gets so many times fewer rounds.
    pub cost: u64,
}

/// Of a refusal it must be said why.
///
/// # Panics
/// If the words are missing: that is what the targets are for.
pub fn has_words(error: impl std::fmt::Display) -> Seen {
    let words = error.to_string();
    assert!(words.chars().any(char::is_alphabetic), "a refusal without words: `{words}`");
    Seen::Refused
}

/// Where the seeds of a target lie.
pub fn seeds_of(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target)
}
