//! Trouble of gateways, tunnels and routers, and other people's hands.

use super::between;
use crate::cluster::dice::Dice;
use crate::cluster::policy::GATEWAYS;
use crate::cluster::sim::Sim;
use arbiter_core::policy::Target;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn tunnel_down(sim: Arc<Sim>, mut dice: Dice) {
    let gateway = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    sim.tape.landed("tunnel-down");
    sim.tape.say(format!("the tunnel of node {gateway} goes down"));
    sim.truth.tunnel_is(gateway, true);
    between(&mut dice, 200, 12_000).await;
    sim.truth.tunnel_is(gateway, false);
}

/// To the cluster it looks like its tunnel.
pub(super) async fn router_dead(sim: Arc<Sim>, mut dice: Dice) {
    sim.tape.landed("router-dead");
    let both = dice.chance(500);
    let gateway = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    for node in GATEWAYS.into_iter().filter(|node| both || *node == gateway) {
        sim.truth.router_is(node, true);
    }
    between(&mut dice, 500, 10_000).await;
    GATEWAYS.into_iter().for_each(|node| sim.truth.router_is(node, false));
}

/// A host dies without a word, and EC2 goes on calling it running. Some come back by themselves.
pub(super) async fn gateway_dead(sim: Arc<Sim>, mut dice: Dice) {
    let gateway = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    if sim.truth.host_is_dead(gateway) {
        return;
    }
    sim.tape.landed("gateway-dead");
    sim.tape.say(format!("the host of node {gateway} dies"));
    sim.host_dies(gateway);
    if dice.chance(300) {
        between(&mut dice, 1_000, 8_000).await;
        let running = sim.policy.gateway_of_node(gateway).is_some_and(|gateway| {
            sim.cloud.instance(&gateway.instance) == arbiter_core::evidence::InstanceState::Running
        });
        if running {
            sim.host_returns(gateway);
        }
    }
}

pub(super) async fn hand_edit(sim: Arc<Sim>, mut dice: Dice) {
    let routes: Vec<_> = sim.policy.routes.iter().collect();
    let Some(route) = dice.pick(&routes) else { return };
    let target = dice.pick(&["eni-1", "eni-2", "eni-elsewhere"]).unwrap_or("eni-1");
    sim.tape.landed("hand-edit");
    sim.tape.say(format!("somebody points {} at {target}", route.id));
    sim.cloud.set_by_hand(route, Target::Interface(target.to_owned()));
}

/// A gateway that dies again and again, as soon as it is back; meanwhile leaders change, and clocks are set.
pub(super) async fn relapse(sim: Arc<Sim>, mut dice: Dice) {
    let gateway = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    for _ in 0..4 {
        if !sim.truth.host_is_dead(gateway) {
            sim.tape.landed("gateway-relapse");
            sim.tape.say(format!("the host of node {gateway} dies, as so often"));
            sim.host_dies(gateway);
        }
        super::until(300, 100, || !sim.truth.host_is_dead(gateway)).await;
        between(&mut dice, 300, 2_000).await;
        let Some(leader) = sim.leader() else { continue };
        if dice.chance(300) {
            sim.tape.say(format!("the wall clock of node {leader} is set ten minutes ahead"));
            if let Some(clock) = sim.clock(leader) {
                clock.jump(600_000);
            }
        } else if dice.chance(500) {
            sim.crash(leader, 0, Duration::from_millis(1_500));
        }
        between(&mut dice, 300, 2_500).await;
    }
}
