//! The picture: the newest report that this node holds from everybody, and how old each is.

use super::{Echo, Parcel, Report, ReportedProbe};
use crate::evidence::{Ending, NodeFacts, ProbeFact};
use crate::follow::{self, Heard};
use crate::ids::{ClusterId, LogIndex, NodeId, ProbeId};
use crate::policy::Timing;
use crate::time::{MonoMs, UnixMs};
use std::collections::BTreeMap;

/// What this node itself has to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnView {
    /// Its probes.
    pub probes: BTreeMap<ProbeId, ReportedProbe>,
    /// What it is doing about its own end.
    pub ending: Ending,
    /// How long ago it last described the provider with success.
    pub describe_ok_age_ms: Option<u64>,
    /// Its newest describe found the provider out of reach.
    pub provider_unreachable: bool,
    /// The leader that it believes in, and how long ago it last heard from it.
    pub leader: Option<(NodeId, u64)>,
    /// To whom it is handing the leadership over, if it leads.
    pub handing_over_to: Option<NodeId>,
    /// How long the slowest write to its disk took of late, or has taken so far; `None` if all were quick.
    pub disk_slow_ms: Option<u64>,
    /// The newest rules of `apply` that it knows.
    pub rules_supported: u32,
    /// Whether its own file differs from the policy in force.
    pub file_differs: bool,
    /// The newest log entry that it has applied.
    pub applied: LogIndex,
    /// Its wall clock.
    pub wall_ms: UnixMs,
    /// What it has heard of the followed cluster.
    pub heard: Option<Heard>,
}

/// What a parcel brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing newer than what was held.
    Nothing,
    /// Newer reports that say the same.
    Refreshed,
    /// Somebody's probe, ending or provider state changed: worth deciding at once.
    Transition,
}

/// The newest report of every node, as one node holds them.
///
/// It learns a report directly or relayed, and trusts neither arrival time nor anybody's clock: see
/// [`Picture::age_ms`].
#[derive(Debug, Clone)]
pub struct Picture {
    me: NodeId,
    boot: u64,
    started: MonoMs,
    seq: u64,
    own: Report,
    held: BTreeMap<NodeId, Report>,
    /// The stamp of our own since which each node's reports have come without a gap.
    unbroken: BTreeMap<NodeId, MonoMs>,
    /// The newest stamp of our own that each node has sent back, in whichever of its runs.
    echoed: BTreeMap<NodeId, MonoMs>,
    stale_after_ms: u64,
}

