//! Giving the leadership to another node, in parts: openraft 0.9 has no transfer.
//!
//! Voters refuse a candidate while they hold a leader's lease. So the leader falls silent for one lease, and
//! then asks its successor to stand. During that time nothing is proposed, and if the successor does not win,
//! the leader speaks again and nothing has changed.

use crate::network::{Answer, Call};
use crate::node::RaftNode;
use crate::settings::QUESTION_TIMEOUT;
use crate::view::RaftView;
use arbiter_core::ids::NodeId;
use arbiter_proto::v1::CallElectionRequest;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Why the leadership stayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// This node does not lead.
    #[error("this node does not lead")]
    NotLeader,
    /// The successor does not vote.
    #[error("node {0} does not vote in this cluster")]
    NotVoter(NodeId),
    /// Another handover is under way.
    #[error("another handover is under way")]
    UnderWay,
    /// The successor lacks entries.
    #[error("node {node} lacks {lag} entries")]
    Lagging {
        /// The successor.
        node: NodeId,
        /// How many entries it lacks.
        lag: u64,
    },
    /// The successor did not stand, or did not win.
    #[error("node {node} did not take over: {reason}")]
    NotTaken {
        /// The successor.
        node: NodeId,
        /// Why.
        reason: String,
    },
}

/// Ends the quiet, however the handover ends; also when the caller drops it halfway.
struct Quiet<'a>(&'a RaftNode);

impl<'a> Quiet<'a> {
    fn begin(node: &'a RaftNode) -> Result<Self, HandoverError> {
        if node.inner().quiesced.swap(true, Ordering::AcqRel) {
            return Err(HandoverError::UnderWay);
        }
        Ok(Self(node))
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.0.heartbeats(true);
        self.0.inner().quiesced.store(false, Ordering::Release);
    }
}

impl RaftNode {
    /// Hands the leadership to `to`: no proposals and no heartbeats for one `lease` (at least the nodes' longest
    /// election timeout, else their voters refuse), then `to` stands for election. Returns once this node
    /// knows another leader. Takes the lease and about two election timeouts at most.
    ///
    /// # Errors
    /// [`HandoverError`]: this node leads on, unless somebody else was elected meanwhile.
    pub async fn handover_to(&self, to: NodeId, lease: Duration) -> Result<(), HandoverError> {
        let (term, voter, lag) = {
            let view = self.view();
            let view = view.borrow();
            if !view.leads() {
                return Err(HandoverError::NotLeader);
            }
            (view.term, view.voters.contains(&to), view.lag.get(&to).copied().flatten())
        };
        if !voter || to == self.inner().settings.node {
            return Err(HandoverError::NotVoter(to));
        }
        // A few entries are replicated within the lease; a successor that is further behind can't win.
        let allowed = self.inner().settings.bounds.keep;
        match lag {
            Some(lag) if lag <= allowed => {}
            lag => return Err(HandoverError::Lagging { node: to, lag: lag.unwrap_or(u64::MAX) }),
        }
        let quiet = Quiet::begin(self)?;
        self.heartbeats(false);
        // The last message may have left just now; its receivers' leases end this much after us.
        let timings = self.inner().settings.timings;
        tokio::time::sleep(lease + Duration::from_millis(timings.heartbeat_interval_ms)).await;
        let called = self.call_election(to, term.0).await;
        let patience = if called.is_ok() {
            Duration::from_millis(timings.election_timeout_max_ms * 2)
        } else {
            // Somebody may have heard the silence and stood before the successor was called. If so, the first
            // heartbeats tell us.
            drop(quiet);
            Duration::from_millis(timings.heartbeat_interval_ms * 2)
        };
        let mut view = self.view();
        let elected = |view: &RaftView| !view.leads() && view.leader.is_some();
        let taken = timeout_at(Instant::now() + patience, view.wait_for(elected)).await;
        let leader = taken.ok().and_then(Result::ok).and_then(|view| view.leader);
        if leader == Some(to) {
            return Ok(());
        }
        let not_taken = |reason| HandoverError::NotTaken { node: to, reason };
        Err(match leader {
            Some(other) => not_taken(format!("node {other} was elected instead")),
            None => called.err().unwrap_or_else(|| not_taken(format!("not elected within {patience:?}"))),
        })
    }

    async fn call_election(&self, to: NodeId, term: u64) -> Result<(), HandoverError> {
        let inner = self.inner();
        let address = inner.address_of(to);
        let request = CallElectionRequest { header: Some(inner.gate.header_to(to)), term };
        let not_taken = |reason: String| HandoverError::NotTaken { node: to, reason };
        match inner.wire.call(to, address.as_deref(), Call::CallElection(request), QUESTION_TIMEOUT).await {
            Ok(Answer::CallElection(reply)) => {
                inner
                    .gate
                    .check_peer(reply.header.as_ref())
                    .map_err(|refused| not_taken(refused.to_string()))?;
                if reply.called { Ok(()) } else { Err(not_taken(reply.reason)) }
            }
            Ok(_) => Err(not_taken("the answer is of another kind than the call".to_owned())),
            Err(error) => Err(not_taken(error.to_string())),
        }
    }
}
