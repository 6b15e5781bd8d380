//! Changing the members: a node is added as a learner, promoted when it has caught up, removed.
//!
//! One change at a time, each by the leader alone, and only if what remains afterwards still hears a majority. In which
//! order Raft's membership and the record of the disks change, and what a leader leaves that dies in between, is said
//! at [`MemberStep`]. [`complete`] is what the next leader does about it.

mod judge;

pub use judge::MemberError;

use crate::node::{Inner, RaftNode};
use crate::planted::{Bug, planted};
use crate::propose::{NotConfirmed, ProposeError, confirm_on, propose_on};
use crate::settings::QUESTION_TIMEOUT;
use arbiter_core::command::{Applied, Command, EntryId, MemberStep, Proposal};
use arbiter_core::ids::NodeId;
use arbiter_core::state::Place;
use judge::Facts;
use openraft::error::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers, ServerState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How long a change may take: three entries, each a round trip and a disk barrier, and an election's worth of patience.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);

impl RaftNode {
    /// Adds a node as a learner; it is reached at `address` (`host:port`) by those whose own file does not say where.
    /// Returns where the record of it stands in the log.
    ///
    /// # Errors
    /// [`MemberError`]; only [`MemberError::Doubt`] leaves one.
    pub async fn add_learner(&self, node: NodeId, address: &str, by: &str) -> Result<EntryId, MemberError> {
        let learner = BasicNode { addr: address.to_owned() };
        let change = ChangeMembers::AddNodes(BTreeMap::from([(node.0, learner)]));
        self.change(node, MemberStep::Add, change, by).await
    }

    /// Lets a learner vote.
    ///
    /// # Errors
    /// The same.
    pub async fn promote(&self, node: NodeId, by: &str) -> Result<EntryId, MemberError> {
        let change = ChangeMembers::AddVoterIds(BTreeSet::from([node.0]));
        self.change(node, MemberStep::Promote, change, by).await
    }

    /// Removes a node, for good: its id is never used again.
    ///
    /// # Errors
    /// The same.
    pub async fn remove(&self, node: NodeId, by: &str) -> Result<EntryId, MemberError> {
        let ids = BTreeSet::from([node.0]);
        let votes = self.view().borrow().voters.contains(&node);
        let change = if votes { ChangeMembers::RemoveVoters(ids) } else { ChangeMembers::RemoveNodes(ids) };
        self.change(node, MemberStep::Remove, change, by).await
    }

    /// Whether this step could be made now, as far as this node knows.
    ///
    /// # Errors
    /// Why not.
    pub fn may_change(&self, node: NodeId, step: MemberStep) -> Result<(), MemberError> {
        let (leads, leader) = {
            let view = self.inner().view().borrow();
            (view.leads(), view.leader)
        };
        if leads { judge(self.inner(), node, step) } else { Err(MemberError::NotLeader { leader }) }
    }

    /// How long ago this node last heard an answer from a peer to one of Raft's messages; a leader hears each peer
    /// that it reaches at every heartbeat.
    pub fn heard_from(&self, peer: NodeId) -> Option<Duration> {
        self.inner().heard.since(peer)
    }

    async fn change(
        &self,
        node: NodeId,
        step: MemberStep,
        change: ChangeMembers<u64, BasicNode>,
        by: &str,
    ) -> Result<EntryId, MemberError> {
        let inner = self.shared();
        if inner.quiesced.load(Ordering::Acquire) {
            return Err(MemberError::HandingOver);
        }
        let place = inner.member_change.clone().try_acquire_owned().map_err(|_| MemberError::UnderWay)?;
        // What is judged below is then all that a majority has agreed on.
        confirm_on(&inner.raft, inner.found, QUESTION_TIMEOUT).await.map_err(|error| match error {
            NotConfirmed::NotLeader { leader } => MemberError::NotLeader { leader },
            NotConfirmed::NoQuorum(reason) => MemberError::NoQuorum(reason),
        })?;
        judge(&inner, node, step)?;
        let by = by.to_owned();
        // Carried to its end also when the caller has gone.
        let changing = tokio::spawn(async move { carry_out(&inner, node, step, change, by, place).await });
        match tokio::time::timeout(CHANGE_TIMEOUT, changing).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(MemberError::Doubt("this node ended meanwhile".to_owned())),
            Err(_) => Err(MemberError::Doubt(format!("it did not end within {CHANGE_TIMEOUT:?}"))),
        }
    }
}

