//! Trouble of the network.

use super::{between, follower, leader};
use crate::cluster::dice::Dice;
use crate::cluster::policy::NODES;
use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use std::sync::Arc;
use std::time::Duration;

fn others(node: NodeId) -> impl Iterator<Item = NodeId> {
    NODES.into_iter().filter(move |other| *other != node)
}

fn every_direction() -> impl Iterator<Item = (NodeId, NodeId)> {
    NODES.into_iter().flat_map(|from| others(from).map(move |to| (from, to)))
}

/// Cuts these directions for a while.
async fn cut(sim: &Sim, name: &'static str, lines: &[(NodeId, NodeId)], dice: &mut Dice, for_ms: (u64, u64)) {
    for (from, to) in lines {
        sim.net.line(*from, *to, |line| line.cut = Some(name));
    }
    between(dice, for_ms.0, for_ms.1).await;
    for (from, to) in lines {
        sim.net.line(*from, *to, |line| line.cut = None);
    }
}

fn around(node: NodeId) -> Vec<(NodeId, NodeId)> {
    others(node).flat_map(|other| [(node, other), (other, node)]).collect()
}

pub(super) async fn cut_leader(sim: Arc<Sim>, mut dice: Dice) {
    let lines = around(leader(&sim, &mut dice));
    cut(&sim, "cut-leader", &lines, &mut dice, (300, 8_000)).await;
}

pub(super) async fn cut_follower(sim: Arc<Sim>, mut dice: Dice) {
    let lines = around(follower(&sim, &mut dice));
    cut(&sim, "cut-follower", &lines, &mut dice, (300, 8_000)).await;
}

/// Two can't hear each other; the third hears both.
pub(super) async fn cut_line(sim: Arc<Sim>, mut dice: Dice) {
    let apart = dice.pick(&NODES).unwrap_or(NODES[0]);
    let ends: Vec<NodeId> = others(apart).collect();
    if let [a, b] = ends[..] {
        cut(&sim, "cut-line", &[(a, b), (b, a)], &mut dice, (500, 15_000)).await;
    }
}

pub(super) async fn cut_all(sim: Arc<Sim>, mut dice: Dice) {
    let lines: Vec<_> = every_direction().collect();
    cut(&sim, "cut-all", &lines, &mut dice, (300, 5_000)).await;
}

pub(super) async fn one_way_out(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    let lines: Vec<_> = others(node).map(|other| (node, other)).collect();
    cut(&sim, "one-way-out", &lines, &mut dice, (300, 8_000)).await;
}

pub(super) async fn one_way_in(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    let lines: Vec<_> = others(node).map(|other| (other, node)).collect();
    cut(&sim, "one-way-in", &lines, &mut dice, (300, 8_000)).await;
}

pub(super) async fn flapping_line(sim: Arc<Sim>, mut dice: Dice) {
    let lines = around(leader(&sim, &mut dice));
    for _ in 0..dice.between(3, 10) {
        cut(&sim, "flapping-line", &lines, &mut dice, (100, 900)).await;
        between(&mut dice, 100, 900).await;
    }
}

pub(super) async fn loss(sim: Arc<Sim>, mut dice: Dice) {
    let permille = dice.between(20, 400);
    every_direction().for_each(|(from, to)| sim.net.line(from, to, |line| line.lost = permille));
    between(&mut dice, 1_000, 10_000).await;
    every_direction().for_each(|(from, to)| sim.net.line(from, to, |line| line.lost = 0));
}

pub(super) async fn duplicates(sim: Arc<Sim>, mut dice: Dice) {
    let permille = dice.between(50, 500);
    every_direction().for_each(|(from, to)| sim.net.line(from, to, |line| line.twice = permille));
    between(&mut dice, 1_000, 10_000).await;
    every_direction().for_each(|(from, to)| sim.net.line(from, to, |line| line.twice = 0));
}

/// Slow by very different amounts: messages overtake each other, and reports are old when they arrive.
pub(super) async fn slow_line(sim: Arc<Sim>, mut dice: Dice) {
    let slow_ms = dice.between(20, 1_500);
    let node = dice.pick(&NODES).unwrap_or(NODES[0]);
    let lines = around(node);
    for (from, to) in &lines {
        sim.net.line(*from, *to, |line| line.slow_ms = slow_ms);
    }
    between(&mut dice, 1_000, 10_000).await;
    for (from, to) in &lines {
        sim.net.line(*from, *to, |line| line.slow_ms = 0);
    }
}

/// All that a gateway's node says comes seconds late, in order, as out of a buffer that is full; its tunnel comes and goes
/// meanwhile.
pub(super) async fn late_reports(sim: Arc<Sim>, mut dice: Dice) {
    let node = dice.pick(&crate::cluster::policy::GATEWAYS).unwrap_or(NODES[0]);
    let late_ms = dice.between(8_000, 12_000);
    sim.truth.tunnel_is(node, true);
    others(node).for_each(|other| sim.net.line(node, other, |line| line.late_ms = late_ms));
    between(&mut dice, 500, 1_500).await;
    sim.truth.tunnel_is(node, false);
    tokio::time::sleep(Duration::from_millis(late_ms)).await;
    between(&mut dice, 1_500, 3_000).await;
    others(node).for_each(|other| sim.net.line(node, other, |line| line.late_ms = 0));
}
