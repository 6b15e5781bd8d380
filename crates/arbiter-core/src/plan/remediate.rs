//! Stop, wait for stopped (by force after a while), start, healthy: the remediation of a dead gateway.

use super::{Plan, Situation, Wish};
use crate::command::{Action, Cause, SlotEnding};
use crate::evidence::{InstanceFacts, InstanceState, Verdict};
use crate::health::{Alarm, Code};
use crate::ids::{Resource, RouteId};
use crate::policy::Gateway;
use crate::state::{Slot, StopEnd, stop_guards};
use crate::time::HumanMs;
use crate::verdict;

/// Stops and starts come after all routes.
const IMPORTANCE: u32 = u32::MAX;

pub(super) fn plan(situation: &Situation<'_>, plan: &mut Plan) {
    if let Some(slot) = &situation.state.slot {
        carry_on(situation, slot, plan);
    }
    for gateway in &situation.state.policy.gateways {
        if situation.state.slot.as_ref().is_some_and(|slot| slot.instance == gateway.instance) {
            continue;
        }
        let Some(facts) = verdict::fresh_instance(&situation.state.policy, situation.evidence, gateway)
        else {
            continue;
        };
        if facts.state == InstanceState::Stopped
            && situation.state.start_is_owed(&gateway.instance, situation.now)
        {
            start(situation, gateway, vec!["found stopped within an hour of our last stop".to_owned()], plan);
        } else {
            begin(situation, gateway, facts, plan);
        }
    }
}

fn busy(situation: &Situation<'_>, gateway: &Gateway) -> bool {
    situation.in_flight.contains(&Resource::Instance(gateway.instance.clone()))
}

