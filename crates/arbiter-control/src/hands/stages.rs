//! The stages of each intent, for people: how long it took to be seen, agreed, called and done.

use arbiter_core::command::{Action, Cause, Intent, Outcome};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::IntentId;
use arbiter_core::policy::Policy;
use arbiter_core::time::MonoMs;
use arbiter_core::verdict;
use std::collections::VecDeque;

/// Stages of the newest intents that are kept: more than one batch.
const STAGES_KEPT: usize = 128;

/// What became of one intent, and when: the share of each stage of a failover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The intent.
    pub id: IntentId,
    /// What it was.
    pub action: Action,
    /// Its rule.
    pub cause: Cause,
    /// When it was proposed, by this node's clock.
    pub proposed: MonoMs,
    /// How long the verdict that it rests on had held by then.
    pub evidence_for_ms: u64,
    /// Milliseconds from `proposed` until it was committed and accepted.
    pub committed_ms: Option<u64>,
    /// Until its call was sent.
    pub called_ms: Option<u64>,
    /// Until its call ended.
    pub done_ms: Option<u64>,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// The newest stages, oldest first.
#[derive(Debug, Default)]
pub(crate) struct StageBook {
    book: VecDeque<Stages>,
}

impl StageBook {
    pub fn proposed(&mut self, intent: &Intent, evidence: &Evidence, policy: &Policy, now: MonoMs) {
        if self.book.len() >= STAGES_KEPT {
            self.book.pop_front();
        }
        self.book.push_back(Stages {
            id: intent.id,
            action: intent.action.clone(),
            cause: intent.cause,
            proposed: now,
            evidence_for_ms: evidence_for_ms(intent, evidence, policy),
            committed_ms: None,
            called_ms: None,
            done_ms: None,
            outcome: None,
        });
    }

    pub fn committed(&mut self, id: IntentId, now: MonoMs) {
        if let Some(stages) = self.find(id) {
            stages.committed_ms = Some(now.since_ms(stages.proposed));
        }
    }

    pub fn ended(&mut self, id: IntentId, sent: Option<MonoMs>, now: MonoMs, outcome: &Outcome) {
        if let Some(stages) = self.find(id) {
            stages.called_ms = sent.map(|sent| sent.since_ms(stages.proposed));
            stages.done_ms = sent.map(|_| now.since_ms(stages.proposed));
            stages.outcome = Some(outcome.clone());
        }
    }

    pub fn list(&self) -> Vec<Stages> {
        self.book.iter().cloned().collect()
    }

    fn find(&mut self, id: IntentId) -> Option<&mut Stages> {
        self.book.iter_mut().rev().find(|stages| stages.id == id)
    }
}

/// How long the verdict has held that a failover rests on: it is what the probes and reports took.
fn evidence_for_ms(intent: &Intent, evidence: &Evidence, policy: &Policy) -> u64 {
    match (&intent.action, intent.cause) {
        (Action::SetRoute { before: Some(before), route, .. }, Cause::Failover) => policy
            .route(route)
            .and_then(|route| policy.path_by_target(route, before))
            .map_or(0, |path| verdict::path(policy, evidence, path).for_ms),
        _ => 0,
    }
}
