//! The types that openraft is built with here.

use arbiter_core::command::{Applied, EntryId, Proposal};
use arbiter_core::ids::{LogIndex, NodeId, Term};
use std::io::Cursor;

openraft::declare_raft_types!(
    /// A log entry holds a [`Proposal`], applying it answers [`Applied`]; a node is a number with an address.
    pub TypeConfig:
        D = Proposal,
        R = Applied,
        NodeId = u64,
        Node = openraft::BasicNode,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = crate::runtime::Runtime,
);

/// openraft's handle for these types.
pub type Raft = openraft::Raft<TypeConfig>;
/// One log entry.
pub type Entry = openraft::Entry<TypeConfig>;
/// Where an entry stands in the log.
pub type LogId = openraft::LogId<u64>;
/// A vote, the persistent promise of a node.
pub type Vote = openraft::Vote<u64>;
/// A membership and the entry that holds it.
pub type StoredMembership = openraft::StoredMembership<u64, openraft::BasicNode>;
/// What describes a snapshot.
pub type SnapshotMeta = openraft::SnapshotMeta<u64, openraft::BasicNode>;
/// openraft's storage error.
pub type RaftStorageError = openraft::StorageError<u64>;

/// The core's name for a log position: exact, because openraft's log id carries the term *and* the leader.
pub fn entry_id(log_id: &LogId) -> EntryId {
    EntryId {
        index: LogIndex(log_id.index),
        term: Term(log_id.leader_id.term),
        node: NodeId(log_id.leader_id.node_id),
    }
}
