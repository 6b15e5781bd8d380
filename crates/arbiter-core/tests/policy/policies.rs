//! Policies for tests: the reference case, and random valid ones. Also used by `arbiter-config`'s tests.

use arbiter_core::ids::{GatewayId, InstanceId, NodeId, PathId, ProbeId, RouteId};
use arbiter_core::policy::{
    DriftAction, Gateway, NodePolicy, Path, Policy, Probe, ProbeKind, ProbeRole, Remediation, Route, Subject,
    Target, Timing,
};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv6Addr};

/// Two gateways in two zones, a witness in a third, one route per private subnet.
pub fn reference() -> Policy {
    let node =
        |id, name: &str, zone: &str| NodePolicy { id: NodeId(id), name: name.into(), zone: zone.into() };
    let gateway = |node, name: &str, zone: &str, instance: &str, interface: &str| Gateway {
        id: name.into(),
        node: NodeId(node),
        zone: zone.into(),
        instance: instance.into(),
        interface: interface.into(),
        remediate: true,
    };
    let path = |name: &str, gateway: &str, interface: &str| Path {
        id: name.into(),
        gateway: Some(gateway.into()),
        target: Target::Interface(interface.into()),
        observers: vec![],
        follows: None,
    };
    let route = |name: &str, table: &str, paths: [&str; 2]| Route {
        id: name.into(),
        table: table.into(),
        destination: "10.10.0.0/16".into(),
        paths: paths.map(PathId::from).to_vec(),
        drift: DriftAction::Repair,
        importance: 100,
        host: None,
        follows: None,
    };
    Policy {
        cluster: "vpn".into(),
        nodes: vec![
            node(1, "strongswan-1", "cn-north-1a"),
            node(2, "strongswan-2", "cn-north-1b"),
            node(3, "witness", "cn-north-1c"),
        ],
        gateways: vec![
            gateway(1, "strongswan-1", "cn-north-1a", "i-0f1e2d3c4b5a69788", "eni-23fbd87a"),
            gateway(2, "strongswan-2", "cn-north-1b", "i-08f7e6d5c4b3a2910", "eni-2d75e606"),
        ],
        paths: vec![
            path("tunnel-1", "strongswan-1", "eni-23fbd87a"),
            path("tunnel-2", "strongswan-2", "eni-2d75e606"),
        ],
        routes: vec![
            route("private-1", "rtb-468f5222", ["tunnel-1", "tunnel-2"]),
            route("private-2", "rtb-4b8f522f", ["tunnel-2", "tunnel-1"]),
        ],
        probes: vec![
            probe("tunnel-1", Subject::Path("tunnel-1".into()), &[1], "169.254.100.1"),
            probe("tunnel-2", Subject::Path("tunnel-2".into()), &[2], "169.254.200.1"),
            probe("strongswan-1", Subject::Gateway("strongswan-1".into()), &[2, 3], "172.16.1.157"),
            probe("strongswan-2", Subject::Gateway("strongswan-2".into()), &[1, 3], "172.16.2.126"),
        ],
        timing: Timing::default(),
        remediation: Remediation::default(),
        linux: None,
    }
}

