//! L2: with a quorum and an `Up` path, no route stays on a `Down` path longer than the stated bound.

use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use std::time::Duration;

/// A probe's window, a report, a commit and a call, each at its worst in a network in good order; a report that takes the
/// way over a third node is included.
const BOUND_MS: u64 = 1_500;

/// A failed path is left within the bound: in a cluster at rest; again right after the route has come home; and when the
/// leader and the gateway can't hear each other.
pub async fn examine(sim: &Sim, gateway: NodeId) {
    // A freeze is excepted: the moves of the time before are forgotten first.
    forget_moves(sim).await;
    fails(sim, gateway, "in a cluster at rest").await;
    if comes_home(sim).await {
        fails(sim, gateway, "right after the route has come home").await;
    }
    comes_home(sim).await;
    forget_moves(sim).await;
    let Some(leader) = sim.leader().filter(|leader| *leader != gateway) else { return };
    sim.net.part(&[gateway], &[leader], Some("cut-at-rest"));
    tokio::time::sleep(Duration::from_millis(sim.policy.timing.report_stale_after_ms * 3)).await;
    if sim.leader() == Some(leader) {
        fails(sim, gateway, "while its leader can't hear it").await;
    }
    sim.net.part(&[gateway], &[leader], None);
}

async fn forget_moves(sim: &Sim) {
    let timing = &sim.policy.timing;
    tokio::time::sleep(Duration::from_millis(timing.freeze_window_ms + timing.freeze_for_ms)).await;
}

/// Waits until every route is where it belongs. False if that takes longer than the longest failback.
async fn comes_home(sim: &Sim) -> bool {
    let until_ms = sim.tape.now_ms() + 2 * sim.policy.timing.failback_max_ms;
    while super::l1::amiss(sim).is_some() {
        if sim.tape.now_ms() > until_ms {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// Takes one tunnel down, and waits for the routes to leave it.
async fn fails(sim: &Sim, gateway: NodeId, when: &str) {
    let from_ms = sim.tape.now_ms();
    sim.tape.say(format!("the tunnel of node {gateway} goes down, {when}"));
    sim.truth.tunnel_is(gateway, true);
    let Some(owner) = sim.policy.gateway_of_node(gateway) else { return };
    let on_it = || {
        let targets = sim.policy.routes.iter().filter_map(|route| sim.cloud.target(route));
        targets.filter(|target| target.to_string() == owner.interface).count()
    };
    while on_it() > 0 {
        if sim.tape.now_ms() > from_ms + BOUND_MS {
            let left = format!("{} routes are on a Down path after {BOUND_MS} ms, {when}", on_it());
            sim.nodes().into_iter().for_each(|node| sim.tape.say(sim.part_of(node)));
            sim.tape.violation("L2", left);
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sim.tape.say(format!("no route is on it after {} ms", sim.tape.now_ms() - from_ms));
    sim.truth.tunnel_is(gateway, false);
}
