//! Stop, wait for stopped (by force after a while), start, healthy: the remediation of a dead gateway.

use super::{Plan, Situation, Wish, restart};
use crate::command::{Action, Cause, Mode, SlotEnding};
use crate::evidence::{InstanceFacts, InstanceState, READ_STALENESS_MS, Verdict};
use crate::health::{Alarm, Code};
use crate::ids::{Resource, RouteId};
use crate::policy::Gateway;
use crate::state::{Slot, StopEnd, stop_guards};
use crate::time::{HumanMs, LogMs};
use crate::verdict;

/// Stops and starts come after all routes.
const IMPORTANCE: u32 = u32::MAX;

pub(super) fn plan(situation: &Situation<'_>, plan: &mut Plan) {
    // Hosts on premises are nobody's instances: they are neither shown nor stopped by anybody.
    if situation.state.policy.linux.is_some() {
        return;
    }
    if let Some(slot) = &situation.state.slot {
        carry_on(situation, slot, plan);
    }
    for gateway in &situation.state.policy.gateways {
        if situation.state.slot.as_ref().is_some_and(|slot| slot.instance == gateway.instance) {
            continue;
        }
        let asked = situation.state.restart_of(&gateway.id);
        let Some(facts) = verdict::fresh_instance(&situation.state.policy, situation.evidence, gateway)
        else {
            if let Some(asked) = asked {
                restart::unseen(situation, asked, plan);
            } else if plan
                .gateways
                .get(&gateway.id)
                .is_some_and(|judgement| judgement.verdict == Verdict::Down)
            {
                let why = "the provider has not said lately what its instance does";
                plan.alarms.push(Alarm::new(Code::RemediationHeld, &gateway.id, why));
            }
            continue;
        };
        if facts.state == InstanceState::Stopped
            && situation.state.start_is_owed(&gateway.instance, situation.now)
        {
            if shown_since_start(situation, gateway, facts) {
                let why = "found stopped within an hour of our last stop".to_owned();
                start(situation, gateway, vec![why], plan);
            }
        } else if let Some(asked) = asked {
            restart::plan(situation, gateway, facts, asked, plan);
        } else {
            begin(situation, gateway, facts, plan);
        }
    }
}

/// Whether the provider said this after our newest start could have shown.
fn shown_since_start(situation: &Situation<'_>, gateway: &Gateway, facts: &InstanceFacts) -> bool {
    let last = situation.state.instances.get(&gateway.instance).and_then(|record| record.last_start);
    last.is_none_or(|at| situation.now.since_ms(at) > facts.age_ms.saturating_add(READ_STALENESS_MS))
}

pub(super) fn busy(situation: &Situation<'_>, gateway: &Gateway) -> bool {
    situation.in_flight.contains(&Resource::Instance(gateway.instance.clone()))
}

fn begin(situation: &Situation<'_>, gateway: &Gateway, facts: &InstanceFacts, plan: &mut Plan) {
    let Some(judgement) = plan.gateways.get(&gateway.id).filter(|j| j.verdict == Verdict::Down).cloned()
    else {
        return;
    };
    let limits = &situation.state.policy.remediation;
    let after_ms = if facts.impaired { limits.remediate_after_ms / 2 } else { limits.remediate_after_ms };
    if let Some(why) = hindrance(situation, gateway, facts, plan) {
        plan.alarms.push(Alarm::new(Code::RemediationHeld, &gateway.id, why));
        return;
    }
    if judgement.for_ms < after_ms {
        let (since, after) = (HumanMs(judgement.for_ms), HumanMs(after_ms));
        let why = format!("Down for {since}; it is stopped and started after {after}");
        plan.alarms.push(Alarm::new(Code::RemediationDue, &gateway.id, why));
        return;
    }
    if busy(situation, gateway) {
        return;
    }
    let mut reasons = judgement.reasons;
    if facts.impaired {
        reasons.push("the provider's status checks call it impaired".to_owned());
    }
    plan.wishes.push(stop(gateway, false, Cause::Remediate, reasons));
}

