//! What the loop has others do, and what they bring back.

use crate::arbiter::Arbiter;
use crate::consensus::ProposeError;
use crate::message::{Answer, AskError};
use crate::provider::{Observation, ProviderError};
use arbiter_core::command::{Action, Applied, Command, EntryId, Outcome, Proposal};
use arbiter_core::ids::{IntentId, NodeId, Resource, RouteId, Term};
use arbiter_core::time::{MonoMs, UnixMs};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A proposal is given up after this long: what it proposed may still be committed. Twice the longest lease
/// that validation lets through would be pointless: the window for dispatch is far shorter.
const PROPOSE_TIMEOUT_MS: u64 = 3_000;

/// What a proposal is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    BeginEpoch(Term),
    Intents(Vec<(IntentId, Action)>),
    Outcomes(Vec<(IntentId, Outcome)>),
    Settle(Vec<(IntentId, Resource)>),
    Adopt(RouteId),
    CloseSlot,
    Note,
    Tick,
    RaiseRules,
    Operator(Option<oneshot::Sender<Result<Answer, AskError>>>),
}

/// What a task brings back.
#[derive(Debug)]
pub(crate) enum Event {
    Proposed {
        purpose: Purpose,
        at: MonoMs,
        wall: UnixMs,
        result: Result<(EntryId, Applied), ProposeError>,
    },
    Called {
        id: IntentId,
        action: Action,
        sent: Option<MonoMs>,
        outcome: Outcome,
    },
    Looked {
        started: MonoMs,
        whole: bool,
        result: Result<Observation, ProviderError>,
    },
    HandedOver {
        to: NodeId,
        result: Result<(), String>,
        reply: Option<oneshot::Sender<Result<(), AskError>>>,
    },
}

/// Answers somebody who may have gone away meanwhile.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, with: T) {
    if reply.send(with).is_err() {
        tracing::debug!("the asker has gone");
    }
}

impl Arbiter {
    /// Proposes once. `at`, the moment before the proposal, comes back with the answer: the dispatch window
    /// counts from it.
    pub fn propose(&mut self, purpose: Purpose, command: Command, at: MonoMs) {
        let wall = self.parts.clock.wall_ms();
        let consensus = Arc::clone(&self.parts.consensus);
        if let Some(office) = &mut self.office {
            office.stamped = at;
        }
        self.tasks.spawn(async move {
            let result = consensus.propose(Proposal { wall_ms: wall, command }, PROPOSE_TIMEOUT_MS).await;
            Event::Proposed { purpose, at, wall, result }
        });
    }

    pub fn take_in(&mut self, event: Event) {
        match event {
            Event::Proposed { purpose, at, wall, result } => self.proposed(purpose, at, wall, result),
            Event::Called { id, action, sent, outcome } => self.called(id, &action, sent, outcome),
            Event::Looked { started, whole, result } => self.looked(started, whole, result),
            Event::HandedOver { to, result, reply } => {
                if let Err(error) = &result {
                    tracing::warn!(to = to.0, %error, "the handover did not work");
                    self.handing_over_until = self.now();
                }
                if let Some(reply) = reply {
                    answer(reply, result.map_err(AskError::Unavailable));
                }
            }
        }
    }

    fn proposed(
        &mut self,
        purpose: Purpose,
        at: MonoMs,
        wall: UnixMs,
        result: Result<(EntryId, Applied), ProposeError>,
    ) {
        // The state must not lag behind an answer that speaks of it.
        self.state = self.parts.consensus.state().borrow().clone();
        self.hands.end(&purpose);
        match purpose {
            Purpose::BeginEpoch(term) => match result {
                Ok((entry, Applied::Accepted)) => self.epoch_began(term, entry),
                other => tracing::warn!(?other, "the epoch did not begin; it is tried again"),
            },
            Purpose::Intents(intents) => self.intents_answered(&intents, at, wall, result),
            Purpose::Outcomes(outcomes) => self.outcomes_answered(outcomes, &result),
            Purpose::Settle(intents) => self.settle_answered(intents, &result),
            Purpose::Adopt(_) | Purpose::CloseSlot | Purpose::Note | Purpose::Tick | Purpose::RaiseRules => {
                if !matches!(result, Ok((_, Applied::Accepted))) {
                    tracing::warn!(?purpose, ?result, "a proposal had no effect");
                }
            }
            Purpose::Operator(Some(reply)) => {
                let answered = self.operator_answer(result);
                answer(reply, answered);
            }
            Purpose::Operator(None) => {}
        }
    }

    fn operator_answer(&self, result: Result<(EntryId, Applied), ProposeError>) -> Result<Answer, AskError> {
        match result {
            Ok((entry, applied)) => Ok(Answer {
                entry,
                applied,
                quiet: self.state.is_quiet(),
                start_to_come: self.state.start_to_come().cloned(),
            }),
            Err(ProposeError::NotLeader { leader }) => Err(AskError::NotLeader { leader }),
            Err(error @ ProposeError::Unknown(_)) => Err(AskError::Unknown(error.to_string())),
            Err(error @ ProposeError::Stopped(_)) => Err(AskError::Unavailable(error.to_string())),
        }
    }
}
