//! What must hold for an instance to be stopped or started, and for the slot to close.

use super::judge::Judge;
use super::{require, restart};
use crate::command::{Cause, SlotEnding};
use crate::evidence::{Evidence, InstanceState};
use crate::ids::{GatewayId, InstanceId};
use crate::planted::{Bug, planted};
use crate::policy::Gateway;
use crate::state::{ClusterState, Slot};
use crate::time::LogMs;

pub(super) struct Stop<'a> {
    pub gateway: &'a GatewayId,
    pub instance: &'a InstanceId,
    pub force: bool,
    pub cause: Cause,
}

pub(super) fn check_stop(
    state: &ClusterState,
    evidence: &Evidence,
    stop: &Stop<'_>,
    now: LogMs,
) -> Result<(), String> {
    let Stop { gateway: id, instance, force, cause } = *stop;
    let judge = Judge { policy: &state.policy, evidence };
    let gateway = state.policy.gateway(id).ok_or_else(|| format!("gateway {id} is not of the policy"))?;
    require(gateway.instance == *instance, || format!("the instance of {id} is {}", gateway.instance))?;
    require(state.policy.remediation.enabled && gateway.remediate, || {
        format!("{id} may not be stopped by policy")
    })?;
    // A restart that an operator asked for is the one exception.
    if cause == Cause::OperatorRestart {
        restart::is_asked_for(state, gateway, now)?;
    } else {
        require(!judge.can_be_seen(gateway), || format!("{id} is not Down: it can be seen"))?;
    }
    let facts = judge.provider(gateway).ok_or("the provider has not been asked lately")?;
    match cause {
        Cause::ForceStop => {
            require(facts.state == InstanceState::Stopping, || format!("the provider says {}", facts.state))?;
            return check_force(state, instance, force, now);
        }
        Cause::Remediate | Cause::OperatorRestart => {}
        _ => return Err(format!("{cause} is no cause to stop an instance")),
    }
    require(!force, || "a first stop is not forced".to_owned())?;
    if cause == Cause::Remediate {
        let after_ms = state.policy.remediation.remediate_after_ms;
        let after_ms = if facts.impaired { after_ms / 2 } else { after_ms };
        require(judge.gateway_is_down(gateway, after_ms), || {
            format!("{id} has not been Down for {after_ms} ms")
        })?;
    }
    require(facts.state == InstanceState::Running, || format!("the provider says {}", facts.state))?;
    require(facts.has_elastic_ip, || "it has no Elastic IP: its address would change".to_owned())?;
    if let Some(group) = &facts.auto_scaling_group {
        return Err(format!("it belongs to the Auto Scaling group {group}: a stop would get it terminated"));
    }
    not_the_last_standing(state, &judge, gateway)?;
    zone_is_alive(state, &judge, gateway)?;
    if cause == Cause::OperatorRestart {
        return restart::spares_the_routes(state, &judge, gateway);
    }
    routes_are_gone(state, &judge, gateway)
}

fn check_force(state: &ClusterState, instance: &InstanceId, force: bool, now: LogMs) -> Result<(), String> {
    require(force, || "a repeated stop is forced".to_owned())?;
    let slot = state.slot.as_ref().filter(|slot| slot.instance == *instance).ok_or("its slot is not open")?;
    let waited_ms = now.since_ms(slot.stop.1);
    let after_ms = state.policy.remediation.force_stop_after_ms;
    require(waited_ms >= after_ms, || format!("the stop has had {waited_ms} of {after_ms} ms"))?;
    let started = slot.start_acked.filter(|acked| now.since_ms(*acked) < after_ms);
    require(started.is_none(), || format!("it was started less than {after_ms} ms ago"))
}

fn not_the_last_standing(state: &ClusterState, judge: &Judge<'_>, gateway: &Gateway) -> Result<(), String> {
    let mut others = state.policy.gateways.iter().filter(|other| other.id != gateway.id).peekable();
    let alone = others.peek().is_none();
    let runs =
        |other: &Gateway| judge.provider(other).is_some_and(|facts| facts.state == InstanceState::Running);
    require(alone || others.any(runs), || "no other gateway is running".to_owned())
}

