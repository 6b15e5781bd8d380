//! Decoders with a known bug each, for the tests of the driver. Whatever they do wrong, they do it only to bytes with a
//! mark in them, which mutation has to bring.

use super::text;
use crate::{Seen, Target};
use std::hint::black_box;

pub(super) const PLANTED: &[Target] = &[
    planted("planted-panic", panics),
    planted("planted-memory", takes_memory),
    planted("planted-endless", never_ends),
    planted("planted-depth", fills_the_stack),
];

const fn planted(name: &'static str, run: fn(&[u8]) -> Seen) -> Target {
    text(name, run, &["mark"], 1)
}

fn marked(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"mark")
}

fn panics(bytes: &[u8]) -> Seen {
    assert!(!marked(bytes), "a mark is not expected");
    Seen::Taken
}

fn takes_memory(bytes: &[u8]) -> Seen {
    let length = if marked(bytes) { 1 << 40 } else { 1 };
    drop(black_box(Vec::<u8>::with_capacity(length)));
    Seen::Taken
}

fn never_ends(bytes: &[u8]) -> Seen {
    while black_box(marked(bytes)) {}
    Seen::Taken
}

fn fills_the_stack(bytes: &[u8]) -> Seen {
    fn depth(left: usize) -> usize {
        if left == 0 { 0 } else { black_box(depth(black_box(left - 1))) + 1 }
    }
    black_box(depth(if marked(bytes) { usize::MAX } else { 1 }));
    Seen::Taken
}
