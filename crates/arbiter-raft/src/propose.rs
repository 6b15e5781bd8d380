//! Proposing: once, here, as leader, or not at all.

use crate::node::RaftNode;
use crate::types::{LogId, Raft, TypeConfig, entry_id};
use arbiter_core::command::{Applied, EntryId, Proposal};
use arbiter_core::ids::{LogIndex, NodeId};
use openraft::ServerState;
use openraft::error::{ClientWriteError, RaftError};
use openraft::raft::ClientWriteResponse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The longest proposal, in bytes of JSON. A policy with a thousand routes has about 0.3 MiB; a peer takes
/// messages of twice this length.
pub const PROPOSAL_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// How many proposals may be under way. One that hangs (a leader without a quorum) holds its place until Raft
/// lets go of it.
pub(crate) const PROPOSALS_LIMIT: usize = 128;

/// Why a proposal has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was proposed: this node does not lead.
    #[error("this node does not lead{}", .leader.map(|id| format!(", node {id} does")).unwrap_or_default())]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// Nothing was proposed: the leadership is being handed over.
    #[error("the leadership is being handed over")]
    HandingOver,
    /// Nothing was proposed: too much is under way already.
    #[error("{PROPOSALS_LIMIT} proposals are under way already: there may be no quorum")]
    Busy,
    /// Nothing was proposed: it is too long.
    #[error("the proposal has {bytes} bytes, {PROPOSAL_LIMIT_BYTES} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It may have been committed, or be committed yet, or never: nobody knows.
    #[error("it is not known whether the proposal was or will be committed: {0}")]
    Unknown(String),
    /// Nothing was proposed: this node has ended.
    #[error("this node has ended")]
    Stopped,
}

impl ProposeError {
    /// Whether it is certain that nothing was and nothing will be committed.
    pub fn is_certainly_not_proposed(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

impl RaftNode {
    /// Proposes a command, waits until it is committed and applied here, and returns where it stands in the log
    /// and what `apply` answered. The entry's term and node are Raft's own, hence exact.
    ///
    /// It is proposed at most once, on this node, and never forwarded.
    ///
    /// # Errors
    /// [`ProposeError`]; only [`ProposeError::Unknown`] leaves a doubt.
    pub async fn propose(
        &self,
        proposal: Proposal,
        timeout: Duration,
    ) -> Result<(EntryId, Applied), ProposeError> {
        let inner = self.inner();
        if inner.gate.is_shut() {
            return Err(ProposeError::NotLeader { leader: None });
        }
        if inner.quiesced.load(Ordering::Acquire) {
            return Err(ProposeError::HandingOver);
        }
        propose_on(&inner.raft, &inner.proposals, proposal, timeout).await
    }
}

/// See [`RaftNode::propose`].
pub(crate) async fn propose_on(
    raft: &Raft,
    proposals: &Arc<Semaphore>,
    proposal: Proposal,
    timeout: Duration,
) -> Result<(EntryId, Applied), ProposeError> {
    let bytes = serde_json::to_vec(&proposal).map_or(usize::MAX, |json| json.len());
    if bytes > PROPOSAL_LIMIT_BYTES {
        return Err(ProposeError::TooLong { bytes });
    }
    let (state, leader) = {
        let metrics = raft.metrics();
        let metrics = metrics.borrow();
        (metrics.state, metrics.current_leader.map(NodeId))
    };
    match state {
        ServerState::Leader => {}
        ServerState::Shutdown => return Err(ProposeError::Stopped),
        _ => return Err(ProposeError::NotLeader { leader }),
    }
    let place = proposals.clone().try_acquire_owned().map_err(|_| ProposeError::Busy)?;
    let answer = raft.client_write_ff(proposal).await.map_err(|_| ProposeError::Stopped)?;
    // Raft can't take a proposal back: its place stays taken until Raft answers, also when the caller has gone.
    let waiting = tokio::spawn(async move {
        let answer = answer.await;
        drop(place);
        answer
    });
    match tokio::time::timeout(timeout, waiting).await {
        Ok(Ok(Ok(Ok(ClientWriteResponse::<TypeConfig> { log_id, data, .. })))) => {
            Ok((entry_id(&log_id), data))
        }
        // openraft gives the same error for a proposal that it never appended and for one whose entry was cut
        // off this node's log by the next leader; a third node may still hold, and revive, the latter.
        Ok(Ok(Ok(Err(ClientWriteError::ForwardToLeader(_))))) => {
            Err(ProposeError::Unknown("this node stopped leading meanwhile".to_owned()))
        }
        Ok(Ok(Ok(Err(error)))) => Err(ProposeError::Unknown(error.to_string())),
        Ok(Ok(Err(_)) | Err(_)) => Err(ProposeError::Unknown("this node ended meanwhile".to_owned())),
        Err(_) => Err(ProposeError::Unknown(format!("not committed within {timeout:?}"))),
    }
}

/// Why the leadership is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// This node does not lead.
    #[error("this node does not lead")]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// No majority answered.
    #[error("no majority confirmed the leadership: {0}")]
    NoQuorum(String),
}

/// Asks a majority whether this node still leads, and waits until everything that was committed before the
/// question is applied here. Returns the index up to which that is.
///
/// `found` is the last entry that this process found in its log. openraft 0.9 lets a process that restarts go on as leader of the
/// same term, and reads no further than to what it knows to be committed: the process before may have acknowledged more.
/// It acknowledged nothing that it had not in its log, so a leader of that entry's term reads as far as to it.
pub(crate) async fn confirm_on(
    raft: &Raft,
    found: Option<LogId>,
    timeout: Duration,
) -> Result<LogIndex, NotConfirmed> {
    let no_answer = || NotConfirmed::NoQuorum(format!("no answer within {timeout:?}"));
    let confirmed = async {
        let read = confirmed_by_quorum(raft).await?;
        let term = raft.metrics().borrow().current_term;
        let resumed = found.filter(|found| found.leader_id.term == term).map_or(0, |found| found.index);
        if resumed > read.0 {
            let applied = raft
                .wait(None)
                .applied_index_at_least(Some(resumed), "what it had acknowledged before")
                .await;
            applied.map_err(|error| NotConfirmed::NoQuorum(error.to_string()))?;
        }
        Ok(LogIndex(read.0.max(resumed)))
    };
    tokio::time::timeout(timeout, confirmed).await.unwrap_or_else(|_| Err(no_answer()))
}

async fn confirmed_by_quorum(raft: &Raft) -> Result<LogIndex, NotConfirmed> {
    use openraft::error::CheckIsLeaderError;
    match raft.ensure_linearizable().await {
        Ok(read) => Ok(LogIndex(read.map_or(0, |read| read.index))),
        Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(forward))) => {
            Err(NotConfirmed::NotLeader { leader: forward.leader_id.map(NodeId) })
        }
        Err(error) => Err(NotConfirmed::NoQuorum(error.to_string())),
    }
}
