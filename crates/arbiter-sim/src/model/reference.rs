//! The reference case in numbers: two gateways, a witness, one route over two tunnels; and what can be seen of it.
//!
//! Budgets, cooldowns and freezes are out of the way, unless a world is about them: the model is about who may act, and
//! when.

use super::bounds::{Setting, TICK_MS};
use arbiter_core::evidence::{
    Evidence, InstanceFacts, InstanceState, NodeFacts, ProbeFact, RouteFacts, Verdict,
};
use arbiter_core::ids::{GatewayId, InstanceId, NodeId, PathId, RouteId};
use arbiter_core::policy::{
    DriftAction, Gateway, NodePolicy, Path, Policy, Probe, ProbeKind, ProbeRole, Remediation, Route, Subject,
    Target, Timing,
};
use std::net::{IpAddr, Ipv4Addr};

/// Everything has been as it is for an hour.
const LONG_MS: u64 = 3_600_000;

/// The route.
pub fn route() -> RouteId {
    RouteId("private-1".to_owned())
}

/// The route that moves in batches with it.
pub fn other_route() -> RouteId {
    RouteId("private-2".to_owned())
}

/// The gateway of that number.
pub fn gateway(n: u8) -> GatewayId {
    GatewayId(format!("strongswan-{n}"))
}

/// The instance of that number.
pub fn instance(n: u8) -> InstanceId {
    InstanceId(format!("i-{n:017x}"))
}

/// The path of that number.
pub fn path(n: u8) -> PathId {
    PathId(format!("tunnel-{n}"))
}

/// What a route over that path points at.
pub fn target(n: u8) -> Target {
    Target::Interface(format!("eni-{n:08x}"))
}

/// The policy.
pub fn policy(setting: Setting) -> Policy {
    let node =
        |n: u8| NodePolicy { id: NodeId(n.into()), name: format!("node-{n}"), zone: format!("zone-{n}") };
    let gateways = [1, 2].map(|n| Gateway {
        id: gateway(n),
        node: NodeId(n.into()),
        zone: format!("zone-{n}"),
        instance: instance(n),
        interface: target(n).to_string(),
        remediate: true,
    });
    let paths = [1, 2].map(|n| Path {
        id: path(n),
        gateway: Some(gateway(n)),
        target: target(n),
        observers: vec![],
        follows: None,
    });
    let route_of = |id: RouteId, table: &str| Route {
        id,
        table: table.to_owned(),
        destination: "10.10.0.0/16".to_owned(),
        paths: vec![path(1), path(2)],
        drift: DriftAction::Repair,
        importance: 100,
        follows: None,
        host: None,
    };
    let mut routes = vec![route_of(route(), "rtb-00000001")];
    if setting == Setting::Batches {
        routes.push(route_of(other_route(), "rtb-00000002"));
    }
    let probes = [1, 2].map(|n| {
        let others = [1, 2, 3].into_iter().filter(|other| *other != n);
        [probe(n, Subject::Path(path(n)), vec![n]), probe(n, Subject::Gateway(gateway(n)), others.collect())]
    });
    Policy {
        cluster: "model".to_owned(),
        nodes: [1, 2, 3].map(node).to_vec(),
        gateways: gateways.to_vec(),
        paths: paths.to_vec(),
        routes,
        probes: probes.into_iter().flatten().collect(),
        timing: timing(setting),
        remediation: remediation(setting),
        linux: None,
    }
}

fn timing(setting: Setting) -> Timing {
    Timing {
        dispatch_window_ms: TICK_MS,
        call_timeout_ms: TICK_MS,
        stall_allowance_ms: TICK_MS,
        clock_rate_error_ppm: 1,
        freeze_moves: if setting == Setting::Freeze { 1 } else { 1_000 },
        ..Timing::default()
    }
}

fn remediation(setting: Setting) -> Remediation {
    let only_in = |strict: Setting| match setting {
        Setting::Replaces => 1,
        _ if setting == strict => LONG_MS,
        _ => 0,
    };
    Remediation {
        remediate_after_ms: 1_000,
        cooldown_ms: only_in(Setting::Cooldown),
        attempts: if setting == Setting::Budget { 1 } else { 100 },
        boot_grace_ms: only_in(Setting::BootGrace),
        force_stop_after_ms: only_in(Setting::LateStops),
        ..Remediation::default()
    }
}