/// Why a dead gateway is not stopped, apart from how long it has been dead.
fn hindrance(
    situation: &Situation<'_>,
    gateway: &Gateway,
    facts: &InstanceFacts,
    plan: &Plan,
) -> Option<String> {
    let state = situation.state;
    let policy = &state.policy;
    if !policy.remediation.enabled || !gateway.remediate {
        return Some("the policy forbids it".to_owned());
    }
    if verdict::is_gone(policy, facts) {
        return Some(format!("its instance {} is gone: `arbiterctl gateway replace`", gateway.instance));
    }
    if facts.state != InstanceState::Running {
        return Some(format!("the provider says {}", facts.state));
    }
    if let Some(why) = unfit(facts) {
        return Some(why);
    }
    if verdict::can_be_seen(policy, situation.evidence, gateway) {
        return Some("its host announced its end, but it can still be seen".to_owned());
    }
    if let Some(why) = lonely(situation, gateway) {
        return Some(why);
    }
    if let Some(route) = held_route(situation, gateway, plan) {
        return Some(format!("route {route} is still on it and could go elsewhere"));
    }
    // While observing, what would be done becomes advice.
    if let Some(refusal) = state.halted(situation.now).filter(|_| state.overrides.mode != Mode::Observe) {
        return Some(refusal.to_string());
    }
    stop_guards(state, &gateway.id, &gateway.instance, Cause::Remediate, situation.now)
        .err()
        .map(|r| r.to_string())
}

/// Why nothing else would be left if this gateway were stopped: it is the last one, or its zone may be gone.
pub(super) fn lonely(situation: &Situation<'_>, gateway: &Gateway) -> Option<String> {
    let policy = &situation.state.policy;
    let mut others = policy.gateways.iter().filter(|other| other.id != gateway.id).peekable();
    let alone = others.peek().is_none();
    let runs = |other: &Gateway| {
        let facts = verdict::fresh_instance(policy, situation.evidence, other);
        facts.is_some_and(|facts| facts.state == InstanceState::Running)
    };
    if !alone && !others.any(runs) {
        return Some("no other gateway is running".to_owned());
    }
    let silent = |node: &&crate::policy::NodePolicy| {
        node.zone == gateway.zone
            && node.id != gateway.node
            && verdict::freshness(policy, situation.evidence, node.id) != verdict::Freshness::Fresh
    };
    let node = policy.nodes.iter().find(silent)?;
    Some(format!("{} of the same zone is silent as well: the zone may be gone", node.name))
}

/// Why this instance would not survive a stop.
pub(super) fn unfit(facts: &InstanceFacts) -> Option<String> {
    if !facts.has_elastic_ip {
        let why = "it has no Elastic IP: started again it would have another address, and its tunnel would never come \
                   back; associate one, or restart it by hand";
        return Some(why.to_owned());
    }
    let group = facts.auto_scaling_group.as_ref()?;
    Some(format!(
        "it belongs to the Auto Scaling group `{group}`, which terminates what is stopped: detach it from the group, or \
         let the group replace it and run `arbiterctl gateway replace`"
    ))
}

/// A route that is still on this gateway although another of its paths is not `Down`.
fn held_route(situation: &Situation<'_>, gateway: &Gateway, plan: &Plan) -> Option<RouteId> {
    let policy = &situation.state.policy;
    let on = |path: &crate::ids::PathId| {
        policy.path(path).is_some_and(|p| p.gateway.as_ref() == Some(&gateway.id))
    };
    let works = |path: &crate::ids::PathId| plan.paths.get(path).is_some_and(|j| j.verdict != Verdict::Down);
    let held = |(id, assignment): &(&RouteId, &crate::state::Assignment)| {
        on(&assignment.path)
            && policy.route(id).is_some_and(|route| route.paths.iter().any(|path| !on(path) && works(path)))
    };
    situation.state.assignments.iter().find(held).map(|(id, _)| id.clone())
}

pub(super) fn stop(gateway: &Gateway, force: bool, cause: Cause, reasons: Vec<String>) -> Wish {
    let action = Action::Stop { gateway: gateway.id.clone(), instance: gateway.instance.clone(), force };
    Wish { action, cause, reasons, importance: IMPORTANCE }
}

fn start(situation: &Situation<'_>, gateway: &Gateway, reasons: Vec<String>, plan: &mut Plan) {
    let resource = Resource::Instance(gateway.instance.clone());
    // A stop or start in doubt, also of an older epoch, is waited out.
    let doubtful = situation.state.unsettled_on(&resource).next().is_some();
    if busy(situation, gateway) || doubtful || situation.state.too_young(situation.now).is_some() {
        return;
    }
    // Nothing but the API's patience limits how often we ask: it may lack capacity for an hour.
    if let Some(record) = situation.state.instances.get(&gateway.instance)
        && let Some(last) = record.last_start
        && situation.now.since_ms(last) < start_wait_ms(record.start_tries)
    {
        return;
    }
    let action = Action::Start { gateway: gateway.id.clone(), instance: gateway.instance.clone() };
    plan.wishes.push(Wish { action, cause: Cause::StartOwed, reasons, importance: IMPORTANCE });
}

