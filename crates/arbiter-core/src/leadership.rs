//! Who should lead: an application's own pre-vote, and when to hand over.
//!
//! Raft keeps two leaders from committing; it does not care who leads. We do: a witness that leads makes a
//! gateway's death cost no election, a leader that can't reach the provider is of no use, and one whose disk takes
//! seconds is silent for seconds. openraft 0.9 has no pre-vote: a node that campaigns because *it* hears no leader
//! disturbs a cluster that is well. So nobody campaigns unless fresh reports of a majority say that the leader is silent.

use crate::ids::NodeId;
use crate::policy::Policy;
use crate::report::{Picture, Report};
use crate::time::MonoMs;
use std::collections::{BTreeMap, BTreeSet};

/// Time between the ranks of candidates: longer than one election over a line of 50 ms.
pub const RANK_STEP_MS: u64 = 400;

/// Time between two candidates of the same rank. More than a report interval, by which they may learn of the silence
/// at different times, and an election on a busy machine together; or they stand together, and again and again.
const STAGGER_MS: u64 = 150;

/// A candidate whose first election brings no leader calls the second after this long, and then waits for its turn. It may
/// have asked for votes in a term that another had taken: Raft refuses a candidate with a shorter log without noting its
/// term, so that who has the longer log comes a term too late. Were it to wait for its turn each time, the other, who
/// waits less, would be ahead of it each time, and nobody would ever lead. One election must fit in.
const SECOND_TRY_MS: u64 = RANK_STEP_MS;

/// How long a leader that itself reports that it lives is left to hand over in peace: it is silent on purpose, and calls
/// its successor a heartbeat after the lease. A dead leader's report is stale long before that matters.
const HAND_OVER_MS: u64 = 1_000;

/// How long everybody but the named successor leaves it to them: the lease of a slow node, a call, an election, and
/// another try. After that whoever hears a majority may stand: a successor may have died in that moment.
const SUCCESSOR_FIRST_MS: u64 = 3_000;

/// For how many rounds of describes the last success counts as proof that the provider can be reached.
const PROOF_ROUNDS: u64 = 3;

/// A round of describes counts as this long at least: one that is answered slowly, and repeated, may take it.
const ROUND_MS: u64 = 10_000;

/// A leader hands over after the provider has been out of reach for this long: two describes in a row failed. One whose disk
/// is slow has as long to settle what is under way.
pub const UNFIT_AFTER_MS: u64 = 5_000;

/// Never back to the same node within this time; also how long a witness must have been sound.
pub const SETTLED_AFTER_MS: u64 = 300_000;

/// What a node knows when it decides about leadership.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// This node.
    pub me: NodeId,
    /// The policy in force.
    pub policy: &'a Policy,
    /// Everybody's reports.
    pub picture: &'a Picture,
    /// The voters.
    pub voters: &'a BTreeSet<NodeId>,
    /// The leader counts as silent after this long: Raft's own lease, so that votes will be granted.
    pub silence_ms: u64,
    /// This node is the leader.
    pub leads: bool,
    /// Nothing is unsettled or under way.
    pub quiet: bool,
}

impl Standing<'_> {
    fn fresh(&self, node: NodeId, now: MonoMs) -> Option<&Report> {
        let age_ms = self.picture.age_ms(node, now)?;
        self.picture.report(node).filter(|_| age_ms <= self.policy.timing.report_stale_after_ms)
    }

    fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    fn describes(&self, report: &Report) -> bool {
        let round_ms = self.policy.timing.reconcile_interval_ms.max(ROUND_MS);
        let proof_ms = round_ms.saturating_mul(PROOF_ROUNDS);
        !report.provider_unreachable && report.describe_ok_age_ms.is_some_and(|ms| ms <= proof_ms)
    }

    /// Whether the node is of use as a leader.
    fn fit(&self, report: &Report) -> bool {
        self.describes(report) && report.disk_slow_ms.is_none()
    }

    /// Whether fresh reports from a majority, our own included, say that the leader is silent.
    fn leader_is_silent(&self, now: MonoMs) -> bool {
        let says_silent = |node: &&NodeId| {
            let Some(report) = self.fresh(**node, now) else { return false };
            let age_ms = self.picture.age_ms(**node, now).unwrap_or(0);
            match report.leader {
                None => true,
                Some((leader, _)) if leader == **node => false,
                Some((_, heard_ms)) => heard_ms.saturating_add(age_ms) > self.silence_ms,
            }
        };
        self.voters.iter().filter(says_silent).count() >= self.majority()
    }

    /// How long this node lets others go first.
    fn patience_ms(&self, now: MonoMs) -> u64 {
        let fit = self.fresh(self.me, now).is_some_and(|report| self.fit(report));
        let rank = match (fit, self.policy.is_witness(self.me)) {
            (true, true) => 0,
            (true, false) => 1,
            // Everybody who hears a majority, in the end: a leader who can't call still decides and explains.
            (false, _) => 5,
        };
        let place = self.voters.iter().position(|voter| *voter == self.me).unwrap_or(0) as u64;
        let hand_over_ms = match self.living_leader(now).map(|report| report.handing_over_to) {
            Some(Some(successor)) if successor != self.me => SUCCESSOR_FIRST_MS,
            Some(_) => HAND_OVER_MS,
            None => 0,
        };
        rank * RANK_STEP_MS + place * STAGGER_MS + hand_over_ms
    }

    /// The fresh report of the leader that this node believes in, if that says itself that it leads, though Raft hears
    /// nothing of it.
    fn living_leader(&self, now: MonoMs) -> Option<&Report> {
        let (believed, _) = self.fresh(self.me, now)?.leader?;
        self.fresh(believed, now).filter(|report| report.leader.is_some_and(|(it, _)| it == believed))
    }
}

