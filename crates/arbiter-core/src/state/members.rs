//! The nodes of the cluster, as the log knows them: which disk may speak for each, and which ids are used up.

use super::{ClusterState, Event};
use crate::command::{Applied, EntryId, MemberStep, Refusal};
use crate::ids::{Incarnation, NodeId};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// A node's disk, and its place in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The disk that may speak for it.
    pub incarnation: Option<Incarnation>,
    /// Its place.
    #[serde(default)]
    pub place: Place,
}

impl Member {
    /// A member with this disk.
    pub const fn with(incarnation: Incarnation) -> Self {
        Self { incarnation: Some(incarnation), place: Place::In }
    }
}

/// Whether a node belongs to the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// It does.
    #[default]
    In,
    /// Its removal was asked for, and has not ended.
    Leaving,
    /// It was removed. An id is never given to another node, so this stays.
    Removed,
}

type Answer = Result<Applied, Refusal>;

impl ClusterState {
    /// Whether the node was removed from the cluster.
    pub fn was_removed(&self, node: NodeId) -> bool {
        self.members.get(&node).is_some_and(|member| member.place == Place::Removed)
    }

    /// The nodes on record that were not removed.
    pub fn remaining(&self) -> impl Iterator<Item = NodeId> + '_ {
        let remains = |(_, member): &(&NodeId, &Member)| member.place != Place::Removed;
        self.members.iter().filter(remains).map(|(node, _)| *node)
    }

    /// One step of a change of members.
    pub(super) fn member_step(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        node: NodeId,
        step: MemberStep,
        by: &str,
    ) -> Answer {
        if self.was_removed(node) {
            return if step == MemberStep::Removed {
                Ok(Applied::Repeated)
            } else {
                Err(Refusal::Removed { node })
            };
        }
        let place = match step {
            MemberStep::Remove => {
                self.must_carry_no_gateway(node)?;
                Place::Leaving
            }
            MemberStep::Removed => Place::Removed,
            MemberStep::Add | MemberStep::Promote => self.must_stay(node)?,
        };
        let member = self.members.entry(node).or_default();
        member.place = place;
        if place == Place::Removed {
            member.incarnation = None;
        }
        self.remember(at, wall_ms, Event::MemberChanged { by: by.to_owned(), node, step });
        Ok(Applied::Accepted)
    }

    fn must_stay(&self, node: NodeId) -> Result<Place, Refusal> {
        if self.members.get(&node).is_some_and(|member| member.place == Place::Leaving) {
            return Err(Refusal::Other(format!("the removal of node {node} is under way")));
        }
        Ok(Place::In)
    }

    /// A gateway's own node speaks for its tunnel: without it nobody would know that the tunnel works.
    fn must_carry_no_gateway(&self, node: NodeId) -> Result<(), Refusal> {
        let Some(gateway) = self.policy.gateway_of_node(node) else { return Ok(()) };
        let (gateway, name) = (&gateway.id, self.policy.node_name(node));
        Err(Refusal::Other(format!(
            "node {name} speaks for gateway {gateway}: apply a policy without this gateway first (`arbiterctl policy \
             apply`)"
        )))
    }

    /// The next disk that the node shows is admitted.
    pub(super) fn readmit(&mut self, node: NodeId, incarnation: Option<Incarnation>) -> Result<(), Refusal> {
        if self.was_removed(node) {
            return Err(Refusal::Removed { node });
        }
        self.members.entry(node).or_default().incarnation = incarnation;
        Ok(())
    }

    /// A disk is admitted only if none is recorded for its node: one that was wiped could un-promise a vote.
    pub(super) fn admit(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        node: NodeId,
        incarnation: Incarnation,
    ) -> Answer {
        if self.was_removed(node) {
            return Err(Refusal::Removed { node });
        }
        let member = self.members.entry(node).or_default();
        match member.incarnation {
            Some(known) if known == incarnation => Ok(Applied::Repeated),
            Some(_) => Err(Refusal::OtherIncarnation { node }),
            None => {
                member.incarnation = Some(incarnation);
                self.remember(at, wall_ms, Event::Admitted { node, incarnation });
                Ok(Applied::Accepted)
            }
        }
    }
}
