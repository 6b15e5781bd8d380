//! What this node tells its peers, and what follows from what they tell: who should lead.

use crate::arbiter::Arbiter;
use crate::consensus::Role;
use crate::planted::{Bug, arrived, planted};
use arbiter_core::evidence::Ending;
use arbiter_core::ids::NodeId;
use arbiter_core::leadership::{Move, Standing};
use arbiter_core::report::{Change, OwnView, Parcel, Picture, ReportedProbe};
use arbiter_core::state::RULES_VERSION;
use arbiter_core::time::MonoMs;
use std::collections::BTreeSet;

/// Two reports are at least this far apart. A tunnel and its gateway that fail together make one report; a probe
/// that flaps all the time makes a hundred a second at most.
const REPORT_GAP_MS: u64 = 10;

impl Arbiter {
    pub fn peers(&self) -> BTreeSet<NodeId> {
        let members = self.view.voters.iter().chain(&self.view.learners).copied();
        let named = self.policy().nodes.iter().map(|node| node.id);
        members.chain(named).filter(|node| *node != self.settings.me).collect()
    }

    /// Takes in a parcel, but only what members say: a stranger's reports would be held for ever.
    pub fn accept(&mut self, mut parcel: Parcel) -> Change {
        let peers = self.peers();
        if !peers.contains(&parcel.own.node) {
            return Change::Nothing;
        }
        parcel.relayed.retain(|report| peers.contains(&report.node));
        if !planted(Bug::AgeByArrival) {
            return self.picture.accept(parcel);
        }
        let stamps = |picture: &Picture| -> Vec<_> {
            picture.reports().map(|report| (report.node, report.boot, report.seq)).collect()
        };
        let (before, now) = (stamps(&self.picture), self.now());
        let change = self.picture.accept(parcel);
        for stamp in stamps(&self.picture).iter().filter(|stamp| !before.contains(stamp)) {
            arrived(self.settings.me, stamp.0, now);
        }
        change
    }

    /// When the next report leaves: at once after a transition, but not in the same breath as the last one, so
    /// that a flapping probe floods nobody.
    pub fn report_due(&self) -> MonoMs {
        let Some(last) = self.last_report else { return MonoMs(0) };
        let wait_ms = self.policy().timing.report_interval_ms;
        last.plus_ms(if self.report_now { wait_ms.min(REPORT_GAP_MS) } else { wait_ms })
    }

    pub fn report_is_due(&self, now: MonoMs) -> bool {
        now >= self.report_due()
    }

    pub fn report(&mut self, now: MonoMs) {
        self.report_now = false;
        self.last_report = Some(now);
        let view = self.own_view(now);
        self.picture.compose(view, now);
        for peer in self.peers() {
            let mut parcel = self.picture.parcel_for(peer);
            if planted(Bug::RelayDropped) {
                parcel.relayed.clear();
            }
            self.parts.transport.offer(peer, parcel);
        }
    }

    fn own_view(&self, now: MonoMs) -> OwnView {
        let probes = self.parts.prober.snapshot().into_iter().map(|(id, status)| {
            let reported = ReportedProbe {
                state: status.state,
                for_ms: now.since_ms(status.since),
                last_rtt_us: status.last_rtt_us,
                loss_permille: status.loss_permille,
                answered_age_ms: status.last_answer.map(|at| now.since_ms(at)),
                error: status.last_error,
            };
            (id, reported)
        });
        let leader = match self.view.role {
            Role::Leader => Some((self.settings.me, 0)),
            _ => self.view.leader.zip(self.view.leader_heard_ms),
        };
        OwnView {
            probes: probes.collect(),
            ending: self.ending,
            describe_ok_age_ms: self.eyes.describe_ok_age_ms(now),
            provider_unreachable: self.eyes.unreachable(),
            leader,
            handing_over_to: self.handing_over_to.filter(|_| self.view.role == Role::Leader),
            disk_slow_ms: self.view.disk_slow_ms,
            rules_supported: RULES_VERSION,
            file_differs: self.file_differs,
            applied: self.state.applied.index,
            wall_ms: self.parts.clock.wall_ms(),
            heard: self.parts.ear.heard(),
        }
    }

    /// Leadership: nobody campaigns unless a majority says that the leader is silent.
    pub fn stand(&mut self, now: MonoMs) {
        if self.state.cluster_id.is_none() && self.view.voters.is_empty() {
            return;
        }
        let standing = Standing {
            me: self.settings.me,
            policy: &self.state.policy,
            picture: &self.picture,
            voters: &self.view.voters,
            silence_ms: self.settings.lease_ms,
            leads: self.view.role == Role::Leader,
            quiet: self.state.is_quiet() && self.hands.is_empty(),
        };
        match self.candidacy.decide(&standing, now) {
            Move::Stay => {}
            Move::Campaign if self.ending == Ending::None => {
                tracing::info!("a majority hears no leader: this node stands for election");
                self.parts.consensus.campaign();
            }
            Move::Campaign => {}
            Move::HandOver(to) => self.hand_over(to, None),
        }
    }
}
