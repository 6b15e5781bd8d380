//! Trouble of EC2.

use super::{between, leader};
use crate::cluster::cloud::Moods;
use crate::cluster::dice::Dice;
use crate::cluster::sim::Sim;
use std::sync::Arc;

/// This mood for a while, and then that.
async fn mood(sim: &Sim, dice: &mut Dice, begin: impl FnOnce(&mut Moods), end: impl FnOnce(&mut Moods)) {
    sim.cloud.moods(begin);
    between(dice, 3_000, 15_000).await;
    sim.cloud.moods(end);
}

/// The leader alone does not reach EC2.
pub(super) async fn cut(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    sim.cloud.reach(node, false);
    between(&mut dice, 2_000, 12_000).await;
    sim.cloud.reach(node, true);
}

pub(super) async fn throttle(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.throttled = 600, |m| m.throttled = 0).await;
}

pub(super) async fn reply_lost(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.reply_lost = 500, |m| m.reply_lost = 0).await;
}

pub(super) async fn request_lost(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.request_lost = 500, |m| m.request_lost = 0).await;
}

pub(super) async fn late(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.late = 400, |m| m.late = 0).await;
}

pub(super) async fn doubled(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.doubled = 500, |m| m.doubled = 0).await;
}

pub(super) async fn write_stall(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.write_stalls = 700, |m| m.write_stalls = 0).await;
}

pub(super) async fn slow(sim: Arc<Sim>, mut dice: Dice) {
    mood(&sim, &mut dice, |m| m.slow = 700, |m| m.slow = 0).await;
}

pub(super) async fn stale(sim: Arc<Sim>, mut dice: Dice) {
    let ms = dice.between(200, 1_900);
    mood(&sim, &mut dice, |m| m.stale_ms = ms, |m| m.stale_ms = 0).await;
}

pub(super) async fn stop_hangs(sim: Arc<Sim>, mut dice: Dice) {
    let gateways: Vec<_> = sim.policy.gateways.iter().collect();
    let Some(gateway) = dice.pick(&gateways) else { return };
    sim.cloud.hang(&gateway.instance);
    between(&mut dice, 5_000, 30_000).await;
}
