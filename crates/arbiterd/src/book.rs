//! Where peers are: as this node's own file says, or else as Raft's membership does. So a node that joins later needs no
//! new file on those that were there before.

use arbiter_core::ids::NodeId;
use arbiter_raft::RaftView;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// The address book. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Book {
    own: Arc<BTreeMap<NodeId, String>>,
    members: Arc<OnceLock<watch::Receiver<RaftView>>>,
}

impl Book {
    /// What the own file says.
    pub fn new(own: &BTreeMap<NodeId, String>) -> Self {
        Self { own: Arc::new(own.clone()), members: Arc::default() }
    }

    /// From now on also what the membership says.
    pub fn follow(&self, view: watch::Receiver<RaftView>) {
        // Only `build` does this, and once.
        let _ = self.members.set(view);
    }

    /// What the own file says.
    pub fn own(&self) -> &BTreeMap<NodeId, String> {
        &self.own
    }

    /// Where a node is.
    pub fn address(&self, node: NodeId) -> Option<String> {
        let member = || self.members.get()?.borrow().addresses.get(&node).cloned();
        self.own.get(&node).cloned().or_else(member)
    }
}
