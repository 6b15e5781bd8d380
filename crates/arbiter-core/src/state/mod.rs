//! The replicated state: what every node derives, identically, from the committed log.

use crate::command::{Applied, EntryId, Proposal};
use crate::ids::ClusterId;
use serde::{Deserialize, Serialize};

/// What the committed log adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The cluster's id, once formed.
    pub cluster_id: Option<ClusterId>,
    /// The last entry applied.
    pub applied: EntryId,
}

impl ClusterState {
    /// Applies one committed entry. Deterministic, total: it never fails, it refuses.
    pub fn apply(&mut self, at: EntryId, proposal: &Proposal) -> Applied {
        self.applied = at;
        let _ = proposal;
        Applied::Accepted
    }
}
