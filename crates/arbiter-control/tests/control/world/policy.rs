//! The reference case: two gateways, a witness, two private subnets; patience shortened where a test would wait.

use arbiter_core::ids::{GatewayId, NodeId, PathId, RouteId};
use arbiter_core::policy::{
    DriftAction, Gateway, NodePolicy, Path, Policy, Probe, ProbeKind, ProbeRole, Remediation, Route,
    Severity, Subject, Target, Timing,
};

pub const DESTINATION: &str = "10.10.0.0/16";

pub fn reference() -> Policy {
    let node = |id: u64, name: &str, zone: &str| NodePolicy {
        id: NodeId(id),
        name: name.to_owned(),
        zone: zone.to_owned(),
    };
    let gateway = |id: u64, zone: &str| Gateway {
        id: GatewayId(format!("strongswan-{id}")),
        node: NodeId(id),
        zone: zone.to_owned(),
        instance: format!("i-{id}").as_str().into(),
        interface: format!("eni-{id}"),
        remediate: true,
    };
    let path = |id: u64| Path {
        id: PathId(format!("tunnel-{id}")),
        gateway: Some(GatewayId(format!("strongswan-{id}"))),
        target: Target::Interface(format!("eni-{id}")),
        observers: Vec::new(),
        follows: None,
    };
    let policy = Policy {
        cluster: "reference".to_owned(),
        nodes: vec![node(1, "strongswan-1", "a"), node(2, "strongswan-2", "b"), node(3, "witness", "c")],
        gateways: vec![gateway(1, "a"), gateway(2, "b")],
        paths: vec![path(1), path(2)],
        routes: vec![route(1, 100, [1, 2]), route(2, 100, [2, 1])],
        probes: vec![
            probe("gateway-1", Subject::Gateway("strongswan-1".into()), &[2, 3], "172.16.1.157"),
            probe("gateway-2", Subject::Gateway("strongswan-2".into()), &[1, 3], "172.16.2.126"),
            probe("tunnel-1", Subject::Path("tunnel-1".into()), &[1], "169.254.100.1"),
            probe("tunnel-2", Subject::Path("tunnel-2".into()), &[2], "169.254.200.1"),
        ],
        timing: Timing {
            failback_after_ms: 5_000,
            unknown_grace_ms: 10_000,
            drift_grace_ms: 8_000,
            reconcile_interval_ms: 5_000,
            ..Timing::default()
        },
        remediation: Remediation {
            remediate_after_ms: 4_000,
            boot_grace_ms: 20_000,
            force_stop_after_ms: 10_000,
            ..Remediation::default()
        },
        linux: None,
    };
    let errors: Vec<_> =
        policy.problems().into_iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    policy
}

/// `private-N`, in a table of its own.
pub fn route(number: u64, importance: u32, paths: [u64; 2]) -> Route {
    Route {
        id: RouteId(format!("private-{number}")),
        table: format!("rtb-{number:08x}"),
        destination: DESTINATION.to_owned(),
        paths: paths.iter().map(|path| PathId(format!("tunnel-{path}"))).collect(),
        drift: DriftAction::Repair,
        importance,
        host: None,
        follows: None,
    }
}

fn probe(id: &str, subject: Subject, observers: &[u64], target: &str) -> Probe {
    Probe {
        id: id.into(),
        subject,
        observers: observers.iter().copied().map(NodeId).collect(),
        target: target.parse().expect("an address"),
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
