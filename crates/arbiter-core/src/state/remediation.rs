//! What the state remembers of stops and starts, and the guards that budgets and slots put on them.

use super::ClusterState;
use crate::command::{Action, Cause, Outcome, Refusal};
use crate::ids::{GatewayId, InstanceId, IntentId};
use crate::planted::{Bug, planted};
use crate::time::{HumanMs, LogMs};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Stops remembered of one instance: as many as the largest attempt budget that validation lets through.
const STOPS_REMEMBERED: usize = 100;

/// The one remediation that may be under way in the whole cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its instance when the slot opened.
    pub instance: InstanceId,
    /// When it opened.
    pub opened: LogMs,
    /// The newest `Stop`, and when it was accepted.
    pub stop: (IntentId, LogMs),
    /// How the newest `Stop` ended that may have happened, or else the newest of all; none while the newest is unsettled.
    pub stop_end: Option<(StopEnd, LogMs)>,
    /// How an earlier `Stop` ended that was carried out, or may have been, and that no start has followed: if the newest did
    /// not happen, this is what counts.
    #[serde(default)]
    pub earlier: Option<(StopEnd, LogMs)>,
    /// When the last of its stops ended that was not answered: it may land yet, whatever became of a newer one.
    #[serde(default)]
    pub unanswered: Option<LogMs>,
    /// Stops of this slot, the forced ones not counted.
    pub attempts: u32,
    /// The newest `Start` that was accepted after every `Stop` was settled.
    pub start: Option<IntentId>,
    /// When EC2 acknowledged it.
    pub start_acked: Option<LogMs>,
}

/// How a stop ended, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopEnd {
    /// EC2 acknowledged it.
    Acknowledged,
    /// EC2 refused it, or it was never sent: it did not happen.
    DidNotHappen,
    /// Nobody knows: it may have happened, or happen yet.
    Unanswered,
}

/// What was done to one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// The log time of each stop (forced repeats not counted), newest last.
    pub stops: VecDeque<LogMs>,
    /// The log time of our last stop of any kind.
    pub last_stop: Option<LogMs>,
    /// When its last slot closed.
    pub closed: Option<LogMs>,
    /// When EC2 last acknowledged a start of ours.
    pub started: Option<LogMs>,
    /// When a start of ours was last accepted.
    #[serde(default)]
    pub last_start: Option<LogMs>,
    /// Starts in a row that EC2 has not acknowledged.
    #[serde(default)]
    pub start_tries: u32,
}

/// The slot, which stands in the way of every other gateway's stop.
pub(super) fn slot_in_the_way(state: &ClusterState) -> Option<&Slot> {
    let stands = |slot: &&Slot| match slot.stop_end {
        None if planted(Bug::UnsettledStopIgnored) => false,
        _ => !planted(Bug::SlotIgnored),
    };
    state.slot.as_ref().filter(stands)
}

