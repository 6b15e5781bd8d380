//! Nodes: enough of them, an odd number, and no zone that takes the majority with it.

use super::super::Policy;
use super::Findings;
use crate::ids::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// Two nodes can't tell "you are dead" from "the line between us is cut".
const NODES_MIN: usize = 3;

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    ids(policy, findings);
    count(policy.nodes.len(), findings);
    zones(policy, findings);
}

fn ids(policy: &Policy, findings: &mut Findings) {
    let taken: BTreeSet<NodeId> = policy.nodes.iter().map(|node| node.id).collect();
    let free = (1..).map(NodeId).find(|id| !taken.contains(id)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (i, node) in policy.nodes.iter().enumerate() {
        let place = format!("nodes[{i}].id");
        if node.id == NodeId(0) {
            findings.error(place, "0 is nobody's id", format!("node ids count from 1; {free} is free"));
        } else if !seen.insert(node.id) {
            findings.error(place, format!("two nodes have the id {}", node.id), format!("{free} is free"));
        }
    }
}

fn count(nodes: usize, findings: &mut Findings) {
    if nodes < NODES_MIN {
        findings.error(
            "nodes",
            format!("{nodes} nodes can't outvote a cut line"),
            format!("at least {NODES_MIN}: both gateways and a witness in a third zone"),
        );
    } else if nodes.is_multiple_of(2) {
        findings.warning(
            "nodes",
            format!("{nodes} nodes survive no more failures than {}", nodes - 1),
            "an odd number: add a witness or leave one out",
        );
    }
}

/// Warns when the loss of one zone would end all failover.
fn zones(policy: &Policy, findings: &mut Findings) {
    let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, node) in policy.nodes.iter().enumerate() {
        members.entry(&node.zone).or_default().push(i);
    }
    let majority = policy.nodes.len() / 2 + 1;
    for (zone, members) in members {
        if members.len() < majority || policy.nodes.len() < NODES_MIN {
            continue;
        }
        // The last one is named: the gateways usually come first, and they can't be moved.
        let last = members.last().copied().unwrap_or_default();
        findings.warning(
            format!("nodes[{last}].zone"),
            format!(
                "zone `{zone}` holds {} of {} nodes: when it fails, all failover ends",
                members.len(),
                policy.nodes.len()
            ),
            format!("move nodes until no zone holds more than {}", majority - 1),
        );
    }
}