impl Picture {
    /// An empty picture of a process that starts now. `boot` must differ from that of any earlier run.
    pub fn new(me: NodeId, boot: u64, now: MonoMs) -> Self {
        let own = Report { node: me, boot, stamp: now, ..Report::default() };
        let stale_after_ms = Timing::default().report_stale_after_ms;
        let (held, unbroken, echoed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { me, boot, started: now, seq: 0, own, held, unbroken, echoed, stale_after_ms }
    }

    /// Follows the policy in what counts as a gap between two reports.
    pub const fn set_stale_after(&mut self, stale_after_ms: u64) {
        self.stale_after_ms = stale_after_ms;
    }

    /// Writes this node's next report.
    pub fn compose(&mut self, view: OwnView, now: MonoMs) -> &Report {
        self.seq += 1;
        let echo = |report: &Report| Echo { boot: report.boot, stamp: report.stamp };
        self.own = Report {
            node: self.me,
            boot: self.boot,
            seq: self.seq,
            stamp: now,
            echoes: self.held.iter().map(|(node, report)| (*node, echo(report))).collect(),
            probes: view.probes,
            ending: view.ending,
            describe_ok_age_ms: view.describe_ok_age_ms,
            provider_unreachable: view.provider_unreachable,
            leader: view.leader,
            handing_over_to: view.handing_over_to,
            disk_slow_ms: view.disk_slow_ms,
            rules_supported: view.rules_supported,
            file_differs: view.file_differs,
            applied: view.applied,
            wall_ms: view.wall_ms,
            heard: view.heard,
        };
        &self.own
    }

    /// The parcel for a peer: our own report and what we hold of everybody else.
    pub fn parcel_for(&self, peer: NodeId) -> Parcel {
        let relayed = self.held.iter().filter(|(node, _)| **node != peer);
        Parcel { own: self.own.clone(), relayed: relayed.map(|(_, report)| report.clone()).collect() }
    }

    /// Takes in a parcel.
    pub fn accept(&mut self, parcel: Parcel) -> Change {
        let Parcel { own, relayed } = parcel;
        let first = self.take(own, true);
        relayed.into_iter().map(|report| self.take(report, false)).fold(first, |a, b| match (a, b) {
            (Change::Transition, _) | (_, Change::Transition) => Change::Transition,
            (Change::Refreshed, _) | (_, Change::Refreshed) => Change::Refreshed,
            _ => Change::Nothing,
        })
    }

    fn take(&mut self, report: Report, direct: bool) -> Change {
        if report.node == self.me {
            return Change::Nothing;
        }
        let echo = self.my_echo(&report);
        let Some(held) = self.held.get(&report.node) else {
            self.echoed.extend(echo.map(|stamp| (report.node, stamp)));
            if let Some(since) = self.my_echo(&report) {
                self.unbroken.insert(report.node, since);
            }
            self.held.insert(report.node, report);
            return Change::Transition;
        };
        let newer = if held.boot == report.boot {
            report.seq > held.seq
        } else {
            // Another run of that process. From itself: it is the one that runs. Relayed, it may be the run
            // before; then only our own stamps in it can tell which is the later one.
            direct || self.my_echo(&report) > self.my_echo(held)
        };
        if !newer {
            return Change::Nothing;
        }
        let changed = says_otherwise(held, &report);
        // Our stamps that come back lie at least as far apart as the reports were silent in between.
        let gap = match (self.my_echo(held), self.my_echo(&report)) {
            (Some(before), Some(after)) => after.since_ms(before) > self.stale_after_ms,
            _ => true,
        };
        if (gap || held.boot != report.boot || held.ending == Ending::Host)
            && let Some(since) = self.my_echo(&report)
        {
            self.unbroken.insert(report.node, since);
        }
        let newest = self.echoed.get(&report.node).copied().max(echo);
        self.echoed.extend(newest.map(|stamp| (report.node, stamp)));
        self.held.insert(report.node, report);
        if changed { Change::Transition } else { Change::Refreshed }
    }

    fn my_echo(&self, report: &Report) -> Option<MonoMs> {
        report.echoes.get(&self.me).filter(|echo| echo.boot == self.boot).map(|echo| echo.stamp)
    }

    /// How old a node's newest report is at most: now minus the stamp of our own that it echoes. `None` while
    /// none was heard, or none that ever echoed this run of ours.
    ///
    /// A node that has just started again echoes nothing yet. That is not fresh; but it was silent only since its
    /// last run was heard, not ever since we listen.
    pub fn age_ms(&self, node: NodeId, now: MonoMs) -> Option<u64> {
        if node == self.me {
            return Some(0);
        }
        let held = self.held.get(&node)?;
        let since_last_run = || {
            let stamp = self.echoed.get(&node)?;
            Some(now.since_ms(*stamp).max(self.stale_after_ms.saturating_add(1)))
        };
        self.my_echo(held).map(|stamp| now.since_ms(stamp)).or_else(since_last_run)
    }

    /// For how long a node's reports have come without a gap; zero while none echoes this run of ours.
    pub fn heard_for_ms(&self, node: NodeId, now: MonoMs) -> u64 {
        if node == self.me {
            return self.listening_ms(now);
        }
        self.unbroken.get(&node).map_or(0, |since| now.since_ms(*since))
    }

    /// How long this process has been listening.
    pub fn listening_ms(&self, now: MonoMs) -> u64 {
        now.since_ms(self.started)
    }

    /// Whether this node's newest report was written after `instant` on our clock.
    pub fn reported_since(&self, node: NodeId, instant: MonoMs) -> bool {
        node == self.me
            || self
                .held
                .get(&node)
                .and_then(|report| self.my_echo(report))
                .is_some_and(|echo| echo >= instant)
    }

    /// The newest report of a node, our own included.
    pub fn report(&self, node: NodeId) -> Option<&Report> {
        if node == self.me { Some(&self.own) } else { self.held.get(&node) }
    }

    /// Every node's newest report, our own included.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        std::iter::once(&self.own).chain(self.held.values())
    }

