//! Raft's messages, as they stand in an envelope: JSON of openraft's own types.

use crate::record;
use crate::types::TypeConfig;
use openraft::error::InstallSnapshotError;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a message.
///
/// # Errors
/// It is none of that type, in words. They are the same each time, whatever else the message holds: a leader comes again
/// with the same entries many times a second.
pub(super) fn read<M: DeserializeOwned>(payload: &[u8]) -> Result<M, String> {
    serde_json::from_slice(payload).map_err(|error| match record::not_known(&error) {
        Some(found) => format!(
            "the message holds something that this program does not know ({found}): install the version of the program \
             that sent it, or a later one; nothing of it was taken"
        ),
        None => format!("the message can't be read: {error}"),
    })
}

/// Writes a message.
///
/// # Errors
/// It holds what JSON lacks, which is a defect of its type.
pub(super) fn write<M: Serialize>(message: &M) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(message)
}

/// The kinds of messages: what a peer may send us in an envelope. For tests that feed the readers with any bytes; nothing
/// that runs asks for a kind, since each call has its own types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Entries, or a heartbeat.
    AppendEntries,
    /// The answer.
    AppendEntriesReply,
    /// A candidate's question.
    Vote,
    /// The answer.
    VoteReply,
    /// A chunk of a snapshot, without its bytes.
    InstallSnapshot,
    /// The answer.
    InstallSnapshotReply,
}

impl Payload {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::AppendEntries,
        Self::AppendEntriesReply,
        Self::Vote,
        Self::VoteReply,
        Self::InstallSnapshot,
        Self::InstallSnapshotReply,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppendEntries => "append-entries",
            Self::AppendEntriesReply => "append-entries-reply",
            Self::Vote => "vote",
            Self::VoteReply => "vote-reply",
            Self::InstallSnapshot => "install-snapshot",
            Self::InstallSnapshotReply => "install-snapshot-reply",
        }
    }

    /// Reads a message of this kind, by the code that reads it off the wire, and writes it again.
    ///
    /// # Errors
    /// Why it is no such message, in words.
    pub fn read_and_write(self, payload: &[u8]) -> Result<Vec<u8>, String> {
        fn again<M: DeserializeOwned + Serialize>(payload: &[u8]) -> Result<Vec<u8>, String> {
            read::<M>(payload).and_then(|message| write(&message).map_err(|error| error.to_string()))
        }
        match self {
            Self::AppendEntries => again::<AppendEntriesRequest<TypeConfig>>(payload),
            Self::AppendEntriesReply => again::<AppendEntriesResponse<u64>>(payload),
            Self::Vote => again::<VoteRequest<u64>>(payload),
            Self::VoteReply => again::<VoteResponse<u64>>(payload),
            Self::InstallSnapshot => again::<InstallSnapshotRequest<TypeConfig>>(payload),
            Self::InstallSnapshotReply => {
                again::<Result<InstallSnapshotResponse<u64>, InstallSnapshotError>>(payload)
            }
        }
    }
}
