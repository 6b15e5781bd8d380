//! Gateways, paths and routes: what names what, and whether it fits together.

use super::super::{Gateway, Path, Policy, Route, Target};
use super::names::provider_id;
use super::{Findings, PATHS_PER_ROUTE_MAX, SUGGESTIONS_MAX, cidr, site};
use crate::ids::{GatewayId, NodeId, PathId};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    gateways(policy, findings);
    let gateways: BTreeMap<&GatewayId, &Gateway> = policy.gateways.iter().map(|it| (&it.id, it)).collect();
    for (i, path) in policy.paths.iter().enumerate() {
        check_path(policy, &gateways, i, path, findings);
    }
    let paths: BTreeMap<&PathId, &Path> = policy.paths.iter().map(|path| (&path.id, path)).collect();
    let mut destinations = BTreeMap::new();
    for (i, route) in policy.routes.iter().enumerate() {
        check_route(policy, &paths, i, route, findings);
        check_paths_of_route(&paths, i, route, findings);
        if let Some(first) = destinations.insert((route.host, &route.table, &route.destination), &route.id) {
            findings.error(
                format!("routes[{i}].destination"),
                format!("route `{first}` already keeps `{}` in `{}`", route.destination, route.table),
                "two routes can't own one entry of a table: leave one out",
            );
        }
    }
    unused(policy, findings);
}

fn gateways(policy: &Policy, findings: &mut Findings) {
    let (mut nodes, mut instances, mut interfaces) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (i, gateway) in policy.gateways.iter().enumerate() {
        let place = |field: &str| format!("gateways[{i}].{field}");
        if policy.linux.is_none() {
            provider_id(findings, &place("instance"), "an instance", gateway.instance.as_str(), &["i-"]);
            provider_id(findings, &place("interface"), "a network interface", &gateway.interface, &["eni-"]);
        } else {
            site::gateway(i, gateway, findings);
        }
        known_node(policy, findings, &place("node"), gateway.node);
        if let Some(first) = nodes.insert(gateway.node, &gateway.id) {
            let message = format!("gateway `{first}` already has node `{}`", policy.node_name(gateway.node));
            findings.error(place("node"), message, "a node speaks for the one gateway it runs on");
        }
        if let Some(first) = instances.insert(&gateway.instance, &gateway.id) {
            let message = format!("gateway `{first}` already has instance `{}`", gateway.instance);
            findings.error(place("instance"), message, "each has its own");
        }
        if policy.linux.is_none()
            && let Some(first) = interfaces.insert(&gateway.interface, &gateway.id)
        {
            let message = format!("gateway `{first}` already has interface `{}`", gateway.interface);
            findings.error(place("interface"), message, "each has its own");
        }
        if let Some(node) = policy.node(gateway.node).filter(|node| node.zone != gateway.zone) {
            findings.error(
                place("zone"),
                format!(
                    "gateway `{}` is in zone `{}`, its node in `{}`",
                    gateway.id, gateway.zone, node.zone
                ),
                format!("they are one host: write `{}` in both", node.zone),
            );
        }
    }
}

fn check_path(
    policy: &Policy,
    gateways: &BTreeMap<&GatewayId, &Gateway>,
    i: usize,
    path: &Path,
    findings: &mut Findings,
) {
    let place = |field: &str| format!("paths[{i}].{field}");
    if policy.linux.is_some() {
        site::path(&place("target"), path, findings);
    } else {
        target_of_ec2(&place("target"), path, findings);
    }
    judges(policy, gateways, i, path, findings);
}

fn target_of_ec2(place: &str, path: &Path, findings: &mut Findings) {
    let (what, prefixes): (_, &[&str]) = match &path.target {
        Target::Interface(_) => ("a network interface", &["eni-"]),
        Target::Gateway(_) => ("a virtual private or internet gateway", &["vgw-", "igw-"]),
        Target::TransitGateway(_) => ("a transit gateway", &["tgw-"]),
        Target::NextHop { .. } | Target::Other(_) => {
            ("a target that routes can be given", &["eni-", "vgw-", "igw-", "tgw-"])
        }
    };
    if path.gateway.is_none() {
        provider_id(findings, place, what, &path.target.to_string(), prefixes);
    }
}

/// Who judges it: its gateway's own node, or observers.
fn judges(
    policy: &Policy,
    gateways: &BTreeMap<&GatewayId, &Gateway>,
    i: usize,
    path: &Path,
    findings: &mut Findings,
) {
    let place = |field: &str| format!("paths[{i}].{field}");
    for (k, node) in path.observers.iter().enumerate() {
        known_node(policy, findings, &format!("paths[{i}].observers[{k}]"), *node);
    }
    repeated(policy, findings, &place("observers"), &path.observers);
    let Some(id) = &path.gateway else {
        if path.observers.is_empty() {
            findings.error(
                place("observers"),
                format!("nobody judges path `{}`: it has neither a gateway nor observers", path.id),
                "name its gateway, or the nodes whose majority judges it",
            );
        }
        return;
    };
    if !path.observers.is_empty() {
        findings.error(
            place("observers"),
            format!("path `{}` is judged by its gateway's own node, not by observers", path.id),
            "leave the observers out",
        );
    }
    match gateways.get(id) {
        None => unknown(
            findings,
            &place("gateway"),
            "gateway",
            id.as_str(),
            gateways.keys().map(|id| id.as_str()),
        ),
        Some(_) if policy.linux.is_some() => {}
        Some(gateway) if path.target != Target::Interface(gateway.interface.clone()) => findings.error(
            place("target"),
            format!("path `{}` points at `{}`, not at its gateway's interface", path.id, path.target),
            format!("`{}` is the interface of gateway `{id}`", gateway.interface),
        ),
        Some(_) => {}
    }
}