    /// Forgets nodes that are no longer of the cluster.
    pub fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.held.retain(|node, _| keep(*node));
        self.unbroken.retain(|node, _| keep(*node));
        self.echoed.retain(|node, _| keep(*node));
    }

    /// What all nodes together have heard of the followed cluster: see [`follow::merge`].
    pub fn heard(&self, recorded: Option<&ClusterId>, now: MonoMs) -> Option<Heard> {
        // How old a word is that nobody can date, is not known; that it was said is.
        let word = |report: &Report| {
            let mut heard = report.heard.clone()?;
            let report_ms = match report.node == self.me {
                true => now.since_ms(report.stamp),
                false => self.age_ms(report.node, now).unwrap_or_else(|| self.listening_ms(now)),
            };
            heard.age_ms = heard.age_ms.saturating_add(report_ms);
            Some(heard)
        };
        follow::merge(recorded, self.listening_ms(now), self.reports().filter_map(word))
    }

    /// What the rules need of every node.
    pub fn facts(&self, now: MonoMs) -> BTreeMap<NodeId, NodeFacts> {
        let facts = |report: &Report| {
            let probes = report
                .probes
                .iter()
                .map(|(id, probe)| (id.clone(), ProbeFact { state: probe.state, for_ms: probe.for_ms }));
            NodeFacts {
                age_ms: self.age_ms(report.node, now),
                heard_for_ms: self.heard_for_ms(report.node, now),
                ending: report.ending,
                probes: probes.collect(),
            }
        };
        self.reports().map(|report| (report.node, facts(report))).collect()
    }
}

