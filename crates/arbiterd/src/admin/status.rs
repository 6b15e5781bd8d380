//! A look, as the wire shows it.

use super::events::action_words;
use super::following;
use arbiter_control::{Examined, Look, Stages};
use arbiter_core::command::Mode;
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Alarm;
use arbiter_core::ids::NodeId;
use arbiter_core::plan::{RouteView, Stand};
use arbiter_core::policy::{Gateway, Path, Policy, ProbeKind, ProbeRole, Route, Subject};
use arbiter_core::report::Report;
use arbiter_core::state::{Place, Restart};
use arbiter_core::time::LogMs;
use arbiter_proto::report::{ending, verdict};
use arbiter_proto::v1;
use std::collections::BTreeSet;

pub(crate) fn reply(look: &Look, answered: v1::Answered) -> v1::StatusReply {
    let state = &look.state;
    let policy = &state.policy;
    let heard = look.view.voters.iter().filter(|voter| is_fresh(look, **voter)).count();
    let voters = look.view.voters.len();
    let mut routes: Vec<_> = policy.routes.iter().collect();
    routes.sort_by(|a, b| (a.importance, &a.id).cmp(&(b.importance, &b.id)));
    v1::StatusReply {
        answered: Some(answered),
        cluster: policy.cluster.clone(),
        cluster_id: state.cluster_id.as_ref().map(|id| id.0.clone()).unwrap_or_default(),
        policy_version: state.policy_version.0,
        rules_version: state.rules_version,
        leader: look.view.leader.map(|leader| policy.node_name(leader)).unwrap_or_default(),
        term: look.view.term.0,
        epoch: look.epoch.unwrap_or(state.office.epoch).0,
        voters_heard: count(heard),
        voters: count(voters),
        quorum: count(voters / 2 + 1),
        mode: match state.overrides.mode {
            Mode::Act => "act",
            Mode::Observe => "observe",
        }
        .to_owned(),
        pause: pause(look),
        routes: routes.into_iter().map(|route| route_status(look, route)).collect(),
        gateways: policy.gateways.iter().map(|gateway| gateway_status(look, gateway)).collect(),
        members: members(look).map(|node| member_status(look, node)).collect(),
        probes: probes(look),
        alarms: look.alarms.iter().map(alarm).collect(),
        unsettled: unsettled(look),
        stages: look.stages.iter().map(|one| stages(policy, one)).collect(),
        remediating: state.slot.as_ref().map(|slot| slot.gateway.0.clone()).unwrap_or_default(),
        next_failure: next_failure(voters, heard),
        examination: look.examined.as_ref().map(examination),
        following: following::of_cluster(look),
    }
}

