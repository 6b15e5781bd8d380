//! Members that come and go, each by the steps that `arbiterctl member` takes, asked of whoever leads.

use super::dice::Dice;
use super::policy::GATEWAYS;
use super::sim::Sim;
use super::tape::Acknowledged;
use arbiter_core::command::EntryId;
use arbiter_core::ids::NodeId;
use arbiter_raft::MemberError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A run never has fewer voters.
const FEWEST: usize = 3;

/// Nor more members.
const MOST: usize = 5;

/// How often a step is asked for, before an operator gives up: for a minute. With an even number of voters and one of them
/// down, elections may take a while: only who has the longest log can win, and the others stand too.
const TRIES: usize = 240;

/// How long an operator waits between two tries.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// How long a leader may take to hand its office over.
const HANDOVER: Duration = Duration::from_secs(12);

/// Where a node is.
pub fn address(node: NodeId) -> String {
    format!("node-{node}:1")
}

struct Place {
    node: NodeId,
    /// An operator wants it to go.
    leaves: bool,
}

struct Inner {
    /// Those who were not removed, or not yet.
    places: Vec<Place>,
    /// The newest id that was ever given to a node: none is given twice.
    newest: u64,
}

/// Who belongs to the cluster, as the operators want it.
pub struct Members(Mutex<Inner>);

impl Members {
    /// The first ones.
    pub fn new(nodes: Vec<NodeId>) -> Self {
        let newest = nodes.iter().map(|node| node.0).max().unwrap_or(0);
        let places = nodes.into_iter().map(|node| Place { node, leaves: false }).collect();
        Self(Mutex::new(Inner { places, newest }))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All of them, also who is about to come or to go.
    fn all(&self) -> Vec<NodeId> {
        self.with(|inner| inner.places.iter().map(|place| place.node).collect())
    }

    /// Those who are to stay.
    fn staying(&self) -> Vec<NodeId> {
        let stays = |place: &Place| (!place.leaves).then_some(place.node);
        self.with(|inner| inner.places.iter().filter_map(stays).collect())
    }

    /// Those who are to go.
    fn leaving(&self) -> Vec<NodeId> {
        let leaves = |place: &Place| place.leaves.then_some(place.node);
        self.with(|inner| inner.places.iter().filter_map(leaves).collect())
    }
}

impl Sim {
    /// Every node of the cluster, also one that is about to come or to go.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.members.all()
    }

    /// Sets up a machine with an id that no other had. None, if there are enough.
    pub fn new_member(&self) -> Option<NodeId> {
        let node = self.members.with(|inner| {
            (inner.places.len() < MOST).then_some(())?;
            inner.newest += 1;
            let node = NodeId(inner.newest);
            inner.places.push(Place { node, leaves: false });
            Some(node)
        })?;
        self.new_host(node);
        self.tape.say(format!("node {node} is a new machine"));
        Some(node)
    }

    /// Somebody who may go: a voter on no gateway, who does not lead, with enough voters beside it. It leaves from now on.
    pub fn may_leave(&self, dice: &mut Dice) -> Option<NodeId> {
        let leader = self.leader()?;
        let voters = self.raft(leader)?.view().borrow().voters.clone();
        let staying: Vec<NodeId> =
            self.members.staying().into_iter().filter(|node| voters.contains(node)).collect();
        (staying.len() > FEWEST).then_some(())?;
        let may = |node: &NodeId| *node != leader && !GATEWAYS.contains(node);
        let leaving = dice.pick(&staying.into_iter().filter(may).collect::<Vec<_>>())?;
        self.members.with(|inner| {
            inner
                .places
                .iter_mut()
                .filter(|place| place.node == leaving)
                .for_each(|place| place.leaves = true);
        });
        Some(leaving)
    }

    /// Adds a node as a learner, and lets it vote. Whether it does in the end.
    pub async fn lets_in(&self, node: NodeId) -> bool {
        for _ in 0..TRIES {
            if self.step_in(node).await {
                return true;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        false
    }

    /// Removes a node. Whether that has ended.
    pub async fn lets_go(&self, node: NodeId) -> bool {
        for _ in 0..TRIES {
            if self.step_out(node).await {
                return true;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        false
    }

    /// Everything healed: whoever should belong to the cluster is let in, and who should not is removed.
    pub async fn settle_members(&self) {
        for node in self.members.leaving() {
            if !self.lets_go(node).await {
                self.tape.violation("L1", format!("nothing is broken, and node {node} can't be removed"));
            }
        }
        for node in self.members.staying() {
            if !self.lets_in(node).await {
                self.tape.violation("L1", format!("nothing is broken, and node {node} can't be let in"));
            }
        }
    }

    async fn step_in(&self, node: NodeId) -> bool {
        let Some(raft) = self.leader().and_then(|leader| self.raft(leader)) else { return false };
        let view = raft.view().borrow().clone();
        if view.voters.contains(&node) && !view.joint {
            return true;
        }
        if view.learners.contains(&node) {
            self.told(node, "promote", raft.promote(node, "somebody").await);
        } else {
            self.told(node, "add", raft.add_learner(node, &address(node), "somebody").await);
        }
        false
    }

    async fn step_out(&self, node: NodeId) -> bool {
        let Some(leader) = self.leader() else { return false };
        if self.state(leader).is_some_and(|state| state.was_removed(node)) {
            self.members.with(|inner| inner.places.retain(|place| place.node != node));
            // Its disk can be whatever it likes.
            self.net.admitted(node);
            self.tape.say(format!("node {node} was removed"));
            return true;
        }
        if leader == node {
            if let Some(control) = self.net.control(leader) {
                drop(tokio::time::timeout(HANDOVER, control.hand_over(GATEWAYS[0])).await);
            }
        } else if let Some(raft) = self.raft(leader) {
            self.told(node, "remove", raft.remove(node, "somebody").await);
        }
        false
    }

    /// What an operator was told of a step.
    fn told(&self, node: NodeId, step: &str, answer: Result<EntryId, MemberError>) {
        match answer {
            Ok(entry) => {
                let told = Acknowledged { index: entry.index.0, what: format!("{step} node {node}") };
                self.tape.say(format!("`{}` is done, by entry {}", told.what, told.index));
                self.tape.with(|record| record.acknowledged.push(told));
            }
            Err(error) => self.tape.say(format!("`{step} node {node}` is not done: {error}")),
        }
    }
}
