//! Trouble of processes, their disks and their clocks.

use super::{anybody, between, follower, leader};
use crate::cluster::dice::Dice;
use crate::cluster::held::Trap;
use crate::cluster::policy::GATEWAYS;
use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn crash(sim: &Sim, name: &'static str, node: NodeId, dice: &mut Dice) {
    sim.tape.landed(name);
    let survivors = usize::try_from(dice.between(0, 3)).unwrap_or(0);
    sim.crash(node, survivors, Duration::from_millis(dice.between(50, 4_000)));
}

pub(super) async fn crash_leader(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    crash(&sim, "crash-leader", node, &mut dice);
}

pub(super) async fn crash_follower(sim: Arc<Sim>, mut dice: Dice) {
    let node = follower(&sim, &mut dice);
    crash(&sim, "crash-follower", node, &mut dice);
}

pub(super) async fn crash_all(sim: Arc<Sim>, mut dice: Dice) {
    for node in sim.nodes() {
        crash(&sim, "crash-all", node, &mut dice);
    }
}

/// Slow disks, and then a power cut in the middle of what they still have to write.
pub(super) async fn unsynced_lost(sim: Arc<Sim>, mut dice: Dice) {
    let node = anybody(&sim, &mut dice);
    if let Some(disk) = sim.disk(node) {
        disk.set_sync_latency(Duration::from_millis(150));
        super::until(200, 10, || disk.unsynced() > 0).await;
        sim.crash(node, 0, Duration::from_millis(dice.between(50, 2_000)));
        disk.set_sync_latency(Duration::ZERO);
    }
}

/// Slow disks, and a power cut that leaves some of the writes that came since the last barrier, and not the others.
pub(super) async fn torn_tail(sim: Arc<Sim>, mut dice: Dice) {
    let node = anybody(&sim, &mut dice);
    let Some(disk) = sim.disk(node) else { return };
    disk.set_sync_latency(Duration::from_millis(150));
    let busy = Arc::clone(&sim);
    let busy = tokio::spawn(async move { super::writes::entries(&busy, 100).await });
    let wanted = usize::try_from(dice.between(2, 5)).unwrap_or(2);
    super::until(300, 10, || disk.unsynced() >= wanted).await;
    busy.abort();
    if let Some(most) = disk.unsynced().checked_sub(1).filter(|most| *most > 0) {
        let kept = usize::try_from(dice.between(1, most as u64)).unwrap_or(1);
        sim.crash(node, kept, Duration::from_millis(dice.between(50, 2_000)));
    }
    disk.set_sync_latency(Duration::ZERO);
}

pub(super) async fn slow_disk(sim: Arc<Sim>, mut dice: Dice) {
    let node = anybody(&sim, &mut dice);
    let Some(disk) = sim.disk(node) else { return };
    let before = disk.syncs();
    // Every second one takes longer than peers wait for a leader: seconds, in which its node says nothing.
    let latency_ms = if dice.chance(500) { dice.between(10, 400) } else { dice.between(1_000, 4_000) };
    disk.set_sync_latency(Duration::from_millis(latency_ms));
    between(&mut dice, 1_000, 8_000).await;
    disk.set_sync_latency(Duration::ZERO);
    if disk.syncs() > before {
        sim.tape.landed("slow-disk");
    }
}

pub(super) async fn failing_disk(sim: Arc<Sim>, mut dice: Dice) {
    let node = anybody(&sim, &mut dice);
    if let Some(disk) = sim.disk(node) {
        sim.tape.landed("failing-disk");
        disk.fail_syncs("the disk is full");
    }
}

pub(super) async fn wiped_disk(sim: Arc<Sim>, mut dice: Dice) {
    // More than one lost disk of three is more than Raft can bear (of five, more than two): the last one must be back
    // with all that it lost.
    if !sim.net.waiting_for_admission().is_empty() || !sim.all_are_back() {
        return;
    }
    let node = anybody(&sim, &mut dice);
    sim.tape.landed("wiped-disk");
    sim.wipe(node, Duration::from_millis(dice.between(50, 3_000)));
    between(&mut dice, 2_000, 6_000).await;
    // Whoever leads is gone for a while: its vote would be welcome, before it may give one.
    if let Some(leader) = sim.leader().filter(|leader| *leader != node && dice.chance(700)) {
        sim.crash(leader, 0, Duration::from_millis(dice.between(1_500, 3_000)));
        between(&mut dice, 2_000, 4_000).await;
    }
    sim.readmit(node).await;
}

async fn pause(sim: &Sim, name: &'static str, tenths: u64, dice: &mut Dice) {
    let node = leader(sim, dice);
    sim.tape.landed(name);
    sim.tape.say(format!("node {node} stands still: {name}"));
    let ms = sim.policy.timing.dispatch_window_ms * tenths / 10;
    sim.net.freeze(node, Instant::now() + Duration::from_millis(ms));
}

pub(super) async fn pause_half_window(sim: Arc<Sim>, mut dice: Dice) {
    pause(&sim, "pause-half-window", 5, &mut dice).await;
}

pub(super) async fn pause_two_windows(sim: Arc<Sim>, mut dice: Dice) {
    pause(&sim, "pause-two-windows", 20, &mut dice).await;
}

pub(super) async fn pause_ten_windows(sim: Arc<Sim>, mut dice: Dice) {
    pause(&sim, "pause-ten-windows", 100, &mut dice).await;
}

/// Sets a trap for the next intents, and gives the cluster a reason to intend something.
async fn trap(sim: &Sim, trap: Trap, dice: &mut Dice) {
    sim.hold.set(Some(trap));
    let gateway = dice.pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
    sim.truth.tunnel_is(gateway, true);
    between(dice, 1_000, 6_000).await;
    sim.truth.tunnel_is(gateway, false);
    sim.hold.set(None);
}

pub(super) async fn pause_before_dispatch(sim: Arc<Sim>, mut dice: Dice) {
    let window_ms = sim.policy.timing.dispatch_window_ms;
    let tenths = dice.pick(&[3, 9, 15, 40, 100]).unwrap_or(15);
    trap(&sim, Trap::AfterCommit(window_ms * tenths / 10), &mut dice).await;
}

pub(super) async fn crash_before_dispatch(sim: Arc<Sim>, mut dice: Dice) {
    trap(&sim, Trap::CrashAfterCommit, &mut dice).await;
}

/// The hypervisor stops a host, and BOOTTIME with it.
pub(super) async fn stolen_time(sim: Arc<Sim>, mut dice: Dice) {
    let node = leader(&sim, &mut dice);
    let ms = dice.between(60, 5_000);
    if let Some(clock) = sim.clock(node) {
        sim.tape.landed("stolen-time");
        sim.tape.say(format!("the hypervisor stops node {node} for {ms} ms"));
        clock.steal(ms);
        sim.net.freeze(node, Instant::now() + Duration::from_millis(ms));
    }
}

pub(super) async fn wall_jump(sim: Arc<Sim>, mut dice: Dice) {
    let node = anybody(&sim, &mut dice);
    let ms = i64::try_from(dice.between(0, 7_200_000)).unwrap_or(0) - 3_600_000;
    if let Some(clock) = sim.clock(node) {
        sim.tape.landed("wall-jump");
        clock.jump(ms);
    }
}
