//! The independent check: does the recorded evidence carry this intent?
//!
//! `apply` asks it on every node for every intent. It is written apart from the planner and from
//! [`crate::verdict`], in another form: the planner judges everything and then chooses; the check takes one
//! intent and looks for the sentences that must hold for it. A slip in one is caught by the other, and a
//! property test holds the two against each other. It may be stricter than the planner, never laxer.

mod instances;
mod judge;
mod restart;
mod routes;

#[cfg(test)]
pub(crate) mod ask;
#[cfg(test)]
mod tests;

use crate::command::{Action, Cause, Intent, SlotEnding};
use crate::evidence::Evidence;
use crate::planted::{Bug, planted};
use crate::state::{ClusterState, Slot};
use crate::time::LogMs;
use std::collections::BTreeSet;

/// Whether the evidence carries the intent; if not, which sentence does not hold.
pub fn intent(state: &ClusterState, intent: &Intent, evidence: &Evidence, now: LogMs) -> Result<(), String> {
    if planted(Bug::CheckSkipped) {
        return Ok(());
    }
    if intent.reasons.is_empty() {
        return Err("it carries no reasons".to_owned());
    }
    match &intent.action {
        Action::SetRoute { route, before, path, after } => {
            let change = routes::Change { route, before: before.as_ref(), path, after, cause: intent.cause };
            routes::check(state, evidence, &change, now)
        }
        Action::Stop { gateway, instance, force } => {
            let stop = instances::Stop { gateway, instance, force: *force, cause: intent.cause };
            instances::check_stop(state, evidence, &stop, now)
        }
        Action::Start { gateway, instance } => {
            require(intent.cause == Cause::StartOwed, || format!("{} is no cause to start", intent.cause))?;
            instances::check_start(state, evidence, gateway, instance)
        }
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

/// The part of the evidence that the check of these actions looks at: it is what goes into the log with them.
#[must_use]
pub fn evidence_for<'a>(
    state: &ClusterState,
    evidence: &Evidence,
    actions: impl IntoIterator<Item = &'a Action>,
) -> Evidence {
    let (mut routes, mut gateways) = (BTreeSet::new(), BTreeSet::new());
    for action in actions {
        match action {
            Action::SetRoute { route, .. } => {
                routes.insert(route.clone());
            }
            Action::Start { gateway, .. } => {
                gateways.insert(gateway.clone());
            }
            // Another gateway must be running, and no route may be on this one that could go elsewhere.
            Action::Stop { gateway, .. } => {
                gateways.extend(state.policy.gateways.iter().map(|gateway| gateway.id.clone()));
                let on_it = state.assignments.iter().filter(|(_, assignment)| {
                    state.policy.path(&assignment.path).is_some_and(|p| p.gateway.as_ref() == Some(gateway))
                });
                routes.extend(on_it.map(|(route, _)| route.clone()));
                if state.restart_of(gateway).is_some() {
                    routes.extend(restart::concerned(&state.policy, gateway).map(|route| route.id.clone()));
                }
            }
        }
    }
    evidence.restricted_to(&state.policy, &routes, &gateways)
}

/// Says what doesn't hold, if it doesn't.
fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
