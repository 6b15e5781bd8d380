//! Whether a change of members may be made, and if not, why.

use crate::view::RaftView;
use arbiter_core::command::{MemberStep, Refusal};
use arbiter_core::ids::NodeId;
use arbiter_core::state::{ClusterState, Place};
use std::collections::BTreeSet;
use std::fmt;

/// Why the members are what they were; [`MemberError::Doubt`] alone leaves that open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberError {
    /// This node does not lead.
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// No majority confirmed the leadership.
    NoQuorum(String),
    /// The leadership is being handed over.
    HandingOver,
    /// Another change is under way.
    UnderWay,
    /// No such member.
    Unknown(NodeId),
    /// It is a member already.
    There {
        /// The node.
        node: NodeId,
        /// Whether it votes.
        votes: bool,
    },
    /// The learner's disk has not been admitted: it was never started, or can't reach the leader.
    NoDisk(NodeId),
    /// The learner lacks too many entries.
    Behind {
        /// The learner.
        node: NodeId,
        /// How many it lacks; none if it was not heard yet.
        lag: Option<u64>,
        /// How many it may lack.
        allowed: u64,
    },
    /// The learner is not heard.
    Silent(NodeId),
    /// Those who would vote afterwards are not a majority as far as they are heard.
    Quorum {
        /// How many would vote.
        voters: usize,
        /// How many of them it takes.
        needed: usize,
        /// Who of them is not heard.
        silent: Vec<NodeId>,
    },
    /// Nobody would vote any more.
    Last(NodeId),
    /// It is the leader itself.
    Leads(NodeId),
    /// `apply` refused the record.
    Refused(Refusal),
    /// It may have been changed, or be changed yet.
    Doubt(String),
}

impl MemberError {
    /// In words; `name` says what people call a node.
    pub fn words(&self, name: &dyn Fn(NodeId) -> String) -> String {
        match self {
            Self::NotLeader { leader: None } => "this node does not lead".to_owned(),
            Self::NotLeader { leader: Some(leader) } => {
                format!("this node does not lead, {} does", name(*leader))
            }
            Self::NoQuorum(reason) => format!("{reason}; nothing was changed"),
            Self::HandingOver => "the leadership is being handed over: try again".to_owned(),
            Self::UnderWay => {
                "another change of members is under way: one at a time; see `arbiterctl members`".to_owned()
            }
            Self::Unknown(node) => format!("{} is no member of the cluster", name(*node)),
            Self::There { node, votes: true } => format!("{} is a member already, and votes", name(*node)),
            Self::There { node, votes: false } => {
                format!("{} is a member already, as a learner", name(*node))
            }
            Self::NoDisk(node) => {
                format!(
                    "{} has not joined yet: start `arbiterd` there, and see that it reaches the leader",
                    name(*node)
                )
            }
            Self::Behind { node, lag: Some(lag), allowed } => {
                format!("{} has not caught up: it lacks {lag} entries, {allowed} are allowed", name(*node))
            }
            Self::Behind { node, lag: None, .. } => {
                format!("{} has not caught up: nobody knows yet how far it is", name(*node))
            }
            Self::Silent(node) => format!("{} is not heard by the leader", name(*node)),
            Self::Quorum { voters, needed, silent } => {
                let silent: Vec<String> = silent.iter().map(|node| name(*node)).collect();
                format!(
                    "the quorum would be lost: of {voters} voters {needed} are needed then, and not heard are {}",
                    silent.join(", ")
                )
            }
            Self::Last(node) => format!("{} is the only voter", name(*node)),
            Self::Leads(node) => {
                format!("{} leads: hand the leadership over first (`arbiterctl handover`)", name(*node))
            }
            Self::Refused(refusal) => refusal.to_string(),
            Self::Doubt(reason) => format!(
                "it is not known whether the members have changed, or will: {reason}; see `arbiterctl members`, and \
                 give the same command again"
            ),
        }
    }
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&|id| format!("node {id}")))
    }
}

impl std::error::Error for MemberError {}

/// What a change is judged by.
pub(super) struct Facts<'a> {
    /// The leader's own view.
    pub view: &'a RaftView,
    /// What it has applied.
    pub state: &'a ClusterState,
    /// The peers that it hears.
    pub heard: BTreeSet<NodeId>,
    /// So many entries a learner may lack to be promoted.
    pub caught_up: u64,
}

impl Facts<'_> {
    /// Whether the step may be made.
    pub fn judge(&self, node: NodeId, step: MemberStep) -> Result<(), MemberError> {
        let place = self.state.members.get(&node).map_or(Place::In, |member| member.place);
        if place == Place::Removed {
            return Err(MemberError::Refused(Refusal::Removed { node }));
        }
        if self.view.joint {
            return Err(MemberError::UnderWay);
        }
        match step {
            MemberStep::Add => self.add(node),
            MemberStep::Promote => self.promote(node),
            MemberStep::Remove | MemberStep::Removed => self.remove(node, place),
        }
    }

    fn votes(&self, node: NodeId) -> bool {
        self.view.voters.contains(&node)
    }

    fn add(&self, node: NodeId) -> Result<(), MemberError> {
        if self.votes(node) || self.view.learners.contains(&node) {
            return Err(MemberError::There { node, votes: self.votes(node) });
        }
        Ok(())
    }

    fn promote(&self, node: NodeId) -> Result<(), MemberError> {
        if self.votes(node) {
            return Err(MemberError::There { node, votes: true });
        }
        if !self.view.learners.contains(&node) {
            return Err(MemberError::Unknown(node));
        }
        if self.state.members.get(&node).and_then(|member| member.incarnation).is_none() {
            return Err(MemberError::NoDisk(node));
        }
        match self.view.lag.get(&node).copied().flatten() {
            Some(lag) if lag <= self.caught_up => {}
            lag => return Err(MemberError::Behind { node, lag, allowed: self.caught_up }),
        }
        if !self.heard.contains(&node) {
            return Err(MemberError::Silent(node));
        }
        let mut voters = self.view.voters.clone();
        voters.insert(node);
        self.keeps_quorum(&voters)
    }

    fn remove(&self, node: NodeId, place: Place) -> Result<(), MemberError> {
        if node == self.view.id {
            return Err(if self.view.voters.len() > 1 {
                MemberError::Leads(node)
            } else {
                MemberError::Last(node)
            });
        }
        if !self.votes(node) {
            // A learner, one that was recorded and not taken by Raft yet, or one that Raft has dropped already.
            let known = self.view.learners.contains(&node)
                || place == Place::Leaving
                || self.state.members.get(&node).is_some_and(|member| member.incarnation.is_none());
            return if known { Ok(()) } else { Err(MemberError::Unknown(node)) };
        }
        let mut voters = self.view.voters.clone();
        voters.remove(&node);
        self.keeps_quorum(&voters)
    }

    /// Whether a majority of those who would vote is heard, the leader by itself.
    fn keeps_quorum(&self, voters: &BTreeSet<NodeId>) -> Result<(), MemberError> {
        let is_silent = |voter: &&NodeId| **voter != self.view.id && !self.heard.contains(*voter);
        let silent: Vec<NodeId> = voters.iter().filter(is_silent).copied().collect();
        let needed = voters.len() / 2 + 1;
        if voters.len() - silent.len() >= needed {
            return Ok(());
        }
        Err(MemberError::Quorum { voters: voters.len(), needed, silent })
    }
}

#[cfg(test)]
mod tests;
