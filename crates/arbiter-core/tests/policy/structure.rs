//! Nodes, gateways, paths, routes: names, ids, and what names what.

use crate::policies::reference;
use crate::{after, problems};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{NodePolicy, Target};
use arbiter_core::rules::proves;

#[test]
fn names_are_present_typeable_and_unique() {
    after(
        |p| p.cluster = "  ".into(),
        &["error: cluster: the cluster has no name (name it for people, as in `vpn`)"],
    );
    after(
        |p| p.cluster = "one\ntwo".into(),
        &["error: cluster: the cluster's name is not one line of at most 64 characters (write `onetwo`)"],
    );
    after(
        |p| p.nodes[2].name = String::new(),
        &["error: nodes[2].name: this node has no name (a name is letters, digits, `.`, `_` and `-`)"],
    );
    after(
        |p| p.routes[0].id = "private 1".into(),
        &[
            "error: routes[0].id: the route name `private 1` is not at most 64 letters, digits, `.`, `_` and `-` \
           (write `private-1`)",
        ],
    );
    after(
        |p| p.nodes[2].zone = String::new(),
        &["error: nodes[2].zone: this zone has no name (a name is letters, digits, `.`, `_` and `-`)"],
    );
    after(
        |p| p.nodes[2].name = "strongswan-2".into(),
        &[
            "error: nodes[2].name: two nodes are named `strongswan-2` (name this one `strongswan-2-2`, for example)",
        ],
    );
    after(
        |p| p.routes[1].id = "private-1".into(),
        &["error: routes[1].id: two routes are named `private-1` (name this one `private-1-2`, for example)"],
    );
    after(
        |p| p.probes[3].id = "tunnel-1".into(),
        &["error: probes[3].id: two probes are named `tunnel-1` (name this one `tunnel-1-2`, for example)"],
    );
}

#[test]
fn node_ids_are_unique_and_count_from_one() {
    after(
        |p| p.nodes.push(NodePolicy { id: NodeId(3), name: "w2".into(), zone: "d".into() }),
        &[
            "error: nodes[3].id: two nodes have the id 3 (4 is free)",
            "warning: nodes: 4 nodes survive no more failures than 3 (an odd number: add a witness or leave one out)",
        ],
    );
    let mut policy = reference();
    policy.nodes[2].id = NodeId(0);
    assert_eq!(
        problems(&policy)[0],
        "error: nodes[2].id: 0 is nobody's id (node ids count from 1; 3 is free)"
    );
}

#[test]
fn fewer_than_three_nodes_are_refused() {
    after(
        |p| {
            p.nodes.pop();
            p.probes[2].observers.pop();
            p.probes[3].observers.pop();
        },
        &[
            "error: nodes: 2 nodes can't outvote a cut line (at least 3: both gateways and a witness in a third zone)",
        ],
    );
}

#[test]
fn a_zone_that_holds_a_majority_of_the_nodes_is_warned_of() {
    proves("zones.majority-in-one-zone-warns");
    after(
        |p| p.nodes[2].zone = "cn-north-1a".into(),
        &["warning: nodes[2].zone: zone `cn-north-1a` holds 2 of 3 nodes: when it fails, all failover ends \
           (move nodes until no zone holds more than 1)"],
    );
}

#[test]
fn gateways_name_their_own_node_instance_and_interface() {
    after(
        |p| {
            p.gateways[1].instance = "i-XYZ".into();
            p.gateways[0].instance = "I-0F1E2D3C4B5A69788".into();
        },
        &[
            "error: gateways[0].instance: `I-0F1E2D3C4B5A69788` is not the id of an instance (write `i-0f1e2d3c4b5a69788`)",
            "error: gateways[1].instance: `i-XYZ` is not the id of an instance (its form is that of `i-0a1b2c3d`)",
        ],
    );
    after(
        |p| p.gateways[1].instance = p.gateways[0].instance.clone(),
        &[
            "error: gateways[1].instance: gateway `strongswan-1` already has instance `i-0f1e2d3c4b5a69788` (each has its own)",
        ],
    );
    after(
        |p| p.gateways[1].zone = "cn-north-1a".into(),
        &[
            "error: gateways[1].zone: gateway `strongswan-2` is in zone `cn-north-1a`, its node in `cn-north-1b` \
           (they are one host: write `cn-north-1b` in both)",
        ],
    );
    after(
        |p| {
            p.gateways[1].interface = "eni-23fbd87a".into();
            p.paths[1].target = Target::Interface("eni-23fbd87a".into());
        },
        &[
            "error: gateways[1].interface: gateway `strongswan-1` already has interface `eni-23fbd87a` (each has its own)",
            "error: routes[0].paths[1]: paths `tunnel-1` and `tunnel-2` of route `private-1` point at the same \
           `eni-23fbd87a` (a route that moves between them would not move: leave one out)",
            "error: routes[1].paths[1]: paths `tunnel-2` and `tunnel-1` of route `private-2` point at the same \
           `eni-23fbd87a` (a route that moves between them would not move: leave one out)",
        ],
    );
    after(
        |p| p.gateways[1].node = NodeId(9),
        &[
            "error: gateways[1].node: unknown node 9 (known: 1 (`strongswan-1`), 2 (`strongswan-2`), 3 (`witness`))",
        ],
    );
    let mut policy = reference();
    policy.gateways[1].node = NodeId(1);
    let found = problems(&policy);
    let expected = "error: gateways[1].node: gateway `strongswan-1` already has node `strongswan-1` \
                    (a node speaks for the one gateway it runs on)";
    assert!(found.iter().any(|problem| problem == expected), "{found:#?}");
}

