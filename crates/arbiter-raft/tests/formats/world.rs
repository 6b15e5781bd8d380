//! The cluster whose life the fixture's log tells: the policy, and what is seen.

use arbiter_core::command::{Action, Cause};
use arbiter_core::evidence::{
    Ending, Evidence, InstanceFacts, InstanceState, NodeFacts, ProbeFact, RouteFacts, Verdict,
};
use arbiter_core::ids::{GatewayId, InstanceId, NodeId, PathId, RouteId};
use arbiter_core::policy::{
    DriftAction, Gateway, NodePolicy, Path, Policy, Probe, ProbeKind, ProbeRole, Remediation, Route, Subject,
    Target, Timing,
};

/// Everything has been as it is for an hour.
const LONG_MS: u64 = 3_600_000;

pub fn gateway(n: u64) -> GatewayId {
    GatewayId(format!("strongswan-{n}"))
}

pub fn tunnel(n: u64) -> PathId {
    PathId(format!("tunnel-{n}"))
}

pub fn route(n: u64) -> RouteId {
    RouteId(format!("private-{n}"))
}

fn instance(n: u64) -> InstanceId {
    InstanceId(format!("i-{n:017x}"))
}

pub fn eni(n: u64) -> Target {
    Target::Interface(format!("eni-{n:08x}"))
}

/// Two gateways and a witness, two routes, two paths.
pub fn policy() -> Policy {
    let zone = |n: u64| format!("zone-{n}");
    let node = |n, name: &str| NodePolicy { id: NodeId(n), name: name.to_owned(), zone: zone(n) };
    let gateways = [1, 2].map(|n| Gateway {
        id: gateway(n),
        node: NodeId(n),
        zone: zone(n),
        instance: instance(n),
        interface: eni(n).to_string(),
        remediate: true,
    });
    let path = |n| Path {
        id: tunnel(n),
        gateway: Some(gateway(n)),
        target: eni(n),
        observers: vec![],
        follows: None,
    };
    let a_route = |n: u64, paths: [u64; 2]| Route {
        id: route(n),
        table: format!("rtb-{n:08x}"),
        destination: "10.10.0.0/16".to_owned(),
        paths: paths.map(tunnel).to_vec(),
        drift: DriftAction::Repair,
        importance: 100,
        host: None,
        follows: None,
    };
    Policy {
        cluster: "vpn".to_owned(),
        nodes: vec![node(1, "strongswan-1"), node(2, "strongswan-2"), node(3, "witness")],
        gateways: gateways.to_vec(),
        paths: [1, 2].map(path).to_vec(),
        routes: vec![a_route(1, [1, 2]), a_route(2, [2, 1])],
        probes: vec![
            probe("inner-1", Subject::Path(tunnel(1)), &[1], "169.254.100.1"),
            probe("inner-2", Subject::Path(tunnel(2)), &[2], "169.254.200.1"),
            probe("gateway-1", Subject::Gateway(gateway(1)), &[2, 3], "172.16.1.157"),
            probe("gateway-2", Subject::Gateway(gateway(2)), &[1, 3], "172.16.2.126"),
        ],
        timing: Timing::default(),
        remediation: Remediation::default(),
        linux: None,
    }
}

/// The same, following another cluster.
pub fn following() -> Policy {
    let mut policy = policy();
    policy.paths[0].follows = Some("cloud-1".into());
    policy.routes[0].follows = Some("cloud-route-1".into());
    policy
}

fn probe(id: &str, subject: Subject, observers: &[u64], target: &str) -> Probe {
    Probe {
        id: id.into(),
        subject,
        observers: observers.iter().copied().map(NodeId).collect(),
        target: target.parse().unwrap(),
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

/// All is well, and has been for an hour.
pub fn healthy(policy: &Policy) -> Evidence {
    let up = ProbeFact { state: Verdict::Up, for_ms: LONG_MS };
    let node = |id: NodeId| {
        let own = policy.probes.iter().filter(|probe| probe.observers.contains(&id));
        let probes = own.map(|probe| (probe.id.clone(), up.clone())).collect();
        NodeFacts { age_ms: Some(50), heard_for_ms: LONG_MS, ending: Ending::None, probes }
    };
    let runs = InstanceFacts {
        age_ms: 1_000,
        state: InstanceState::Running,
        state_for_ms: LONG_MS,
        impaired: false,
        interface_attached: true,
        source_dest_check: false,
        has_elastic_ip: true,
        auto_scaling_group: None,
    };
    let at_home = |route: &Route| RouteFacts {
        age_ms: 1_000,
        target: policy.path(&route.paths[0]).map(|path| path.target.clone()),
        blackhole: false,
        shadowed_by: None,
        target_for_ms: LONG_MS,
    };
    Evidence {
        listening_ms: LONG_MS,
        voters: policy.nodes.iter().map(|node| node.id).collect(),
        nodes: policy.nodes.iter().map(|it| (it.id, node(it.id))).collect(),
        instances: policy.gateways.iter().map(|gateway| (gateway.id.clone(), runs.clone())).collect(),
        routes: policy.routes.iter().map(|route| (route.id.clone(), at_home(route))).collect(),
        followed: None,
    }
}

/// A gateway is dead: its node is silent, and all others say so; the provider says this of its instance.
pub fn dead(policy: &Policy, n: u64, state: InstanceState) -> Evidence {
    let mut evidence = healthy(policy);
    let for_ms = 300_000;
    for (id, facts) in &mut evidence.nodes {
        if id.0 == n {
            facts.age_ms = Some(for_ms);
        } else {
            let down = ProbeFact { state: Verdict::Down, for_ms };
            facts.probes.insert(format!("gateway-{n}").as_str().into(), down);
        }
    }
    let host = evidence.instances.get_mut(&gateway(n)).unwrap();
    (host.state, host.state_for_ms) = (state, for_ms);
    evidence
}

pub fn set(n: u64, before: u64, to: u64) -> Action {
    Action::SetRoute { route: route(n), before: Some(eni(before)), path: tunnel(to), after: eni(to) }
}

pub fn stop(n: u64) -> Action {
    Action::Stop { gateway: gateway(n), instance: instance(n), force: false }
}

pub fn start(n: u64) -> Action {
    Action::Start { gateway: gateway(n), instance: instance(n) }
}

/// Every cause there is.
pub const CAUSES: [Cause; 15] = [
    Cause::Initial,
    Cause::Failover,
    Cause::UnknownGrace,
    Cause::Failback,
    Cause::Switchover,
    Cause::Drain,
    Cause::Pin,
    Cause::Follow,
    Cause::PolicyChange,
    Cause::DriftRepair,
    Cause::Reissue,
    Cause::Remediate,
    Cause::OperatorRestart,
    Cause::ForceStop,
    Cause::StartOwed,
];