/// Why a `Stop` may not be made now, by everything that is not evidence: slots, budgets, cooldowns, drains.
pub fn stop_guards(
    state: &ClusterState,
    gateway: &GatewayId,
    instance: &InstanceId,
    cause: Cause,
    now: LogMs,
) -> Result<(), Refusal> {
    let refuse = |text: String| Err(Refusal::Remediation(text));
    let in_slot = state.slot.as_ref().is_some_and(|slot| slot.instance == *instance);
    if let Some(slot) = slot_in_the_way(state).filter(|slot| slot.instance != *instance) {
        return refuse(format!("the slot is taken by {}", slot.gateway));
    }
    for (id, doubt) in &state.unsettled {
        match &doubt.intent.action {
            Action::Stop { .. } if !planted(Bug::UnsettledStopIgnored) => {
                return Err(Refusal::Unsettled(*id));
            }
            Action::Start { instance: other, .. }
                if other == instance && !planted(Bug::UnsettledStartIgnored) =>
            {
                return Err(Refusal::Unsettled(*id));
            }
            _ => {}
        }
    }
    // Whoever asks for this very stop has seen that it is drained; nobody else may come in between.
    let drained = state.overrides.drains.contains_key(gateway) && !planted(Bug::DrainIgnored);
    if drained && cause != Cause::OperatorRestart {
        return refuse(format!("{gateway} is drained: an operator is at work on it"));
    }
    if cause == Cause::ForceStop {
        return if in_slot { Ok(()) } else { refuse("there is no stop to force".to_owned()) };
    }
    let limits = &state.policy.remediation;
    let Some(record) = state.instances.get(instance) else { return Ok(()) };
    let recent = record.stops.iter().filter(|at| now.since_ms(**at) < limits.attempts_window_ms).count();
    let used_up = recent >= usize::try_from(limits.attempts).unwrap_or(usize::MAX);
    if used_up && !planted(Bug::BudgetIgnored) {
        return refuse(format!(
            "{recent} stops within {}: the budget is used up",
            HumanMs(limits.attempts_window_ms)
        ));
    }
    let started = record.started.filter(|at| now.since_ms(*at) < limits.boot_grace_ms);
    if let Some(started) = started.filter(|_| !planted(Bug::BootGraceIgnored)) {
        let left = HumanMs(limits.boot_grace_ms - now.since_ms(started));
        return refuse(format!("it was started lately and has {left} left to boot"));
    }
    let closed = record.closed.filter(|at| now.since_ms(*at) < limits.cooldown_ms);
    if let Some(closed) = closed.filter(|_| !in_slot && !planted(Bug::CooldownIgnored)) {
        let left = HumanMs(limits.cooldown_ms - now.since_ms(closed));
        return refuse(format!("cooldown: {left} left until it may be stopped again"));
    }
    Ok(())
}

/// Why a `Start` may not be made now: only a `Stop` or `Start` in doubt, or that it is not ours to start.
pub(super) fn start_guards(state: &ClusterState, instance: &InstanceId, now: LogMs) -> Result<(), Refusal> {
    for (id, doubt) in &state.unsettled {
        match &doubt.intent.action {
            Action::Stop { instance: other, .. } | Action::Start { instance: other, .. }
                if other == instance && !planted(Bug::StartBeforeStopSettled) =>
            {
                return Err(Refusal::Unsettled(*id));
            }
            _ => {}
        }
    }
    if !state.start_is_owed(instance, now) {
        return Err(Refusal::Remediation(
            "we have not stopped it lately: it is not ours to start".to_owned(),
        ));
    }
    Ok(())
}

impl ClusterState {
    /// Whether we owe this instance a start: its slot is open, or our last stop was within the hour.
    pub fn start_is_owed(&self, instance: &InstanceId, now: LogMs) -> bool {
        let owed_ms = self.policy.remediation.start_owed_for_ms;
        let slot = self.slot.as_ref().is_some_and(|slot| slot.instance == *instance);
        let lately = self.instances.get(instance).and_then(|record| record.last_stop);
        let owed = lately.is_some_and(|at| now.since_ms(at) < owed_ms);
        slot || owed && !planted(Bug::StartOwedInSlotOnly)
    }

    /// Whether an open slot gets no further stop: its attempts are used up, or nobody wants it stopped any more.
    pub fn gives_up(&self, slot: &Slot, now: LogMs) -> bool {
        let limits = &self.policy.remediation;
        let allowed =
            limits.enabled && self.policy.gateway(&slot.gateway).is_some_and(|gateway| gateway.remediate);
        let used = self.instances.get(&slot.instance).map_or(0, |record| {
            record.stops.iter().filter(|at| now.since_ms(**at) < limits.attempts_window_ms).count()
        });
        let used_up = used >= usize::try_from(limits.attempts).unwrap_or(usize::MAX);
        !allowed || used_up || self.overrides.drains.contains_key(&slot.gateway)
    }