fn zone_is_alive(state: &ClusterState, judge: &Judge<'_>, gateway: &Gateway) -> Result<(), String> {
    let gone_too = |node: &&crate::policy::NodePolicy| {
        node.zone == gateway.zone && node.id != gateway.node && !judge.hears(node.id)
    };
    state.policy.nodes.iter().find(gone_too).map_or(Ok(()), |node| {
        Err(format!("{} of the same zone is silent as well: the zone may be gone", node.name))
    })
}

fn routes_are_gone(state: &ClusterState, judge: &Judge<'_>, gateway: &Gateway) -> Result<(), String> {
    for (id, assignment) in &state.assignments {
        let policy = &state.policy;
        let (Some(route), Some(path)) = (policy.route(id), policy.path(&assignment.path)) else { continue };
        if path.gateway.as_ref() != Some(&gateway.id) {
            continue;
        }
        let better = route
            .paths
            .iter()
            .filter_map(|id| policy.path(id))
            .find(|other| other.gateway.as_ref() != Some(&gateway.id) && !judge.path_is_down(other));
        if let Some(better) = better {
            return Err(format!("route {id} is still on it and could go to {}", better.id));
        }
    }
    Ok(())
}

pub(super) fn check_start(
    state: &ClusterState,
    evidence: &Evidence,
    id: &GatewayId,
    instance: &InstanceId,
) -> Result<(), String> {
    if let Some(slot) = state.slot.as_ref().filter(|slot| slot.instance == *instance) {
        let settled = slot.stop_end.is_some() || planted(Bug::StartBeforeStopSettled);
        return require(settled, || "its stop is not settled".to_owned());
    }
    let gateway = state.policy.gateway(id).ok_or_else(|| format!("gateway {id} is not of the policy"))?;
    let judge = Judge { policy: &state.policy, evidence };
    let stopped = judge.provider(gateway).is_some_and(|facts| facts.state == InstanceState::Stopped);
    require(stopped, || "it was not found stopped".to_owned())
}

pub(super) fn check_close(
    state: &ClusterState,
    slot: &Slot,
    ending: SlotEnding,
    evidence: &Evidence,
) -> Result<(), String> {
    let judge = Judge { policy: &state.policy, evidence };
    let resource = crate::ids::Resource::Instance(slot.instance.clone());
    if let Some((id, _)) = state.unsettled_on(&resource).next() {
        return Err(format!("intent {id} on it is unsettled"));
    }
    let gateway = state.policy.gateway(&slot.gateway).filter(|gateway| gateway.instance == slot.instance);
    let facts = gateway.and_then(|gateway| judge.provider(gateway));
    let limits = &state.policy.remediation;
    let acked = slot.start_acked.ok_or("no start was acknowledged since its last stop");
    if ending != SlotEnding::Gone
        && !planted(Bug::NoAnswerGraceIgnored)
        && let Some(ended) = slot.unanswered
    {
        let waited_ms = state.log_now().since_ms(ended);
        require(waited_ms >= limits.force_stop_after_ms, || {
            format!("its unanswered stop may still land: {waited_ms} ms have passed")
        })?;
    }
    match ending {
        SlotEnding::Gone => {
            let gone = facts.is_some_and(|facts| judge.is_gone(facts));
            let waited_ms = state.log_now().since_ms(slot.stop.1);
            let forsaken = gateway.is_none() && slot.start.is_some() && waited_ms >= limits.start_owed_for_ms;
            require(gone || forsaken, || "the provider does not say that it is gone".to_owned())
        }
        SlotEnding::Healthy => {
            if !planted(Bug::SlotClosedUnstarted) {
                acked?;
            }
            let Some(gateway) = gateway else { return Ok(()) };
            let seen = judge.gateway_is_up(gateway) || planted(Bug::SlotClosedUnseen);
            require(seen, || format!("{} is not seen up", gateway.id))
        }
        SlotEnding::Failed => {
            let acked = acked?;
            let waited_ms = state.log_now().since_ms(acked);
            let grace_ms = limits.boot_grace_ms;
            require(waited_ms >= grace_ms, || format!("it has had {waited_ms} of {grace_ms} ms to boot"))?;
            let running = facts.is_some_and(|facts| facts.state == InstanceState::Running);
            require(gateway.is_none() || running, || {
                "the provider does not say that it is running".to_owned()
            })?;
            let unfit =
                facts.is_some_and(|facts| !facts.has_elastic_ip || facts.auto_scaling_group.is_some());
            let over = unfit || state.gives_up(slot, state.log_now());
            require(over, || "it has attempts left".to_owned())
        }
    }
}
