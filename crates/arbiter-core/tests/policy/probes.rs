//! Probes: who sends them, where to, and whether what must be seen can be seen.

use crate::policies::{probe, reference};
use crate::{after, problems};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{Path, Policy, Probe, ProbeKind, ProbeRole, Subject, Target};

/// The reference case with a third path, over Direct Connect.
fn with_direct(observers: &[u64], senders: &[u64], target: Target) -> Policy {
    let mut policy = reference();
    policy.paths.push(Path {
        id: "direct".into(),
        gateway: None,
        target,
        observers: observers.iter().copied().map(NodeId).collect(),
        follows: None,
    });
    policy.routes[0].paths.push("direct".into());
    policy.probes.push(probe("direct", Subject::Path("direct".into()), senders, "10.10.1.100"));
    policy
}

/// What is done to the first probe.
type Change = fn(&mut Probe);

#[test]
fn a_path_without_a_gateway_is_judged_by_a_majority_of_its_observers() {
    let target = Target::Gateway("vgw-0a1b2c3d".into());
    assert_eq!(problems(&with_direct(&[1, 2, 3], &[1, 2, 3], target.clone())), Vec::<String>::new());
    assert_eq!(
        problems(&with_direct(&[], &[], target.clone())),
        [
            "error: paths[2].observers: nobody judges path `direct`: it has neither a gateway nor observers \
          (name its gateway, or the nodes whose majority judges it)",
            "error: probes[4].observers: nobody sends probe `direct` (name its observers)"
        ]
    );
    assert_eq!(
        problems(&with_direct(&[1, 2], &[1, 3], target.clone())),
        [
            "warning: probes[4].observers[1]: what node `witness` sees by probe `direct` decides nothing \
          (a path is judged by its own gateway's node, or by the observers that it names)",
            "error: paths[2]: 1 of 2 observers of path `direct` send a required probe of it: without 2 it can never \
          be `Up` (have all its observers send a required probe of it)"
        ]
    );
    assert_eq!(
        problems(&with_direct(&[1, 2, 3, 3, 9], &[1, 2, 3], target)),
        [
            "error: paths[2].observers[4]: unknown node 9 (known: 1 (`strongswan-1`), 2 (`strongswan-2`), 3 (`witness`))",
            "error: paths[2].observers[3]: node `witness` is named twice (leave the second out)"
        ]
    );
    for (target, message) in [
        (
            Target::Gateway("tgw-1".into()),
            "`tgw-1` is not the id of a virtual private or internet gateway (its form is that of `vgw-0a1b2c3d` or `igw-0a1b2c3d`)",
        ),
        (
            Target::TransitGateway("vgw-1".into()),
            "`vgw-1` is not the id of a transit gateway (its form is that of `tgw-0a1b2c3d`)",
        ),
        (
            Target::Interface("eni-".into()),
            "`eni-` is not the id of a network interface (its form is that of `eni-0a1b2c3d`)",
        ),
        (
            Target::Other("nat-1".into()),
            "`nat-1` is not the id of a target that routes can be given (its form is that of `eni-0a1b2c3d` or `vgw-0a1b2c3d` or `igw-0a1b2c3d` or `tgw-0a1b2c3d`)",
        ),
    ] {
        let found = problems(&with_direct(&[1, 2, 3], &[1, 2, 3], target));
        assert_eq!(found, [format!("error: paths[2].target: {message}")]);
    }
}

#[test]
fn probes_name_a_known_subject_and_known_observers() {
    let mut policy = reference();
    policy.probes[0].subject = Subject::Path("tunnel1".into());
    policy.probes[2].subject = Subject::Gateway("strongswan1".into());
    assert_eq!(
        problems(&policy)[..2],
        [
            "error: probes[0].subject: unknown path `tunnel1` (write `tunnel-1`)",
            "error: probes[2].subject: unknown gateway `strongswan1` (write `strongswan-1`)"
        ]
    );
    after(
        |p| p.probes[2].observers = vec![NodeId(2), NodeId(3), NodeId(3), NodeId(7)],
        &[
            "error: probes[2].observers[3]: unknown node 7 (known: 1 (`strongswan-1`), 2 (`strongswan-2`), 3 (`witness`))",
            "error: probes[2].observers[2]: node `witness` is named twice (leave the second out)",
        ],
    );
    after(
        |p| p.probes[0].observers.push(NodeId(3)),
        &["warning: probes[0].observers[1]: what node `witness` sees by probe `tunnel-1` decides nothing \
           (a path is judged by its own gateway's node, or by the observers that it names)"],
    );
    after(
        |p| p.probes[2].observers.push(NodeId(1)),
        &[
            "warning: probes[2].observers[2]: what node `strongswan-1` sees by probe `strongswan-1` decides nothing \
           (a gateway is judged by the others: leave this observer out)",
        ],
    );
}

