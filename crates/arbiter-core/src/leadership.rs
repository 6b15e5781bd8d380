//! Who should lead: an application's own pre-vote, and when to hand over.
//!
//! Raft keeps two leaders from committing; it does not care who leads. We do: a witness that leads makes a
//! gateway's death cost no election, and a leader that can't reach the provider is of no use. openraft 0.9 has
//! no pre-vote: a node that campaigns because *it* hears no leader disturbs a cluster that is well. So nobody
//! campaigns unless fresh reports of a majority say that the leader is silent.

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

/// A leader hands over after the provider has been out of reach for this long: two describes in a row failed.
pub const UNREACHABLE_AFTER_MS: u64 = 5_000;

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
        let describes = self.fresh(self.me, now).is_some_and(|report| self.describes(report));
        let rank = match (describes, self.policy.is_witness(self.me)) {
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
    unreachable_since: Option<MonoMs>,
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
        self.unreachable_since = None;
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
            if standing.fresh(*voter, now).is_some_and(|report| standing.describes(report)) {
                self.witness_sound_since.entry(*voter).or_insert(now);
            } else {
                self.witness_sound_since.remove(voter);
            }
        }
    }

    fn decide_as_leader(&mut self, standing: &Standing<'_>, now: MonoMs) -> Move {
        let own = standing.picture.report(standing.me);
        if own.is_some_and(|report| report.provider_unreachable) {
            let since = *self.unreachable_since.get_or_insert(now);
            if now.since_ms(since) >= UNREACHABLE_AFTER_MS
                && let Some(heir) = self.heir(standing, now)
            {
                return self.give(heir, now);
            }
            return Move::Stay;
        }
        self.unreachable_since = None;
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

    /// Somebody whose fresh report shows a successful describe: a witness first.
    fn heir(&self, standing: &Standing<'_>, now: MonoMs) -> Option<NodeId> {
        standing
            .voters
            .iter()
            .copied()
            .filter(|voter| *voter != standing.me && !self.lately(*voter, now))
            .filter(|voter| standing.fresh(*voter, now).is_some_and(|report| standing.describes(report)))
            .min_by_key(|voter| (!standing.policy.is_witness(*voter), *voter))
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
mod tests {
    use super::*;
    use crate::ids::GatewayId;
    use crate::policy::{Gateway, NodePolicy};
    use crate::report::OwnView;
    use crate::rules::proves;

    const SILENCE_MS: u64 = 900;

    /// Nodes 1 and 2 are gateways, 3 is the witness.
    struct Cluster {
        policy: Policy,
        voters: BTreeSet<NodeId>,
        views: BTreeMap<NodeId, OwnView>,
        cut: BTreeSet<NodeId>,
        pictures: BTreeMap<NodeId, Picture>,
        candidacies: BTreeMap<NodeId, Candidacy>,
        now: MonoMs,
    }

    impl Cluster {
        fn new() -> Self {
            let node = |id| NodePolicy { id: NodeId(id), name: format!("n{id}"), zone: format!("z{id}") };
            let gateway = |id: u64| Gateway {
                id: GatewayId(format!("g{id}")),
                node: NodeId(id),
                zone: format!("z{id}"),
                instance: format!("i-{id}").as_str().into(),
                interface: format!("eni-{id}"),
                remediate: true,
            };
            let policy = Policy {
                nodes: (1..=3).map(node).collect(),
                gateways: (1..=2).map(gateway).collect(),
                ..Policy::default()
            };
            let ids = [NodeId(1), NodeId(2), NodeId(3)];
            let view = OwnView { describe_ok_age_ms: Some(100), ..OwnView::default() };
            Self {
                policy,
                voters: ids.into(),
                views: ids.map(|id| (id, view.clone())).into(),
                cut: BTreeSet::new(),
                pictures: ids.map(|id| (id, Picture::new(id, id.0, MonoMs(0)))).into(),
                candidacies: ids.map(|id| (id, Candidacy::default())).into(),
                now: MonoMs(0),
            }
        }

        fn led_by(mut self, leader: u64, heard_ms: u64) -> Self {
            for view in self.views.values_mut() {
                view.leader = Some((NodeId(leader), heard_ms));
            }
            self
        }

        /// Everybody who isn't cut off reports to everybody, for this long; the first move of each is returned.
        fn run(&mut self, ms: u64, leader: Option<u64>) -> BTreeMap<u64, (u64, Move)> {
            let mut moves = BTreeMap::new();
            for _ in 0..ms / 100 {
                self.now = self.now.plus_ms(100);
                self.exchange();
                self.exchange();
                for id in [1, 2, 3] {
                    let standing = Standing {
                        me: NodeId(id),
                        policy: &self.policy,
                        picture: &self.pictures[&NodeId(id)],
                        voters: &self.voters,
                        silence_ms: SILENCE_MS,
                        leads: leader == Some(id),
                        quiet: true,
                    };
                    let candidacy = self.candidacies.get_mut(&NodeId(id)).expect("known");
                    let decided = candidacy.decide(&standing, self.now);
                    if decided != Move::Stay {
                        moves.entry(id).or_insert((self.now.0, decided));
                    }
                }
            }
            moves
        }

        fn exchange(&mut self) {
            for (id, picture) in &mut self.pictures {
                picture.compose(self.views[id].clone(), self.now);
            }
            for from in [1, 2, 3].map(NodeId) {
                for to in [1, 2, 3].map(NodeId) {
                    if from != to && !self.cut.contains(&from) && !self.cut.contains(&to) {
                        let parcel = self.pictures[&from].parcel_for(to);
                        self.pictures.get_mut(&to).expect("known").accept(parcel);
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_campaigns_while_a_majority_hears_the_leader() {
        proves("lead.pre-vote");
        let mut cluster = Cluster::new().led_by(3, 50);
        // Node 1 alone hears nothing of the leader.
        cluster.views.get_mut(&NodeId(1)).expect("known").leader = None;
        assert_eq!(cluster.run(10_000, Some(3)), BTreeMap::new());
    }

    #[test]
    fn a_node_that_hears_nobody_does_not_campaign() {
        proves("lead.pre-vote");
        let mut cluster = Cluster::new().led_by(3, SILENCE_MS + 1);
        cluster.cut.insert(NodeId(1));
        let moves = cluster.run(10_000, Some(3));
        assert!(!moves.contains_key(&1), "{moves:?}");
    }

    #[test]
    fn the_witness_goes_first_and_a_gateway_follows_if_it_does_not() {
        proves("lead.witness-first");
        let mut cluster = Cluster::new();
        let moves = cluster.run(5_000, None);
        assert!(moves[&3].0 < moves[&1].0 && moves[&3].0 < moves[&2].0, "{moves:?}");
        let mut cluster = Cluster::new();
        cluster.cut.insert(NodeId(3));
        let moves = cluster.run(5_000, None);
        assert!(moves[&1].1 == Move::Campaign && moves[&2].1 == Move::Campaign, "{moves:?}");
        let apart_ms = moves[&2].0.abs_diff(moves[&1].0);
        assert!(apart_ms > 100, "two gateways that stand together split the votes: {moves:?}");
    }

    #[test]
    fn a_witness_with_a_shorter_log_does_not_keep_the_other_from_leading_for_ever() {
        proves("lead.witness-first");
        // Raft's rule for votes: node 2 has the longer log, and so refuses the witness without noting its term.
        let mut cluster = Cluster::new();
        cluster.cut.insert(NodeId(1));
        let (mut of_two, mut of_witness) = ((0, 2), (0, 3));
        for _ in 0..100 {
            let moves = cluster.run(100, None);
            if moves.contains_key(&3) {
                of_witness = (of_witness.0 + 1, 3);
            }
            if moves.contains_key(&2) {
                of_two = (of_two.0 + 1, 2);
                if of_two > of_witness {
                    return;
                }
                of_two = of_witness;
            }
        }
        panic!("nobody leads after ten seconds: {of_two:?}, {of_witness:?}");
    }

    #[test]
    fn a_leader_that_hands_over_is_not_forestalled() {
        proves("lead.witness-first");
        let silent_for = |ms| Cluster::new().led_by(1, ms).run(900, Some(1));
        assert_eq!(silent_for(SILENCE_MS + 1), BTreeMap::new(), "it lives, and is silent on purpose");
        let mut cluster = Cluster::new().led_by(1, SILENCE_MS + 1);
        assert_eq!(cluster.run(3_000, Some(1))[&3].1, Move::Campaign, "but not for ever");
        let mut cluster = Cluster::new().led_by(1, SILENCE_MS + 1);
        cluster.cut.insert(NodeId(1));
        assert_eq!(cluster.run(900, None)[&3].1, Move::Campaign, "a dead one is not waited for");
    }

    #[test]
    fn whoever_is_named_as_successor_is_left_to_take_over() {
        proves("lead.successor-first");
        let handing_to_2 = || {
            let mut cluster = Cluster::new().led_by(1, SILENCE_MS + 1);
            cluster.views.get_mut(&NodeId(1)).expect("known").handing_over_to = Some(NodeId(2));
            cluster
        };
        let moves = handing_to_2().run(5_000, Some(1));
        assert_eq!(
            (moves[&2].1, moves[&3].1),
            (Move::Campaign, Move::Campaign),
            "in the end anybody may stand"
        );
        assert!(moves[&2].0 < SUCCESSOR_FIRST_MS, "it need not wait for the call: {moves:?}");
        assert!(
            moves[&3].0 > SUCCESSOR_FIRST_MS,
            "the witness stands back, though it would go first: {moves:?}"
        );
        // The word of a leader that has died itself does not count.
        let mut cluster = handing_to_2();
        cluster.exchange();
        cluster.cut.insert(NodeId(1));
        assert_eq!(cluster.run(900, None).get(&3).map(|(_, it)| *it), Some(Move::Campaign));
    }

    #[test]
    fn who_cannot_describe_stands_last_but_stands() {
        proves("lead.failing-describe-last");
        let mut cluster = Cluster::new();
        cluster.views.get_mut(&NodeId(3)).expect("known").provider_unreachable = true;
        let moves = cluster.run(8_000, None);
        assert!(moves[&1].0 < moves[&3].0 && moves[&2].0 < moves[&3].0, "{moves:?}");
    }

    #[test]
    fn a_success_counts_for_three_rounds_of_describes_however_long_they_are() {
        proves("lead.failing-describe-last");
        // The witness stands first if its last success still counts, and last if it doesn't.
        let witness_is_first = |reconcile_interval_ms: u64, age_ms: u64| {
            let mut cluster = Cluster::new();
            cluster.policy.timing.reconcile_interval_ms = reconcile_interval_ms;
            cluster.views.get_mut(&NodeId(3)).expect("known").describe_ok_age_ms = Some(age_ms);
            let moves = cluster.run(8_000, None);
            moves[&3].0 < moves[&1].0 && moves[&3].0 < moves[&2].0
        };
        for (interval_ms, proof_ms) in [(60_000, 180_000), (10_000, 30_000), (1_000, 30_000)] {
            assert!(witness_is_first(interval_ms, proof_ms), "{interval_ms} ms");
            assert!(!witness_is_first(interval_ms, proof_ms + 1), "{interval_ms} ms");
        }
    }

    #[test]
    fn a_leader_without_the_provider_hands_over_to_one_that_has_it() {
        proves("lead.handover-when-unreachable");
        let mut cluster = Cluster::new().led_by(3, 0);
        cluster.views.get_mut(&NodeId(3)).expect("known").provider_unreachable = true;
        cluster.views.get_mut(&NodeId(1)).expect("known").describe_ok_age_ms = None;
        let moves = cluster.run(10_000, Some(3));
        assert_eq!(moves[&3].1, Move::HandOver(NodeId(2)));
        // When nobody reaches it, the leader stays: it can still decide and explain.
        let mut cluster = Cluster::new().led_by(3, 0);
        for view in cluster.views.values_mut() {
            view.provider_unreachable = true;
        }
        assert_eq!(cluster.run(10_000, Some(3)), BTreeMap::new());
    }

    #[test]
    fn throttling_or_a_denial_is_no_reason_to_hand_over() {
        proves("lead.never-for-throttling");
        let mut cluster = Cluster::new().led_by(1, 0);
        // A throttled or denied leader reports no success, and does not report the provider out of reach.
        cluster.views.get_mut(&NodeId(1)).expect("known").describe_ok_age_ms = None;
        cluster.views.get_mut(&NodeId(3)).expect("known").describe_ok_age_ms = None;
        assert_eq!(cluster.run(60_000, Some(1)), BTreeMap::new());
    }

    #[test]
    fn not_back_to_the_same_node_within_five_minutes() {
        proves("lead.not-back-within-five-minutes");
        let mut cluster = Cluster::new().led_by(3, 0);
        cluster.views.get_mut(&NodeId(3)).expect("known").provider_unreachable = true;
        cluster.views.get_mut(&NodeId(1)).expect("known").describe_ok_age_ms = None;
        assert_eq!(cluster.run(10_000, Some(3))[&3].1, Move::HandOver(NodeId(2)));
        assert_eq!(
            cluster.run(280_000, Some(3)),
            BTreeMap::new(),
            "node 2 had it less than five minutes ago"
        );
        assert_eq!(cluster.run(20_000, Some(3))[&3].1, Move::HandOver(NodeId(2)));
    }

    #[test]
    fn a_witness_sound_for_five_minutes_gets_it_back() {
        proves("lead.witness-gets-it-back");
        let mut cluster = Cluster::new().led_by(1, 0);
        assert_eq!(cluster.run(299_000, Some(1)), BTreeMap::new());
        assert_eq!(cluster.run(5_000, Some(1))[&1].1, Move::HandOver(NodeId(3)));
    }
}
