//! Members come and go, and a leader dies in the midst of that.

use super::until;
use crate::cluster::dice::Dice;
use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use arbiter_core::state::Place;
use arbiter_raft::RaftNode;
use arbiter_raft::store::{FailPoint, Moment, Written};
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn joins(sim: Arc<Sim>, _: Dice) {
    if let Some(node) = sim.new_member()
        && sim.lets_in(node).await
    {
        sim.tape.landed("member-joins");
    }
}

pub(super) async fn leaves(sim: Arc<Sim>, mut dice: Dice) {
    if let Some(node) = sim.may_leave(&mut dice)
        && sim.lets_go(node).await
    {
        sim.tape.landed("member-leaves");
    }
}

/// Somebody who is to come, or to go.
enum Change {
    Comes(NodeId),
    Goes(NodeId),
}

impl Change {
    fn drawn(sim: &Sim, dice: &mut Dice) -> Option<Self> {
        if dice.chance(500) { sim.may_leave(dice).map(Self::Goes) } else { sim.new_member().map(Self::Comes) }
    }

    async fn made(&self, sim: &Sim) -> bool {
        match *self {
            Self::Comes(node) => sim.lets_in(node).await,
            Self::Goes(node) => sim.lets_go(node).await,
        }
    }

    /// The log says so, and Raft's membership does not yet.
    fn is_recorded_only(&self, raft: &RaftNode) -> bool {
        let view = raft.view().borrow().clone();
        let (node, place, listed) = match *self {
            Self::Comes(node) => (node, Place::In, false),
            Self::Goes(node) => (node, Place::Leaving, true),
        };
        let recorded = raft.state().borrow().members.get(&node).is_some_and(|member| member.place == place);
        recorded && !view.joint && listed == (view.voters.contains(&node) || view.learners.contains(&node))
    }
}

fn led_by(sim: &Sim) -> Option<(NodeId, RaftNode)> {
    let leader = sim.leader()?;
    Some((leader, sim.raft(leader)?))
}

/// The leader loses power between the record of the change and Raft's own: in its second write.
pub(super) async fn crash_after_record(sim: Arc<Sim>, mut dice: Dice) {
    let Some(change) = Change::drawn(&sim, &mut dice) else { return };
    let seen = async {
        let Some((leader, _)) = led_by(&sim) else { return };
        let point = FailPoint { written: Written::Entries, moment: Moment::BeforeWrite, after: 1 };
        let down_for = Duration::from_millis(dice.between(50, 3_000));
        let Some(disk) = sim.crash_in_write(leader, point, "power-cut-in-change", 0, down_for) else {
            return;
        };
        let next = || led_by(&sim).filter(|_| disk.is_gone());
        if until(5_000, 1, || next().is_some_and(|(_, raft)| change.is_recorded_only(&raft))).await {
            sim.tape.landed("crash-after-member-record");
        }
        if !disk.is_gone() {
            disk.spare();
        }
    };
    tokio::join!(seen, change.made(&sim));
}

/// The leader loses power while old and new voters both have to agree.
pub(super) async fn crash_in_joint(sim: Arc<Sim>, mut dice: Dice) {
    let Some(change) = Change::drawn(&sim, &mut dice) else { return };
    let killed = async {
        let is_joint = || led_by(&sim).is_some_and(|(_, raft)| raft.view().borrow().joint);
        if let (true, Some((leader, _))) = (until(5_000, 1, is_joint).await, led_by(&sim)) {
            sim.tape.landed("crash-in-joint-membership");
            let survivors = usize::try_from(dice.between(0, 3)).unwrap_or(0);
            sim.crash(leader, survivors, Duration::from_millis(dice.between(50, 3_000)));
        }
    };
    tokio::join!(killed, change.made(&sim));
}
