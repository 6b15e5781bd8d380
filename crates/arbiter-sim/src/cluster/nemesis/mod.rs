//! What goes wrong, by name. Each lasts a while, undoes what it did, and says by that name that it had an effect.

mod cloud;
mod members;
mod network;
mod operators;
mod processes;
mod takeover;
mod votes;
mod world;
mod writes;

use super::dice::Dice;
use super::policy::GATEWAYS;
use super::sim::Sim;
use arbiter_core::ids::NodeId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One kind of trouble.
#[derive(Clone, Copy)]
pub struct Nemesis {
    /// Its name, under which its effects are counted.
    pub name: &'static str,
    run: fn(Arc<Sim>, Dice) -> Running,
}

impl Nemesis {
    /// Whether it can have an effect on so many nodes: in a world of three all are neighbours.
    pub(super) fn suits(&self, nodes: u64) -> bool {
        nodes > 3 || self.name != "ring"
    }

    /// The names under which its effects are counted: its own, or those of the moments at which it cuts the power.
    pub(super) fn counted(&self) -> Vec<&'static str> {
        let moments: Vec<_> = writes::counted(self.name).collect();
        if moments.is_empty() { vec![self.name] } else { moments }
    }

    /// Makes the trouble, and ends it.
    pub(super) fn run(&self, sim: Arc<Sim>, dice: Dice) -> Running {
        (self.run)(sim, dice)
    }
}

impl std::fmt::Debug for Nemesis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! nemeses {
    ($($name:literal => $run:path),* $(,)?) => {
        &[$(Nemesis { name: $name, run: |sim, dice| Box::pin($run(sim, dice)) }),*]
    };
}

/// All of them.
pub const NEMESES: &[Nemesis] = nemeses! {
    "cut-leader" => network::cut_leader,
    "cut-follower" => network::cut_follower,
    "cut-line" => network::cut_line,
    "cut-all" => network::cut_all,
    "minority-with-leader" => network::minority_with_leader,
    "minority-without-leader" => network::minority_without_leader,
    "bridge" => network::bridge,
    "ring" => network::ring,
    "one-way-out" => network::one_way_out,
    "one-way-in" => network::one_way_in,
    "flapping-line" => network::flapping_line,
    "loss" => network::loss,
    "duplicates" => network::duplicates,
    "late-reports" => network::late_reports,
    "slow-line" => network::slow_line,
    "crash-leader" => processes::crash_leader,
    "crash-follower" => processes::crash_follower,
    "crash-all" => processes::crash_all,
    "unsynced-lost" => processes::unsynced_lost,
    "torn-tail" => processes::torn_tail,
    "slow-disk" => processes::slow_disk,
    "failing-disk" => processes::failing_disk,
    "wiped-disk" => processes::wiped_disk,
    "pause-half-window" => processes::pause_half_window,
    "pause-two-windows" => processes::pause_two_windows,
    "pause-ten-windows" => processes::pause_ten_windows,
    "pause-before-dispatch" => processes::pause_before_dispatch,
    "crash-before-dispatch" => processes::crash_before_dispatch,
    "overtaken" => takeover::overtaken,
    "overtaken-again" => takeover::overtaken_again,
    "overtaken-asleep" => takeover::overtaken_asleep,
    "answer-lost" => takeover::answer_lost,
    "restart-in-call" => takeover::restart_in_call,
    "second-stop" => takeover::second_stop,
    "late-stop" => takeover::late_stop,
    "revote" => votes::revote,
    "crash-at-identity" => writes::at_identity,
    "crash-at-vote" => votes::in_write,
    "crash-at-entries" => writes::at_entries,
    "crash-at-truncation" => writes::at_truncation,
    "crash-at-purge" => writes::at_purge,
    "crash-at-hint" => writes::at_hint,
    "crash-at-parts" => writes::at_parts,
    "crash-at-snapshot" => writes::at_snapshot,
    "crash-at-install" => writes::at_install,
    "member-joins" => members::joins,
    "member-leaves" => members::leaves,
    "crash-after-member-record" => members::crash_after_record,
    "crash-in-joint-membership" => members::crash_in_joint,
    "stolen-time" => processes::stolen_time,
    "wall-jump" => processes::wall_jump,
    "tunnel-down" => world::tunnel_down,
    "router-dead" => world::router_dead,
    "gateway-dead" => world::gateway_dead,
    "gateway-relapse" => world::relapse,
    "hand-edit" => world::hand_edit,
    "ec2-cut" => cloud::cut,
    "ec2-throttle" => cloud::throttle,
    "ec2-reply-lost" => cloud::reply_lost,
    "ec2-request-lost" => cloud::request_lost,
    "ec2-late" => cloud::late,
    "ec2-doubled" => cloud::doubled,
    "ec2-write-stall" => cloud::write_stall,
    "ec2-slow" => cloud::slow,
    "ec2-stale" => cloud::stale,
    "ec2-stop-hangs" => cloud::stop_hangs,
    "operator-pause" => operators::pause,
    "operator-pin" => operators::pin,
    "operator-switchover" => operators::switchover,
    "operator-drain" => operators::drain,
    "operator-restart" => operators::restart,
    "operator-restart-both" => operators::restart_both,
    "operator-policy" => operators::policy,
    "operator-handover" => operators::handover,
};

/// Waits for so long, at random.
async fn between(dice: &mut Dice, low_ms: u64, high_ms: u64) {
    tokio::time::sleep(Duration::from_millis(dice.between(low_ms, high_ms))).await;
}

/// Looks so many times, that far apart, whether it has come about. Whether it has.
async fn until(looks: u32, apart_ms: u64, has_come: impl Fn() -> bool) -> bool {
    for _ in 0..looks {
        if has_come() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(apart_ms)).await;
    }
    has_come()
}

/// All nodes but this one.
fn others(sim: &Sim, node: NodeId) -> Vec<NodeId> {
    sim.nodes().into_iter().filter(|other| *other != node).collect()
}

/// Any node.
fn anybody(sim: &Sim, dice: &mut Dice) -> NodeId {
    dice.pick(&sim.nodes()).unwrap_or(GATEWAYS[0])
}

/// Whoever leads, or somebody.
fn leader(sim: &Sim, dice: &mut Dice) -> NodeId {
    sim.leader().unwrap_or_else(|| anybody(sim, dice))
}

/// Somebody who does not lead.
fn follower(sim: &Sim, dice: &mut Dice) -> NodeId {
    let leader = sim.leader();
    let others: Vec<NodeId> = sim.nodes().into_iter().filter(|node| Some(*node) != leader).collect();
    dice.pick(&others).unwrap_or(GATEWAYS[0])
}