/// The slot is open: whoever leads carries on from the log.
fn carry_on(situation: &Situation<'_>, slot: &Slot, plan: &mut Plan) {
    let state = situation.state;
    let opened = HumanMs(situation.now.since_ms(slot.opened));
    plan.alarms.push(Alarm::new(Code::Remediating, &slot.gateway, format!("for {opened}: {}", stage(slot))));
    // The gateway may be gone from the policy, or have another instance there: the slot still ends properly.
    let current = state.policy.gateway(&slot.gateway).filter(|gateway| gateway.instance == slot.instance);
    let gateway = current.cloned().unwrap_or_else(|| Gateway {
        id: slot.gateway.clone(),
        node: crate::ids::NodeId(0),
        zone: String::new(),
        instance: slot.instance.clone(),
        interface: String::new(),
        remediate: false,
    });
    let facts = current.and_then(|it| verdict::fresh_instance(&state.policy, situation.evidence, it));
    if let Some(facts) = facts.filter(|facts| facts.state == InstanceState::Stopping) {
        warn_of_hanging(situation, slot, facts.state_for_ms, plan);
    }
    let resource = Resource::Instance(slot.instance.clone());
    if situation.in_flight.contains(&resource) || state.unsettled_on(&resource).next().is_some() {
        return;
    }
    let Some((end, ended)) = slot.stop_end else { return };
    if facts.is_some_and(|facts| verdict::is_gone(&state.policy, facts)) {
        plan.close = Some((slot.gateway.clone(), SlotEnding::Gone));
        return;
    }
    match (current, slot.start_acked) {
        (None, _) => forsaken(situation, slot, &gateway, plan),
        (Some(gateway), Some(acked)) => await_health(situation, slot, gateway, acked, plan),
        (Some(gateway), None) => await_stop(situation, slot, gateway, (end, ended), facts, plan),
    }
}

/// EC2 has said `stopping` for too long. What is done about it by itself may not be enough.
fn warn_of_hanging(situation: &Situation<'_>, slot: &Slot, hangs_ms: u64, plan: &mut Plan) {
    let limit_ms = situation.state.policy.remediation.force_stop_after_ms;
    if hangs_ms < limit_ms {
        return;
    }
    let why = format!(
        "its stop hangs for {}; it is repeated by force every {}. If that does not help, its host is at fault: ask AWS, \
         or give the gateway another instance",
        HumanMs(hangs_ms),
        HumanMs(limit_ms)
    );
    plan.alarms.push(Alarm::new(Code::RemediationHeld, &slot.gateway, why));
}

/// The policy dropped it: nobody can look at it any more, but what we stopped is started all the same.
fn forsaken(situation: &Situation<'_>, slot: &Slot, gateway: &Gateway, plan: &mut Plan) {
    let limits = &situation.state.policy.remediation;
    let waited_ms = situation.now.since_ms(slot.stop.1);
    let did_not_happen = slot.stop_end.is_some_and(|(end, _)| end == StopEnd::DidNotHappen);
    if slot.start_acked.is_some() {
        if unanswered_grace_ms(situation, slot) == 0 {
            plan.close = Some((slot.gateway.clone(), SlotEnding::Healthy));
        }
    } else if slot.start.is_some() && waited_ms >= limits.start_owed_for_ms {
        // It can't be started: most likely it was terminated when it was dropped.
        plan.close = Some((slot.gateway.clone(), SlotEnding::Gone));
    } else if did_not_happen || waited_ms >= limits.force_stop_after_ms {
        start(situation, gateway, vec!["no longer of the policy".to_owned()], plan);
    }
}

/// How much longer the slot stays open because a stop without an answer may still land.
fn unanswered_grace_ms(situation: &Situation<'_>, slot: &Slot) -> u64 {
    let grace_ms = situation.state.policy.remediation.force_stop_after_ms;
    slot.unanswered.map_or(0, |ended| grace_ms.saturating_sub(situation.now.since_ms(ended)))
}

