//! The stages of each intent, for people: how long it took to be seen, agreed, called and done.

use super::tally::{Stage, Tally};
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
    tally: Tally,
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
        if let Some(stages) = find(&mut self.book, id) {
            stages.committed_ms = Some(now.since_ms(stages.proposed));
        }
    }

    pub fn ended(&mut self, id: IntentId, sent: Option<MonoMs>, now: MonoMs, outcome: &Outcome) {
        if let Some(stages) = find(&mut self.book, id) {
            stages.called_ms = sent.map(|sent| sent.since_ms(stages.proposed));
            stages.done_ms = sent.map(|_| now.since_ms(stages.proposed));
            stages.outcome = Some(outcome.clone());
            self.tally.call_ended(&stages.action, outcome);
            if stages.cause == Cause::Failover && *outcome == Outcome::Done {
                for (stage, ms) in shares(stages) {
                    self.tally.stage_took(stage, ms);
                }
            }
        }
    }

    /// A plan was made and acted on.
    pub const fn planned(&mut self) {
        self.tally.planned();
    }

    /// What this process has done since its start.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn list(&self) -> Vec<Stages> {
        self.book.iter().cloned().collect()
    }
}

fn find(book: &mut VecDeque<Stages>, id: IntentId) -> Option<&mut Stages> {
    book.iter_mut().rev().find(|stages| stages.id == id)
}

/// How long each part took by itself; together they are the time from the verdict to the acknowledged call.
fn shares(stages: &Stages) -> Vec<(Stage, u64)> {
    let mut shares = vec![(Stage::Seen, stages.evidence_for_ms)];
    let mut before_ms = 0;
    let later = [
        (Stage::Committed, stages.committed_ms),
        (Stage::Called, stages.called_ms),
        (Stage::Done, stages.done_ms),
    ];
    for (stage, at_ms) in later {
        let Some(at_ms) = at_ms else { continue };
        shares.push((stage, at_ms.saturating_sub(before_ms)));
        before_ms = at_ms;
    }
    shares
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
