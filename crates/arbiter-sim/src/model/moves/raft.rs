//! What Raft does: elections, replication, restarts. This part is drawn, not run.

use super::Moves;
use crate::model::step::Step;

impl Moves<'_> {
    pub(super) fn raft(&mut self, n: u8) {
        let me = self.world.nodes[usize::from(n)];
        for m in (0..3).filter(|m| *m != n) {
            let other = self.world.nodes[usize::from(m)];
            if self.world.left.elections > 0
                && self.ledger.progress(me.log) >= self.ledger.progress(other.log)
            {
                let mut world = self.world;
                world.left.elections -= 1;
                world.term += 1;
                for node in [n, m] {
                    let it = &mut world.nodes[usize::from(node)];
                    (it.term, it.leads) = (world.term, node == n);
                }
                self.comes(Step::Elect { node: n, voter: m, term: world.term }, world);
            }
            if me.leads && me.term >= other.term {
                self.replicate(n, m, false);
                self.replicate(n, m, true);
            }
        }
        if self.world.left.restarts > 0 {
            let mut world = self.world;
            world.nodes[usize::from(n)].restarts();
            // A process that has nothing to forget is as good as one that has restarted.
            if world != self.world {
                world.left.restarts -= 1;
                self.comes(Step::Restart { node: n }, world);
            }
        }
    }

    /// The follower takes over the leader's log, and what the leader knew to be committed; if the leader hears of it,
    /// its own entries are on a majority.
    fn replicate(&mut self, from: u8, to: u8, acked: bool) {
        let mut world = self.world;
        let leader = world.nodes[usize::from(from)];
        let follower = &mut world.nodes[usize::from(to)];
        if follower.term < leader.term {
            (follower.term, follower.leads) = (leader.term, false);
        }
        if !self.ledger.is_prefix(leader.log, follower.log) {
            follower.log = leader.log;
        }
        if self.ledger.index(leader.commit) > self.ledger.index(follower.commit) {
            follower.learns(to, leader.commit, self.ledger);
        }
        if acked {
            // A leader commits what it finds of older terms only together with an entry of its own.
            if self.ledger.progress(leader.log).0 != leader.term {
                return;
            }
            world.nodes[usize::from(from)].learns(from, leader.log, self.ledger);
            if self.ledger.index(leader.log) > self.ledger.index(world.committed) {
                world.committed = leader.log;
            }
        }
        self.comes(Step::Replicate { from, to, acked }, world);
    }
}