/// Not started yet: what became of the stop?
fn await_stop(
    situation: &Situation<'_>,
    slot: &Slot,
    gateway: &Gateway,
    (end, ended): (StopEnd, LogMs),
    facts: Option<&InstanceFacts>,
    plan: &mut Plan,
) {
    let limit_ms = situation.state.policy.remediation.force_stop_after_ms;
    let over = situation.now.since_ms(ended) >= limit_ms;
    let mut start = |why: &str| start(situation, gateway, vec![why.to_owned()], plan);
    match (facts.map(|facts| facts.state), end) {
        (Some(InstanceState::Stopped), _) => start("stopped by us"),
        // A start is harmless where nothing was stopped, and ends the slot properly.
        (Some(InstanceState::Running) | None, StopEnd::DidNotHappen) => start("the stop did not happen"),
        (Some(InstanceState::Running), StopEnd::Unanswered) if over => {
            start("the unanswered stop did not happen");
        }
        // It was acknowledged and still runs: somebody else has started it, or the stop came to nothing.
        (Some(InstanceState::Running), StopEnd::Acknowledged) if over => {
            start("it runs although it was stopped")
        }
        (Some(InstanceState::Stopping), _) if situation.now.since_ms(slot.stop.1) >= limit_ms => {
            force(situation, slot, gateway, plan);
        }
        _ => {}
    }
}

/// The stop hangs: it is repeated by force, unless the gateway lives or an operator is at work.
fn force(situation: &Situation<'_>, slot: &Slot, gateway: &Gateway, plan: &mut Plan) {
    let state = situation.state;
    let waited = HumanMs(situation.now.since_ms(slot.stop.1));
    let forbidden = !state.policy.remediation.enabled || !gateway.remediate;
    let seen = verdict::can_be_seen(&state.policy, situation.evidence, gateway);
    let halted = state.halted(situation.now).is_some();
    let held = stop_guards(state, &gateway.id, &gateway.instance, Cause::ForceStop, situation.now).is_err();
    if !(forbidden || seen || halted || held) {
        let reasons = vec![format!("the stop hangs for {waited}")];
        plan.wishes.push(stop(gateway, true, Cause::ForceStop, reasons));
    }
}

/// Started: the slot closes by health, or as failed when the attempts are used up.
fn await_health(situation: &Situation<'_>, slot: &Slot, gateway: &Gateway, acked: LogMs, plan: &mut Plan) {
    let state = situation.state;
    if unanswered_grace_ms(situation, slot) > 0 {
        return;
    }
    let Some(judgement) = plan.gateways.get(&gateway.id).cloned() else { return };
    if judgement.verdict == Verdict::Up {
        plan.close = Some((slot.gateway.clone(), SlotEnding::Healthy));
        return;
    }
    let Some(facts) = verdict::fresh_instance(&state.policy, situation.evidence, gateway) else { return };
    if facts.state == InstanceState::Stopped && shown_since_start(situation, gateway, facts) {
        // Somebody stopped it again, or it never started.
        start(situation, gateway, vec!["found stopped again".to_owned()], plan);
        return;
    }
    let limits = &state.policy.remediation;
    let waited_ms = situation.now.since_ms(acked.max(slot.stop.1));
    if facts.state == InstanceState::Stopping
        && shown_since_start(situation, gateway, facts)
        && waited_ms >= limits.force_stop_after_ms
    {
        // A stop that was under way when it was started, or somebody else's, hangs.
        force(situation, slot, gateway, plan);
        return;
    }
    if situation.now.since_ms(acked) < limits.boot_grace_ms || facts.state != InstanceState::Running {
        return;
    }
    let why = hindrance(situation, gateway, facts, plan);
    let held = |why: &str| Alarm::new(Code::RemediationHeld, &gateway.id, why);
    if state.gives_up(slot, situation.now) || unfit(facts).is_some() {
        let why = why.unwrap_or_default();
        plan.alarms.push(held(&format!("stopped and started in vain; no further attempt: {why}")));
        plan.close = Some((slot.gateway.clone(), SlotEnding::Failed));
    } else if let Some(why) = why {
        plan.alarms.push(held(&why));
    } else if judgement.verdict == Verdict::Down && judgement.for_ms >= limits.remediate_after_ms {
        plan.wishes.push(stop(gateway, false, Cause::Remediate, judgement.reasons));
    }
}

/// How long to wait before a start is asked for again: it doubles with each that was not acknowledged.
fn start_wait_ms(tries: u32) -> u64 {
    const FIRST_MS: u64 = 5_000;
    const LONGEST_MS: u64 = 60_000;
    (FIRST_MS << tries.saturating_sub(1).min(8)).min(LONGEST_MS)
}

fn stage(slot: &Slot) -> &'static str {
    match (slot.stop_end, slot.start, slot.start_acked) {
        (None, ..) => "stop under way",
        (Some((StopEnd::Unanswered, _)), None, _) => "the stop went unanswered: waiting to see",
        (Some(_), None, _) => "waiting for stopped",
        (Some(_), Some(_), None) => "start under way",
        (Some(_), Some(_), Some(_)) => "started, waiting for health",
    }
}