/// A required ICMP probe with the example's numbers.
pub fn probe(name: &str, subject: Subject, observers: &[u64], target: &str) -> Probe {
    Probe {
        id: name.into(),
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

/// The numbers that a random valid policy is made from.
#[derive(Debug, Clone)]
pub struct Dice {
    nodes: usize,
    gateways: usize,
    direct: bool,
    tables: usize,
    numbers: Vec<u32>,
}

impl Dice {
    /// The next number below `bound`; the numbers repeat when they run out.
    fn next(&mut self, bound: u32) -> u32 {
        self.numbers.rotate_left(1);
        self.numbers.last().copied().unwrap_or_default() % bound.max(1)
    }

    fn flag(&mut self) -> bool {
        self.next(2) == 1
    }

    /// A number from `least` to `most`, both included.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + u64::from(self.next(u32::try_from(most - least + 1).unwrap_or(u32::MAX)))
    }
}

/// Random policies without errors (they may have warnings).
pub fn valid() -> impl Strategy<Value = Policy> {
    (3usize..=9, any::<bool>(), 0usize..6, proptest::collection::vec(any::<u32>(), 40..80))
        .prop_flat_map(|(nodes, direct, tables, numbers)| {
            (1..=nodes).prop_map(move |gateways| Dice {
                nodes,
                gateways,
                direct,
                tables,
                numbers: numbers.clone(),
            })
        })
        .prop_map(from_dice)
}

fn from_dice(mut dice: Dice) -> Policy {
    let dice = &mut dice;
    let ids: Vec<NodeId> = (1..).map(NodeId).take(dice.nodes).collect();
    let mut policy = Policy { cluster: "any \"line\" of text".into(), ..Policy::default() };
    for id in &ids {
        let zone = format!("zone-{}", dice.next(3));
        policy.nodes.push(NodePolicy { id: *id, name: format!("node-{id}"), zone });
    }
    for (id, node) in ids.iter().take(dice.gateways).zip(policy.nodes.clone()) {
        let name = GatewayId(format!("gateway-{id}"));
        let interface = format!("eni-{:08x}", id.0);
        policy.gateways.push(Gateway {
            id: name.clone(),
            node: *id,
            zone: node.zone,
            instance: InstanceId(format!("i-{:017x}", id.0)),
            interface: interface.clone(),
            remediate: dice.flag(),
        });
        let path = PathId(format!("tunnel-{id}"));
        let target = Target::Interface(interface);
        policy.paths.push(Path {
            id: path.clone(),
            gateway: Some(name.clone()),
            target,
            observers: vec![],
            follows: None,
        });
        policy.probes.push(any_probe(dice, format!("inner-{id}"), Subject::Path(path), vec![*id]));
        let others = ids.iter().copied().filter(|other| other != id).collect();
        policy.probes.push(any_probe(dice, format!("outer-{id}"), Subject::Gateway(name), others));
    }
    if dice.direct {
        let id = PathId::from("direct-connect");
        let target = if dice.flag() {
            Target::Gateway("vgw-1".into())
        } else {
            Target::TransitGateway("tgw-1".into())
        };
        policy.paths.push(Path {
            id: id.clone(),
            gateway: None,
            target,
            observers: ids.clone(),
            follows: None,
        });
        policy.probes.push(any_probe(dice, "direct".into(), Subject::Path(id), ids));
    }
    for probe in 0..dice.next(3) {
        let mut advisory =
            any_probe(dice, format!("behind-{probe}"), Subject::Path("tunnel-1".into()), vec![NodeId(1)]);
        advisory.role = ProbeRole::Advisory;
        if dice.flag() {
            advisory = Probe { kind: ProbeKind::Forwarding, source: None, interface: None, ..advisory };
        }
        policy.probes.push(advisory);
    }
    for table in 0..dice.tables {
        policy.routes.push(any_route(dice, table, &policy.paths));
    }
    (policy.timing, policy.remediation) = (any_timing(dice), any_remediation(dice));
    policy
}

fn any_route(dice: &mut Dice, table: usize, paths: &[Path]) -> Route {
    let mut paths: Vec<PathId> = paths.iter().map(|path| path.id.clone()).collect();
    let first = table % paths.len().max(1);
    paths.rotate_left(first);
    Route {
        id: RouteId(format!("route-{table}")),
        table: format!("rtb-{:08x}", table / 2),
        destination: if table.is_multiple_of(2) { "10.10.0.0/16".into() } else { "2001:db8::/32".into() },
        paths,
        drift: if dice.flag() { DriftAction::Repair } else { DriftAction::Report },
        importance: dice.next(u32::MAX),
        host: None,
        follows: None,
    }
}

fn any_probe(dice: &mut Dice, id: String, subject: Subject, observers: Vec<NodeId>) -> Probe {
    let interval_ms = dice.between(20, 60_000);
    let fall = dice.between(2, 100) as u32;
    let timeout_max_ms = dice.between(1, 60_000);
    let v6 = dice.flag();
    let address = |last: u32| match v6 {
        true => IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(last + 1))),
        false => IpAddr::from([10, 10, (last >> 8) as u8, last as u8]),
    };
    let kind = match dice.flag() {
        true => ProbeKind::Icmp { size_bytes: dice.between(0, 65_507) as u16, dont_fragment: dice.flag() },
        false => ProbeKind::Tcp { port: dice.between(1, 65_535) as u16 },
    };
    let asks_charon = matches!(subject, Subject::Path(_)) && dice.flag();
    let kind = match asks_charon {
        true => ProbeKind::Ipsec {
            child: format!("net-{}", dice.next(9)),
            socket: format!("/run/{}.vici", dice.next(9)),
        },
        false => kind,
    };
    Probe {
        id: ProbeId(id),
        subject,
        observers,
        target: address(dice.next(60_000)),
        kind,
        role: ProbeRole::Required,
        interval_ms,
        fall,
        rise: dice.between(1, 100) as u32,
        timeout_min_ms: dice.between(1, timeout_max_ms),
        timeout_max_ms,
        source: (!asks_charon && dice.flag()).then(|| address(1)),
        interface: (!asks_charon && dice.flag()).then(|| "eth0".to_owned()),
    }
}

fn any_timing(dice: &mut Dice) -> Timing {
    let report_interval_ms = dice.between(20, 60_000);
    let failback_after_ms = dice.between(1, 86_400_000);
    Timing {
        report_interval_ms,
        report_stale_after_ms: dice.between(2 * report_interval_ms, 600_000),
        unknown_grace_ms: dice.between(1, 86_400_000),
        failback_after_ms,
        failback_max_ms: dice.between(failback_after_ms, 86_400_000),
        flap_decay_ms: dice.between(1, 604_800_000),
        freeze_window_ms: dice.between(1, 86_400_000),
        freeze_moves: dice.between(2, 1_000) as u32,
        freeze_for_ms: dice.between(1, 86_400_000),
        reconcile_interval_ms: dice.between(100, 3_600_000),
        drift_grace_ms: dice.between(1, 86_400_000),
        drift_window_ms: dice.between(1, 604_800_000),
        drift_repairs: dice.between(1, 1_000) as u32,
        dispatch_window_ms: dice.between(10, 10_000),
        call_timeout_ms: dice.between(100, 30_000),
        stall_allowance_ms: dice.between(1, 10_000),
        clock_rate_error_ppm: dice.between(1, 100_000),
    }
}

fn any_remediation(dice: &mut Dice) -> Remediation {
    let mut duration = || dice.between(1, 604_800_000);
    Remediation {
        remediate_after_ms: duration(),
        cooldown_ms: duration(),
        attempts_window_ms: duration(),
        boot_grace_ms: duration(),
        force_stop_after_ms: duration(),
        start_owed_for_ms: duration(),
        gone_after_ms: duration(),
        attempts: dice.between(1, 100) as u32,
        enabled: dice.flag(),
    }
}
