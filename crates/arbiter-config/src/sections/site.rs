//! `[linux]` and `[follow]`: what makes a cluster one on premises, and whom it follows.

use super::nodes::host_and_port;
use crate::config::FollowConfig;
use crate::reader::{Raw, Table};
use arbiter_core::policy::{Linux, Policy, Target};

/// Nodes of a followed cluster, at most: as many as a cluster may have.
const FOLLOWED_NODES_MAX: usize = 9;

const NODES: &str = "[\"172.16.1.157:7400\", \"172.16.2.126:7400\"]";

/// Opens a section that may be missing.
fn section<'d>(root: &mut Table<'_, 'd>, key: &'static str) -> Option<Raw<'d>> {
    let raw = root.table(key, key);
    (root.value(key, key).is_some() && raw.table.is_some()).then_some(raw)
}

/// How kernel routes are written; none if routes are EC2's.
pub(super) fn linux(root: &mut Table<'_, '_>) -> Option<Linux> {
    let raw = section(root, "linux")?;
    let mut table = Table::open(root.context, raw, "linux", "linux", &["metric"]);
    let default = Linux::default();
    Some(Linux { metric: table.number("metric", "metric", "10").unwrap_or(default.metric) })
}

/// Whom to follow, and where its nodes are reached; none if nobody.
pub(super) fn follow(root: &mut Table<'_, '_>) -> Option<FollowConfig> {
    let raw = section(root, "follow")?;
    let mut table = Table::open(root.context, raw, "follow", "follow", &["cluster", "nodes"]);
    let cluster = table.required_text("cluster", "cluster", "\"vpn\"");
    if table.value("nodes", "nodes").is_none() {
        table.missing("nodes", "nodes", NODES);
    }
    let nodes = table.texts("nodes", "nodes", NODES).unwrap_or_default();
    if nodes.len() > FOLLOWED_NODES_MAX {
        let message = format!("{} nodes are too many", nodes.len());
        table.error("nodes", message, format!("at most {FOLLOWED_NODES_MAX}"));
    }
    for (i, node) in nodes.iter().enumerate().filter(|(_, node)| !node.is_empty()) {
        if let Err(help) = host_and_port(node) {
            table.error(&format!("nodes[{i}]"), format!("`{node}` is not a host and a port"), help);
        }
    }
    Some(FollowConfig { cluster, nodes: nodes.into_iter().map(str::to_owned).collect() })
}

/// Whoever follows must know whom.
pub(super) fn somebody_to_follow(root: &mut Table<'_, '_>, policy: &Policy) {
    if policy.follows() && root.value("follow", "follow").is_none() {
        root.error(
            "follow",
            "routes follow another cluster's, and the section `[follow]` is missing",
            format!("add `[follow]`, and below it `cluster = \"vpn\"` and `nodes = {NODES}`"),
        );
    }
}

/// What is only there where routes are EC2's.
pub(super) fn none_on_premises(table: &mut Table<'_, '_>, keys: [&'static str; 2]) {
    for key in keys {
        if table.value(key, key).is_some() {
            let message = format!("`{key}` is EC2's: with `[linux]` a gateway is a router on premises");
            table.error(key, message, "leave it out");
        }
    }
}

/// The next hop of a path of kernel routes.
pub(super) fn next_hop(table: &mut Table<'_, '_>, i: usize) -> Target {
    if table.value("target", "target").is_some() {
        table.error("target", "`target` is EC2's", "write `next_hop = \"10.10.1.100\"`");
    } else if table.value("next_hop", "target").is_none() {
        table.missing("next_hop", "target", "\"10.10.1.100\"");
    }
    let dev = table.text("dev", "dev", "\"eth0\"").map(str::to_owned);
    match table.parsed("next_hop", "target", "an IP address", "\"10.10.1.100\"") {
        Some(via) => Target::NextHop { via, dev },
        None => {
            let place = table.place("target");
            table.context.silence(&place);
            Target::Other(format!("unknown-{i}"))
        }
    }
}

/// Keys that mean something only where routes are the kernel's.
pub(super) fn only_on_premises<const N: usize>(table: &mut Table<'_, '_>, keys: [&'static str; N]) {
    for key in keys {
        if table.value(key, key).is_some() {
            let message = format!("`{key}` is for kernel routes, and routes are EC2's without `[linux]`");
            table.error(key, message, "leave it out, or add `[linux]`");
        }
    }
}
