//! Acting: from a wish to an intent, from an accepted intent to one call, from its end to an outcome.
//!
//! The order is the safety protocol's: `t_p` is noted, *then* the intent is proposed, once; only what `apply`
//! accepted is sent, only by this process, only within the window; the outcome is written when the call has
//! ended and nothing will be sent for it any more.

use crate::arbiter::Arbiter;
use crate::consensus::ProposeError;
use crate::provider::{Call, CallKind};
use crate::tasks::{Event, Purpose};
use arbiter_core::command::{
    Action, Applied, Cause, Command, EntryId, Intent, IntentBatch, Mode, Note, Outcome, Refusal,
};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::{GatewayId, IntentId, Resource, RouteId};
use arbiter_core::plan::{Plan, Situation, Wish, plan};
use arbiter_core::policy::Target;
use arbiter_core::state::{Assignment, ClusterState};
use arbiter_core::time::{MonoMs, UnixMs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A refused wish is not repeated at once: the state that refused it must have time to reach us.
const REFUSED_WAIT_MS: u64 = 1_000;

/// The wall clock may run ahead of BOOTTIME by this much since `t_p`; more means that the hypervisor stopped us.
const WALL_AHEAD_MS: u64 = 50;

/// Stages of the newest moves that are kept for people.
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

/// What this process has under way.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    /// Intents proposed by this office, until their outcome is committed.
    live: BTreeMap<IntentId, Resource>,
    /// Calls that have ended, whose outcome is not committed yet.
    ended: Vec<(IntentId, Outcome)>,
    adopting: BTreeSet<RouteId>,
    /// Proposals of which one at a time is enough.
    single: BTreeSet<&'static str>,
    refused_until: BTreeMap<Resource, MonoMs>,
    advised: BTreeMap<Resource, (Action, Cause)>,
    drift_noted: BTreeMap<RouteId, Option<Target>>,
    pub stages: VecDeque<Stages>,
}

impl Hands {
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.ended.is_empty()
    }

    /// Whether a proposal of this kind may be made now; notes that it is.
    pub fn begin(&mut self, purpose: Purpose) -> bool {
        kind(&purpose).is_none_or(|kind| self.single.insert(kind))
    }

    pub fn end(&mut self, purpose: &Purpose) {
        if let Some(kind) = kind(purpose) {
            self.single.remove(kind);
        }
        if let Purpose::Adopt(route) = purpose {
            self.adopting.remove(route);
        }
    }

    /// What was under way is no longer ours to end: a newer epoch settles it.
    pub fn leave_office(&mut self) {
        self.live.clear();
        self.ended.clear();
        self.refused_until.clear();
    }

    pub fn in_flight(&self) -> BTreeSet<Resource> {
        let adopting = self.adopting.iter().cloned().map(Resource::Route);
        self.live.values().cloned().chain(adopting).collect()
    }

    fn stage(&mut self, id: IntentId) -> Option<&mut Stages> {
        self.stages.iter_mut().rev().find(|stages| stages.id == id)
    }
}

/// The kinds of proposals of which only one may be under way.
const fn kind(purpose: &Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::BeginEpoch(_) => Some("begin-epoch"),
        Purpose::Outcomes(_) => Some("outcomes"),
        Purpose::Settle(_) => Some("settle"),
        Purpose::CloseSlot => Some("close-slot"),
        Purpose::Tick => Some("tick"),
        Purpose::RaiseRules => Some("raise-rules"),
        Purpose::Intents(_) | Purpose::Adopt(_) | Purpose::Note | Purpose::Operator(_) => None,
    }
}

