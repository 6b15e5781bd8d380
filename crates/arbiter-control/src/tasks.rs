//! What the loop has others do, and what they bring back.
//!
//! How many tasks there can be at once: one look, one examination, one handover, one proposal for each [`crate::hands::Turn`]
//! (at most 32 small ones and seven others), one for each batch and one call for each intent under way (at most
//! 50), and [`OPERATORS_LIMIT`] for operators.

use crate::arbiter::Arbiter;
use crate::consensus::ProposeError;
use crate::hands::{Errand, Ticket};
use crate::message::{Answer, AskError};
use crate::provider::{Observation, ProviderError};
use arbiter_core::command::{Action, Applied, Cause, Command, EntryId, Outcome, Proposal};
use arbiter_core::health::Alarm;
use arbiter_core::ids::{IntentId, NodeId, Resource, RouteId, Term};
use arbiter_core::policy::Target;
use arbiter_core::time::{MonoMs, UnixMs};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A proposal is given up after this long: what it proposed may still be committed. It is a few elections long,
/// and six times the window for dispatch: what is answered later could not be acted on.
const PROPOSE_TIMEOUT_MS: u64 = 3_000;

/// Operators' commands under way: half of the proposals that Raft takes at a time.
pub(crate) const OPERATORS_LIMIT: usize = 64;

/// What a proposal is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    BeginEpoch(Term),
    Intents(Vec<Errand>),
    Outcomes(Vec<(IntentId, Outcome)>),
    Settle,
    Drift(RouteId, Option<Target>),
    Advice(Resource, (Action, Cause)),
    /// An adoption, what is followed, the end of a slot, log time, rules: the state shows whether it has taken effect.
    House,
    Operator(oneshot::Sender<Result<Answer, AskError>>),
}

/// What a task brings back.
#[derive(Debug)]
pub(crate) enum Event {
    Proposed {
        purpose: Purpose,
        ticket: Option<Ticket>,
        at: MonoMs,
        wall: UnixMs,
        result: Result<(EntryId, Applied), ProposeError>,
    },
    Called {
        errand: Errand,
        sent: Option<MonoMs>,
        outcome: Outcome,
    },
    Looked {
        started: MonoMs,
        result: Result<Observation, ProviderError>,
    },
    Examined {
        found: Vec<(NodeId, Result<Vec<Alarm>, String>)>,
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
    /// counts from it. The wall clock that comes with it was read before it.
    pub fn propose(&mut self, purpose: Purpose, ticket: Option<Ticket>, command: Command, at: MonoMs) {
        let wall = self.step_wall;
        let wall_ms = self.parts.clock.wall_ms();
        let consensus = Arc::clone(&self.parts.consensus);
        self.tasks.spawn(async move {
            let result = consensus.propose(Proposal { wall_ms, command }, PROPOSE_TIMEOUT_MS).await;
            Event::Proposed { purpose, ticket, at, wall, result }
        });
    }

    pub fn take_in(&mut self, event: Event) {
        match event {
            Event::Proposed { purpose, ticket, at, wall, result } => {
                if let Some(ticket) = ticket {
                    let now = self.now();
                    self.hands.turns.give_back(ticket, &result, now);
                }
                self.proposed(purpose, at, wall, result);
            }
            Event::Called { errand, sent, outcome } => self.called(&errand, sent, outcome),
            Event::Looked { started, result } => self.looked(started, result),
            Event::Examined { found } => self.examined(found),
            Event::HandedOver { to, result, reply } => {
                self.handing_over_to = None;
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
        if let (Ok(_), Some(office)) = (&result, &mut self.office) {
            office.stamped = office.stamped.max(at);
        }
        match purpose {
            Purpose::BeginEpoch(term) => match result {
                Ok((entry, Applied::Accepted)) => self.epoch_began(term, entry),
                other => tracing::warn!(?other, "the epoch did not begin; it is tried again"),
            },
            Purpose::Intents(errands) => self.intents_answered(errands, at, wall, result),
            Purpose::Outcomes(outcomes) => self.outcomes_answered(outcomes, &result),
            Purpose::Drift(route, seen) => self.drift_noted(route, seen, &result),
            Purpose::Advice(resource, advice) => self.advised(resource, advice, &result),
            Purpose::House | Purpose::Settle => {
                if !matches!(result, Ok((_, Applied::Accepted))) {
                    tracing::warn!(
                        ?result,
                        "a proposal had no effect; if it is still due, it is tried again"
                    );
                }
            }
            Purpose::Operator(reply) => {
                self.operators = self.operators.saturating_sub(1);
                let answered = self.operator_answer(result);
                answer(reply, answered);
            }
        }
    }

    fn operator_answer(&self, result: Result<(EntryId, Applied), ProposeError>) -> Result<Answer, AskError> {
        match result {
            Ok((entry, applied)) => Ok(Answer {
                entry: Some(entry),
                applied,
                // A state from before the entry knows nothing of what was accepted in between.
                quiet: self.state.applied.index >= entry.index && self.state.is_quiet(),
                start_to_come: self.state.start_to_come().cloned(),
            }),
            Err(ProposeError::NotLeader { leader }) => Err(AskError::NotLeader { leader }),
            Err(error @ ProposeError::Unknown(_)) => Err(AskError::Unknown(error.to_string())),
            Err(error @ ProposeError::Stopped(_)) => Err(AskError::Unavailable(error.to_string())),
        }
    }
}
