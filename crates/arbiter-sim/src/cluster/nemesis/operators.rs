//! Operators, several at once.

use super::between;
use crate::cluster::dice::Dice;
use crate::cluster::policy::GATEWAYS;
use crate::cluster::sim::Sim;
use arbiter_core::command::{Applied, Operation};
use arbiter_core::ids::PolicyVersion;
use std::sync::Arc;
use std::time::Duration;

/// Asks, and says so if it took effect.
async fn ask(sim: &Sim, name: &'static str, operation: Operation) {
    if sim.ask(operation).await.is_some_and(|answer| answer.applied == Applied::Accepted) {
        sim.tape.landed(name);
    }
}

/// Pauses; a tunnel fails meanwhile, so that there is something not to do.
pub(super) async fn pause(sim: Arc<Sim>, mut dice: Dice) {
    let gateway = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    if dice.chance(500) {
        sim.truth.tunnel_is(gateway, true);
    }
    if sim.pause_until_quiet().await {
        sim.tape.landed("operator-pause");
        sim.truth.tunnel_is(gateway, true);
        between(&mut dice, 1_000, 8_000).await;
    }
    sim.truth.tunnel_is(gateway, false);
    sim.resume().await;
}

pub(super) async fn pin(sim: Arc<Sim>, mut dice: Dice) {
    let routes: Vec<_> = sim.policy.routes.iter().collect();
    let Some(route) = dice.pick(&routes) else { return };
    let Some(path) = route.paths.last().cloned() else { return };
    ask(&sim, "operator-pin", Operation::Pin { route: route.id.clone(), path }).await;
    between(&mut dice, 1_000, 8_000).await;
    sim.insist(Operation::Unpin { route: route.id.clone() }).await;
}

pub(super) async fn switchover(sim: Arc<Sim>, mut dice: Dice) {
    let routes: Vec<_> = sim.policy.routes.iter().collect();
    let Some(route) = dice.pick(&routes) else { return };
    let to = |path| Operation::Switchover { route: route.id.clone(), path };
    if let (Some(home), Some(away)) = (route.paths.first().cloned(), route.paths.last().cloned()) {
        ask(&sim, "operator-switchover", to(away)).await;
        between(&mut dice, 1_000, 8_000).await;
        sim.insist(to(home)).await;
    }
}

pub(super) async fn drain(sim: Arc<Sim>, mut dice: Dice) {
    let gateways: Vec<_> = sim.policy.gateways.iter().collect();
    let Some(gateway) = dice.pick(&gateways) else { return };
    let (id, reason) = (gateway.id.clone(), "upgrade".to_owned());
    ask(&sim, "operator-drain", Operation::Drain { gateway: id.clone(), reason }).await;
    between(&mut dice, 1_000, 8_000).await;
    sim.insist(Operation::Undrain { gateway: id }).await;
}

pub(super) async fn restart(sim: Arc<Sim>, mut dice: Dice) {
    let gateways: Vec<_> = sim.policy.gateways.iter().collect();
    let Some(gateway) = dice.pick(&gateways) else { return };
    let (gateway, reason) = (gateway.id.clone(), "new kernel".to_owned());
    ask(&sim, "operator-restart", Operation::RestartGateway { gateway, reason, force: false }).await;
}

/// Both gateways, the second as soon as the first has been stopped: by force, so that nothing but the slot keeps the
/// second from being stopped too.
pub(super) async fn restart_both(sim: Arc<Sim>, mut dice: Dice) {
    let mut gateways: Vec<_> = sim.policy.gateways.iter().collect();
    if dice.chance(500) {
        gateways.reverse();
    }
    for gateway in gateways {
        let (gateway, reason) = (gateway.id.clone(), "new kernels".to_owned());
        let operation = Operation::RestartGateway { gateway, reason, force: true };
        ask(&sim, "operator-restart-both", operation).await;
        let open = || {
            let state = sim.leader().and_then(|leader| sim.state(leader));
            state.is_some_and(|state| state.slot.is_some())
        };
        super::until(300, 10, open).await;
        between(&mut dice, 10, 1_000).await;
    }
}

/// A new version that says the same: what counts is that plans by the old one are refused.
pub(super) async fn policy(sim: Arc<Sim>, _: Dice) {
    let Some(state) = sim.leader().and_then(|leader| sim.state(leader)) else { return };
    let version = PolicyVersion(state.policy_version.0 + 1);
    let policy = Box::new(state.policy.as_ref().clone());
    ask(&sim, "operator-policy", Operation::ApplyPolicy { version, policy }).await;
}

pub(super) async fn handover(sim: Arc<Sim>, mut dice: Dice) {
    let Some(leader) = sim.leader() else { return };
    let (Some(to), Some(control)) = (dice.pick(&super::others(&sim, leader)), sim.net.control(leader)) else {
        return;
    };
    let asked = tokio::time::timeout(Duration::from_secs(12), control.hand_over(to)).await;
    if let Ok(Ok(())) = asked {
        sim.tape.landed("operator-handover");
    }
}
