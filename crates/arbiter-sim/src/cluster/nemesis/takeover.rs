//! A call is under way, its leader is overtaken, and the successor wants something else: what the takeover rules are for.

use super::{between, others};
use crate::cluster::dice::Dice;
use crate::cluster::happening::Waiting;
use crate::cluster::held::Trap;
use crate::cluster::policy::GATEWAYS;
use crate::cluster::sim::Sim;
use arbiter_core::command::Operation;
use arbiter_core::evidence::InstanceState;
use arbiter_core::ids::{GatewayId, NodeId};
use std::sync::Arc;
use std::time::Duration;

/// How long it is waited for what must come next; if it doesn't come, the nemesis gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The gateway that the routes leave, and the one that they go to.
struct Flight {
    from: NodeId,
    to: NodeId,
    /// Tells who calls EC2, from the beginning.
    sent: Waiting,
}

impl Flight {
    /// Both tunnels are up, and the first fails: whoever leads intends something, and its call takes effect at the last
    /// moment that its client waits for it. Returns who was to call, as soon as its intent is committed.
    async fn begin(sim: &Sim, trap: Option<Trap>, dice: &mut Dice) -> Option<(Self, NodeId)> {
        let from = dice.pick(&GATEWAYS)?;
        let to = GATEWAYS.into_iter().find(|other| *other != from)?;
        let mut flight = Self { from, to, sent: sim.cloud.sent() };
        flight.over(sim);
        // Home again, if the others let it be.
        between(dice, 500, 5_500).await;
        sim.cloud.moods(|moods| (moods.last_moment, moods.write_stalls) = (1_000, 1_000));
        let mut accepted = sim.hold.accepted();
        flight.sent = sim.cloud.sent();
        sim.hold.set(trap);
        sim.truth.tunnel_is(from, true);
        let by = tokio::time::timeout(PATIENCE, accepted.next()).await.ok();
        if by.is_none() {
            flight.over(sim);
        }
        by.map(|by| (flight, by))
    }

    /// The tunnel that was gone to fails, and the one that was left is up again: now the other way is right.
    fn turn(&self, sim: &Sim) {
        sim.truth.tunnel_is(self.from, false);
        sim.truth.tunnel_is(self.to, true);
    }

    /// Returns when this node has sent a call, or another one than this node has. False if none does for a while.
    async fn calls(&mut self, node: NodeId, itself: bool) -> bool {
        let wanted = async { while (self.sent.next().await == node) != itself {} };
        tokio::time::timeout(PATIENCE, wanted).await.is_ok()
    }

    fn over(&self, sim: &Sim) {
        sim.hold.set(None);
        sim.cloud.moods(|moods| (moods.last_moment, moods.write_stalls) = (0, 0));
        sim.truth.tunnel_is(self.from, false);
        sim.truth.tunnel_is(self.to, false);
    }
}

/// Cuts a node off, both ways.
fn cut(sim: &Sim, node: NodeId, name: Option<&'static str>) {
    sim.net.part(&[node], &others(sim, node), name);
}

/// The answer to an intent comes late, but in time; its leader is cut off when its call has left.
async fn overtake(sim: &Sim, name: &'static str, again: bool, dice: &mut Dice) {
    let window_ms = sim.policy.timing.dispatch_window_ms;
    let late_ms = window_ms * dice.between(900, 980) / 1_000;
    let Some((mut flight, by)) = Flight::begin(sim, Some(Trap::LateAnswer(late_ms)), dice).await else {
        return;
    };
    if flight.calls(by, true).await {
        sim.cloud.moods(|moods| (moods.last_moment, moods.write_stalls) = (0, 0));
        cut(sim, by, Some(name));
        if again {
            // The successor sends the same once more, and only then the other way is right.
            flight.calls(by, false).await;
        }
        flight.turn(sim);
        between(dice, 4_000, 7_000).await;
        cut(sim, by, None);
    }
    flight.over(sim);
}

pub(super) async fn overtaken(sim: Arc<Sim>, mut dice: Dice) {
    overtake(&sim, "overtaken", false, &mut dice).await;
}

pub(super) async fn overtaken_again(sim: Arc<Sim>, mut dice: Dice) {
    overtake(&sim, "overtaken-again", true, &mut dice).await;
}

