//! The power is cut in the midst of a write, at each moment of each kind of write that the store knows.

use super::{anybody, between, follower, others, until};
use crate::cluster::dice::Dice;
use crate::cluster::sim::Sim;
use arbiter_core::command::{Command, Operation, Proposal, Stamp};
use arbiter_core::ids::{Epoch, NodeId};
use arbiter_core::time::UnixMs;
use arbiter_raft::store::{FailPoint, MemStore, Moment, Written};
use std::sync::Arc;
use std::time::Duration;

/// How long it is waited for the write to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// More entries than the log keeps behind a snapshot.
const MORE_THAN_KEPT: usize = 30;

/// The moments, each with the name under which its effects are counted.
type Moments = [(Moment, &'static str); 3];

macro_rules! moments {
    ($($nemesis:literal),* $(,)?) => {
        &[$(($nemesis, [
            (Moment::BeforeWrite, concat!($nemesis, ":before-write")),
            (Moment::BeforeBarrier, concat!($nemesis, ":before-barrier")),
            (Moment::AfterBarrier, concat!($nemesis, ":after-barrier")),
        ])),*]
    };
}

/// The moments of each of these nemeses.
const MOMENTS: &[(&str, Moments)] = moments![
    "crash-at-identity",
    "crash-at-vote",
    "crash-at-entries",
    "crash-at-truncation",
    "crash-at-purge",
    "crash-at-hint",
    "crash-at-parts",
    "crash-at-snapshot",
    "crash-at-install",
];

/// The names under which the effects of a nemesis of this kind are counted; none for any other nemesis.
pub(super) fn counted(nemesis: &str) -> impl Iterator<Item = &'static str> {
    let of_it = MOMENTS.iter().filter(move |(name, _)| *name == nemesis);
    of_it.flat_map(|(_, moments)| moments.iter().map(|(_, name)| *name))
}

/// A power cut that waits for its write.
pub(super) struct Armed(Option<MemStore>);

impl Armed {
    /// One of the three moments, by the dice, of the next such write on this node, or of a later one.
    pub(super) fn set(
        sim: &Arc<Sim>,
        nemesis: &str,
        node: NodeId,
        (written, after): (Written, u32),
        down_ms: u64,
        dice: &mut Dice,
    ) -> Self {
        let moments = MOMENTS.iter().find(|(name, _)| *name == nemesis);
        let Some((moment, name)) = moments.and_then(|(_, moments)| dice.pick(moments)) else {
            return Self(None);
        };
        let survivors = usize::try_from(dice.between(0, 3)).unwrap_or(0);
        let point = FailPoint { written, moment, after };
        Self(sim.crash_in_write(node, point, name, survivors, Duration::from_millis(down_ms)))
    }

    /// Whether there was a crash since.
    fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(MemStore::is_gone)
    }

    /// Waits for it, for a while. Whether there was a crash.
    pub(super) async fn waited_for(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, until(u32::MAX, 5, || self.is_over())).await.is_ok()
    }
}

impl Drop for Armed {
    /// The node is spared, unless there was a crash.
    fn drop(&mut self) {
        if let Some(disk) = self.0.take().filter(|disk| !disk.is_gone()) {
            disk.spare();
        }
    }
}

/// A command that changes nothing: no epoch has this number.
fn nothing() -> Proposal {
    let stamp = Stamp { epoch: Epoch(0), elapsed_ms: 0 };
    Proposal { wall_ms: UnixMs(0), command: Command::Tick { stamp } }
}

