//! The independent check: does the recorded evidence carry this intent?
//!
//! `apply` asks it on every node for every intent. It is written apart from the planner and from
//! [`crate::verdict`], in another form: the planner judges everything and then chooses; the check takes one
//! intent and looks for the sentences that must hold for it. A slip in one is caught by the other, and a
//! property test holds the two against each other. It may be stricter than the planner, never laxer.

mod instances;
mod judge;
mod routes;

#[cfg(test)]
mod tests;

use crate::command::{Action, Intent, SlotEnding};
use crate::evidence::Evidence;
use crate::state::{ClusterState, Slot};
use crate::time::LogMs;

/// Whether the evidence carries the intent; if not, which sentence does not hold.
pub fn intent(state: &ClusterState, intent: &Intent, evidence: &Evidence, now: LogMs) -> Result<(), String> {
    if intent.reasons.is_empty() {
        return Err("it carries no reasons".to_owned());
    }
    match &intent.action {
        Action::SetRoute { route, before, path, after } => {
            let change = routes::Change { route, before: before.as_ref(), path, after, cause: intent.cause };
            routes::check(state, evidence, &change, now)
        }
        Action::Stop { gateway, instance, force } => {
            instances::check_stop(state, evidence, gateway, instance, *force, intent.cause, now)
        }
        Action::Start { gateway, instance } => instances::check_start(state, evidence, gateway, instance),
    }
}

/// Whether the evidence carries the closing of the slot.
pub fn close_slot(
    state: &ClusterState,
    slot: &Slot,
    ending: SlotEnding,
    evidence: &Evidence,
) -> Result<(), String> {
    instances::check_close(state, slot, ending, evidence)
}

/// Says what doesn't hold, if it doesn't.
fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
