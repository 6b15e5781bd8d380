//! S7: whoever lost his disk takes no part, until an operator lets him in again.

use crate::report::Violation;
use crate::run::Run;
use arbiter_lab::history::{Answer, NodeFacts, Truth};

/// Every node, for as long as it ran with an empty disk.
pub fn judge(run: &Run) -> Vec<Violation> {
    run.start.nodes.iter().flat_map(|node| judge_node(run, node)).collect()
}

fn judge_node(run: &Run, node: &NodeFacts) -> Vec<Violation> {
    let has_lost = |so: &&Truth| so.disks_lost.contains(&node.name);
    // From the first word that it ran with an empty disk to the next word that it didn't.
    let lost_within = |from_ms: u64, to_ms: u64| {
        let truths = run.truths_within(from_ms, to_ms);
        !truths.is_empty() && truths.iter().all(|so| has_lost(&so))
    };
    let mut found = Vec::new();
    let calls = run.calls.iter().filter(|call| call.caller == node.caller);
    for call in calls.filter(|call| lost_within(call.arrived_ms, call.arrived_ms)) {
        let says = format!("{} had lost its disk, and called EC2 at {} ms", node.name, call.arrived_ms);
        found.push(Violation::new("S7", says));
    }
    let asked = run.requests.iter().filter(|request| request.asked.node == node.name);
    for request in asked.filter(|request| lost_within(request.asked.at_ms, request.returned_ms)) {
        let did = match request.answer {
            Answer::Accepted { .. } => "accepted something",
            Answer::Seen { linearizable: true, .. } => "called a reading linearizable",
            _ => continue,
        };
        let says = format!("{} had lost its disk, and {did} at {} ms", node.name, request.returned_ms);
        found.push(Violation::new("S7", says));
    }
    found
}
