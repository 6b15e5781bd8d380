//! Probes: who sends them, where to, and whether what must be seen can be seen at all.
//!
//! A gateway speaks for its own tunnel: its node must send a required probe of each of its paths, or the path
//! could never be `Up`. One observer never condemns a gateway: a majority of the other nodes must watch it, or
//! it could never be `Down`.

use super::super::{Gateway, Path, Policy, Probe, ProbeKind, ProbeRole, Subject};
use super::Findings;
use super::own_host;
use super::topology::{known_node, repeated, unknown};
use crate::ids::{GatewayId, NodeId, PathId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The largest ICMP payload of an IPv4 packet: 65,535 less 20 of IP's header and 8 of ICMP's.
const SIZE_BYTES_MAX: u16 = 65_507;
/// Linux's IFNAMSIZ, less its closing zero.
const INTERFACE_CHARS_MAX: usize = 15;

/// Which nodes send a required probe of what.
type Watchers<'a> = BTreeMap<&'a Subject, BTreeSet<NodeId>>;

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    let gateways: BTreeMap<&GatewayId, &Gateway> = policy.gateways.iter().map(|it| (&it.id, it)).collect();
    let paths: BTreeMap<&PathId, &Path> = policy.paths.iter().map(|it| (&it.id, it)).collect();
    // What follows from a gateway's node is not worth saying while that node is unknown.
    let mut hosted = gateways.clone();
    hosted.retain(|_, gateway| policy.node(gateway.node).is_some());
    let mut watchers = Watchers::new();
    for (i, probe) in policy.probes.iter().enumerate() {
        match &probe.subject {
            Subject::Gateway(id) if !gateways.contains_key(id) => {
                unknown(
                    findings,
                    &format!("probes[{i}].subject"),
                    "gateway",
                    id.as_str(),
                    gateways.keys().map(|id| id.as_str()),
                );
            }
            Subject::Path(id) if !paths.contains_key(id) => {
                unknown(
                    findings,
                    &format!("probes[{i}].subject"),
                    "path",
                    id.as_str(),
                    paths.keys().map(|id| id.as_str()),
                );
            }
            _ => {}
        }
        observers(policy, &hosted, &paths, i, probe, findings);
        addresses(i, probe, findings);
        payload(&paths, i, probe, findings);
        if probe.role == ProbeRole::Required {
            watchers.entry(&probe.subject).or_default().extend(&probe.observers);
        }
    }
    watched_gateways(policy, &watchers, findings);
    watched_paths(policy, &hosted, &watchers, findings);
    own_host::alone(policy, findings);
}

fn observers(
    policy: &Policy,
    hosted: &BTreeMap<&GatewayId, &Gateway>,
    paths: &BTreeMap<&PathId, &Path>,
    i: usize,
    probe: &Probe,
    findings: &mut Findings,
) {
    let place = format!("probes[{i}].observers");
    if probe.observers.is_empty() {
        findings.error(&place, format!("nobody sends probe `{}`", probe.id), "name its observers");
    }
    for (k, node) in probe.observers.iter().enumerate() {
        known_node(policy, findings, &format!("{place}[{k}]"), *node);
    }
    repeated(policy, findings, &place, &probe.observers);
    if probe.role == ProbeRole::Advisory {
        return;
    }
    for (k, node) in probe.observers.iter().enumerate().filter(|(_, node)| policy.node(**node).is_some()) {
        let heard = match &probe.subject {
            Subject::Gateway(id) => hosted.get(id).is_none_or(|gateway| gateway.node != *node),
            Subject::Path(id) => paths.get(id).is_none_or(|path| match &path.gateway {
                Some(id) => hosted.get(id).is_none_or(|gateway| gateway.node == *node),
                None => path.observers.contains(node),
            }),
        };
        if !heard {
            findings.warning(
                format!("{place}[{k}]"),
                format!(
                    "what node `{}` sees by probe `{}` decides nothing",
                    policy.node_name(*node),
                    probe.id
                ),
                match &probe.subject {
                    Subject::Gateway(_) => "a gateway is judged by the others: leave this observer out",
                    Subject::Path(_) => {
                        "a path is judged by its own gateway's node, or by the observers that it names"
                    }
                },
            );
        }
    }
}

fn addresses(i: usize, probe: &Probe, findings: &mut Findings) {
    let unusable = |address: IpAddr| address.is_unspecified() || address.is_multicast();
    let broadcast = probe.target == IpAddr::from([255, 255, 255, 255]);
    if unusable(probe.target) || broadcast {
        let message = format!("`{}` is not the address of one host", probe.target);
        findings.error(format!("probes[{i}].target"), message, "probe one host, as in `169.254.100.1`");
    }
    let Some(source) = probe.source else {
        return interface(i, probe, findings);
    };
    if unusable(source) {
        let message = format!("`{source}` is not an address that can be sent from");
        findings.error(
            format!("probes[{i}].source"),
            message,
            "one of the host's own addresses, or leave it out",
        );
    } else if source.is_ipv4() != probe.target.is_ipv4() {
        findings.error(
            format!("probes[{i}].source"),
            format!("`{source}` can't send to `{}`", probe.target),
            "source and target must be both IPv4 or both IPv6",
        );
    }
    interface(i, probe, findings);
}

