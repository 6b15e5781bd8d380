//! What the control loop needs of the replicated log.

use arbiter_core::command::{Applied, EntryId, Proposal};
use arbiter_core::ids::{NodeId, Term};
use arbiter_core::state::ClusterState;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// A node's part in the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It decides.
    Leader,
    /// It votes.
    #[default]
    Follower,
    /// It asks for votes.
    Candidate,
    /// It listens only.
    Learner,
}

/// Consensus as this node sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Its part.
    pub role: Role,
    /// Its term.
    pub term: Term,
    /// The leader that it believes in.
    pub leader: Option<NodeId>,
    /// A follower: milliseconds since the leader was last heard, by Raft's own messages.
    pub leader_heard_ms: Option<u64>,
    /// A leader: milliseconds since a quorum last acknowledged it.
    pub quorum_acked_ms: Option<u64>,
    /// The last index in its log.
    pub last_log: u64,
    /// The last index applied.
    pub applied: u64,
    /// The voters.
    pub voters: BTreeSet<NodeId>,
    /// The learners.
    pub learners: BTreeSet<NodeId>,
    /// What consensus knows of each member, this node included.
    pub members: BTreeMap<NodeId, Peer>,
    /// A change of the voters is halfway.
    pub changing: bool,
    /// Milliseconds that the slowest write to this node's disk took of late, or has taken so far; `None` if all were quick.
    pub disk_slow_ms: Option<u64>,
    /// Why it has stopped for good, if it has.
    pub fatal: Option<String>,
}

/// What consensus knows of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Where it is, as whoever added it said: `host:port`.
    pub address: String,
    /// At the leader: how many entries it lacks; none if nobody knows.
    pub lag: Option<u64>,
    /// At the leader: milliseconds since it last answered; none if it never did.
    pub answered_ms: Option<u64>,
}

/// Why a proposal has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Somebody else leads, or nobody.
    #[error("this node does not lead{}", .leader.map(|l| format!("; node {l} does")).unwrap_or_default())]
    NotLeader {
        /// Who does.
        leader: Option<NodeId>,
    },
    /// It may be committed, or may be yet.
    #[error("no answer within {0} ms: it may be committed, now or later")]
    Unknown(u64),
    /// The node has stopped.
    #[error("this node has stopped: {0}")]
    Stopped(String),
}

/// The replicated log.
#[async_trait]
pub trait Consensus: Send + Sync + 'static {
    /// Proposes as leader, here and only here: never forwarded, never repeated.
    async fn propose(&self, proposal: Proposal, timeout_ms: u64) -> Result<(EntryId, Applied), ProposeError>;

    /// The state, after each entry applied.
    fn state(&self) -> watch::Receiver<Arc<ClusterState>>;

    /// Tells when role, term, leader or membership change.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Consensus as it stands now.
    fn view(&self) -> View;

    /// Calls an election, once.
    fn campaign(&self);

    /// Gives the leadership to a node. When this returns, it may have worked or not: the view tells.
    async fn hand_over(&self, to: NodeId) -> Result<(), String>;
}