/// A leader falls asleep between the commit and its call, for longer than its successor waits.
pub(super) async fn overtaken_asleep(sim: Arc<Sim>, mut dice: Dice) {
    let asleep_ms = dice.between(5_000, 12_000);
    let trap = Some(Trap::AfterCommit(asleep_ms));
    let Some((mut flight, by)) = Flight::begin(&sim, trap, &mut dice).await else { return };
    sim.tape.landed("overtaken-asleep");
    flight.calls(by, false).await;
    flight.turn(&sim);
    tokio::time::sleep(Duration::from_millis(asleep_ms)).await;
    flight.over(&sim);
}

/// An intent is committed, and the answer is lost; whatever its leader makes of it, it is cut off after that.
pub(super) async fn answer_lost(sim: Arc<Sim>, mut dice: Dice) {
    let Some((mut flight, by)) = Flight::begin(&sim, Some(Trap::AnswerLost), &mut dice).await else { return };
    sim.tape.landed("answer-lost");
    if flight.calls(by, true).await {
        cut(&sim, by, Some("answer-lost"));
        flight.turn(&sim);
        between(&mut dice, 3_000, 6_000).await;
        cut(&sim, by, None);
    }
    flight.over(&sim);
}

/// A process is killed with its call under way, and is back before anybody has missed it.
pub(super) async fn restart_in_call(sim: Arc<Sim>, mut dice: Dice) {
    let Some((mut flight, by)) = Flight::begin(&sim, None, &mut dice).await else { return };
    if flight.calls(by, true).await {
        sim.cloud.moods(|moods| (moods.last_moment, moods.write_stalls) = (0, 0));
        sim.tape.landed("restart-in-call");
        sim.crash(by, usize::MAX, Duration::from_millis(dice.between(1, 60)));
        flight.turn(&sim);
        between(&mut dice, 3_000, 6_000).await;
    }
    flight.over(&sim);
}

/// An operator restarts one gateway and then the other, by force, while the first one's stop is still under way and EC2
/// calls both running.
pub(super) async fn second_stop(sim: Arc<Sim>, mut dice: Dice) {
    let mut gateways: Vec<_> = sim.policy.gateways.iter().map(|gateway| gateway.id.clone()).collect();
    dice.shuffle(&mut gateways);
    let restart = |gateway: &GatewayId| {
        let (gateway, reason) = (gateway.clone(), "new kernels".to_owned());
        sim.ask(Operation::RestartGateway { gateway, reason, force: true })
    };
    let [first, second] = &gateways[..] else { return };
    let mut stopping = sim.hold.stopping();
    sim.cloud.moods(|moods| (moods.last_moment, moods.stale_ms) = (1_000, 1_900));
    restart(first).await;
    if tokio::time::timeout(PATIENCE, stopping.next()).await.is_ok() {
        sim.tape.landed("second-stop");
        restart(second).await;
        between(&mut dice, 1_000, 3_000).await;
    }
    sim.cloud.moods(|moods| (moods.last_moment, moods.stale_ms) = (0, 0));
}

/// A gateway is stopped because it is silent, EC2 carries the stop out long after its caller has given up, and in the
/// meantime the gateway is well again by itself.
pub(super) async fn late_stop(sim: Arc<Sim>, mut dice: Dice) {
    let Some(node) = dice.pick(&GATEWAYS).filter(|node| !sim.truth.host_is_dead(*node)) else { return };
    let Some(gateway) = sim.policy.gateway_of_node(node) else { return };
    let mut stopping = sim.hold.stopping();
    sim.host_dies(node);
    let patience = Duration::from_millis(3 * sim.policy.remediation.remediate_after_ms);
    if tokio::time::timeout(patience, stopping.next()).await.is_ok() {
        sim.tape.landed("late-stop");
        sim.cloud.moods(|moods| moods.late = 1_000);
        between(&mut dice, 400, 900).await;
        sim.cloud.moods(|moods| moods.late = 0);
        between(&mut dice, 0, 2_000).await;
    }
    if sim.cloud.instance(&gateway.instance) == InstanceState::Running {
        sim.host_returns(node);
    }
}
