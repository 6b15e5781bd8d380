//! The way out when the majority is lost for good: one node's state becomes that of a new cluster of this node alone.
//!
//! This is no command: no entry of a log makes it happen, so no leader can. It is done to a stopped node's disk, by
//! whoever has the disk in hand (`arbiterd recover`).

use super::{ClusterState, Event, Member, Place};
use crate::command::EntryId;
use crate::ids::{ClusterId, Incarnation, LogIndex, NodeId};
use crate::time::UnixMs;

/// So many clusters that went before are remembered: nobody recovers one more often, and a state stays small.
const PREDECESSORS_LIMIT: usize = 16;

/// So many numbers of entries are left out. The dead may have committed entries that the survivor never got; their
/// numbers, and the epochs that are named by them, shall not come again. More than any survivor lags behind.
pub const RECOVERY_GAP: u64 = 1_000_000;

/// What becomes of a survivor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The survivor.
    pub node: NodeId,
    /// Its disk's new name: messages that were meant for the old one reach nobody.
    pub incarnation: Incarnation,
    /// The new cluster's id.
    pub cluster_id: ClusterId,
    /// Who decided it.
    pub by: String,
    /// When, by the wall clock, for people.
    pub wall_ms: UnixMs,
}

impl ClusterState {
    /// Makes this state the one of a new cluster, as entry `at`, which stands behind all that was applied.
    ///
    /// What the old cluster agreed on stays: policy, assignments, overrides, slot, and every doubt, with its epoch. Its
    /// other members are on record no more, so that they can be added again with new disks; their old ones belong to
    /// the old cluster. An id that was removed before stays used up.
    ///
    /// The new cluster waits W before its first mutation, as every new one. Doubts that are known here are waited out by
    /// the next epoch in any case; this wait is for the calls of the dead that are *not* known here, because their
    /// intents never reached this log.
    pub fn recover(&mut self, at: EntryId, recovery: &Recovery) {
        let last = self.applied.index;
        let gone = |(node, member): &(&NodeId, &Member)| {
            member.place != Place::Removed && member.incarnation.is_some() && **node != recovery.node
        };
        let without: Vec<NodeId> = self.members.iter().filter(gone).map(|(node, _)| *node).collect();
        self.members.retain(|_, member| member.place == Place::Removed);
        self.members.insert(recovery.node, Member::with(recovery.incarnation));
        if let Some(old) = self.cluster_id.replace(recovery.cluster_id.clone()) {
            self.predecessors.push(old);
        }
        let forgotten = self.predecessors.len().saturating_sub(PREDECESSORS_LIMIT);
        self.predecessors.drain(..forgotten);
        self.formed_at = self.log_now();
        self.applied = at;
        let event = Event::Recovered {
            by: recovery.by.clone(),
            node: recovery.node,
            cluster_id: recovery.cluster_id.clone(),
            predecessor: self.predecessors.last().cloned().unwrap_or_default(),
            last,
            without,
        };
        self.remember(at, recovery.wall_ms, event);
    }

    /// Whether that cluster became this one: its disks take part in nothing any more.
    pub fn succeeds(&self, cluster: &ClusterId) -> bool {
        self.predecessors.contains(cluster)
    }

    /// Where the entry of a recovery stands that follows this state.
    pub fn recovered_index(&self) -> LogIndex {
        LogIndex(self.applied.index.0.saturating_add(RECOVERY_GAP))
    }
}
