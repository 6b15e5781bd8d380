//! What nodes told each other, read from the bytes of their connections: Raft's messages, and which claims they make
//! about the sender's disk.

mod claims;
mod frames;

pub(crate) use claims::{Claim, Claimed, Leader, LogId, Told, claims};

#[cfg(test)]
pub(crate) use claims::tests::{append, exchange, vote};