/// What to do about leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    Stay,
    /// Call an election.
    Campaign,
    /// Give the leadership to this node.
    HandOver(NodeId),
}

/// What a node remembers between two looks.
#[derive(Debug, Clone, Default)]
pub struct Candidacy {
    silent_since: Option<MonoMs>,
    campaigned: Option<MonoMs>,
    /// Elections called in this silence.
    tries: u32,
    unfit_since: Option<MonoMs>,
    witness_sound_since: BTreeMap<NodeId, MonoMs>,
    gave_away_to: BTreeMap<NodeId, MonoMs>,
}

impl Candidacy {
    /// Looks at the standing and decides.
    pub fn decide(&mut self, standing: &Standing<'_>, now: MonoMs) -> Move {
        self.watch_witnesses(standing, now);
        if standing.leads {
            (self.silent_since, self.tries) = (None, 0);
            return self.decide_as_leader(standing, now);
        }
        self.unfit_since = None;
        if !standing.voters.contains(&standing.me) || !standing.leader_is_silent(now) {
            (self.silent_since, self.tries) = (None, 0);
            return Move::Stay;
        }
        let since = *self.silent_since.get_or_insert(now);
        let again_ms = match self.tries % 2 {
            1 => SECOND_TRY_MS,
            _ => standing.silence_ms + standing.patience_ms(now),
        };
        let lately = self.campaigned.is_some_and(|at| now.since_ms(at) < again_ms);
        if now.since_ms(since) < standing.patience_ms(now) || lately {
            return Move::Stay;
        }
        (self.campaigned, self.tries) = (Some(now), self.tries.saturating_add(1));
        Move::Campaign
    }

    fn watch_witnesses(&mut self, standing: &Standing<'_>, now: MonoMs) {
        for voter in standing.voters.iter().filter(|voter| standing.policy.is_witness(**voter)) {
            if standing.fresh(*voter, now).is_some_and(|report| standing.fit(report)) {
                self.witness_sound_since.entry(*voter).or_insert(now);
            } else {
                self.witness_sound_since.remove(voter);
            }
        }
    }

    fn decide_as_leader(&mut self, standing: &Standing<'_>, now: MonoMs) -> Move {
        let own = standing.picture.report(standing.me);
        if own.is_some_and(|report| report.provider_unreachable || report.disk_slow_ms.is_some()) {
            let since = *self.unfit_since.get_or_insert(now);
            if now.since_ms(since) >= UNFIT_AFTER_MS
                && let Some(heir) = self.heir(standing, now)
            {
                return self.give(heir, now);
            }
            return Move::Stay;
        }
        self.unfit_since = None;
        if standing.policy.is_witness(standing.me) || !standing.quiet {
            return Move::Stay;
        }
        let sound = |since: &MonoMs| now.since_ms(*since) >= SETTLED_AFTER_MS;
        let witness =
            self.witness_sound_since.iter().find(|(node, since)| sound(since) && !self.lately(**node, now));
        match witness.map(|(node, _)| *node) {
            Some(node) => self.give(node, now),
            None => Move::Stay,
        }
    }

    /// Somebody whose fresh report shows a successful describe: whose disk is quick first, then a witness. A slow disk is better
    /// than no provider, and no better than a slow disk.
    fn heir(&self, standing: &Standing<'_>, now: MonoMs) -> Option<NodeId> {
        let own = standing.picture.report(standing.me);
        let without_provider = own.is_some_and(|report| report.provider_unreachable);
        let candidate = |voter: &NodeId| {
            let report = standing.fresh(*voter, now).filter(|report| standing.describes(report))?;
            let is_slow = report.disk_slow_ms.is_some();
            (!is_slow || without_provider).then_some((is_slow, !standing.policy.is_witness(*voter), *voter))
        };
        let others =
            standing.voters.iter().filter(|voter| **voter != standing.me && !self.lately(**voter, now));
        others.filter_map(candidate).min().map(|(_, _, voter)| voter)
    }

    fn lately(&self, node: NodeId, now: MonoMs) -> bool {
        self.gave_away_to.get(&node).is_some_and(|at| now.since_ms(*at) < SETTLED_AFTER_MS)
    }

    fn give(&mut self, node: NodeId, now: MonoMs) -> Move {
        self.gave_away_to.insert(node, now);
        Move::HandOver(node)
    }
}

#[cfg(test)]
mod tests;