/// The policy that an operator may apply later.
pub fn second_policy(setting: Setting) -> Policy {
    let mut policy = policy(setting);
    // Zero would not be valid, and log time stands still: a slot whose stop was not answered does not close by it.
    let limits = &mut policy.remediation;
    for limit in [&mut limits.cooldown_ms, &mut limits.boot_grace_ms, &mut limits.force_stop_after_ms] {
        *limit = (*limit).max(1);
    }
    if setting == Setting::Drops {
        policy.gateways.truncate(1);
        policy.paths.truncate(1);
        policy.probes.truncate(2);
        for route in &mut policy.routes {
            route.paths.truncate(1);
        }
    } else {
        policy.timing.dispatch_window_ms = 10;
    }
    policy
}

fn probe(n: u8, subject: Subject, observers: Vec<u8>) -> Probe {
    let what = if matches!(subject, Subject::Path(_)) { "far-end" } else { "gateway" };
    Probe {
        id: format!("{what}-{n}").as_str().into(),
        subject,
        observers: observers.into_iter().map(|n| NodeId(n.into())).collect(),
        target: IpAddr::V4(Ipv4Addr::LOCALHOST),
        kind: ProbeKind::Icmp { size_bytes: 56, dont_fragment: false },
        role: ProbeRole::Required,
        interval_ms: 100,
        fall: 2,
        rise: 3,
        timeout_min_ms: 20,
        timeout_max_ms: 500,
        source: None,
        interface: None,
    }
}

/// All is well, and the route is seen on this path.
pub fn healthy(policy: &Policy, on: u8) -> Evidence {
    let node = |id: NodeId| {
        let own = policy.probes.iter().filter(|probe| probe.observers.contains(&id));
        let up = ProbeFact { state: Verdict::Up, for_ms: LONG_MS };
        let probes = own.map(|probe| (probe.id.clone(), up.clone())).collect();
        NodeFacts { age_ms: Some(0), heard_for_ms: LONG_MS, probes, ..NodeFacts::default() }
    };
    let runs = InstanceFacts {
        age_ms: 0,
        state: InstanceState::Running,
        state_for_ms: LONG_MS,
        impaired: false,
        interface_attached: true,
        source_dest_check: false,
        has_elastic_ip: true,
        auto_scaling_group: None,
    };
    let seen = RouteFacts {
        age_ms: 0,
        target: Some(target(on)),
        blackhole: false,
        shadowed_by: None,
        target_for_ms: LONG_MS,
    };
    Evidence {
        listening_ms: LONG_MS,
        voters: policy.nodes.iter().map(|node| node.id).collect(),
        nodes: policy.nodes.iter().map(|it| (it.id, node(it.id))).collect(),
        instances: policy.gateways.iter().map(|gateway| (gateway.id.clone(), runs.clone())).collect(),
        routes: policy.routes.iter().map(|route| (route.id.clone(), seen.clone())).collect(),
        followed: None,
    }
}

/// A tunnel is dead, says its own gateway; the route is seen on this path.
pub fn tunnel_down(policy: &Policy, tunnel: u8, on: u8) -> Evidence {
    let mut evidence = healthy(policy, on);
    let subject = Subject::Path(path(tunnel));
    all_say_down(&mut evidence, policy, &subject);
    evidence
}

/// A gateway is dead: its node is silent, and all others say so. Such evidence may be old when it is used.
pub fn dead(policy: &Policy, gateway_number: u8) -> Evidence {
    let mut evidence = healthy(policy, 3 - gateway_number);
    all_say_down(&mut evidence, policy, &Subject::Gateway(gateway(gateway_number)));
    if let Some(facts) = evidence.nodes.get_mut(&NodeId(gateway_number.into())) {
        facts.age_ms = Some(LONG_MS);
    }
    evidence
}

/// A gateway is dead, and both tunnels are: its route has nowhere better to go.
pub fn dead_and_nowhere_to_go(policy: &Policy, gateway_number: u8) -> Evidence {
    let mut evidence = dead(policy, gateway_number);
    for tunnel in [1, 2] {
        all_say_down(&mut evidence, policy, &Subject::Path(path(tunnel)));
    }
    evidence
}

/// A gateway's instance was found stopped.
pub fn found_stopped(policy: &Policy, gateway_number: u8) -> Evidence {
    let mut evidence = dead(policy, gateway_number);
    if let Some(facts) = evidence.instances.get_mut(&gateway(gateway_number)) {
        facts.state = InstanceState::Stopped;
    }
    evidence
}

fn all_say_down(evidence: &mut Evidence, policy: &Policy, subject: &Subject) {
    for probe in policy.probes.iter().filter(|probe| probe.subject == *subject) {
        for observer in &probe.observers {
            if let Some(facts) = evidence.nodes.get_mut(observer) {
                let down = ProbeFact { state: Verdict::Down, for_ms: LONG_MS };
                facts.probes.insert(probe.id.clone(), down);
            }
        }
    }
}
