//! Intents and their endings: the guards of the safety protocol.
//!
//! An intent is accepted, per resource, only if everything in [`ClusterState::may_accept`] holds. It is in
//! doubt from then on, on every node and in every snapshot, until `Outcome` by its own epoch or `Settle` by a
//! newer one. Nothing else ends it.

use super::remediation::{start_guards, stop_guards};
use super::{Assignment, ClusterState, Event, OWN_INTENTS_REMEMBERED_MS, OwnIntent, Unsettled};
use crate::check;
use crate::command::{
    Action, Applied, Cause, EntryId, Intent, IntentBatch, Mode, Note, Outcome, Refusal, SlotEnding,
};
use crate::evidence::Evidence;
use crate::ids::{GatewayId, IntentId, PathId, RouteId};
use crate::planted::{Bug, planted};
use crate::policy::Target;
use crate::time::{LogMs, UnixMs};
use std::collections::VecDeque;

/// Intents of one batch at most: EC2's largest bucket. A leader that asks for more is wrong.
pub const BATCH_LIMIT: usize = 100;

/// Own intents and moves remembered of one route at most, whatever their age.
const REMEMBERED_LIMIT: usize = 32;

type Answer = Result<Applied, Refusal>;

impl ClusterState {
    pub(super) fn apply_intents(&mut self, at: EntryId, wall_ms: UnixMs, batch: &IntentBatch) -> Answer {
        // An id is used up by its first entry, whatever becomes of that.
        let used = batch.intents.iter().map(|intent| intent.id).filter(|id| id.epoch == self.office.epoch);
        let (before, last) = (self.office.last_intent, used.map(|id| id.number).max().unwrap_or(0));
        if batch.policy_version != self.policy_version && !planted(Bug::StalePolicyAccepted) {
            self.office.last_intent = before.max(last);
            let (named, current) = (batch.policy_version, self.policy_version);
            return Err(Refusal::StalePolicy { named, current });
        }
        if batch.intents.len() > BATCH_LIMIT {
            self.office.last_intent = before.max(last);
            return Err(Refusal::Other(format!("a batch holds at most {BATCH_LIMIT} intents")));
        }
        let mut answers = Vec::with_capacity(batch.intents.len());
        for intent in &batch.intents {
            let answer = self.may_accept(intent, &batch.evidence);
            if intent.id.epoch == self.office.epoch {
                self.office.last_intent = self.office.last_intent.max(intent.id.number);
            }
            match &answer {
                Ok(()) => self.accept(at, wall_ms, intent, &batch.evidence),
                Err(refusal) => self.remember(
                    at,
                    wall_ms,
                    Event::Refused {
                        id: intent.id,
                        action: intent.action.clone(),
                        cause: intent.cause,
                        refusal: refusal.clone(),
                        again: 0,
                    },
                ),
            }
            answers.push((intent.id, answer));
        }
        Ok(Applied::Intents(answers))
    }

    /// Every guard, in the order of the safety protocol. Epoch, term, node and policy version are checked for
    /// the whole entry before.
    fn may_accept(&self, intent: &Intent, evidence: &Evidence) -> Result<(), Refusal> {
        let now = self.log_now();
        let of_this_epoch = intent.id.epoch == self.office.epoch || planted(Bug::StaleEpochAccepted);
        if !of_this_epoch || intent.id.number <= self.office.last_intent {
            return Err(Refusal::BadIntentId(intent.id));
        }
        let resource = intent.action.resource();
        for (id, doubt) in self.unsettled_on(&resource) {
            let older = doubt.intent.id.epoch < self.office.epoch;
            let same = doubt.intent.action.same_after(&intent.action);
            let ignored = !older && planted(Bug::OwnDoubtIgnored)
                || older && !same && planted(Bug::OtherAfterAccepted)
                || planted(Bug::NewestDoubtOnly) && !self.is_newest(&intent.action, *id)
                || ignores_instance(&doubt.intent.action, &intent.action);
            if (!older || !same) && !ignored {
                return Err(Refusal::Unsettled(*id));
            }
        }
        match &intent.action {
            Action::SetRoute { route, path, .. } => {
                self.halted(now).map_or(Ok(()), Err)?;
                self.route_guards(route, path, intent.cause, now)?;
            }
            Action::Stop { gateway, instance, .. } => {
                self.halted(now).map_or(Ok(()), Err)?;
                stop_guards(self, gateway, instance, intent.cause, now)?;
            }
            // What we stopped must run again: neither pause, budget nor cooldown stands in its way.
            Action::Start { instance, .. } => {
                if planted(Bug::StartHalted) {
                    self.halted(now).map_or(Ok(()), Err)?;
                }
                self.too_young(now).map_or(Ok(()), Err)?;
                start_guards(self, instance, now)?;
            }
        }
        check::intent(self, intent, evidence, now).map_err(Refusal::Unsupported)
    }

