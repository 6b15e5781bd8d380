//! What happened in a run: for the invariants, for people, and for comparing two runs of the same seed.

use super::clock::millis;
use arbiter_core::command::{Action, Cause};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::{Epoch, GatewayId, IntentId, NodeId, PathId};
use arbiter_core::state::{Entry, Event};
use foldhash::fast::FixedState;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// One mutation that left a node. Times are milliseconds of the run.
#[derive(Debug, Clone)]
pub struct Called {
    /// By whom.
    pub by: NodeId,
    /// By which of its processes.
    pub boot: u64,
    /// Its intent.
    pub intent: IntentId,
    /// What it does.
    pub action: Action,
    /// When its process handed it over.
    pub sent_ms: u64,
    /// When its client has given up at the latest.
    pub window_ends_ms: u64,
    /// When it took effect; twice if it was duplicated.
    pub landed_ms: Vec<u64>,
}

/// An accepted intent, as the first node that applied it recorded it.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// When that was.
    pub at_ms: u64,
    /// What it does.
    pub action: Action,
    /// The path that its route was assigned to, if it had one.
    pub from: Option<PathId>,
    /// By which rule.
    pub cause: Cause,
    /// On what it rests.
    pub evidence: Option<Box<Evidence>>,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which: `S1` … `L2`.
    pub invariant: &'static str,
    /// How, in words.
    pub says: String,
}

/// What an operator was told.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// Where it stands in the log.
    pub index: u64,
    /// What.
    pub what: String,
}

/// When the cluster called itself quiet after a pause, and when that pause was about to be ended.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    /// From when.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// Everything that is kept of a run.
#[derive(Debug, Default)]
pub struct Record {
    /// For people: when, and what.
    pub lines: Vec<(u64, String)>,
    /// Every mutation, in order.
    pub calls: Vec<Called>,
    /// Every accepted intent.
    pub accepted: BTreeMap<IntentId, Accepted>,
    /// What each entry of the log did, as the first node that applied it says.
    pub history: BTreeMap<u64, (NodeId, Vec<Event>)>,
    /// Operators' commands that were acknowledged.
    pub acknowledged: Vec<Acknowledged>,
    /// Times of promised quiet.
    pub quiet: Vec<Quiet>,
    /// Since when quiet is promised, if it is.
    pub open_quiet: Option<u64>,
    /// The newest vote that each disk has granted: its term, and to whom.
    pub votes: BTreeMap<(NodeId, u64), (u64, u64)>,
    /// When each gateway began to carry traffic to the site, and when it ceased.
    pub carries: BTreeMap<NodeId, Vec<(u64, bool)>>,
    /// Which process stood still, from when until when.
    pub halts: Vec<(NodeId, u64, u64)>,
    /// When each intent was proposed, and by whom.
    pub proposed: BTreeMap<IntentId, (u64, NodeId)>,
    /// When it was proposed to close which gateway's slot.
    pub closing: Vec<(u64, GatewayId)>,
    /// When which gateway's slot was closed.
    pub closed: Vec<(u64, GatewayId)>,
    /// The trouble that began, each with its number.
    pub troubles: Vec<(u64, &'static str)>,
    /// Faults that had an effect, by kind.
    pub landed: BTreeMap<&'static str, u64>,
    /// Seen while it ran.
    pub violations: Vec<Violation>,
    /// Grows with everything that happens.
    pub digest: u64,
}

impl Record {
    /// Since when a gateway has carried traffic at this time; `None` if it doesn't.
    pub fn carries_since(&self, node: NodeId, at_ms: u64) -> Option<u64> {
        let changes = self.carries.get(&node).into_iter().flatten();
        let last = changes.take_while(|(from_ms, _)| *from_ms <= at_ms).last();
        last.map_or(Some(0), |(from_ms, carries)| carries.then_some(*from_ms))
    }

    /// How many epochs began.
    pub fn epochs(&self) -> usize {
        let began = |event: &&Event| matches!(event, Event::EpochBegan { .. });
        self.history.values().flat_map(|(_, events)| events).filter(began).count()
    }
}

/// The record while it is being made. Clones share it.
#[derive(Debug, Clone)]
pub struct Tape {
    began: Instant,
    record: Arc<Mutex<Record>>,
}

impl Tape {
    /// An empty one; time counts from now.
    pub fn new() -> Self {
        Self { began: Instant::now(), record: Arc::default() }
    }

    /// What is recorded.
    pub fn with<T>(&self, f: impl FnOnce(&mut Record) -> T) -> T {
        f(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the run began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Milliseconds since the run began.
    pub fn now_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// Mixes something into the digest that is too frequent for a line: each message, each fate.
    pub fn mix(&self, what: impl Hash) {
        let now_ms = self.now_ms();
        self.with(|record| {
            record.digest = FixedState::with_seed(record.digest).hash_one((now_ms, what));
        });
    }

    /// Writes a line.
    pub fn say(&self, line: String) {
        self.mix(&line);
        let now_ms = self.now_ms();
        self.with(|record| record.lines.push((now_ms, line)));
    }

    /// A fault of this kind had an effect.
    pub fn landed(&self, kind: &'static str) {
        self.with(|record| *record.landed.entry(kind).or_default() += 1);
    }

    /// A promise was broken.
    pub fn violation(&self, invariant: &'static str, says: String) {
        self.say(format!("{invariant} IS BROKEN: {says}"));
        self.with(|record| record.violations.push(Violation { invariant, says }));
    }

    /// A number that two runs share only if they were the same.
    pub fn digest(&self) -> u64 {
        self.with(|record| record.digest)
    }

    /// A node has applied these events of one entry.
    pub fn applied(&self, node: NodeId, entries: &[Arc<Entry>]) {
        for entry in entries {
            let Some(event) = comparable(&entry.event) else { continue };
            if let Event::Intended { id, action, from, cause, evidence, .. } = &entry.event {
                let accepted = Accepted {
                    at_ms: self.now_ms(),
                    action: action.clone(),
                    from: from.clone(),
                    cause: *cause,
                    evidence: evidence.clone(),
                };
                self.with(|record| {
                    record.accepted.entry(*id).or_insert(accepted);
                });
            }
            if let Event::SlotClosed { gateway, .. } = &entry.event {
                let at_ms = self.now_ms();
                self.with(|record| {
                    if !record.history.contains_key(&entry.index.0) {
                        record.closed.push((at_ms, gateway.clone()));
                    }
                });
            }
            let index = entry.index.0;
            let first = self.with(|record| {
                let (by, events) = record.history.entry(index).or_insert_with(|| (node, Vec::new()));
                let first = *by == node;
                if first && !events.contains(&event) {
                    events.push(event.clone());
                }
                first
            });
            if first {
                self.say(format!("node {node} applied {index} of epoch {}: {event:?}", entry.epoch));
            }
        }
    }
}

impl Default for Tape {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of an event that stays as it is: the evidence is dropped with age, refusals are counted together.
pub(super) fn comparable(event: &Event) -> Option<Event> {
    let mut event = event.clone();
    match &mut event {
        Event::Refused { .. } => return None,
        Event::Intended { evidence, .. } => *evidence = None,
        _ => {}
    }
    Some(event)
}

impl Called {
    /// Which epoch made it, and which process: one that goes on with its predecessor's epoch is another hand.
    pub fn hand(&self) -> (Epoch, u64) {
        (self.intent.epoch, self.boot)
    }
}
