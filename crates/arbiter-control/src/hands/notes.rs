//! What goes into the log without a call: adoptions, drift seen, the end of a remediation.

use super::Turn;
use crate::arbiter::Arbiter;
use crate::consensus::ProposeError;
use crate::tasks::Purpose;
use arbiter_core::command::{Applied, Command, EntryId, Note};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::RouteId;
use arbiter_core::plan::Plan;
use arbiter_core::policy::Target;
use arbiter_core::time::MonoMs;
use std::collections::BTreeSet;

impl Arbiter {
    pub(super) fn adopt(&mut self, plan: &Plan, now: MonoMs) {
        for adoption in &plan.adoptions {
            let Some(office) = &self.office else { return };
            let stamp = office.stamp(now);
            let route = adoption.route.clone();
            let Some(ticket) = self.hands.turns.take(Turn::Adopt(route.clone()), now) else { continue };
            let (path, reason) = (adoption.path.clone(), adoption.reason.clone());
            tracing::info!(%route, %path, %reason, "adopting what is observed");
            let command = Command::Adopt { stamp, route, path, reason };
            self.propose(Purpose::House, Some(ticket), command, now);
        }
    }

    /// What the followed cluster has assigned is agreed before it is acted on.
    pub(super) fn follow(&mut self, plan: &Plan, now: MonoMs) {
        let Some(office) = self.office.as_ref().filter(|_| !plan.follow.is_empty()) else { return };
        let stamp = office.stamp(now);
        let Some(ticket) = self.hands.turns.take(Turn::Follow, now) else { return };
        for (route, preference) in &plan.follow {
            tracing::info!(%route, "{}", preference.words());
        }
        let command = Command::Follow { stamp, preferences: plan.follow.clone() };
        self.propose(Purpose::House, Some(ticket), command, now);
    }

    pub(super) fn close_slot(&mut self, plan: &Plan, evidence: &Evidence, now: MonoMs) {
        let (Some((gateway, ending)), Some(office)) = (&plan.close, &self.office) else { return };
        let stamp = office.stamp(now);
        let Some(ticket) = self.hands.turns.take(Turn::CloseSlot, now) else { return };
        let gateways = BTreeSet::from([gateway.clone()]);
        let evidence = Box::new(evidence.restricted_to(self.policy(), &BTreeSet::new(), &gateways));
        tracing::info!(%gateway, ?ending, "the remediation ends");
        let command = Command::CloseSlot { stamp, gateway: gateway.clone(), ending: *ending, evidence };
        self.propose(Purpose::House, Some(ticket), command, now);
    }

    /// Drift goes into the history once for each place that the route is seen at.
    pub(super) fn note_drift(&mut self, plan: &Plan, now: MonoMs) {
        self.hands.drift_noted.retain(|route, _| plan.drift.contains_key(route));
        for (route, seen) in &plan.drift {
            let Some(office) = &self.office else { return };
            let stamp = office.stamp(now);
            if self.hands.drift_noted.get(route) == Some(seen) {
                continue;
            }
            let Some(ticket) = self.hands.turns.take(Turn::Drift(route.clone()), now) else { continue };
            let note = Note::Drift { route: route.clone(), seen: seen.clone() };
            let purpose = Purpose::Drift(route.clone(), seen.clone());
            self.propose(purpose, Some(ticket), Command::Note { stamp, note }, now);
        }
    }

    /// Drift that is in the log is not noted again.
    pub fn drift_noted(
        &mut self,
        route: RouteId,
        seen: Option<Target>,
        result: &Result<(EntryId, Applied), ProposeError>,
    ) {
        if result.is_ok() {
            self.hands.drift_noted.insert(route, seen);
        }
    }
}