impl Arbiter {
    /// Plans for this moment, with what this node knows.
    pub fn plan_now(&self, evidence: &Evidence, now: MonoMs) -> Plan {
        let elapsed_ms = self.office.as_ref().map_or(0, |office| office.stamp(now).elapsed_ms);
        plan(&Situation {
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
        self.own_orphans();
        self.write_outcomes(now);
        self.keep_house(now);
        let evidence = self.evidence(now);
        let plan = self.plan_now(&evidence, now);
        self.settle(&plan, now);
        self.adopt(&plan, now);
        self.close_slot(&plan, &evidence, now);
        self.note_drift(&plan, now);
        if self.state.overrides.mode == Mode::Observe {
            self.advise(&plan, now);
        } else {
            self.wish(plan.wishes, &evidence, now);
        }
    }

    /// Intents of our own epoch that were committed although their proposal went unanswered: never sent, and
    /// never to be.
    fn own_orphans(&mut self) {
        let Some(epoch) = self.office.as_ref().map(|office| office.epoch) else { return };
        for (id, doubt) in self.state.unsettled.iter().filter(|(id, _)| id.epoch == epoch) {
            if !self.hands.live.contains_key(id) {
                self.hands.live.insert(*id, doubt.intent.action.resource());
                let reason = "its proposal was not answered in time".to_owned();
                self.hands.ended.push((*id, Outcome::NotSent { reason }));
            }
        }
    }

    fn write_outcomes(&mut self, now: MonoMs) {
        let Some(office) = &self.office else { return };
        let stamp = office.stamp(now);
        if self.hands.ended.is_empty() || !self.hands.begin(Purpose::Outcomes(Vec::new())) {
            return;
        }
        let outcomes = std::mem::take(&mut self.hands.ended);
        self.propose(Purpose::Outcomes(outcomes.clone()), Command::Outcomes { stamp, outcomes }, now);
    }

    pub fn outcomes_answered(
        &mut self,
        outcomes: Vec<(IntentId, Outcome)>,
        result: &Result<(EntryId, Applied), ProposeError>,
    ) {
        let in_office = |id: &IntentId| self.office.as_ref().is_some_and(|office| office.epoch == id.epoch);
        for (id, outcome) in outcomes {
            if !self.state.unsettled.contains_key(&id) {
                self.hands.live.remove(&id);
            } else if in_office(&id) {
                // Not committed, or not known to be: it is written again. That is safe: an outcome ends a doubt once.
                self.hands.ended.push((id, outcome));
            }
        }
        if !matches!(result, Ok((_, Applied::Accepted))) {
            tracing::warn!(?result, "outcomes could not be written; they are tried again");
        }
    }

    fn settle(&mut self, plan: &Plan, now: MonoMs) {
        let Some(office) = &self.office else { return };
        let stamp = office.stamp(now);
        if plan.settle.is_empty() || !self.hands.begin(Purpose::Settle(Vec::new())) {
            return;
        }
        let resource = |id: &IntentId| {
            let doubt = self.state.unsettled.get(id)?;
            Some((*id, doubt.intent.action.resource()))
        };
        let intents: Vec<_> = plan.settle.iter().filter_map(resource).collect();
        tracing::info!(count = intents.len(), "settling intents of older epochs: their wait is over");
        let command = Command::Settle { stamp, intents: plan.settle.clone() };
        self.propose(Purpose::Settle(intents), command, now);
    }

    pub fn settle_answered(
        &mut self,
        intents: Vec<(IntentId, Resource)>,
        result: &Result<(EntryId, Applied), ProposeError>,
    ) {
        let now = self.now();
        for (id, resource) in intents {
            if let (Resource::Route(route), false) = (resource, self.state.unsettled.contains_key(&id)) {
                self.eyes.demand_read(route, now);
                self.next_look = now;
            }
        }
        if !matches!(result, Ok((_, Applied::Accepted))) {
            tracing::warn!(?result, "intents could not be settled; it is tried again");
        }
    }

    fn adopt(&mut self, plan: &Plan, now: MonoMs) {
        for adoption in &plan.adoptions {
            let Some(office) = &self.office else { return };
            let stamp = office.stamp(now);
            if !self.hands.adopting.insert(adoption.route.clone()) {
                continue;
            }
            let (route, path, reason) =
                (adoption.route.clone(), adoption.path.clone(), adoption.reason.clone());
            tracing::info!(%route, %path, %reason, "adopting what is observed");
            self.propose(Purpose::Adopt(route.clone()), Command::Adopt { stamp, route, path, reason }, now);
        }
    }

    fn close_slot(&mut self, plan: &Plan, evidence: &Evidence, now: MonoMs) {
        let (Some((gateway, ending)), Some(office)) = (&plan.close, &self.office) else { return };
        let stamp = office.stamp(now);
        if !self.hands.begin(Purpose::CloseSlot) {
            return;
        }
        let gateways = BTreeSet::from([gateway.clone()]);
        let evidence = Box::new(evidence.restricted_to(self.policy(), &BTreeSet::new(), &gateways));
        tracing::info!(%gateway, ?ending, "the remediation ends");
        let command = Command::CloseSlot { stamp, gateway: gateway.clone(), ending: *ending, evidence };
        self.propose(Purpose::CloseSlot, command, now);
    }

    /// Drift that was not noted yet goes into the history once.
    fn note_drift(&mut self, plan: &Plan, now: MonoMs) {
        self.hands.drift_noted.retain(|route, _| plan.drift.contains_key(route));
        for (route, seen) in &plan.drift {
            let Some(office) = &self.office else { return };
            let stamp = office.stamp(now);
            if self.hands.drift_noted.get(route) == Some(seen) {
                continue;
            }
            self.hands.drift_noted.insert(route.clone(), seen.clone());
            let note = Note::Drift { route: route.clone(), seen: seen.clone() };
            self.propose(Purpose::Note, Command::Note { stamp, note }, now);
        }
    }

    /// While observing, a wish becomes advice: noted once, until it is no longer wished for.
    fn advise(&mut self, plan: &Plan, now: MonoMs) {
        let wished: BTreeSet<_> = plan.wishes.iter().map(|wish| wish.action.resource()).collect();
        self.hands.advised.retain(|resource, _| wished.contains(resource));
        for wish in &plan.wishes {
            let Some(office) = &self.office else { return };
            let stamp = office.stamp(now);
            let advice = (wish.action.clone(), wish.cause);
            if self.hands.advised.insert(wish.action.resource(), advice.clone()).as_ref() == Some(&advice) {
                continue;
            }
            let (action, cause, reasons) = (wish.action.clone(), wish.cause, wish.reasons.clone());
            let note = Note::Advice { action, cause, reasons };
            self.propose(Purpose::Note, Command::Note { stamp, note }, now);
        }
    }

    /// Turns wishes into intents: routes in one batch, each stop or start by itself.
    fn wish(&mut self, wishes: Vec<Wish>, evidence: &Evidence, now: MonoMs) {
        self.hands.refused_until.retain(|_, until| *until > now);
        let halted = self.state.halted(now_of_log(self, now)).is_some();
        let free = |wish: &Wish| {
            let start = matches!(wish.action, Action::Start { .. });
            !self.hands.refused_until.contains_key(&wish.action.resource()) && (start || !halted)
        };
        let half_window_ms = self.policy().timing.dispatch_window_ms / 2;
        let (routes, instances): (Vec<_>, Vec<_>) =
            wishes.into_iter().filter(free).partition(|wish| matches!(wish.action, Action::SetRoute { .. }));
        // What has been proposed and not yet sent will take tokens too.
        let waiting = u32::try_from(self.hands.live.len()).unwrap_or(u32::MAX);
        let allowed = self.parts.provider.allowance(CallKind::Route, half_window_ms).saturating_sub(waiting);
        let batch: Vec<_> = routes.into_iter().take(usize::try_from(allowed).unwrap_or(0)).collect();
        if !batch.is_empty() {
            self.intend(batch, evidence, now);
        }
        for wish in instances {
            let kind =
                if matches!(wish.action, Action::Stop { .. }) { CallKind::Stop } else { CallKind::Start };
            if self.parts.provider.allowance(kind, half_window_ms) > 0 {
                self.intend(vec![wish], evidence, now);
            }
        }
    }

    fn intend(&mut self, wishes: Vec<Wish>, evidence: &Evidence, now: MonoMs) {
        let Some(office) = &mut self.office else { return };
        let stamp = office.stamp(now);
        let mut intents = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let id = office.next_intent();
            intents.push(Intent { id, action: wish.action, cause: wish.cause, reasons: wish.reasons });
        }
        for intent in &intents {
            let (action, cause) = (&intent.action, intent.cause);
            tracing::info!(intent = %intent.id, ?action, %cause, reasons = %intent.reasons.join("; "), "intends");
            self.hands.live.insert(intent.id, intent.action.resource());
            let stages = first_stage(intent, evidence, self.policy(), now);
            if self.hands.stages.len() >= STAGES_KEPT {
                self.hands.stages.pop_front();
            }
            self.hands.stages.push_back(stages);
        }
        let (routes, gateways) = bears_on(&intents, &self.state);
        let evidence = evidence.restricted_to(self.policy(), &routes, &gateways);
        let purpose =
            Purpose::Intents(intents.iter().map(|intent| (intent.id, intent.action.clone())).collect());
        let policy_version = self.state.policy_version;
        let batch = IntentBatch { stamp, policy_version, evidence, intents };
        self.propose(purpose, Command::Intents(Box::new(batch)), now);
    }

    pub fn intents_answered(
        &mut self,
        intents: &[(IntentId, Action)],
        at: MonoMs,
        wall: UnixMs,
        result: Result<(EntryId, Applied), ProposeError>,
    ) {
        let now = self.now();
        let answers = match result {
            Ok((entry, Applied::Intents(answers))) if self.is_ours(entry) => answers,
            Ok((_, applied)) => {
                tracing::warn!(?applied, "intents were refused as a whole");
                return self.forget(intents, now);
            }
            Err(error) => {
                // Perhaps committed all the same: then they show up as unsettled and get `NotSent`.
                tracing::warn!(%error, "intents went unanswered");
                return self.forget(intents, now);
            }
        };
        for (id, answer) in answers {
            let Some((_, action)) = intents.iter().find(|(known, _)| *known == id) else { continue };
            match answer {
                Ok(()) => {
                    if let Some(stages) = self.hands.stage(id) {
                        stages.committed_ms = Some(now.since_ms(at));
                    }
                    self.dispatch(id, action.clone(), at, wall);
                }
                Err(refusal) => self.refused(id, action, &refusal, now),
            }
        }
    }

    /// The entry carries the term and node of our own office.
    fn is_ours(&self, entry: EntryId) -> bool {
        self.office.as_ref().is_some_and(|office| office.term == entry.term) && entry.node == self.settings.me
    }

    fn forget(&mut self, intents: &[(IntentId, Action)], now: MonoMs) {
        for (id, action) in intents {
            self.hands.live.remove(id);
            self.hands.refused_until.insert(action.resource(), now.plus_ms(REFUSED_WAIT_MS));
        }
    }

    fn refused(&mut self, id: IntentId, action: &Action, refusal: &Refusal, now: MonoMs) {
        tracing::warn!(intent = %id, ?action, %refusal, "refused");
        self.hands.live.remove(&id);
        self.hands.refused_until.insert(action.resource(), now.plus_ms(REFUSED_WAIT_MS));
    }

    /// Sends an accepted intent's call, if it is still in time: the last check is made by the task itself, right
    /// before it hands the call to the provider.
    fn dispatch(&mut self, id: IntentId, action: Action, at: MonoMs, wall: UnixMs) {
        let Some(call) = self.call(id, &action) else {
            let reason = "the policy no longer has it".to_owned();
            self.hands.ended.push((id, Outcome::NotSent { reason }));
            return;
        };
        let timing = &self.policy().timing;
        let (window_ms, timeout_ms) = (timing.dispatch_window_ms, timing.call_timeout_ms);
        let clock = Arc::clone(&self.parts.clock);
        let provider = Arc::clone(&self.parts.provider);
        self.tasks.spawn(async move {
            let now = clock.now();
            match in_time(at, wall, now, clock.wall_ms(), window_ms) {
                Err(reason) => Event::Called { id, action, sent: None, outcome: Outcome::NotSent { reason } },
                Ok(()) => {
                    let outcome = provider.mutate(&call, timeout_ms).await;
                    Event::Called { id, action, sent: Some(now), outcome }
                }
            }
        });
    }

    fn call(&self, id: IntentId, action: &Action) -> Option<Call> {
        let cluster = self.state.cluster_id.clone()?;
        let (table, destination) = match action {
            Action::SetRoute { route, .. } => {
                let route = self.policy().route(route)?;
                (route.table.clone(), route.destination.clone())
            }
            Action::Stop { .. } | Action::Start { .. } => (String::new(), String::new()),
        };
        Some(Call { cluster, intent: id, action: action.clone(), table, destination })
    }

    /// A call has ended.
    pub fn called(&mut self, id: IntentId, action: &Action, sent: Option<MonoMs>, outcome: Outcome) {
        let now = self.now();
        tracing::info!(intent = %id, %outcome, "the call has ended");
        if let Some(stages) = self.hands.stage(id) {
            stages.called_ms = sent.map(|sent| sent.since_ms(stages.proposed));
            stages.done_ms = sent.map(|_| now.since_ms(stages.proposed));
            stages.outcome = Some(outcome.clone());
        }
        if let Action::SetRoute { route, after, .. } = action {
            match &outcome {
                Outcome::Done => self.eyes.touched(route, Some(after.clone()), now),
                Outcome::NoAnswer { .. } => self.eyes.touched(route, None, now),
                Outcome::Failed { .. } | Outcome::NotSent { .. } => {}
            }
        }
        self.look_soon(now);
        if self.hands.live.contains_key(&id) {
            self.hands.ended.push((id, outcome));
        }
    }
}

fn now_of_log(arbiter: &Arbiter, now: MonoMs) -> arbiter_core::time::LogMs {
    let elapsed_ms = arbiter.office.as_ref().map_or(0, |office| office.stamp(now).elapsed_ms);
    arbiter.state.log_at(elapsed_ms)
}

/// Whether a call may still be sent: within the window since `t_p`, and not if the hypervisor stopped us.
fn in_time(at: MonoMs, wall: UnixMs, now: MonoMs, wall_now: UnixMs, window_ms: u64) -> Result<(), String> {
    let elapsed_ms = now.since_ms(at);
    if elapsed_ms > window_ms {
        return Err(format!("{elapsed_ms} ms since the proposal: the window of {window_ms} ms is over"));
    }
    let ahead_ms = wall_now.since_ms(wall).saturating_sub(elapsed_ms);
    if ahead_ms > WALL_AHEAD_MS {
        return Err(format!("the wall clock ran ahead by {ahead_ms} ms: this host was stopped"));
    }
    Ok(())
}

/// The routes and gateways whose evidence intents rest on. A stop also asks whether other gateways run, and
/// whether the routes that are still on this one have nowhere better to go.
fn bears_on(intents: &[Intent], state: &ClusterState) -> (BTreeSet<RouteId>, BTreeSet<GatewayId>) {
    let (mut routes, mut gateways) = (BTreeSet::new(), BTreeSet::new());
    for intent in intents {
        match &intent.action {
            Action::SetRoute { route, .. } => {
                routes.insert(route.clone());
            }
            Action::Start { gateway, .. } => {
                gateways.insert(gateway.clone());
            }
            Action::Stop { gateway, .. } => {
                gateways.extend(state.policy.gateways.iter().map(|gateway| gateway.id.clone()));
                let on_it = |(_, assignment): &(&RouteId, &Assignment)| {
                    let path = state.policy.path(&assignment.path);
                    path.is_some_and(|path| path.gateway.as_ref() == Some(gateway))
                };
                routes.extend(state.assignments.iter().filter(on_it).map(|(route, _)| route.clone()));
            }
        }
    }
    (routes, gateways)
}

fn first_stage(
    intent: &Intent,
    evidence: &Evidence,
    policy: &arbiter_core::policy::Policy,
    now: MonoMs,
) -> Stages {
    let evidence_for_ms = match (&intent.action, intent.cause) {
        (Action::SetRoute { before: Some(before), route, .. }, Cause::Failover) => policy
            .route(route)
            .and_then(|route| policy.path_by_target(route, before))
            .map_or(0, |path| arbiter_core::verdict::path(policy, evidence, path).for_ms),
        _ => 0,
    };
    Stages {
        id: intent.id,
        action: intent.action.clone(),
        cause: intent.cause,
        proposed: now,
        evidence_for_ms,
        committed_ms: None,
        called_ms: None,
        done_ms: None,
        outcome: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::rules::proves;

    #[test]
    fn a_call_is_in_time_up_to_the_end_of_the_window() {
        proves("dispatch.within-window");
        let check =
            |now, wall_now| in_time(MonoMs(1_000), UnixMs(50_000), MonoMs(now), UnixMs(wall_now), 500);
        assert_eq!(check(1_500, 50_500), Ok(()));
        assert!(check(1_501, 50_501).is_err());
    }

    #[test]
    fn a_wall_clock_that_ran_ahead_means_that_we_stood_still() {
        proves("dispatch.wall-clock-ahead");
        let check =
            |now, wall_now| in_time(MonoMs(1_000), UnixMs(50_000), MonoMs(now), UnixMs(wall_now), 500);
        assert_eq!(check(1_100, 50_150), Ok(()));
        assert!(check(1_100, 50_151).is_err());
        // A wall clock that was set back says nothing.
        assert_eq!(check(1_100, 10_000), Ok(()));
    }
}