fn check_route(
    policy: &Policy,
    paths: &BTreeMap<&PathId, &Path>,
    i: usize,
    route: &Route,
    findings: &mut Findings,
) {
    if let Err(bad) = cidr::check(&route.destination) {
        findings.error(format!("routes[{i}].destination"), bad.message, bad.help);
    }
    if policy.linux.is_some() {
        site::route(policy, i, route, findings);
    } else {
        provider_id(findings, &format!("routes[{i}].table"), "a route table", &route.table, &["rtb-"]);
        site::not_on_ec2(i, route, findings);
    }
    site::follows(policy, i, route, findings);
    let place = format!("routes[{i}].paths");
    match route.paths.len() {
        0 => {
            let known: Vec<_> = paths.keys().take(2).map(|id| format!("\"{id}\"")).collect();
            let help = format!("name its paths, best first, as in `paths = [{}]`", known.join(", "));
            findings.error(place, format!("route `{}` has no paths", route.id), help);
        }
        1 => findings.warning(
            place,
            format!("route `{}` has one path only: it can never fail over", route.id),
            "name a second path",
        ),
        count if count > PATHS_PER_ROUTE_MAX => {
            findings.error(
                place,
                format!("{count} paths are too many"),
                format!("at most {PATHS_PER_ROUTE_MAX}"),
            );
        }
        _ => {}
    }
}

fn check_paths_of_route(paths: &BTreeMap<&PathId, &Path>, i: usize, route: &Route, findings: &mut Findings) {
    let mut targets: BTreeMap<&Target, &PathId> = BTreeMap::new();
    for (k, id) in route.paths.iter().enumerate().take(PATHS_PER_ROUTE_MAX) {
        let place = format!("routes[{i}].paths[{k}]");
        let Some(path) = paths.get(id) else {
            unknown(findings, &place, "path", id.as_str(), paths.keys().map(|id| id.as_str()));
            continue;
        };
        match targets.insert(&path.target, id) {
            Some(first) if first == id => {
                findings.error(place, format!("path `{id}` is named twice"), "leave the second out");
            }
            Some(first) => findings.error(
                place,
                format!(
                    "paths `{first}` and `{id}` of route `{}` point at the same `{}`",
                    route.id, path.target
                ),
                "a route that moves between them would not move: leave one out",
            ),
            None => {}
        }
    }
}

/// Warns of what is watched for nothing.
fn unused(policy: &Policy, findings: &mut Findings) {
    if policy.routes.is_empty() {
        findings.warning("routes", "there is no route to keep", "name at least one route");
        return;
    }
    // A name that isn't known may have been meant to be the one that looks unused.
    let known: BTreeSet<&PathId> = policy.paths.iter().map(|path| &path.id).collect();
    let used: BTreeSet<&PathId> = policy.routes.iter().flat_map(|route| &route.paths).collect();
    let all_known = used.is_subset(&known) && policy.routes.iter().all(|route| !route.paths.is_empty());
    for (i, path) in policy.paths.iter().enumerate() {
        if all_known && !used.contains(&path.id) {
            let message = format!("no route uses path `{}`", path.id);
            findings.warning(format!("paths[{i}]"), message, "leave it out, or use it");
        }
    }
    let known: BTreeSet<&GatewayId> = policy.gateways.iter().map(|gateway| &gateway.id).collect();
    let used: BTreeSet<&GatewayId> = policy.paths.iter().filter_map(|path| path.gateway.as_ref()).collect();
    let all_known = used.is_subset(&known);
    for (i, gateway) in policy.gateways.iter().enumerate() {
        if all_known && !used.contains(&gateway.id) {
            let message = format!("no path uses gateway `{}`", gateway.id);
            findings.warning(format!("gateways[{i}]"), message, "leave it out, or use it");
        }
    }
}

/// Says that a name is not known, and which one was probably meant.
pub(super) fn unknown<'a>(
    findings: &mut Findings,
    place: &str,
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) {
    let mut help = String::new();
    if findings.suggestions < SUGGESTIONS_MAX {
        findings.suggestions += 1;
        help = super::nearest::suggestion(name, known);
    }
    findings.error(place, format!("unknown {kind} `{name}`"), help);
}

/// Says that a node is not one of the policy's.
pub(super) fn known_node(policy: &Policy, findings: &mut Findings, place: &str, id: NodeId) {
    if policy.node(id).is_none() {
        let known: Vec<String> =
            policy.nodes.iter().map(|node| format!("{} (`{}`)", node.id, node.name)).collect();
        findings.error(place, format!("unknown node {id}"), format!("known: {}", known.join(", ")));
    }
}

/// Says that a list of nodes names one of them twice.
pub(super) fn repeated(policy: &Policy, findings: &mut Findings, place: &str, nodes: &[NodeId]) {
    let mut seen = BTreeSet::new();
    for (k, node) in nodes.iter().enumerate() {
        if !seen.insert(node) {
            let name = policy.node_name(*node);
            findings.error(
                format!("{place}[{k}]"),
                format!("node `{name}` is named twice"),
                "leave the second out",
            );
        }
    }
}
