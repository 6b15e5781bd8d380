//! Acting: from a wish to an intent, from an accepted intent to one call, from its end to an outcome.
//!
//! The order is the safety protocol's: `t_p` is noted, *then* the intent is proposed, once; only what `apply`
//! accepted is sent, only by this process, only within the window; the outcome is written when the call has
//! ended and nothing will be sent for it any more.
//!
//! ```text
//!  plan ──► intend ──► the log ──► dispatch ──► the provider ──► ending ──► the log
//!     └───► notes (adoptions, drift, advice, the end of a remediation) ─────────┘
//! ```

mod dispatch;
mod ending;
mod intend;
mod notes;
mod stages;
mod tally;
mod turns;

pub(crate) use dispatch::Errand;
pub use stages::Stages;
pub use tally::{BOUNDS_MS, Histogram, Stage, Tally};
pub(crate) use turns::{Ticket, Turn};

use crate::arbiter::Arbiter;
use arbiter_core::command::{Action, Cause, Outcome};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::{IntentId, Resource, RouteId};
use arbiter_core::plan::{Plan, Situation, plan};
use arbiter_core::policy::Target;
use arbiter_core::time::MonoMs;
use stages::StageBook;
use std::collections::{BTreeMap, BTreeSet};
use turns::Turns;

/// An intent of this office whose outcome is not committed yet.
#[derive(Debug)]
struct Live {
    resource: Resource,
    /// Not handed to the provider yet: it will take a token of its pace.
    waits: bool,
}

/// What this process has under way.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    live: BTreeMap<IntentId, Live>,
    /// Calls that have ended, whose outcome is not committed yet. Never more than `live`.
    ended: Vec<(IntentId, Outcome)>,
    /// Wishes that came to nothing, and until when the same wish is not made again. Another wish about the same
    /// resource is: what holds back a move home must not hold back a flight.
    refused: BTreeMap<Resource, (Action, Cause, MonoMs)>,
    advised: BTreeMap<Resource, (Action, Cause)>,
    drift_noted: BTreeMap<RouteId, Option<Target>>,
    pub turns: Turns,
    pub stages: StageBook,
    /// When this office last planned and acted on it.
    pub planned: Option<MonoMs>,
}

impl Hands {
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// What was under way is no longer ours to end: a newer epoch settles it.
    pub fn leave_office(&mut self) {
        self.live.clear();
        self.ended.clear();
        self.refused.clear();
        self.advised.clear();
        self.drift_noted.clear();
        self.turns.clear();
        self.planned = None;
    }

    fn in_flight(&self) -> BTreeSet<Resource> {
        let adopting = self.turns.adopting().map(Resource::Route);
        self.live.values().map(|live| live.resource.clone()).chain(adopting).collect()
    }
}

impl Arbiter {
    /// Plans for this moment, with what this node knows.
    pub fn plan_now(&self, evidence: &Evidence, now: MonoMs) -> Plan {
        self.with_situation(evidence, now, plan)
    }

    /// Everything that a plan of this moment depends on.
    pub fn with_situation<T>(
        &self,
        evidence: &Evidence,
        now: MonoMs,
        then: impl FnOnce(&Situation<'_>) -> T,
    ) -> T {
        let elapsed_ms = self.office.as_ref().map_or(0, |office| office.stamp(now).elapsed_ms);
        then(&Situation {
            state: &self.state,
            evidence,
            now: self.state.log_at(elapsed_ms),
            in_flight: &self.hands.in_flight(),
            known_for_ms: &self.known_for_ms(now),
            must_read: &self.eyes.must_read(),
        })
    }

    /// One step of acting. The caller has made sure that this process may.
    pub fn act(&mut self, now: MonoMs) {
        let evidence = self.evidence(now);
        let plan = self.plan_now(&evidence, now);
        self.settle(&plan, now);
        self.follow(&plan, now);
        self.adopt(&plan, now);
        self.close_slot(&plan, &evidence, now);
        self.note_drift(&plan, now);
        self.pursue(plan.wishes, &evidence, now);
        self.hands.planned = Some(now);
        self.hands.stages.planned();
    }
}