    /// Whether this was our newest intent on the route: what a bug that is planted looks at.
    pub(crate) fn is_newest(&self, action: &Action, id: IntentId) -> bool {
        let Action::SetRoute { route, .. } = action else { return true };
        self.assignments.get(route).and_then(|a| a.own.back()).is_none_or(|newest| newest.id == id)
    }

    fn route_guards(&self, route: &RouteId, path: &PathId, cause: Cause, now: LogMs) -> Result<(), Refusal> {
        let stays = self.assignments.get(route).is_some_and(|assignment| assignment.path == *path);
        match cause {
            Cause::DriftRepair => {
                let repairs = self.repairs(route, now);
                if repairs < self.policy.timing.drift_repairs {
                    return Ok(());
                }
                Err(Refusal::Other(format!(
                    "{repairs} repairs within the window: drift is only reported now"
                )))
            }
            // The same path again, perhaps with another interface, is no move.
            _ if stays || planted(Bug::FreezeIgnored) => Ok(()),
            _ => self.frozen_until(route, now).map_or(Ok(()), |until| {
                let moves = self.policy.timing.freeze_moves;
                Err(Refusal::Frozen { moves, free_in_ms: until.since_ms(now) })
            }),
        }
    }

    fn accept(&mut self, at: EntryId, wall_ms: UnixMs, intent: &Intent, evidence: &Evidence) {
        let wait_ms = self.policy.timing.takeover_wait_ms();
        let doubt = Unsettled { intent: intent.clone(), entry: at, at: self.log_now(), wait_ms };
        self.unsettled.insert(intent.id, doubt);
        let from = match &intent.action {
            Action::SetRoute { route, before, path, after } => {
                let from = self.assignments.get(route).map(|assignment| assignment.path.clone());
                self.assign(at, wall_ms, route, path, after, intent.cause);
                self.remember_own(route, intent.id, before.as_ref(), after);
                from.filter(|from| from != path)
            }
            Action::Stop { gateway, instance, .. } => {
                self.stop_accepted(intent.id, gateway, instance, intent.cause);
                // One request is good for one stop, whichever rule made it: the gateway is restarted now.
                self.overrides.restart.take_if(|asked| asked.instance == *instance);
                None
            }
            Action::Start { instance, .. } => {
                self.start_accepted(intent.id, instance);
                None
            }
        };
        self.remember(
            at,
            wall_ms,
            Event::Intended {
                id: intent.id,
                action: intent.action.clone(),
                from,
                cause: intent.cause,
                reasons: intent.reasons.clone(),
                evidence: Some(Box::new(evidence.clone())),
            },
        );
    }