/// Whether two reports of one node differ in anything that a decision could rest on.
fn says_otherwise(old: &Report, new: &Report) -> bool {
    old.ending != new.ending
        || old.boot != new.boot
        || old.provider_unreachable != new.provider_unreachable
        || old.leader.map(|(node, _)| node) != new.leader.map(|(node, _)| node)
        || old.handing_over_to != new.handing_over_to
        || old.disk_slow_ms.is_some() != new.disk_slow_ms.is_some()
        || old.heard.as_ref().map(|heard| &heard.routes) != new.heard.as_ref().map(|heard| &heard.routes)
        || old.probes.len() != new.probes.len()
        || old
            .probes
            .iter()
            .any(|(id, probe)| new.probes.get(id).is_none_or(|other| other.state != probe.state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Verdict;
    use crate::rules::proves;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const C: NodeId = NodeId(3);

    fn picture(me: NodeId, start: u64) -> Picture {
        Picture::new(me, 100 + me.0, MonoMs(start))
    }

    fn speak(from: &mut Picture, to: &mut Picture, at: u64) -> Change {
        from.compose(OwnView::default(), MonoMs(at));
        let parcel = from.parcel_for(to.me);
        to.accept(parcel)
    }

    #[test]
    fn age_is_counted_from_the_own_stamp_that_comes_back() {
        proves("report.age-by-echo");
        // B's clock is far ahead of A's; it must not matter.
        let (mut a, mut b) = (picture(A, 1_000), picture(B, 900_000));
        speak(&mut b, &mut a, 900_000);
        assert_eq!(a.age_ms(B, MonoMs(1_010)), None, "B has echoed nothing yet");
        speak(&mut a, &mut b, 1_020);
        speak(&mut b, &mut a, 900_030);
        assert_eq!(a.age_ms(B, MonoMs(1_050)), Some(30));
        assert_eq!(a.age_ms(B, MonoMs(2_020)), Some(1_000));
    }

    #[test]
    fn an_echo_of_an_earlier_run_is_no_echo() {
        proves("report.age-by-echo");
        let (mut a, mut b) = (picture(A, 5_000), picture(B, 0));
        speak(&mut a, &mut b, 5_000);
        // A's host reboots: its BOOTTIME begins anew, so B's echo seems to lie in A's future.
        let mut a = Picture::new(A, 999, MonoMs(10));
        speak(&mut b, &mut a, 20);
        assert_eq!(a.age_ms(B, MonoMs(30)), None);
    }

    #[test]
    fn a_node_that_starts_again_was_silent_since_its_last_run_and_no_longer() {
        proves("report.age-by-echo");
        let (mut a, mut b) = (picture(A, 0), picture(B, 0));
        speak(&mut a, &mut b, 50_000);
        speak(&mut b, &mut a, 50_001);
        let mut reborn = Picture::new(B, 777, MonoMs(0));
        speak(&mut reborn, &mut a, 1);
        assert_eq!(a.age_ms(B, MonoMs(50_010)), Some(301), "no echo, not fresh");
        assert_eq!(a.age_ms(B, MonoMs(52_000)), Some(2_000), "not the 52 seconds that A has listened");
        speak(&mut a, &mut reborn, 52_001);
        speak(&mut reborn, &mut a, 3);
        assert_eq!(a.age_ms(B, MonoMs(52_011)), Some(10));
    }

    #[test]
    fn a_buffered_report_is_old_when_it_arrives() {
        proves("report.buffered-is-old");
        let (mut a, mut b) = (picture(A, 0), picture(B, 0));
        speak(&mut a, &mut b, 100);
        b.compose(OwnView::default(), MonoMs(110));
        let parcel = b.parcel_for(A);
        // It lies in a socket buffer for ten seconds.
        a.accept(parcel);
        assert_eq!(a.age_ms(B, MonoMs(10_110)), Some(10_010));
        assert!(!a.reported_since(B, MonoMs(5_000)));
    }

    #[test]
    fn a_cut_line_hides_nobody_whom_a_third_can_see() {
        proves("report.relay");
        let (mut a, mut b, mut c) = (picture(A, 0), picture(B, 0), picture(C, 0));
        for round in 0..5 {
            let at = round * 100;
            // A and B never speak to each other.
            speak(&mut a, &mut c, at + 1);
            speak(&mut b, &mut c, at + 2);
            speak(&mut c, &mut a, at + 3);
            speak(&mut c, &mut b, at + 4);
        }
        let age = a.age_ms(B, MonoMs(410)).expect("B is known through C, with an echo of A through C");
        assert!(age <= 210, "{age}");
    }

    #[test]
    fn a_relayed_report_of_the_run_before_does_not_replace_the_new_one() {
        proves("report.relay");
        let (mut a, mut b, mut c) = (picture(A, 0), picture(B, 0), picture(C, 0));
        speak(&mut a, &mut b, 1);
        speak(&mut b, &mut c, 2);
        let mut reborn = Picture::new(B, 777, MonoMs(3));
        speak(&mut reborn, &mut a, 4);
        speak(&mut a, &mut reborn, 5);
        speak(&mut reborn, &mut a, 6);
        speak(&mut c, &mut a, 7);
        assert_eq!(a.report(B).map(|report| report.boot), Some(777));
    }

    #[test]
    fn a_gap_between_two_reports_is_remembered_after_it_has_ended() {
        proves("report.age-by-echo");
        let (mut a, mut b) = (picture(A, 0), picture(B, 0));
        for at in (0..=2_000).step_by(100) {
            speak(&mut a, &mut b, at);
            speak(&mut b, &mut a, at + 10);
        }
        assert_eq!(a.heard_for_ms(B, MonoMs(2_100)), 2_100);
        speak(&mut a, &mut b, 2_301);
        speak(&mut b, &mut a, 2_310);
        assert_eq!(a.heard_for_ms(B, MonoMs(2_400)), 99, "B was stale for a moment");
        assert_eq!(a.heard_for_ms(A, MonoMs(2_400)), 2_400);
        assert_eq!(a.heard_for_ms(C, MonoMs(2_400)), 0);
    }

    #[test]
    fn old_and_repeated_reports_change_nothing() {
        proves("report.age-by-echo");
        let (mut a, mut b) = (picture(A, 0), picture(B, 0));
        b.compose(OwnView::default(), MonoMs(1));
        let old = b.parcel_for(A);
        let down = ReportedProbe { state: Verdict::Down, ..ReportedProbe::default() };
        let probes = BTreeMap::from([(ProbeId::from("p"), down)]);
        b.compose(OwnView { probes, ..OwnView::default() }, MonoMs(2));
        assert_eq!(a.accept(b.parcel_for(A)), Change::Transition);
        assert_eq!(a.accept(b.parcel_for(A)), Change::Nothing);
        assert_eq!(a.accept(old), Change::Nothing);
        assert_eq!(a.facts(MonoMs(3))[&B].probes[&ProbeId::from("p")].state, Verdict::Down);
        assert_eq!(speak(&mut b, &mut a, 5), Change::Transition, "the probe vanished");
        assert_eq!(speak(&mut b, &mut a, 6), Change::Refreshed);
    }
}
