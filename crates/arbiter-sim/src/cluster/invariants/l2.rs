//! L2: with a quorum and an `Up` path, no route stays on a `Down` path longer than the stated bound.

use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use std::time::Duration;

/// A probe's window, a report, a commit and a call, each at its worst in a network in good order.
const BOUND_MS: u64 = 1_500;

/// Takes one tunnel down in a cluster at rest, and waits for the routes to leave it.
pub async fn examine(sim: &Sim, gateway: NodeId) {
    // A freeze is excepted: the moves of the time before are forgotten first.
    let timing = &sim.policy.timing;
    tokio::time::sleep(Duration::from_millis(timing.freeze_window_ms + timing.freeze_for_ms)).await;
    let from_ms = sim.tape.now_ms();
    sim.tape.say(format!("the tunnel of node {gateway} goes down, in a cluster at rest"));
    sim.truth.tunnel_is(gateway, true);
    let Some(owner) = sim.policy.gateway_of_node(gateway) else { return };
    let on_it = || {
        let targets = sim.policy.routes.iter().filter_map(|route| sim.cloud.target(route));
        targets.filter(|target| target.to_string() == owner.interface).count()
    };
    while on_it() > 0 {
        if sim.tape.now_ms() > from_ms + BOUND_MS {
            sim.tape.violation("L2", format!("{} routes are on a Down path after {BOUND_MS} ms", on_it()));
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sim.tape.say(format!("no route is on it after {} ms", sim.tape.now_ms() - from_ms));
    sim.truth.tunnel_is(gateway, false);
}
