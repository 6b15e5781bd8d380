//! Raft's own messages between peers, which travel as JSON in an envelope.

use crate::{Seen, has_words};
use arbiter_raft::network::Payload;

pub(super) const WORDS: &[&str] = &[
    "\"vote\":{\"leader_id\":{\"term\":1,\"node_id\":1},\"committed\":true}",
    "\"payload\":\"Blank\"",
    "\"Membership\"",
    "null",
    "\"entries\":[]",
    "\"Success\"",
    "\"Conflict\"",
    "\"PartialSuccess\":null",
    "\"HigherVote\"",
    "\"Ok\"",
    "\"Err\"",
];

/// A message; the first line says of which kind.
pub fn payload(bytes: &[u8]) -> Seen {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (kind, message) = bytes.split_at(end);
    let Some(kind) = Payload::ALL.into_iter().find(|known| known.name().as_bytes() == kind) else {
        return Seen::Refused;
    };
    let written = match kind.read_and_write(message) {
        Ok(written) => written,
        Err(error) => return has_words(error),
    };
    let again = kind.read_and_write(&written);
    assert_eq!(again.as_ref(), Ok(&written), "what was read, written, is read as something else");
    Seen::Taken
}
