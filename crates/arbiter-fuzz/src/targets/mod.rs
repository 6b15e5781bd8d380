//! The targets, each named as its function.

mod asked;
mod commands;
mod ec2;
mod file;
mod parcel;
mod payload;
mod planted;
mod replies;
mod store;
mod typed;

pub use asked::{assigned, operation};
pub use commands::commands;
pub use ec2::ec2;
pub use file::{duration, file};
pub use parcel::parcel;
pub use payload::payload;
pub use replies::replies;
pub use store::store;
pub use typed::typed;

use crate::mutator::Shape;
use crate::{Seen, Target};

/// Every target.
pub const TARGETS: &[Target] = &[
    text("file", file, file::WORDS, 4),
    text("duration", duration, file::UNITS, 1),
    text("typed", typed, typed::WORDS, 20),
    Target { name: "parcel", run: parcel, shape: Shape::Message(0), words: &[], cost: 1 },
    text("payload", payload, payload::WORDS, 1),
    text("commands", commands, commands::WORDS, 4),
    text("store", store, store::WORDS, 2),
    Target { name: "operation", run: operation, shape: Shape::Message(0), words: file::WORDS, cost: 4 },
    Target { name: "assigned", run: assigned, shape: Shape::Message(0), words: &["cloud"], cost: 1 },
    text("ec2", ec2, ec2::WORDS, 20),
    Target { name: "replies", run: replies, shape: Shape::Message(1), words: replies::WORDS, cost: 2 },
];

const fn text(
    name: &'static str,
    run: fn(&[u8]) -> Seen,
    words: &'static [&'static str],
    cost: u64,
) -> Target {
    Target { name, run, shape: Shape::Text, words, cost }
}

/// Bugs to be found: whoever finds none of these finds nothing.
pub const PLANTED: &[Target] = planted::PLANTED;

/// The target of that name, planted ones too.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().chain(PLANTED).find(|target| target.name == name)
}
