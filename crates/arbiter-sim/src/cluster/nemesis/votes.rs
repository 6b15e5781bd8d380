//! Two candidates ask for the same vote, and its voter loses power in between.

use super::anybody;
use super::writes::Armed;
use crate::cluster::dice::Dice;
use crate::cluster::sim::Sim;
use arbiter_core::ids::NodeId;
use arbiter_raft::Timings;
use arbiter_raft::store::Written;
use std::sync::Arc;
use std::time::Duration;

/// The voter, who is asked first, and who second. The first candidate's vote must be the greater one: within a term openraft
/// lets a greater one win a lesser.
struct Ballot<'a> {
    sim: &'a Sim,
    name: &'static str,
    voter: NodeId,
    first: NodeId,
    second: NodeId,
}

impl<'a> Ballot<'a> {
    /// The second candidate hears nothing of the first one, nor of the voter.
    fn begin(sim: &'a Sim, name: &'static str, voter: NodeId) -> Option<Self> {
        let mut others = super::others(sim, voter);
        others.sort_unstable();
        let [second, .., first] = others[..] else { return None };
        let ballot = Self { sim, name, voter, first, second };
        ballot.part(second, first, true);
        ballot.part(second, voter, true);
        Some(ballot)
    }

    fn part(&self, a: NodeId, b: NodeId, apart: bool) {
        self.sim.net.part(&[a], &[b], apart.then_some(self.name));
    }

    async fn stands(&self, candidate: NodeId) {
        if let Some(raft) = self.sim.raft(candidate) {
            drop(raft.trigger_election().await);
        }
    }

    /// The voter has lost power, and so has the first candidate now: as soon as the voter is back the second one asks it, in
    /// the first one's term. (A line that is only cut would keep the voter asking until its question has had its time.)
    async fn once_more(&self, dice: &mut Dice) {
        self.sim.crash(self.first, usize::MAX, Duration::from_millis(dice.between(2_000, 4_000)));
        self.part(self.second, self.voter, false);
        super::until(100, 10, || self.sim.raft(self.voter).is_some()).await;
        // For as long as a lease the voter refuses anybody: what its disk remembers last is that it led, or followed.
        let lease_ms = Timings::default().election_timeout_max_ms;
        super::between(dice, lease_ms, lease_ms + 150).await;
        self.stands(self.second).await;
        super::between(dice, 300, 1_000).await;
    }

    fn over(&self) {
        self.part(self.second, self.first, false);
        self.part(self.second, self.voter, false);
    }
}

/// A node grants its vote, and its power is cut in that moment; then another candidate asks for it in the same term.
pub(super) async fn revote(sim: Arc<Sim>, mut dice: Dice) {
    let Some(voter) = sim.leader() else { return };
    let Some(ballot) = Ballot::begin(&sim, "revote", voter) else { return };
    let mut granted = sim.net.granted();
    ballot.stands(ballot.first).await;
    let by_voter = async { while granted.next().await != voter {} };
    if tokio::time::timeout(Duration::from_secs(1), by_voter).await.is_ok() {
        sim.crash(voter, 0, Duration::from_millis(dice.between(1, 60)));
        ballot.once_more(&mut dice).await;
    }
    ballot.over();
}

/// The power of a voter, or of a candidate, is cut in the midst of writing the vote.
pub(super) async fn in_write(sim: Arc<Sim>, mut dice: Dice) {
    let voter = anybody(&sim, &mut dice);
    let Some(ballot) = Ballot::begin(&sim, "cut-to-vote", voter) else { return };
    let victim = if dice.chance(750) { voter } else { ballot.first };
    let down_ms = dice.between(1, 60);
    let armed = Armed::set(&sim, "crash-at-vote", victim, (Written::Vote, 0), down_ms, &mut dice);
    for _ in 0..4 {
        ballot.stands(ballot.first).await;
        if armed.waited_for(Duration::from_secs(1)).await {
            ballot.once_more(&mut dice).await;
            break;
        }
    }
    ballot.over();
}