    /// The assignment changes here, when the intent is accepted: not when it was planned, nor when EC2 answers.
    fn assign(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        route: &RouteId,
        path: &PathId,
        target: &Target,
        cause: Cause,
    ) {
        let now = self.log_now();
        let timing = self.policy.timing.clone();
        let flaps = self.flaps(route, now);
        let old = self.assignments.get(route);
        let moves = |path_changed: bool| {
            let recent = old.map(|a| a.moves.clone()).unwrap_or_default();
            let kept = recent.into_iter().filter(|at| now.since_ms(*at) <= timing.freeze_window_ms);
            let kept = kept.chain(path_changed.then_some(now));
            newest(kept.collect())
        };
        let repairs = |repaired: bool| {
            let recent = old.map(|a| a.repairs.clone()).unwrap_or_default();
            let kept = recent.into_iter().filter(|at| now.since_ms(*at) < timing.drift_window_ms);
            newest(kept.chain(repaired.then_some(now)).collect())
        };
        let changed = old.is_none_or(|assignment| assignment.path != *path);
        let flap = changed && matches!(cause, Cause::Failover | Cause::UnknownGrace);
        let assignment = Assignment {
            path: path.clone(),
            target: target.clone(),
            since: if changed { now } else { old.map_or(now, |a| a.since) },
            wall_ms: if changed { wall_ms } else { old.map_or(wall_ms, |a| a.wall_ms) },
            cause: if changed { Some(cause) } else { old.and_then(|a| a.cause) },
            index: at.index,
            epoch: self.office.epoch,
            moves: moves(changed && old.is_some()),
            flaps: flaps.saturating_add(u32::from(flap)),
            flapped: if flap { now } else { self.flap_clock(route, now) },
            repairs: repairs(cause == Cause::DriftRepair),
            own: old.map(|a| a.own.clone()).unwrap_or_default(),
        };
        self.assignments.insert(route.clone(), assignment);
        let home = self.policy.route(route).and_then(|route| self.home(route)) == Some(path);
        // A switchover holds until its path fails. One that leads home has done its work.
        let over =
            matches!(cause, Cause::Failover | Cause::UnknownGrace) || cause == Cause::Switchover && home;
        if over {
            self.overrides.switchovers.remove(route);
        }
    }

    /// Where the decay of flaps goes on from, after the whole periods that `flaps` has already taken off.
    fn flap_clock(&self, route: &RouteId, now: LogMs) -> LogMs {
        self.assignments.get(route).map_or(now, |assignment| {
            let decay_ms = self.policy.timing.flap_decay_ms.max(1);
            let periods = now.since_ms(assignment.flapped) / decay_ms;
            assignment.flapped.plus_ms(periods.saturating_mul(decay_ms))
        })
    }

    fn remember_own(&mut self, route: &RouteId, id: IntentId, before: Option<&Target>, after: &Target) {
        let now = self.log_now();
        if let Some(assignment) = self.assignments.get_mut(route) {
            assignment.own.retain(|own| now.since_ms(own.at) < OWN_INTENTS_REMEMBERED_MS);
            let own = OwnIntent { id, before: before.cloned(), after: after.clone(), at: now, outcome: None };
            assignment.own.push_back(own);
            assignment.own = newest(std::mem::take(&mut assignment.own));
        }
    }

    /// `Outcome`: by the intent's own epoch only.
    pub(super) fn apply_outcomes(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        outcomes: &[(IntentId, Outcome)],
    ) -> Answer {
        let foreign = outcomes.iter().find(|(id, _)| id.epoch != self.office.epoch);
        if let Some((foreign, _)) = foreign.filter(|_| !planted(Bug::ForeignOutcomeAccepted)) {
            return Err(Refusal::BadIntentId(*foreign));
        }
        for (id, outcome) in outcomes {
            if let Some(doubt) = self.unsettled.remove(id) {
                if planted(Bug::BatchEndsTogether) {
                    self.unsettled.retain(|_, other| other.entry != doubt.entry);
                }
                let action = doubt.intent.action;
                if planted(Bug::ReissueSettles) {
                    self.unsettled.retain(|_, other| !other.intent.action.same_after(&action));
                }
                self.call_ended(*id, &action, Some(outcome));
                self.remember(at, wall_ms, Event::Ended { id: *id, action, outcome: outcome.clone() });
            }
        }
        Ok(Applied::Accepted)
    }

    /// `Settle`: by a newer epoch only. That W has passed only the process that has waited can know.
    pub(super) fn apply_settle(&mut self, at: EntryId, wall_ms: UnixMs, intents: &[IntentId]) -> Answer {
        if let Some(own) = intents.iter().find(|id| id.epoch >= self.office.epoch) {
            return Err(Refusal::BadIntentId(*own));
        }
        for id in intents {
            if let Some(doubt) = self.unsettled.remove(id) {
                let action = doubt.intent.action;
                self.call_ended(*id, &action, None);
                self.remember(at, wall_ms, Event::Settled { id: *id, action });
            }
        }
        Ok(Applied::Accepted)
    }