fn judge(inner: &Inner, node: NodeId, step: MemberStep) -> Result<(), MemberError> {
    let view = inner.view().borrow().clone();
    let state = inner.state.borrow().clone();
    let window = Duration::from_millis(inner.settings.timings.election_timeout_max_ms * 2);
    let lately = |id: &NodeId| inner.heard.since(*id).is_some_and(|ago| ago <= window);
    let heard = view.voters.iter().chain(&view.learners).copied().filter(lately).collect();
    Facts { view: &view, state: &state, heard, caught_up: inner.settings.bounds.keep }.judge(node, step)
}

async fn carry_out(
    inner: &Inner,
    node: NodeId,
    step: MemberStep,
    change: ChangeMembers<u64, BasicNode>,
    by: String,
    _place: OwnedSemaphorePermit,
) -> Result<EntryId, MemberError> {
    let at = record(inner, node, step, by.clone()).await?;
    let listed = inner.raft.metrics().borrow().membership_config.membership().get_node(&node.0).is_some();
    // A removal that was left halfway may have been dropped by Raft before.
    if step != MemberStep::Remove || listed {
        inner.raft.change_membership(change, false).await.map_err(not_changed)?;
    }
    if step == MemberStep::Remove {
        record(inner, node, MemberStep::Removed, by).await?;
    }
    tracing::info!(%node, ?step, "the members have changed");
    Ok(at)
}

async fn record(inner: &Inner, node: NodeId, step: MemberStep, by: String) -> Result<EntryId, MemberError> {
    let proposal = Proposal { wall_ms: (inner.wall_ms)(), command: Command::Member { node, step, by } };
    match propose_on(&inner.raft, &inner.proposals, proposal, CHANGE_TIMEOUT).await {
        Ok((_, Applied::Refused(refusal))) => Err(MemberError::Refused(refusal)),
        Ok((at, _)) => Ok(at),
        Err(ProposeError::Unknown(reason)) => Err(MemberError::Doubt(reason)),
        Err(ProposeError::NotLeader { leader }) => Err(MemberError::NotLeader { leader }),
        Err(other) => Err(MemberError::NoQuorum(other.to_string())),
    }
}

fn not_changed(error: RaftError<u64, ClientWriteError<u64, BasicNode>>) -> MemberError {
    match error {
        RaftError::APIError(ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(
            _,
        ))) => MemberError::UnderWay,
        other => MemberError::Doubt(other.to_string()),
    }
}

/// Completes, as the leader, what a leader before it has left halfway: a joint membership that is committed goes on to
/// the one that it leads to, and a node that Raft has dropped is shut out. Tried again while it does not succeed.
pub(crate) async fn complete(inner: &Inner) {
    let (leads, joint, listed) = {
        let metrics = inner.raft.metrics();
        let metrics = metrics.borrow();
        let membership = metrics.membership_config.membership();
        let listed: BTreeSet<NodeId> = membership.nodes().map(|(id, _)| NodeId(*id)).collect();
        (metrics.state == ServerState::Leader, membership.get_joint_config().len() > 1, listed)
    };
    if !leads || planted(Bug::HalfChangeLeft) {
        return;
    }
    let left: Vec<NodeId> = {
        let state = inner.state.borrow();
        let leaving = state.members.iter().filter(|(_, member)| member.place == Place::Leaving);
        leaving.map(|(id, _)| *id).filter(|id| !listed.contains(id)).collect()
    };
    if !joint && left.is_empty() {
        return;
    }
    let Ok(_place) = Arc::clone(&inner.member_change).try_acquire_owned() else { return };
    if joint {
        let nothing_more = ChangeMembers::AddVoterIds(BTreeSet::new());
        let changed = inner.raft.change_membership(nothing_more, false);
        if let Ok(Err(error)) = tokio::time::timeout(QUESTION_TIMEOUT, changed).await {
            tracing::info!(%error, "a change of members can't be completed yet");
        }
        return;
    }
    for node in left {
        if let Err(error) = record(inner, node, MemberStep::Removed, String::new()).await {
            tracing::info!(%node, %error, "a removal can't be completed yet");
        }
    }
}