#[test]
fn paths_name_a_gateway_or_their_observers() {
    let mut policy = reference();
    policy.paths[0].gateway = Some("strongswn-1".into());
    assert_eq!(
        problems(&policy)[0],
        "error: paths[0].gateway: unknown gateway `strongswn-1` (write `strongswan-1`)"
    );
    after(
        |p| p.paths[0].target = Target::Interface("eni-2d75e606".into()),
        &[
            "error: paths[0].target: path `tunnel-1` points at `eni-2d75e606`, not at its gateway's interface \
           (`eni-23fbd87a` is the interface of gateway `strongswan-1`)",
            "error: routes[0].paths[1]: paths `tunnel-1` and `tunnel-2` of route `private-1` point at the same \
           `eni-2d75e606` (a route that moves between them would not move: leave one out)",
            "error: routes[1].paths[1]: paths `tunnel-2` and `tunnel-1` of route `private-2` point at the same \
           `eni-2d75e606` (a route that moves between them would not move: leave one out)",
        ],
    );
    after(
        |p| p.paths[0].observers = vec![NodeId(1)],
        &[
            "error: paths[0].observers: path `tunnel-1` is judged by its gateway's own node, not by observers \
           (leave the observers out)",
        ],
    );
}

#[test]
fn routes_name_their_table_destination_and_paths() {
    after(
        |p| p.routes[0].table = "468f5222".into(),
        &[
            "error: routes[0].table: `468f5222` is not the id of a route table (its form is that of `rtb-0a1b2c3d`)",
        ],
    );
    after(
        |p| p.routes[0].destination = "10.10.0.1/16".into(),
        &[
            "error: routes[0].destination: `10.10.0.1/16` has bits set beyond its prefix (write `10.10.0.0/16`)",
        ],
    );
    after(
        |p| p.routes[0].paths.clear(),
        &[
            "error: routes[0].paths: route `private-1` has no paths (name its paths, best first, as in `paths = [\"tunnel-1\", \"tunnel-2\"]`)",
        ],
    );
    after(
        |p| p.routes[0].paths.truncate(1),
        &[
            "warning: routes[0].paths: route `private-1` has one path only: it can never fail over (name a second path)",
        ],
    );
    let mut policy = reference();
    policy.routes[0].paths = vec!["tunnel-1".into(); 17];
    assert_eq!(problems(&policy)[0], "error: routes[0].paths: 17 paths are too many (at most 16)");
}

#[test]
fn routes_name_known_paths_once() {
    after(
        |p| p.routes[0].paths[1] = "tunel-2".into(),
        &["error: routes[0].paths[1]: unknown path `tunel-2` (write `tunnel-2`)"],
    );
    after(
        |p| p.routes[0].paths[1] = "internet".into(),
        &["error: routes[0].paths[1]: unknown path `internet` (known: `tunnel-1`, `tunnel-2`)"],
    );
    after(
        |p| p.routes[0].paths[1] = "tunnel-1".into(),
        &["error: routes[0].paths[1]: path `tunnel-1` is named twice (leave the second out)"],
    );
    after(
        |p| p.routes[1].table = p.routes[0].table.clone(),
        &["error: routes[1].destination: route `private-1` already keeps `10.10.0.0/16` in `rtb-468f5222` \
           (two routes can't own one entry of a table: leave one out)"],
    );
}

#[test]
fn what_is_used_by_nothing_is_warned_of() {
    after(|p| p.routes.clear(), &["warning: routes: there is no route to keep (name at least one route)"]);
    after(
        |p| {
            p.routes.pop();
            p.routes[0].paths.pop();
        },
        &[
            "warning: routes[0].paths: route `private-1` has one path only: it can never fail over (name a second path)",
            "warning: paths[1]: no route uses path `tunnel-2` (leave it out, or use it)",
        ],
    );
    after(
        |p| {
            p.paths.pop();
            p.probes.remove(1);
            for route in &mut p.routes {
                route.paths = vec!["tunnel-1".into()];
            }
        },
        &[
            "warning: routes[0].paths: route `private-1` has one path only: it can never fail over (name a second path)",
            "warning: routes[1].paths: route `private-2` has one path only: it can never fail over (name a second path)",
            "warning: gateways[1]: no path uses gateway `strongswan-2` (leave it out, or use it)",
        ],
    );
}