#[test]
fn a_path_whose_own_node_sends_no_required_probe_is_refused() {
    let expected =
        ["error: paths[0]: node `strongswan-1` sends no required probe of its path `tunnel-1`: it can \
                     never be `Up` (have `strongswan-1` send a required probe to the far end of its tunnel)"];
    after(|p| drop(p.probes.remove(0)), &expected);
    after(|p| p.probes[0].role = ProbeRole::Advisory, &expected);
    let mut policy = reference();
    policy.probes[0].observers = vec![NodeId(3)];
    assert!(problems(&policy).contains(&expected[0].to_owned()));
}

#[test]
fn a_gateway_that_too_few_others_watch_is_refused() {
    let expected =
        ["error: gateways[0]: 1 of 2 other nodes watch gateway `strongswan-1`: without 2 it can never be \
                     found `Down` (have all other nodes send a required probe of it)"];
    after(|p| p.probes[2].observers = vec![NodeId(3)], &expected);
    let mut policy = reference();
    policy.probes[2].observers = vec![NodeId(1), NodeId(3)];
    assert!(problems(&policy).contains(&expected[0].to_owned()), "its own node doesn't count");
    after(
        |p| p.probes[2].role = ProbeRole::Advisory,
        &["error: gateways[0]: 0 of 2 other nodes watch gateway `strongswan-1`: without 2 it can never be \
           found `Down` (have all other nodes send a required probe of it)"],
    );
}

#[test]
fn probes_go_to_one_host_in_packets_that_exist() {
    let cases: [(Change, &str); 8] = [
        (
            |p| p.target = "0.0.0.0".parse().unwrap(),
            "target: `0.0.0.0` is not the address of one host (probe one host, as in `169.254.100.1`)",
        ),
        (
            |p| p.target = "ff02::1".parse().unwrap(),
            "target: `ff02::1` is not the address of one host (probe one host, as in `169.254.100.1`)",
        ),
        (
            |p| p.target = "255.255.255.255".parse().unwrap(),
            "target: `255.255.255.255` is not the address of one host (probe one host, as in `169.254.100.1`)",
        ),
        (
            |p| p.source = Some("::".parse().unwrap()),
            "source: `::` is not an address that can be sent from (one of the host's own addresses, or leave it out)",
        ),
        (
            |p| p.source = Some("fd00::1".parse().unwrap()),
            "source: `fd00::1` can't send to `169.254.100.1` (source and target must be both IPv4 or both IPv6)",
        ),
        (
            |p| p.interface = Some("a-much-too-long-name".into()),
            "interface: `a-much-too-long-` is not the name of a network interface (at most 15 characters, as in `eth0`, or leave it out)",
        ),
        (
            |p| p.kind = ProbeKind::Icmp { size_bytes: 65_508, dont_fragment: true },
            "kind.size_bytes: 65508 bytes fit into no packet (at most 65507)",
        ),
        (|p| p.kind = ProbeKind::Tcp { port: 0 }, "kind.port: 0 is no port to connect to (from 1 to 65535)"),
    ];
    for (change, expected) in cases {
        after(|policy| change(&mut policy.probes[0]), &[&format!("error: probes[0].{expected}")]);
    }
}

/// A probe that asks strongSwan, beside the ping through the same tunnel.
fn with_ipsec(change: impl FnOnce(&mut Probe)) -> Policy {
    let mut policy = reference();
    let mut asking = probe("ipsec-1", Subject::Path("tunnel-1".into()), &[1], "52.50.130.77");
    asking.kind = ProbeKind::Ipsec { child: "tunnel".into(), socket: "/run/charon.vici".into() };
    asking.role = ProbeRole::Advisory;
    change(&mut asking);
    policy.probes.push(asking);
    policy
}

