//! What only a policy on premises may have, and must: kernel routes, next hops, hosts, and what is followed.

use super::super::{FOLLOWING_ROUTES_MAX, Gateway, Path, Policy, Route, Target, kernel_table};
use super::Findings;
use super::topology::known_node;
use crate::ids::PathId;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A router on premises is nobody's instance.
pub(super) fn gateway(i: usize, gateway: &Gateway, findings: &mut Findings) {
    if gateway.remediate {
        findings.error(
            format!("gateways[{i}].remediate"),
            format!("gateway `{}` is no instance: nobody can stop and start it", gateway.id),
            "write `remediate = false`, or leave it out",
        );
    }
}

/// A path of kernel routes leads to a next hop.
pub(super) fn path(place: &str, path: &Path, findings: &mut Findings) {
    match &path.target {
        Target::NextHop { via, .. } if via.is_ipv4() => {}
        Target::NextHop { via, .. } => findings.error(
            place,
            format!("the next hop `{via}` of path `{}` is not an IPv4 address", path.id),
            "kernel routes are IPv4 only",
        ),
        _ => findings.error(
            place,
            format!("path `{}` has no next hop", path.id),
            "add the address that packets go to next, as in `next_hop = \"10.10.1.100\"`",
        ),
    }
}

/// A kernel route is in a table of a host, and that host has a node.
pub(super) fn route(policy: &Policy, i: usize, route: &Route, findings: &mut Findings) {
    let place = |field: &str| format!("routes[{i}].{field}");
    if kernel_table(&route.table).is_none() {
        let message = format!("`{}` is not a table of the kernel", route.table);
        findings.error(place("table"), message, "write `main`, or its number");
    }
    if !is_ipv4_cidr(&route.destination) {
        let message = format!("`{}` is not an IPv4 network", route.destination);
        findings.error(place("destination"), message, "kernel routes are IPv4 only, as in `172.16.3.0/24`");
    }
    match route.host {
        Some(host) => known_node(policy, findings, &place("host"), host),
        None => findings.error(
            place("host"),
            format!("nobody sets route `{}`: it has no host", route.id),
            "name the node on whose host the kernel route is, as in `host = \"core\"`",
        ),
    }
}

/// EC2 sets its routes itself.
pub(super) fn not_on_ec2(i: usize, route: &Route, findings: &mut Findings) {
    if route.host.is_some() {
        let message = format!("route `{}` is EC2's: it is on no host", route.id);
        let help = "leave `host` out; or, for kernel routes, add the section `[linux]`";
        findings.error(format!("routes[{i}].host"), message, help);
    }
}

/// What a route follows must be told apart by its paths.
pub(super) fn follows(policy: &Policy, i: usize, route: &Route, findings: &mut Findings) {
    let Some(theirs) = &route.follows else { return };
    let count = policy.routes.iter().take(i + 1).filter(|route| route.follows.is_some()).count();
    if count == FOLLOWING_ROUTES_MAX + 1 {
        let message = format!("more than {FOLLOWING_ROUTES_MAX} routes follow another cluster's");
        findings.error(format!("routes[{i}].follows"), message, "let fewer, larger routes follow");
    }
    let paths: Vec<&Path> = route.paths.iter().filter_map(|id| policy.path(id)).collect();
    let mut stands: BTreeMap<&PathId, &PathId> = BTreeMap::new();
    for path in &paths {
        let Some(standing) = &path.follows else { continue };
        if let Some(first) = stands.insert(standing, &path.id) {
            findings.error(
                format!("routes[{i}].paths"),
                format!(
                    "paths `{first}` and `{}` both stand for `{standing}` of the followed cluster",
                    path.id
                ),
                "of one route's paths each stands for another of theirs",
            );
        }
    }
    if stands.is_empty() && !paths.is_empty() {
        findings.error(
            format!("routes[{i}].follows"),
            format!(
                "route `{}` follows `{theirs}`, and none of its paths stands for one of theirs",
                route.id
            ),
            "add to each of its paths the other end's, as in `follows = \"tunnel-1\"`",
        );
        return;
    }
    for path in paths.iter().filter(|path| path.follows.is_none()) {
        findings.warning(
            format!("routes[{i}].paths"),
            format!("path `{}` of route `{}` stands for none of the followed cluster's", path.id, route.id),
            "add `follows` to it, unless there is none: then it is only taken by its own probes",
        );
    }
}

/// Whether it is an IPv4 network in the usual form. Its host bits are judged elsewhere.
fn is_ipv4_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        address.parse::<Ipv4Addr>().is_ok() && length.parse::<u8>().is_ok_and(|length| length <= 32)
    })
}