fn interface(i: usize, probe: &Probe, findings: &mut Findings) {
    let fits = |name: &str| {
        (1..=INTERFACE_CHARS_MAX).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != ':')
    };
    if let Some(name) = probe.interface.as_deref().filter(|name| !fits(name)) {
        let shown: String = name.chars().take(INTERFACE_CHARS_MAX + 1).collect();
        findings.error(
            format!("probes[{i}].interface"),
            format!("`{shown}` is not the name of a network interface"),
            format!("at most {INTERFACE_CHARS_MAX} characters, as in `eth0`, or leave it out"),
        );
    }
}

fn payload(paths: &BTreeMap<&PathId, &Path>, i: usize, probe: &Probe, findings: &mut Findings) {
    match &probe.kind {
        ProbeKind::Icmp { size_bytes, .. } if *size_bytes > SIZE_BYTES_MAX => findings.error(
            format!("probes[{i}].kind.size_bytes"),
            format!("{size_bytes} bytes fit into no packet"),
            format!("at most {SIZE_BYTES_MAX}"),
        ),
        ProbeKind::Tcp { port: 0 } => {
            findings.error(format!("probes[{i}].kind.port"), "0 is no port to connect to", "from 1 to 65535");
        }
        ProbeKind::Ipsec { child, socket } => own_host::ipsec(i, probe, child, socket, findings),
        ProbeKind::Forwarding => own_host::forwarding(paths, i, probe, findings),
        ProbeKind::Icmp { .. } | ProbeKind::Tcp { .. } => {}
    }
}

/// A gateway that too few others watch can never be condemned.
///
/// A probe of an unknown gateway may be the one that is missed here, and an unknown observer the one that is
/// missed: what follows from a name that isn't known is not worth saying before it is.
fn watched_gateways(policy: &Policy, watchers: &Watchers<'_>, findings: &mut Findings) {
    let known: BTreeSet<&GatewayId> = policy.gateways.iter().map(|gateway| &gateway.id).collect();
    if watchers.keys().any(|subject| matches!(subject, Subject::Gateway(id) if !known.contains(id))) {
        return;
    }
    let others = policy.nodes.len().saturating_sub(1);
    let needed = others / 2 + 1;
    for (i, gateway) in policy.gateways.iter().enumerate() {
        let watching = watchers
            .get(&Subject::Gateway(gateway.id.clone()))
            .map_or(0, |nodes| nodes.iter().filter(|node| **node != gateway.node).count());
        if watching < needed {
            findings.error(
                format!("gateways[{i}]"),
                format!(
                    "{watching} of {others} other nodes watch gateway `{}`: without {needed} it can never be found `Down`",
                    gateway.id
                ),
                "have all other nodes send a required probe of it",
            );
        }
    }
}

/// A path of which nobody entitled sends a required probe can never be `Up`. Unknown names as above.
fn watched_paths(
    policy: &Policy,
    hosted: &BTreeMap<&GatewayId, &Gateway>,
    watchers: &Watchers<'_>,
    findings: &mut Findings,
) {
    let known: BTreeSet<&PathId> = policy.paths.iter().map(|path| &path.id).collect();
    if watchers.keys().any(|subject| matches!(subject, Subject::Path(id) if !known.contains(id))) {
        return;
    }
    let nobody = BTreeSet::new();
    for (i, path) in policy.paths.iter().enumerate() {
        let watching = watchers.get(&Subject::Path(path.id.clone())).unwrap_or(&nobody);
        if watching.iter().any(|node| policy.node(*node).is_none()) {
            continue;
        }
        match &path.gateway {
            Some(id) => {
                if let Some(gateway) = hosted.get(id).filter(|gateway| !watching.contains(&gateway.node)) {
                    unheard(policy, gateway.node, path, i, findings);
                }
            }
            None => unjudged(path, watching, i, findings),
        }
    }
}

fn unheard(policy: &Policy, node: NodeId, path: &Path, i: usize, findings: &mut Findings) {
    let node = policy.node_name(node);
    findings.error(
        format!("paths[{i}]"),
        format!("node `{node}` sends no required probe of its path `{}`: it can never be `Up`", path.id),
        format!("have `{node}` send a required probe to the far end of its tunnel"),
    );
}

fn unjudged(path: &Path, watching: &BTreeSet<NodeId>, i: usize, findings: &mut Findings) {
    let judges: BTreeSet<NodeId> = path.observers.iter().copied().collect();
    let (seeing, needed) = (judges.intersection(watching).count(), judges.len() / 2 + 1);
    if !judges.is_empty() && seeing < needed {
        findings.error(
            format!("paths[{i}]"),
            format!(
                "{seeing} of {} observers of path `{}` send a required probe of it: without {needed} it can never be `Up`",
                judges.len(),
                path.id
            ),
            "have all its observers send a required probe of it",
        );
    }
}
