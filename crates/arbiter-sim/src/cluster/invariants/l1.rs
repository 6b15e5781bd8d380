//! L1: after the last fault has healed, observed = committed = desired, everywhere, and no resource stays unsettled.

use crate::cluster::policy::GATEWAYS;
use crate::cluster::sim::Sim;
use arbiter_core::evidence::InstanceState;
use arbiter_core::ids::NodeId;
use std::time::Duration;

/// Everything that may have to run out first, at the settings of these runs: a remediation with its cooldown, the
/// attempts' window, a freeze, the failback's wait, drift's grace and window, and W.
const BOUND_MS: u64 = 300_000;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Waits until the cluster has come to rest at home. Returns whether it has.
pub async fn examine(sim: &Sim) -> bool {
    let from_ms = sim.tape.now_ms();
    let mut what = String::new();
    while sim.tape.now_ms() < from_ms + BOUND_MS {
        match amiss(sim) {
            None => {
                sim.tape.say(format!("all is well, {} ms after the healing", sim.tape.now_ms() - from_ms));
                return true;
            }
            Some(amiss) => what = amiss,
        }
        tokio::time::sleep(EVERY).await;
    }
    sim.nodes().into_iter().for_each(|node| sim.tape.say(sim.part_of(node)));
    sim.tape.violation("L1", format!("{} s after the last fault healed: {what}", BOUND_MS / 1_000));
    false
}

/// What keeps the cluster from being at rest.
pub fn amiss(sim: &Sim) -> Option<String> {
    let Some((raft, leader)) = sim.leader().and_then(|leader| Some((sim.raft(leader)?, sim.state(leader)?)))
    else {
        return Some("nobody leads".to_owned());
    };
    let voters: Vec<NodeId> = raft.view().borrow().voters.iter().copied().collect();
    if voters != sim.nodes() {
        return Some(format!("the voters are {voters:?}, and should be {:?}", sim.nodes()));
    }
    for node in sim.nodes() {
        let Some(state) = sim.state(node) else { return Some(format!("node {node} does not run")) };
        if state.applied.index.0 + 20 < leader.applied.index.0 {
            return Some(format!("node {node} has applied {} only", state.applied.index));
        }
        if !state.unsettled.is_empty() {
            return Some(format!(
                "node {node}: {:?} is unsettled",
                state.unsettled.keys().collect::<Vec<_>>()
            ));
        }
        if let Some(slot) = &state.slot {
            return Some(format!("the slot of {} is open", slot.gateway));
        }
        for route in &sim.policy.routes {
            let assigned = state.assignments.get(&route.id);
            if assigned.map(|assigned| &assigned.path) != route.paths.first() {
                return Some(format!(
                    "node {node}: {} is assigned {:?}",
                    route.id,
                    assigned.map(|a| &a.path)
                ));
            }
            let observed = sim.cloud.target(route);
            if observed.as_ref() != assigned.map(|assigned| &assigned.target) {
                return Some(format!("{} points at {observed:?}", route.id));
            }
        }
    }
    GATEWAYS.iter().find_map(|node| {
        let gateway = sim.policy.gateway_of_node(*node)?;
        let state = sim.cloud.instance(&gateway.instance);
        (state != InstanceState::Running).then(|| format!("{} is {state}", gateway.instance))
    })
}
