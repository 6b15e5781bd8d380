//! Keeps this host's kernel routes as they are committed, without being asked.

use crate::hand::{Hand, NotSet};
use arbiter_core::command::Mode;
use arbiter_core::ids::{LogIndex, RouteId};
use arbiter_core::policy::DriftAction;
use arbiter_core::state::ClusterState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often to look whether our routes are still there, and to try again what did not work: an interface that goes down
/// takes its routes along, and does not bring them back.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Sets each route as soon as its assignment is applied here, and puts back what has gone. Moves that somebody else made
/// are the leader's business: it knows whether drift is to be repaired, and how often. Ends with the state's sender.
pub async fn keep(hand: Arc<Hand>, mut states: watch::Receiver<Arc<ClusterState>>) {
    let mut keeper = Keeper { hand, set: BTreeMap::new(), said: BTreeMap::new() };
    let mut ticks = interval(CHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let check = tokio::select! {
            alive = states.changed() => match alive {
                Ok(()) => false,
                Err(_) => return,
            },
            _ = ticks.tick() => true,
        };
        let state = states.borrow_and_update().clone();
        if state.overrides.mode == Mode::Observe {
            continue;
        }
        keeper.follow(&state).await;
        if check {
            keeper.put_back(&state).await;
        }
    }
}

struct Keeper {
    hand: Arc<Hand>,
    /// The entry by which each route was set by this process.
    set: BTreeMap<RouteId, LogIndex>,
    /// What was said of each route that could not be set.
    said: BTreeMap<RouteId, String>,
}

impl Keeper {
    async fn follow(&mut self, state: &ClusterState) {
        let due = |id: &&RouteId| {
            state.assignments.get(*id).is_some_and(|assigned| self.set.get(*id) != Some(&assigned.index))
        };
        let due: Vec<_> = self.hand.own(&state.policy).map(|route| &route.id).filter(due).cloned().collect();
        for id in due {
            self.carry_out(state, &id).await;
        }
    }

    async fn put_back(&mut self, state: &ClusterState) {
        let repairs = |id: &RouteId| {
            let route = state.policy.route(id);
            route.is_some_and(|route| route.drift == DriftAction::Repair) && self.set.contains_key(id)
        };
        // What can't be read is said where it is looked at: by whoever leads.
        let Ok(gone) = self.hand.gone(state).await else { return };
        let gone: Vec<_> = gone.into_iter().filter(repairs).collect();
        for id in gone {
            tracing::warn!(route = %id, "the kernel has lost a route of ours: it is put back");
            self.carry_out(state, &id).await;
        }
    }

    async fn carry_out(&mut self, state: &ClusterState, id: &RouteId) {
        match self.hand.carry_out(state, id).await {
            Ok(set) => {
                if set.changed {
                    tracing::info!(route = %id, path = %set.path, entry = %set.entry, "the kernel's route is set");
                }
                self.set.insert(id.clone(), set.entry);
                self.said.remove(id);
            }
            // The state is on its way to where this host was before.
            Err(fenced @ NotSet::Fenced { .. }) => tracing::debug!(route = %id, "{fenced}"),
            Err(error) => {
                let error = error.to_string();
                if self.said.get(id) != Some(&error) {
                    tracing::warn!(route = %id, "the kernel's route is not set: {error}");
                    self.said.insert(id.clone(), error);
                }
            }
        }
    }
}
