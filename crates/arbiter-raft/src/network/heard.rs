//! When each peer last answered.

use arbiter_core::ids::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When each peer last answered one of Raft's messages. One entry a member. Clones share it.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<BTreeMap<NodeId, Instant>>>);

impl Heard {
    pub(super) fn note(&self, peer: NodeId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, Instant::now());
    }

    /// How long ago that was; none if it never did.
    pub fn since(&self, peer: NodeId) -> Option<Duration> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).copied();
        heard.map(|at| at.elapsed())
    }
}