fn begin(situation: &Situation<'_>, gateway: &Gateway, facts: &InstanceFacts, plan: &mut Plan) {
    let Some(judgement) = plan.gateways.get(&gateway.id).filter(|j| j.verdict == Verdict::Down).cloned()
    else {
        return;
    };
    let limits = &situation.state.policy.remediation;
    let after_ms = if facts.impaired { limits.remediate_after_ms / 2 } else { limits.remediate_after_ms };
    let held = |why: String| Alarm::new(Code::RemediationHeld, &gateway.id, why);
    if let Some(why) = hindrance(situation, gateway, facts, plan) {
        plan.alarms.push(held(why));
        return;
    }
    if judgement.for_ms < after_ms {
        let (since, after) = (HumanMs(judgement.for_ms), HumanMs(after_ms));
        plan.alarms.push(held(format!("Down for {since}; it is stopped and started after {after}")));
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
    if !facts.has_elastic_ip {
        return Some(
            "it has no Elastic IP: its address would change and the tunnel never come back".to_owned(),
        );
    }
    if let Some(group) = &facts.auto_scaling_group {
        return Some(format!("it belongs to the Auto Scaling group {group}: a stop would get it terminated"));
    }
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
    if let Some(node) = policy.nodes.iter().find(silent) {
        return Some(format!("{} of the same zone is silent as well: the zone may be gone", node.name));
    }
    if let Some(route) = held_route(situation, gateway, plan) {
        return Some(format!("route {route} is still on it and could go elsewhere"));
    }
    if let Some(refusal) = state.halted(situation.now) {
        return Some(refusal.to_string());
    }
    stop_guards(state, &gateway.id, &gateway.instance, Cause::Remediate, situation.now)
        .err()
        .map(|r| r.to_string())
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

fn stop(gateway: &Gateway, force: bool, cause: Cause, reasons: Vec<String>) -> Wish {
    let action = Action::Stop { gateway: gateway.id.clone(), instance: gateway.instance.clone(), force };
    Wish { action, cause, reasons, importance: IMPORTANCE }
}

fn start(situation: &Situation<'_>, gateway: &Gateway, reasons: Vec<String>, plan: &mut Plan) {
    let resource = Resource::Instance(gateway.instance.clone());
    // A stop or start in doubt, also of an older epoch, is waited out.
    if busy(situation, gateway) || situation.state.unsettled_on(&resource).next().is_some() {
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
    let resource = Resource::Instance(slot.instance.clone());
    if situation.in_flight.contains(&resource) || state.unsettled_on(&resource).next().is_some() {
        return;
    }
    let Some((end, ended)) = slot.stop_end else { return };
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
    let facts = verdict::fresh_instance(&state.policy, situation.evidence, &gateway);
    if facts.is_some_and(|facts| verdict::is_gone(&state.policy, facts)) {
        plan.close = Some((slot.gateway.clone(), SlotEnding::Gone));
        return;
    }
    let observed = facts.map(|facts| facts.state);
    let since_stop_ms = situation.now.since_ms(ended);
    let force_after_ms = state.policy.remediation.force_stop_after_ms;
    match slot.start_acked {
        Some(acked) => await_health(situation, slot, &gateway, acked, observed, current.is_some(), plan),
        None => match (observed, end) {
            (Some(InstanceState::Stopped), _) => {
                start(situation, &gateway, vec!["stopped by us".to_owned()], plan);
            }
            // Nothing happened, or nobody can look any more: a start is harmless, and ends the slot properly.
            (Some(InstanceState::Running), StopEnd::DidNotHappen) | (None, StopEnd::DidNotHappen) => {
                start(situation, &gateway, vec!["the stop did not happen".to_owned()], plan);
            }
            (None, _) if current.is_none() && since_stop_ms >= force_after_ms => {
                start(situation, &gateway, vec!["no longer of the policy".to_owned()], plan);
            }
            (Some(InstanceState::Running), StopEnd::Unanswered) if since_stop_ms >= force_after_ms => {
                start(situation, &gateway, vec!["the unanswered stop did not happen".to_owned()], plan);
            }
            (Some(InstanceState::Stopping), _) | (Some(InstanceState::Running), StopEnd::Acknowledged)
                if situation.now.since_ms(slot.stop.1) >= force_after_ms =>
            {
                force(situation, slot, &gateway, plan);
            }
            _ => {}
        },
    }
}

fn force(situation: &Situation<'_>, slot: &Slot, gateway: &Gateway, plan: &mut Plan) {
    let waited = HumanMs(situation.now.since_ms(slot.stop.1));
    let seen_up = plan.gateways.get(&gateway.id).is_some_and(|judgement| judgement.verdict == Verdict::Up);
    let halted = situation.state.halted(situation.now).is_some();
    if seen_up {
        start(situation, gateway, vec!["it is seen up again".to_owned()], plan);
    } else if !halted {
        let reasons = vec![format!("the stop hangs for {waited}")];
        plan.wishes.push(stop(gateway, true, Cause::ForceStop, reasons));
    }
}

/// Started: the slot closes by health, or as failed when the attempts are used up.
fn await_health(
    situation: &Situation<'_>,
    slot: &Slot,
    gateway: &Gateway,
    acked: crate::time::LogMs,
    observed: Option<InstanceState>,
    in_policy: bool,
    plan: &mut Plan,
) {
    let state = situation.state;
    let judgement = plan.gateways.get(&gateway.id).cloned();
    let up = judgement.as_ref().is_some_and(|judgement| judgement.verdict == Verdict::Up);
    if up || !in_policy {
        plan.close = Some((slot.gateway.clone(), SlotEnding::Healthy));
        return;
    }
    let waited_ms = situation.now.since_ms(acked);
    if waited_ms < state.policy.remediation.boot_grace_ms {
        return;
    }
    match observed {
        // Somebody stopped it again, or it never started.
        Some(InstanceState::Stopped) => {
            start(situation, gateway, vec!["found stopped again".to_owned()], plan)
        }
        Some(InstanceState::Running) => {
            let facts = verdict::fresh_instance(&state.policy, situation.evidence, gateway);
            if state.gives_up(slot, situation.now) {
                plan.close = Some((slot.gateway.clone(), SlotEnding::Failed));
                return;
            }
            let hindered = facts.is_none_or(|facts| hindrance(situation, gateway, facts, plan).is_some());
            let after_ms = state.policy.remediation.remediate_after_ms;
            let down = judgement.filter(|j| j.verdict == Verdict::Down && j.for_ms >= after_ms);
            if let Some(judgement) = down.filter(|_| !hindered) {
                plan.wishes.push(stop(gateway, false, Cause::Remediate, judgement.reasons));
            }
        }
        _ => {}
    }
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