    /// Notes an accepted stop: the slot opens, or the stop joins it.
    pub(super) fn stop_accepted(
        &mut self,
        id: IntentId,
        gateway: &GatewayId,
        instance: &InstanceId,
        cause: Cause,
    ) {
        let now = self.log_now();
        self.forget_instances(now);
        let record = self.instances.entry(instance.clone()).or_default();
        record.last_stop = Some(now);
        let counted = u32::from(cause != Cause::ForceStop);
        if counted == 1 {
            if record.stops.len() >= STOPS_REMEMBERED {
                record.stops.pop_front();
            }
            record.stops.push_back(now);
        }
        let slot = self.slot.get_or_insert_with(|| Slot {
            gateway: gateway.clone(),
            instance: instance.clone(),
            opened: now,
            stop: (id, now),
            stop_end: None,
            earlier: None,
            unanswered: None,
            attempts: 0,
            start: None,
            start_acked: None,
        });
        let unstarted = slot.start_acked.is_none();
        slot.earlier = slot.stop_end.filter(|(end, _)| unstarted && *end != StopEnd::DidNotHappen);
        slot.stop = (id, now);
        slot.stop_end = None;
        slot.attempts = slot.attempts.saturating_add(counted);
        if !planted(Bug::OldStartCounts) {
            slot.start = None;
            slot.start_acked = None;
        }
    }

    /// What was done to an instance that the policy has no longer counts for nothing after a while.
    fn forget_instances(&mut self, now: LogMs) {
        let limits = &self.policy.remediation;
        let kept_ms = limits.attempts_window_ms.max(limits.start_owed_for_ms);
        let (policy, slot) = (&self.policy, &self.slot);
        self.instances.retain(|instance, record| {
            policy.gateway_of_instance(instance).is_some()
                || slot.as_ref().is_some_and(|slot| slot.instance == *instance)
                || record.last_stop.is_some_and(|at| now.since_ms(at) < kept_ms)
        });
    }

    /// Notes an accepted start. Every stop was settled before, or it would have been refused.
    pub(super) fn start_accepted(&mut self, id: IntentId, instance: &InstanceId) {
        let now = self.log_now();
        let record = self.instances.entry(instance.clone()).or_default();
        record.last_start = Some(now);
        record.start_tries = record.start_tries.saturating_add(1);
        if let Some(slot) = self.slot.as_mut().filter(|slot| slot.instance == *instance) {
            slot.start = Some(id);
            slot.start_acked = None;
        }
    }

    /// Notes how a stop or start ended; `None` when a newer epoch settled it without knowing.
    pub(super) fn instance_call_ended(&mut self, id: IntentId, action: &Action, outcome: Option<&Outcome>) {
        let now = self.log_now();
        match action {
            Action::SetRoute { .. } => {}
            Action::Stop { instance, .. } => {
                let end = match outcome {
                    Some(Outcome::Done) => StopEnd::Acknowledged,
                    Some(Outcome::Failed { .. } | Outcome::NotSent { .. }) => StopEnd::DidNotHappen,
                    Some(Outcome::NoAnswer { .. }) | None => StopEnd::Unanswered,
                };
                if let Some(record) = self.instances.get_mut(instance) {
                    record.last_stop = Some(now);
                }
                if let Some(slot) = self.slot.as_mut().filter(|slot| slot.instance == *instance) {
                    if end == StopEnd::Unanswered {
                        slot.unanswered = Some(now);
                    }
                    if slot.stop.0 == id {
                        let earlier = slot.earlier.filter(|_| end == StopEnd::DidNotHappen);
                        slot.stop_end = earlier.or(Some((end, now)));
                    }
                }
            }
            Action::Start { instance, .. } => {
                if !matches!(outcome, Some(Outcome::Done)) {
                    return;
                }
                let record = self.instances.entry(instance.clone()).or_default();
                record.started = Some(now);
                record.start_tries = 0;
                if let Some(slot) = self.slot.as_mut().filter(|slot| slot.start == Some(id)) {
                    slot.start_acked = Some(now);
                }
            }
        }
    }

    /// Closes the slot.
    pub(super) fn close_slot(&mut self) {
        let now = self.log_now();
        if let Some(slot) = self.slot.take() {
            self.instances.entry(slot.instance).or_default().closed = Some(now);
        }
    }
}