    fn call_ended(&mut self, id: IntentId, action: &Action, outcome: Option<&Outcome>) {
        if let Action::SetRoute { route, .. } = action
            && let Some(assignment) = self.assignments.get_mut(route)
            && let Some(own) = assignment.own.iter_mut().find(|own| own.id == id)
        {
            own.outcome = outcome.cloned();
        }
        self.instance_call_ended(id, action, outcome);
        // What the policy dropped is remembered only until the last doubt about it has ended.
        if let Action::SetRoute { route, .. } = action
            && self.policy.route(route).is_none()
            && self.unsettled_on(&action.resource()).next().is_none()
        {
            self.assignments.remove(route);
        }
    }

    pub(super) fn apply_adopt(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        route: &RouteId,
        path: &PathId,
        reason: &str,
    ) -> Answer {
        let known = self.policy.route(route).filter(|r| r.paths.contains(path));
        let target = known.and_then(|_| self.policy.path(path)).map(|path| path.target.clone());
        let Some(target) = target else {
            return Err(Refusal::Unknown { kind: "path of the route".to_owned(), name: path.to_string() });
        };
        if let Some((id, _)) = self.unsettled_on(&crate::ids::Resource::Route(route.clone())).next() {
            return Err(Refusal::Unsettled(*id));
        }
        let old = self.assignments.get(route);
        if old.is_some() && self.overrides.mode != Mode::Observe {
            return Err(Refusal::Other(format!(
                "route {route} has an assignment: only an intent can change it"
            )));
        }
        let now = self.log_now();
        let assignment = Assignment {
            path: path.clone(),
            target,
            since: now,
            wall_ms,
            cause: None,
            index: at.index,
            epoch: self.office.epoch,
            moves: old.map(|a| a.moves.clone()).unwrap_or_default(),
            flaps: old.map_or(0, |a| a.flaps),
            flapped: old.map_or(now, |a| a.flapped),
            repairs: old.map(|a| a.repairs.clone()).unwrap_or_default(),
            own: old.map(|a| a.own.clone()).unwrap_or_default(),
        };
        self.assignments.insert(route.clone(), assignment);
        let (route, path, reason) = (route.clone(), path.clone(), reason.to_owned());
        self.remember(at, wall_ms, Event::Adopted { route, path, reason });
        Ok(Applied::Accepted)
    }

    pub(super) fn apply_close_slot(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        gateway: &GatewayId,
        ending: SlotEnding,
        evidence: &Evidence,
    ) -> Answer {
        let slot = self.slot.as_ref().filter(|slot| slot.gateway == *gateway);
        let Some(slot) = slot else {
            return Err(Refusal::Unknown { kind: "open slot of".to_owned(), name: gateway.to_string() });
        };
        check::close_slot(self, slot, ending, evidence).map_err(Refusal::Unsupported)?;
        self.close_slot();
        self.remember(at, wall_ms, Event::SlotClosed { gateway: gateway.clone(), ending });
        Ok(Applied::Accepted)
    }

    pub(super) fn apply_note(&mut self, at: EntryId, wall_ms: UnixMs, note: &Note) -> Answer {
        let event = match note.clone() {
            Note::Advice { action, cause, reasons } => Event::Advised { action, cause, reasons },
            Note::Drift { route, seen } => Event::DriftSeen { route, seen },
        };
        self.remember(at, wall_ms, event);
        Ok(Applied::Accepted)
    }
}

/// Whether a bug is planted by which this doubt does not stand in the way of this action on the same instance.
fn ignores_instance(doubt: &Action, action: &Action) -> bool {
    match (doubt, action) {
        (Action::Stop { .. }, Action::Stop { .. }) => planted(Bug::UnsettledStopIgnored),
        (Action::Start { .. }, Action::Stop { .. }) => planted(Bug::UnsettledStartIgnored),
        (Action::Stop { .. }, Action::Start { .. }) => planted(Bug::StartBeforeStopSettled),
        _ => false,
    }
}

/// The newest of a list, up to its bound.
fn newest<T>(mut list: VecDeque<T>) -> VecDeque<T> {
    let surplus = list.len().saturating_sub(REMEMBERED_LIMIT);
    list.drain(..surplus);
    list
}
