//! What a node shows of its part in Raft.

use crate::types::LogId;
use arbiter_core::ids::{Incarnation, LogIndex, NodeId, Term};
use openraft::{BasicNode, RaftMetrics, ServerState};
use std::collections::{BTreeMap, BTreeSet};

/// A node's part in Raft.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It takes entries, and does not vote. Also: the cluster is not formed yet.
    #[default]
    Learner,
    /// It takes entries from a leader, and votes.
    Follower,
    /// It stands for election.
    Candidate,
    /// It leads, as far as it knows: a leader that is cut off says so too. See
    /// [`RaftView::millis_since_quorum_ack`].
    Leader,
    /// It has ended.
    Stopped,
}

/// What this node's disk is in its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The disk is new. The peers are asked what theirs hold.
    Waiting {
        /// How many configured members, this one included, are there and as new as this one.
        reached: usize,
        /// How many it takes to form a cluster.
        needed: usize,
    },
    /// It is a founding disk of a cluster that is being formed.
    Founding,
    /// It takes part.
    Member,
    /// It may not take part until an operator decides.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

/// What a node shows of its part in Raft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftView {
    /// This node.
    pub id: NodeId,
    /// Its disk.
    pub incarnation: Incarnation,
    /// What that disk is in its cluster.
    pub standing: Standing,
    /// The newest term that it knows.
    pub term: Term,
    /// Its part.
    pub role: Role,
    /// The leader that it follows or is.
    pub leader: Option<NodeId>,
    /// The newest entry in its log.
    pub last_log: LogIndex,
    /// The newest entry that it knows to be committed. Zero for none.
    pub committed: LogIndex,
    /// The newest entry that it has applied. Zero for none.
    pub applied: LogIndex,
    /// The newest entry in its snapshot. Zero for none.
    pub snapshot: LogIndex,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who takes entries and does not vote.
    pub learners: BTreeSet<NodeId>,
    /// Where each member is, as whoever added it said: `host:port`.
    pub addresses: BTreeMap<NodeId, String>,
    /// A change of the voters is halfway: old and new ones both have to agree.
    pub joint: bool,
    /// For a leader: how long ago a quorum acknowledged it, in milliseconds, when this view was made.
    pub millis_since_quorum_ack: Option<u64>,
    /// For a leader: by how many entries each peer lags; none for one that was not heard yet.
    pub lag: BTreeMap<NodeId, Option<u64>>,
    /// Why this process has to end, if it has to. Nothing is acknowledged any more.
    pub fatal: Option<String>,
}

impl RaftView {
    /// Whether this node leads, as far as it knows.
    pub fn leads(&self) -> bool {
        self.role == Role::Leader && self.fatal.is_none()
    }
}

fn index(log_id: Option<&LogId>) -> LogIndex {
    LogIndex(log_id.map_or(0, |log_id| log_id.index))
}

/// Puts a view together.
pub(crate) fn view_of(
    metrics: &RaftMetrics<u64, BasicNode>,
    committed: LogIndex,
    incarnation: Incarnation,
    standing: Standing,
    disk_failure: Option<String>,
) -> RaftView {
    let membership = metrics.membership_config.membership();
    let voters: BTreeSet<NodeId> = membership.voter_ids().map(NodeId).collect();
    let all = membership.nodes().map(|(id, _)| NodeId(*id));
    let learners = all.filter(|id| !voters.contains(id)).collect();
    let last = metrics.last_log_index.unwrap_or(0);
    let lag_of = |matched: &Option<LogId>| matched.map(|matched| last.saturating_sub(matched.index));
    let lag = metrics.replication.iter().flatten().map(|(id, matched)| (NodeId(*id), lag_of(matched)));
    let fatal = disk_failure.or_else(|| match &metrics.running_state {
        Ok(()) | Err(openraft::error::Fatal::Stopped) => None,
        Err(fatal) => Some(fatal.to_string()),
    });
    // Raft lets a node lead on in its term after a restart; one whose disk may not take part leads nobody.
    let stands_still = matches!(standing, Standing::Refused { .. });
    RaftView {
        id: NodeId(metrics.id),
        incarnation,
        standing,
        term: Term(metrics.current_term),
        role: match metrics.state {
            ServerState::Learner => Role::Learner,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Leader if stands_still => Role::Follower,
            ServerState::Leader => Role::Leader,
            ServerState::Shutdown => Role::Stopped,
        },
        leader: metrics.current_leader.filter(|id| !stands_still || *id != metrics.id).map(NodeId),
        last_log: LogIndex(last),
        committed: committed.max(index(metrics.last_applied.as_ref())),
        applied: index(metrics.last_applied.as_ref()),
        snapshot: index(metrics.snapshot.as_ref()),
        voters,
        learners,
        addresses: membership.nodes().map(|(id, node)| (NodeId(*id), node.addr.clone())).collect(),
        joint: membership.get_joint_config().len() > 1,
        millis_since_quorum_ack: metrics.millis_since_quorum_ack,
        lag: lag.filter(|(id, _)| id.0 != metrics.id).collect(),
        fatal,
    }
}