#[test]
fn a_probe_that_asks_strongswan_is_of_a_path_and_sends_no_packet() {
    assert_eq!(problems(&with_ipsec(|_| {})), Vec::<String>::new());
    assert_eq!(problems(&with_ipsec(|probe| probe.role = ProbeRole::Required)), Vec::<String>::new());
    let kind = |child: &str, socket: &str| ProbeKind::Ipsec { child: child.into(), socket: socket.into() };
    let longest = format!("/{}", "s".repeat(106));
    assert_eq!(problems(&with_ipsec(|probe| probe.kind = kind("tunnel", &longest))), Vec::<String>::new());
    type Case<'a> = (&'a dyn Fn(&mut Probe), &'a str);
    let cases: [Case<'_>; 7] = [
        (
            &|p| p.subject = Subject::Gateway("strongswan-2".into()),
            "subject: probe `ipsec-1` asks strongSwan about a tunnel, which is a path and no gateway \
             (make it evidence about the tunnel's path)",
        ),
        (
            &|p| p.kind = kind("", "/run/charon.vici"),
            "kind.child: probe `ipsec-1` names no child SA that could be \
             (the child's name in `swanctl.conf`, at most 255 bytes)",
        ),
        (
            &|p| p.kind = kind("tun\nnel", "/run/charon.vici"),
            "kind.child: probe `ipsec-1` names no child SA that could be \
             (the child's name in `swanctl.conf`, at most 255 bytes)",
        ),
        (
            &|p| p.kind = kind("tunnel", "charon.vici"),
            "kind.socket: the socket is no absolute path (its whole path, as in `/run/charon.vici`)",
        ),
        (
            &|p| p.kind = kind("tunnel", &format!("{longest}s")),
            "kind.socket: 108 bytes are too long for the path of a socket (at most 107)",
        ),
        (
            &|p| p.source = Some("172.16.1.157".parse().unwrap()),
            "source: probe `ipsec-1` sends no packet: it asks on its own host (leave it out)",
        ),
        (
            &|p| p.interface = Some("eth0".into()),
            "interface: probe `ipsec-1` sends no packet: it asks on its own host (leave it out)",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(problems(&with_ipsec(|p| change(p))), [format!("error: probes[4].{expected}")]);
    }
}

#[test]
fn a_gateways_own_word_alone_is_warned_of() {
    let mut policy = with_ipsec(|probe| probe.role = ProbeRole::Required);
    let warning = "warning: paths[0]: only its gateway's own word decides about path `tunnel-1`, and no packet: it may \
                   be called sound while nothing passes (add a required `icmp` probe to the far end of the tunnel)";
    policy.probes[0].role = ProbeRole::Advisory;
    assert_eq!(problems(&policy), [warning]);
    policy.probes.remove(0);
    assert_eq!(problems(&policy), [warning]);
    policy.probes.push(forwarding(Subject::Path("tunnel-1".into())));
    assert_eq!(problems(&policy), [warning]);
}

/// A probe that looks whether the first gateway's kernel forwards.
fn forwarding(subject: Subject) -> Probe {
    let mut looking = probe("forwarding-1", subject, &[1], "169.254.100.1");
    looking.kind = ProbeKind::Forwarding;
    looking
}

#[test]
fn a_probe_that_looks_whether_the_kernel_forwards_is_of_a_path_with_a_gateway_and_sends_no_packet() {
    let with = |probe: Probe| {
        let mut policy = reference();
        policy.probes.push(probe);
        policy
    };
    let tunnel = || Subject::Path("tunnel-1".into());
    assert_eq!(problems(&with(forwarding(tunnel()))), Vec::<String>::new());
    let no_gateway = "error: probes[4].subject: probe `forwarding-1` looks whether its observer's own host forwards, and that is \
                      asked of a tunnel's gateway (make it evidence about a path that has a gateway)";
    let found = problems(&with(Probe {
        observers: vec![NodeId(1), NodeId(3)],
        ..forwarding(Subject::Gateway("strongswan-2".into()))
    }));
    assert_eq!(found, [no_gateway]);
    let mut direct = reference();
    direct.paths[0].gateway = None;
    direct.paths[0].target = Target::Gateway("vgw-0a1b2c3d".into());
    direct.paths[0].observers = vec![NodeId(1)];
    direct.probes.push(forwarding(tunnel()));
    assert!(problems(&direct).iter().any(|it| it == no_gateway), "{:?}", problems(&direct));
    let sends = "probe `forwarding-1` sends no packet: it asks on its own host (leave it out)";
    let source = Probe { source: Some("172.16.1.157".parse().unwrap()), ..forwarding(tunnel()) };
    assert_eq!(problems(&with(source)), [format!("error: probes[4].source: {sends}")]);
    let interface = Probe { interface: Some("eth0".into()), ..forwarding(tunnel()) };
    assert_eq!(problems(&with(interface)), [format!("error: probes[4].interface: {sends}")]);
}

/// What older policies say of probes is read as before, and the new kind is written by its name.
#[test]
fn kinds_are_stored_by_name() {
    let stored = r#"{"tcp":{"port":22}}"#;
    assert_eq!(serde_json::from_str::<ProbeKind>(stored).unwrap(), ProbeKind::Tcp { port: 22 });
    let kind = ProbeKind::Ipsec { child: "tunnel".into(), socket: "/run/charon.vici".into() };
    let text = serde_json::to_string(&kind).unwrap();
    assert_eq!(text, r#"{"ipsec":{"child":"tunnel","socket":"/run/charon.vici"}}"#);
    assert_eq!(serde_json::from_str::<ProbeKind>(&text).unwrap(), kind);
    assert_eq!(serde_json::to_string(&ProbeKind::Forwarding).unwrap(), r#""forwarding""#);
    assert_eq!(serde_json::from_str::<ProbeKind>(r#""forwarding""#).unwrap(), ProbeKind::Forwarding);
}
