//! Trouble of the network.

use super::{anybody, between, follower, leader, others};
use crate::cluster::dice::Dice;
use crate::cluster::policy::GATEWAYS;
use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use std::sync::Arc;
use std::time::Duration;

fn every_direction(sim: &Sim) -> impl Iterator<Item = (NodeId, NodeId)> {
    sim.nodes().into_iter().flat_map(|from| others(sim, from).into_iter().map(move |to| (from, to)))
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

fn around(sim: &Sim, node: NodeId) -> Vec<(NodeId, NodeId)> {
    apart(&[node], &others(sim, node))
}

pub(super) async fn cut_leader(sim: Arc<Sim>, mut dice: Dice) {
    let lines = around(&sim, leader(&sim, &mut dice));
    cut(&sim, "cut-leader", &lines, &mut dice, (300, 8_000)).await;
}

pub(super) async fn cut_follower(sim: Arc<Sim>, mut dice: Dice) {
    let lines = around(&sim, follower(&sim, &mut dice));
    cut(&sim, "cut-follower", &lines, &mut dice, (300, 8_000)).await;
}

/// Two can't hear each other; the others hear both.
pub(super) async fn cut_line(sim: Arc<Sim>, mut dice: Dice) {
    let a = anybody(&sim, &mut dice);
    if let Some(b) = dice.pick(&others(&sim, a)) {
        cut(&sim, "cut-line", &apart(&[a], &[b]), &mut dice, (500, 15_000)).await;
    }
}

/// Both ways between these and those.
fn apart(these: &[NodeId], those: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    these.iter().flat_map(|a| those.iter().flat_map(move |b| [(*a, *b), (*b, *a)])).collect()
}

/// A minority apart from the rest, the leader among it or not.
async fn minority(sim: &Sim, name: &'static str, with_leader: bool, dice: &mut Dice) {
    let leader = leader(sim, dice);
    let mut rest = others(sim, leader);
    dice.shuffle(&mut rest);
    let largest = sim.nodes().len().saturating_sub(1) / 2;
    let size = usize::try_from(dice.between(1, largest as u64)).unwrap_or(1);
    let mut few = rest.split_off(rest.len() - (size - usize::from(with_leader)));
    if with_leader {
        few.push(leader)
    } else {
        rest.push(leader)
    }
    cut(sim, name, &apart(&few, &rest), dice, (300, 10_000)).await;
}

pub(super) async fn minority_with_leader(sim: Arc<Sim>, mut dice: Dice) {
    minority(&sim, "minority-with-leader", true, &mut dice).await;
}

pub(super) async fn minority_without_leader(sim: Arc<Sim>, mut dice: Dice) {
    minority(&sim, "minority-without-leader", false, &mut dice).await;
}

/// Two halves that one node alone joins. In a world of three that is the witness between the gateways.
pub(super) async fn bridge(sim: Arc<Sim>, mut dice: Dice) {
    let mut ends = sim.nodes();
    if ends.len() > 3 {
        dice.shuffle(&mut ends);
    }
    ends.pop();
    let (these, those) = ends.split_at(ends.len() / 2);
    cut(&sim, "bridge", &apart(these, those), &mut dice, (500, 15_000)).await;
}

/// Each node hears its two neighbours only: all nodes of a world of three.
pub(super) async fn ring(sim: Arc<Sim>, mut dice: Dice) {
    let mut nodes = sim.nodes();
    dice.shuffle(&mut nodes);
    let beside = |a: usize, b: usize| a.abs_diff(b) == 1 || a.abs_diff(b) == nodes.len() - 1;
    let mut lines = Vec::new();
    for (a, from) in nodes.iter().enumerate() {
        let far = nodes.iter().enumerate().filter(|(b, _)| *b != a && !beside(a, *b));
        lines.extend(far.map(|(_, to)| (*from, *to)));
    }
    cut(&sim, "ring", &lines, &mut dice, (500, 15_000)).await;
}

pub(super) async fn cut_all(sim: Arc<Sim>, mut dice: Dice) {
    let lines: Vec<_> = every_direction(&sim).collect();
    cut(&sim, "cut-all", &lines, &mut dice, (300, 5_000)).await;
}

pub(super) async fn one_way_out(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    let lines: Vec<_> = others(&sim, node).into_iter().map(|other| (node, other)).collect();
    cut(&sim, "one-way-out", &lines, &mut dice, (300, 8_000)).await;
}

pub(super) async fn one_way_in(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    let lines: Vec<_> = others(&sim, node).into_iter().map(|other| (other, node)).collect();
    cut(&sim, "one-way-in", &lines, &mut dice, (300, 8_000)).await;
}

pub(super) async fn flapping_line(sim: Arc<Sim>, mut dice: Dice) {
    let lines = around(&sim, leader(&sim, &mut dice));
    for _ in 0..dice.between(3, 10) {
        cut(&sim, "flapping-line", &lines, &mut dice, (100, 900)).await;
        between(&mut dice, 100, 900).await;
    }
}

pub(super) async fn loss(sim: Arc<Sim>, mut dice: Dice) {
    let permille = dice.between(20, 400);
    every_direction(&sim).for_each(|(from, to)| sim.net.line(from, to, |line| line.lost = permille));
    between(&mut dice, 1_000, 10_000).await;
    every_direction(&sim).for_each(|(from, to)| sim.net.line(from, to, |line| line.lost = 0));
}

pub(super) async fn duplicates(sim: Arc<Sim>, mut dice: Dice) {
    let permille = dice.between(50, 500);
    every_direction(&sim).for_each(|(from, to)| sim.net.line(from, to, |line| line.twice = permille));
    between(&mut dice, 1_000, 10_000).await;
    every_direction(&sim).for_each(|(from, to)| sim.net.line(from, to, |line| line.twice = 0));
}

/// Slow by very different amounts: messages overtake each other, and reports are old when they arrive.
pub(super) async fn slow_line(sim: Arc<Sim>, mut dice: Dice) {
    let slow_ms = dice.between(20, 1_500);
    let node = anybody(&sim, &mut dice);
    let lines = around(&sim, node);
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
    let node = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    let late_ms = dice.between(8_000, 12_000);
    sim.truth.tunnel_is(node, true);
    others(&sim, node).into_iter().for_each(|other| sim.net.line(node, other, |line| line.late_ms = late_ms));
    between(&mut dice, 500, 1_500).await;
    sim.truth.tunnel_is(node, false);
    tokio::time::sleep(Duration::from_millis(late_ms)).await;
    between(&mut dice, 1_500, 3_000).await;
    others(&sim, node).into_iter().for_each(|other| sim.net.line(node, other, |line| line.late_ms = 0));
}
