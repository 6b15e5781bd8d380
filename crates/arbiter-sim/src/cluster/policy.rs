//! The reference case: two gateways, a witness or three, two private subnets. Patience is shortened where a run would
//! only wait; what the safety argument rests on (τ, r, p, W) is as in the field.

use arbiter_core::ids::{GatewayId, NodeId, PathId, RouteId};
use arbiter_core::policy::{
    DriftAction, Gateway, NodePolicy, Path, Policy, Probe, ProbeKind, ProbeRole, Remediation, Route, Subject,
    Target, Timing,
};

/// The nodes on gateways.
pub const GATEWAYS: [NodeId; 2] = [NodeId(1), NodeId(2)];

/// How many nodes a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// Two gateways and a witness, each in a zone of its own.
    Three,
    /// Two gateways and three witnesses in three zones, of which none has a majority.
    Five,
}

impl Nodes {
    /// As many as this seed says: five, every fourth time.
    pub fn of_seed(seed: u64) -> Self {
        if seed.is_multiple_of(4) { Self::Five } else { Self::Three }
    }

    /// So many, if a run can have so many.
    pub fn from_count(count: u64) -> Option<Self> {
        [Self::Three, Self::Five].into_iter().find(|nodes| nodes.count() == count)
    }

    /// How many that is.
    pub fn count(self) -> u64 {
        match self {
            Self::Three => 3,
            Self::Five => 5,
        }
    }

    fn named(self) -> Vec<NodePolicy> {
        let three = [node(1, "strongswan-1", "a"), node(2, "strongswan-2", "b"), node(3, "witness-1", "c")];
        let more = [node(4, "witness-2", "a"), node(5, "witness-3", "b")];
        three.into_iter().chain(more.into_iter().filter(|_| self == Self::Five)).collect()
    }
}

/// The policy of a run.
pub fn reference(nodes: Nodes) -> Policy {
    Policy {
        cluster: "reference".to_owned(),
        nodes: nodes.named(),
        gateways: vec![gateway(1, "a"), gateway(2, "b")],
        paths: vec![path(1), path(2)],
        routes: vec![route(1, [1, 2]), route(2, [2, 1])],
        probes: [1, 2]
            .into_iter()
            .flat_map(|id| {
                let others = (1..=nodes.count()).filter(|node| *node != id).collect();
                let of_gateway = Subject::Gateway(GatewayId(format!("strongswan-{id}")));
                [
                    probe(format!("gateway-{id}"), of_gateway, others),
                    probe(format!("tunnel-{id}"), Subject::Path(PathId(format!("tunnel-{id}"))), vec![id]),
                ]
            })
            .collect(),
        timing: Timing {
            failback_after_ms: 4_000,
            failback_max_ms: 15_000,
            flap_decay_ms: 20_000,
            freeze_window_ms: 20_000,
            freeze_for_ms: 20_000,
            unknown_grace_ms: 8_000,
            drift_grace_ms: 6_000,
            drift_window_ms: 30_000,
            reconcile_interval_ms: 5_000,
            ..Timing::default()
        },
        remediation: Remediation {
            remediate_after_ms: 4_000,
            cooldown_ms: 10_000,
            attempts: 2,
            attempts_window_ms: 90_000,
            boot_grace_ms: 9_000,
            force_stop_after_ms: 8_000,
            ..Remediation::default()
        },
        linux: None,
    }
}

fn node(id: u64, name: &str, zone: &str) -> NodePolicy {
    NodePolicy { id: NodeId(id), name: name.to_owned(), zone: zone.to_owned() }
}

fn gateway(id: u64, zone: &str) -> Gateway {
    Gateway {
        id: GatewayId(format!("strongswan-{id}")),
        node: NodeId(id),
        zone: zone.to_owned(),
        instance: format!("i-{id}").as_str().into(),
        interface: format!("eni-{id}"),
        remediate: true,
    }
}

fn path(id: u64) -> Path {
    Path {
        id: PathId(format!("tunnel-{id}")),
        gateway: Some(GatewayId(format!("strongswan-{id}"))),
        target: Target::Interface(format!("eni-{id}")),
        observers: Vec::new(),
        follows: None,
    }
}

fn route(number: u64, paths: [u64; 2]) -> Route {
    Route {
        id: RouteId(format!("private-{number}")),
        table: format!("rtb-{number:08x}"),
        destination: "10.10.0.0/16".to_owned(),
        paths: paths.iter().map(|path| PathId(format!("tunnel-{path}"))).collect(),
        drift: DriftAction::Repair,
        importance: 100,
        host: None,
        follows: None,
    }
}

fn probe(id: String, subject: Subject, observers: Vec<u64>) -> Probe {
    let target = std::net::Ipv4Addr::new(172, 16, u8::from(id.starts_with('t')), 1);
    Probe {
        id: id.as_str().into(),
        subject,
        observers: observers.into_iter().map(NodeId).collect(),
        target: target.into(),
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