/// Puts so many entries in the log, if somebody leads and they are committed in time.
pub(super) async fn entries(sim: &Sim, count: usize) {
    for _ in 0..count {
        match sim.leader().and_then(|leader| sim.raft(leader)) {
            Some(raft) => drop(raft.propose(nothing(), Duration::from_millis(500)).await),
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn snapshots(sim: &Sim, of: &[NodeId]) {
    for raft in of.iter().filter_map(|node| sim.raft(*node)) {
        drop(raft.trigger_snapshot().await);
    }
}

/// A node writes entries, and the hints and snapshots that follow from them.
async fn while_writing(sim: &Arc<Sim>, nemesis: &str, written: Written, dice: &mut Dice) {
    let node = anybody(sim, dice);
    let after = u32::try_from(dice.between(0, 2)).unwrap_or(0);
    let snapshot = matches!(written, Written::Parts | Written::Built | Written::Purge);
    let down_ms = dice.between(50, 3_000);
    let armed = Armed::set(sim, nemesis, node, (written, if snapshot { 0 } else { after }), down_ms, dice);
    if snapshot {
        entries(sim, MORE_THAN_KEPT).await;
        snapshots(sim, &[node]).await;
    }
    entries(sim, 6).await;
    armed.waited_for(PATIENCE).await;
}

pub(super) async fn at_entries(sim: Arc<Sim>, mut dice: Dice) {
    if dice.chance(500) {
        while_writing(&sim, "crash-at-entries", Written::Entries, &mut dice).await;
    } else {
        by_a_bare_majority(&sim, &mut dice).await;
    }
}

/// An operator is answered by a bare majority, of which one loses power; then that one and all who have heard nothing are
/// alone, and more than the others.
async fn by_a_bare_majority(sim: &Arc<Sim>, dice: &mut Dice) {
    let (Some(leader), Some(route)) = (sim.leader(), sim.policy.routes.first()) else { return };
    let Some(home) = route.paths.first().cloned() else { return };
    let mut deaf = others(sim, leader);
    dice.shuffle(&mut deaf);
    let others_of_majority = sim.nodes().len() / 2;
    let mut hearing = deaf.split_off(deaf.len() - others_of_majority);
    let Some(victim) = hearing.pop() else { return };
    hearing.push(leader);
    let part = |these: &[NodeId], those: &[NodeId], name| sim.net.part(these, those, name);
    let cut = Some("cut-to-outvote");
    part(&hearing, &deaf, cut);
    part(&[victim], &deaf, cut);
    let down_ms = dice.between(50, 1_000);
    let armed = Armed::set(sim, "crash-at-entries", victim, (Written::Entries, 0), down_ms, dice);
    let pinned = sim.ask(Operation::Pin { route: route.id.clone(), path: home });
    drop(tokio::time::timeout(Duration::from_millis(700), pinned).await);
    part(&hearing, &[victim], cut);
    part(&[victim], &deaf, None);
    armed.waited_for(PATIENCE).await;
    until(500, 10, || sim.leader().is_some_and(|newest| !hearing.contains(&newest))).await;
    between(dice, 200, 1_000).await;
    part(&hearing, &deaf, None);
    part(&hearing, &[victim], None);
    sim.insist(Operation::Unpin { route: route.id.clone() }).await;
}

pub(super) async fn at_hint(sim: Arc<Sim>, mut dice: Dice) {
    while_writing(&sim, "crash-at-hint", Written::Hint, &mut dice).await;
}

pub(super) async fn at_purge(sim: Arc<Sim>, mut dice: Dice) {
    while_writing(&sim, "crash-at-purge", Written::Purge, &mut dice).await;
}

pub(super) async fn at_parts(sim: Arc<Sim>, mut dice: Dice) {
    while_writing(&sim, "crash-at-parts", Written::Parts, &mut dice).await;
}

pub(super) async fn at_snapshot(sim: Arc<Sim>, mut dice: Dice) {
    while_writing(&sim, "crash-at-snapshot", Written::Built, &mut dice).await;
}

/// A node is away for so long that the others' logs begin after its own ends.
pub(super) async fn at_install(sim: Arc<Sim>, mut dice: Dice) {
    let node = follower(&sim, &mut dice);
    sim.crash(node, usize::MAX, Duration::from_millis(dice.between(2_000, 4_000)));
    let down_ms = dice.between(50, 2_000);
    let armed = Armed::set(&sim, "crash-at-install", node, (Written::Installed, 0), down_ms, &mut dice);
    entries(&sim, MORE_THAN_KEPT).await;
    snapshots(&sim, &sim.nodes()).await;
    entries(&sim, 2).await;
    armed.waited_for(2 * PATIENCE).await;
}

/// A leader that is cut off takes down what nobody else does, and must forget it.
pub(super) async fn at_truncation(sim: Arc<Sim>, mut dice: Dice) {
    let Some((leader, raft)) = sim.leader().and_then(|leader| Some((leader, sim.raft(leader)?))) else {
        return;
    };
    let others = others(&sim, leader);
    sim.net.part(&[leader], &others, Some("cut-to-forget"));
    for _ in 0..3 {
        drop(raft.propose(nothing(), Duration::from_millis(20)).await);
    }
    until(800, 10, || sim.leader().is_some_and(|newest| newest != leader)).await;
    let down_ms = dice.between(50, 2_000);
    let armed = Armed::set(&sim, "crash-at-truncation", leader, (Written::Truncation, 0), down_ms, &mut dice);
    sim.net.part(&[leader], &others, None);
    entries(&sim, 2).await;
    armed.waited_for(PATIENCE).await;
}

/// A disk is lost; the power is cut while the new one is told whose it is, or that it belongs to the cluster.
pub(super) async fn at_identity(sim: Arc<Sim>, mut dice: Dice) {
    // No second lost disk before the first one's node is back with all that it lost (see `wiped_disk`).
    if !until(100, 50, || sim.net.waiting_for_admission().is_empty() && sim.all_are_back()).await {
        return;
    }
    let node = anybody(&sim, &mut dice);
    sim.wipe(node, Duration::from_millis(dice.between(50, 500)));
    let after = u32::from(dice.chance(500));
    let down_ms = dice.between(50, 1_000);
    let armed = Armed::set(&sim, "crash-at-identity", node, (Written::Identity, after), down_ms, &mut dice);
    between(&mut dice, 100, 1_500).await;
    sim.readmit(node).await;
    armed.waited_for(PATIENCE).await;
}