fn examination(examined: &Examined) -> v1::Examination {
    v1::Examination {
        age_ms: examined.age_ms,
        nodes: examined.nodes.clone(),
        findings: count(examined.findings.len()),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn log_now(look: &Look) -> LogMs {
    look.state.log_now()
}

fn report_of(look: &Look, node: NodeId) -> Option<&(Report, Option<u64>)> {
    look.reports.iter().find(|(report, _)| report.node == node)
}

pub(super) fn is_fresh(look: &Look, node: NodeId) -> bool {
    let limit_ms = look.state.policy.timing.report_stale_after_ms;
    report_of(look, node).and_then(|(_, age_ms)| *age_ms).is_some_and(|age_ms| age_ms <= limit_ms)
}

/// What the next failure would cost.
fn next_failure(voters: usize, heard: usize) -> String {
    let quorum = voters / 2 + 1;
    match heard.checked_sub(quorum) {
        _ if voters == 0 => "the cluster is not formed: nothing is failed over".to_owned(),
        None => "no quorum: nothing is failed over until more nodes are back".to_owned(),
        Some(0) => "the next node lost stops all failover".to_owned(),
        Some(1) => "one more node can be lost; the one after that stops all failover".to_owned(),
        Some(spare) => format!("{spare} more nodes can be lost before failover stops"),
    }
}

fn pause(look: &Look) -> Option<v1::Pause> {
    let pause = look.state.overrides.pause.as_ref()?;
    Some(v1::Pause {
        reason: pause.reason.clone(),
        by: pause.by.clone(),
        since_wall_ms: pause.wall_ms.0,
        left_ms: pause.until.map(|until| until.since_ms(log_now(look))),
    })
}

fn route_status(look: &Look, route: &Route) -> v1::RouteStatus {
    let state = &look.state;
    let policy = &state.policy;
    let empty =
        RouteView { committed: None, desired: None, observed: None, observed_age_ms: None, why: vec![] };
    let view = look.plan.routes.get(&route.id).unwrap_or(&empty);
    let assignment = state.assignments.get(&route.id);
    let observed = view.observed.as_ref().and_then(|target| policy.path_by_target(route, target));
    let committed = view.committed.as_ref().and_then(|id| policy.path(id));
    let works = committed
        .and_then(|path| look.plan.paths.get(&path.id))
        .is_some_and(|judgement| judgement.verdict == Verdict::Up);
    let agrees = committed.is_some_and(|path| Some(&path.target) == view.observed.as_ref());
    let name =
        |id: &Option<arbiter_core::ids::PathId>| id.as_ref().map(|id| id.0.clone()).unwrap_or_default();
    let overrides = &state.overrides;
    let [pinned, switched] =
        [&overrides.pins, &overrides.switchovers].map(|all| all.get(&route.id).map(|path| path.0.as_str()));
    v1::RouteStatus {
        id: route.id.0.clone(),
        table: route.table.clone(),
        destination: route.destination.clone(),
        desired: name(&view.desired),
        committed: name(&view.committed),
        observed: observed.map(|path| path.id.0.clone()).unwrap_or_default(),
        observed_target: view.observed.as_ref().map(ToString::to_string).unwrap_or_default(),
        observed_age_ms: view.observed_age_ms,
        home: state.home(route).map(|path| path.0.clone()).unwrap_or_default(),
        since_wall_ms: assignment.map_or(0, |assignment| assignment.wall_ms.0),
        cause: assignment.and_then(|a| a.cause).map(|cause| cause.to_string()).unwrap_or_default(),
        why: view.why.clone(),
        paths: route
            .paths
            .iter()
            .filter_map(|id| policy.path(id))
            .map(|path| path_status(look, path))
            .collect(),
        overrides: [("pinned", pinned), ("switched", switched)]
            .into_iter()
            .filter_map(|(how, path)| path.map(|path| format!("{how} to {path}")))
            .collect(),
        pinned: pinned.unwrap_or_default().to_owned(),
        switched: switched.unwrap_or_default().to_owned(),
        right: works && agrees,
        flaps: state.flaps(&route.id, log_now(look)),
        frozen_for_ms: state
            .frozen_until(&route.id, log_now(look))
            .map(|until| until.since_ms(log_now(look))),
        follows: following::of_route(look, route),
        host: route.host.map(|host| policy.node_name(host)).unwrap_or_default(),
    }
}

fn path_status(look: &Look, path: &Path) -> v1::PathStatus {
    let judgement = look.plan.paths.get(&path.id);
    v1::PathStatus {
        id: path.id.0.clone(),
        gateway: path.gateway.as_ref().map(|gateway| gateway.0.clone()).unwrap_or_default(),
        target: path.target.to_string(),
        verdict: verdict(judgement.map_or(Verdict::Unknown, |j| j.verdict)).into(),
        for_ms: judgement.map_or(0, |j| j.for_ms),
        reasons: judgement.map(|j| j.reasons.clone()).unwrap_or_default(),
    }
}

fn gateway_status(look: &Look, gateway: &Gateway) -> v1::GatewayStatus {
    let state = &look.state;
    let judgement = look.plan.gateways.get(&gateway.id);
    v1::GatewayStatus {
        id: gateway.id.0.clone(),
        node: state.policy.node_name(gateway.node),
        zone: gateway.zone.clone(),
        instance: gateway.instance.0.clone(),
        interface: gateway.interface.clone(),
        verdict: verdict(judgement.map_or(Verdict::Unknown, |j| j.verdict)).into(),
        for_ms: judgement.map_or(0, |j| j.for_ms),
        reasons: judgement.map(|j| j.reasons.clone()).unwrap_or_default(),
        state: look.evidence.instances.get(&gateway.id).map(|i| i.state.to_string()).unwrap_or_default(),
        drained: state.overrides.drains.get(&gateway.id).cloned().unwrap_or_default(),
        remediating: state.slot.as_ref().is_some_and(|slot| slot.gateway == gateway.id),
        restart: state.restart_of(&gateway.id).map(|asked| restart_status(look, asked)),
    }
}

fn restart_status(look: &Look, asked: &Restart) -> v1::RestartStatus {
    let waits_for = match &look.plan.restart {
        Some(Stand::Waits(why) | Stand::Hindered(why)) => why.clone(),
        Some(Stand::Begins) | None => String::new(),
    };
    v1::RestartStatus {
        reason: asked.reason.clone(),
        by: asked.by.clone(),
        since_wall_ms: asked.wall_ms.0,
        left_ms: asked.until.since_ms(log_now(look)),
        force: asked.force,
        waits_for,
    }
}

/// Those of the policy, and those of Raft that it does not name.
fn members(look: &Look) -> impl Iterator<Item = NodeId> {
    let named = look.state.policy.nodes.iter().map(|node| node.id);
    let all: BTreeSet<NodeId> =
        named.chain(look.view.voters.iter().chain(&look.view.learners).copied()).collect();
    all.into_iter()
}

fn member_status(look: &Look, node: NodeId) -> v1::MemberStatus {
    let policy = &look.state.policy;
    let held = report_of(look, node);
    let member = look.state.members.get(&node).cloned().unwrap_or_default();
    let disk = match (member.place, member.incarnation) {
        (Place::Removed, _) => "removed",
        (Place::Leaving, _) => "leaving",
        (Place::In, Some(_)) => "recorded",
        (Place::In, None) => "none",
    };
    let peer = look.view.members.get(&node).cloned().unwrap_or_default();
    let role = if look.view.leader == Some(node) {
        "leader"
    } else if look.view.voters.contains(&node) {
        "follower"
    } else if look.view.learners.contains(&node) {
        "learner"
    } else {
        "outside"
    };
    v1::MemberStatus {
        id: node.0,
        name: policy.node_name(node),
        zone: policy.node(node).map(|node| node.zone.clone()).unwrap_or_default(),
        role: role.to_owned(),
        witness: policy.is_witness(node),
        report_age_ms: held.and_then(|(_, age_ms)| *age_ms),
        fresh: is_fresh(look, node),
        describe_ok_age_ms: held.and_then(|(report, _)| report.describe_ok_age_ms),
        ending: ending(held.map(|(report, _)| report.ending).unwrap_or_default()).into(),
        follows: held
            .and_then(|(report, _)| report.leader)
            .map(|(leader, _)| policy.node_name(leader))
            .unwrap_or_default(),
        applied: held.map_or(0, |(report, _)| report.applied.0),
        address: peer.address,
        lag: peer.lag,
        answered_ms: peer.answered_ms,
        disk: disk.to_owned(),
    }
}

fn probes(look: &Look) -> Vec<v1::ProbeStatus> {
    let policy = &look.state.policy;
    let mut probes = Vec::new();
    for probe in &policy.probes {
        for observer in &probe.observers {
            let held = report_of(look, *observer);
            let reported =
                held.and_then(|(report, _)| report.probes.get(&probe.id)).cloned().unwrap_or_default();
            probes.push(v1::ProbeStatus {
                id: probe.id.0.clone(),
                observer: policy.node_name(*observer),
                subject: match &probe.subject {
                    Subject::Gateway(gateway) => format!("gateway {gateway}"),
                    Subject::Path(path) => format!("path {path}"),
                },
                target: probe.target.to_string(),
                kind: match &probe.kind {
                    ProbeKind::Icmp { .. } => "icmp".to_owned(),
                    ProbeKind::Tcp { port } => format!("tcp/{port}"),
                    ProbeKind::Ipsec { child, .. } => format!("ipsec/{child}"),
                    ProbeKind::Forwarding => "forwarding".to_owned(),
                },
                role: match probe.role {
                    ProbeRole::Required => "required",
                    ProbeRole::Advisory => "advisory",
                }
                .to_owned(),
                state: verdict(reported.state).into(),
                for_ms: reported.for_ms,
                last_rtt_us: reported.last_rtt_us,
                loss_permille: reported.loss_permille,
                error: reported.error.unwrap_or_default(),
                report_age_ms: held.and_then(|(_, age_ms)| *age_ms),
                answered_age_ms: held
                    .and_then(|(_, age_ms)| Some(reported.answered_age_ms?.saturating_add((*age_ms)?))),
            });
        }
    }
    probes
}

pub(super) fn alarm(alarm: &Alarm) -> v1::Alarm {
    v1::Alarm {
        code: alarm.code.name().to_owned(),
        urgency: alarm.code.urgency().name().to_owned(),
        title: alarm.code.title().to_owned(),
        subject: alarm.subject.clone(),
        detail: alarm.detail.clone(),
        remedy: alarm.remedy().to_owned(),
    }
}

fn unsettled(look: &Look) -> Vec<v1::UnsettledIntent> {
    let policy = &look.state.policy;
    let one =
        |(id, doubt): (&arbiter_core::ids::IntentId, &arbiter_core::state::Unsettled)| v1::UnsettledIntent {
            id: id.to_string(),
            resource: doubt.intent.action.resource().to_string(),
            action: action_words(policy, &doubt.intent.action),
            known_for_ms: log_now(look).since_ms(doubt.at),
        };
    look.state.unsettled.iter().map(one).collect()
}

fn stages(policy: &Policy, stages: &Stages) -> v1::MoveStages {
    v1::MoveStages {
        intent: stages.id.to_string(),
        action: action_words(policy, &stages.action),
        cause: stages.cause.to_string(),
        evidence_for_ms: stages.evidence_for_ms,
        committed_ms: stages.committed_ms,
        called_ms: stages.called_ms,
        done_ms: stages.done_ms,
        outcome: stages.outcome.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::next_failure;

    #[test]
    fn status_says_what_the_next_failure_would_cost() {
        arbiter_core::rules::proves("zones.next-failure-cost");
        let said =
            [(3, 3), (3, 2), (3, 1), (5, 5), (0, 0)].map(|(voters, heard)| next_failure(voters, heard));
        assert_eq!(
            said,
            [
                "one more node can be lost; the one after that stops all failover",
                "the next node lost stops all failover",
                "no quorum: nothing is failed over until more nodes are back",
                "2 more nodes can be lost before failover stops",
                "the cluster is not formed: nothing is failed over",
            ]
        );
    }
}
