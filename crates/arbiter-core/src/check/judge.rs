//! The sentences about gateways and paths that an intent may need, each a yes-or-no question to the evidence.

use crate::evidence::{Ending, Evidence, InstanceFacts, InstanceState, Verdict};
use crate::ids::NodeId;
use crate::planted::{Bug, planted};
use crate::policy::{Gateway, Path, Policy, Probe, ProbeRole, Subject};

/// The evidence, read under a policy.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub policy: &'a Policy,
    pub evidence: &'a Evidence,
}

impl<'a> Judge<'a> {
    fn age(&self, node: NodeId) -> Option<u64> {
        let age_ms = self.evidence.nodes.get(&node).and_then(|facts| facts.age_ms);
        if planted(Bug::StaleIsFresh) { age_ms.map(|_| 0) } else { age_ms }
    }

    pub fn hears(&self, node: NodeId) -> bool {
        self.age(node).is_some_and(|age_ms| age_ms <= self.policy.timing.report_stale_after_ms)
    }

    /// For how long a node has been silent, if longer than a report may be old.
    fn silence_ms(&self, node: NodeId) -> Option<u64> {
        let silent_ms = self.age(node).unwrap_or(self.evidence.listening_ms);
        (silent_ms > self.policy.timing.report_stale_after_ms).then_some(silent_ms)
    }

    fn required(&self, subject: &Subject, observer: NodeId) -> Vec<&'a Probe> {
        let decides = |probe: &&Probe| {
            probe.subject == *subject
                && probe.role == ProbeRole::Required
                && probe.observers.contains(&observer)
        };
        self.policy.probes.iter().filter(decides).collect()
    }

    fn state(&self, observer: NodeId, probe: &Probe) -> (Verdict, u64) {
        let facts = self.evidence.nodes.get(&observer);
        facts
            .and_then(|facts| facts.probes.get(&probe.id))
            .map_or((Verdict::Unknown, 0), |p| (p.state, p.for_ms))
    }

    fn others(&self, gateway: &Gateway) -> Vec<NodeId> {
        self.evidence.voters.iter().copied().filter(|voter| *voter != gateway.node).collect()
    }

    /// How many of the other voters freshly say that the gateway has been down for at least this long.
    fn witnesses_of_death(&self, gateway: &Gateway, at_least_ms: u64) -> usize {
        let subject = Subject::Gateway(gateway.id.clone());
        let says_down = |voter: &&NodeId| {
            let probes = self.required(&subject, **voter);
            self.hears(**voter)
                && !probes.is_empty()
                && probes.iter().all(|probe| {
                    let (state, for_ms) = self.state(**voter, probe);
                    state == Verdict::Down && for_ms >= at_least_ms
                })
        };
        self.others(gateway).iter().filter(says_down).count()
    }

    /// Whether a strict majority of the other voters freshly sees the gateway up.
    pub fn majority_sees(&self, gateway: &Gateway) -> bool {
        let subject = Subject::Gateway(gateway.id.clone());
        let sees = |voter: &&NodeId| {
            let probes = self.required(&subject, **voter);
            self.hears(**voter) && probes.iter().any(|probe| self.state(**voter, probe).0 == Verdict::Up)
        };
        let others = self.others(gateway);
        others.iter().filter(sees).count() * 2 > others.len()
    }

    /// What the provider says of a gateway, if it said so lately.
    pub fn provider(&self, gateway: &Gateway) -> Option<&'a InstanceFacts> {
        let timing = &self.policy.timing;
        let limit_ms = timing.reconcile_interval_ms.saturating_mul(2).saturating_add(timing.call_timeout_ms);
        self.evidence.instances.get(&gateway.id).filter(|facts| facts.age_ms <= limit_ms)
    }

    pub fn is_gone(&self, facts: &InstanceFacts) -> bool {
        let absent = facts.state == InstanceState::Absent;
        facts.state == InstanceState::Terminated
            || absent && facts.state_for_ms >= self.policy.remediation.gone_after_ms
    }

    /// Whether the gateway's own node announced the end of its host, and the host has not come up again since.
    fn host_ends(&self, gateway: &Gateway) -> bool {
        let ending = self.evidence.nodes.get(&gateway.node).map_or(Ending::None, |facts| facts.ending);
        let subject = Subject::Gateway(gateway.id.clone());
        let saw_it_come_up = |voter: &&NodeId| {
            let ups = self.required(&subject, **voter).into_iter().map(|probe| self.state(**voter, probe));
            let newest = ups.filter(|(state, _)| *state == Verdict::Up).map(|(_, for_ms)| for_ms).max();
            let report_ms = self.age(**voter).filter(|_| self.hears(**voter));
            let up_ms = newest.zip(report_ms).map(|(for_ms, report_ms)| for_ms.saturating_add(report_ms));
            up_ms.zip(self.silence_ms(gateway.node)).is_some_and(|(up_ms, silent_ms)| up_ms < silent_ms)
        };
        let others = self.others(gateway);
        ending == Ending::Host && others.iter().filter(saw_it_come_up).count() * 2 <= others.len()
    }

    /// Whether the gateway is `Down`, and has been for at least this long.
    pub fn gateway_is_down(&self, gateway: &Gateway, at_least_ms: u64) -> bool {
        if self.host_ends(gateway) {
            return at_least_ms == 0 || self.silence_ms(gateway.node).is_some_and(|ms| ms >= at_least_ms);
        }
        if self.silence_ms(gateway.node).is_none_or(|ms| ms < at_least_ms) || self.hears(gateway.node) {
            return false;
        }
        let witnesses = self.witnesses_of_death(gateway, at_least_ms);
        let agree = witnesses > 1 && witnesses * 2 > self.others(gateway).len();
        if agree || witnesses > 0 && planted(Bug::OneObserverCondemns) {
            return true;
        }
        let off = |facts: &InstanceFacts| {
            use InstanceState::{ShuttingDown, Stopped, Stopping};
            facts.state_for_ms >= at_least_ms
                && (matches!(facts.state, Stopping | Stopped | ShuttingDown) || self.is_gone(facts))
        };
        !self.majority_sees(gateway) && self.provider(gateway).is_some_and(off)
    }

    /// Whether the gateway is `Up`.
    pub fn gateway_is_up(&self, gateway: &Gateway) -> bool {
        !self.host_ends(gateway) && self.can_be_seen(gateway)
    }

    /// Whether the gateway's own node or a strict majority of the others speaks for its life, whatever it
    /// announced.
    pub fn can_be_seen(&self, gateway: &Gateway) -> bool {
        self.hears(gateway.node) || self.majority_sees(gateway)
    }

    /// Whether a node's reports have come without a gap for at least this long.
    fn hears_for(&self, node: NodeId, at_least_ms: u64) -> bool {
        let heard_ms = self.evidence.nodes.get(&node).map_or(0, |facts| facts.heard_for_ms);
        self.hears(node) && heard_ms >= at_least_ms
    }

    fn gateway_of(&self, path: &Path) -> Option<&'a Gateway> {
        path.gateway.as_ref().and_then(|id| self.policy.gateway(id))
    }

    /// Whether the path is `Up`, and has been for at least this long.
    pub fn path_is_up(&self, path: &Path, at_least_ms: u64) -> bool {
        let subject = Subject::Path(path.id.clone());
        let all_up = |node: NodeId| {
            let probes = self.required(&subject, node);
            let up = |probe: &&Probe| {
                let (state, for_ms) = self.state(node, probe);
                state == Verdict::Up && for_ms >= at_least_ms
            };
            self.hears_for(node, at_least_ms) && !probes.is_empty() && probes.iter().all(up)
        };
        match self.gateway_of(path) {
            Some(owner) => all_up(owner.node) && !self.path_is_down(path),
            None => path.observers.iter().filter(|node| all_up(**node)).count() * 2 > path.observers.len(),
        }
    }

    /// Whether the path is `Down`.
    pub fn path_is_down(&self, path: &Path) -> bool {
        let subject = Subject::Path(path.id.clone());
        let says_down = |node: NodeId| {
            let probes = self.required(&subject, node);
            self.hears(node) && probes.iter().any(|probe| self.state(node, probe).0 == Verdict::Down)
        };
        let Some(owner) = self.gateway_of(path) else {
            return path.observers.iter().filter(|node| says_down(**node)).count() * 2 > path.observers.len();
        };
        let cannot_forward = |facts: &InstanceFacts| !facts.interface_attached || facts.source_dest_check;
        self.gateway_is_down(owner, 0)
            || says_down(owner.node)
            || self.provider(owner).is_some_and(cannot_forward)
    }

    /// Whether the path has been neither `Up` nor `Down` for at least this long.
    pub fn path_is_unknown(&self, path: &Path, at_least_ms: u64) -> bool {
        if self.path_is_up(path, 0) || self.path_is_down(path) {
            return false;
        }
        let Some(owner) = self.gateway_of(path) else {
            let unchanged = |node: &NodeId| self.keeps_its_word(path, *node, at_least_ms);
            return at_least_ms == 0 || !path.observers.is_empty() && path.observers.iter().all(unchanged);
        };
        if !self.hears(owner.node) {
            return at_least_ms == 0 || self.silence_ms(owner.node).is_some_and(|ms| ms >= at_least_ms);
        }
        let subject = Subject::Path(path.id.clone());
        let waits = |probe: &&Probe| {
            let (state, for_ms) = self.state(owner.node, probe);
            state == Verdict::Unknown && for_ms >= at_least_ms
        };
        at_least_ms == 0 || self.required(&subject, owner.node).iter().any(waits)
    }

    /// Whether that the path is neither `Up` nor `Down` has held for as long as what judges it takes to decide. It may be
    /// gone to only then.
    pub fn path_stays_unknown(&self, path: &Path) -> bool {
        let decided_ms = self.policy.path_decided_within_ms(path);
        if !self.path_is_unknown(path, decided_ms) {
            return false;
        }
        let Some(owner) = self.gateway_of(path) else { return true };
        if self.hears(owner.node) {
            let subject = Subject::Path(path.id.clone());
            let begun = |(state, for_ms): (Verdict, u64)| state == Verdict::Unknown && for_ms < decided_ms;
            return !self
                .required(&subject, owner.node)
                .into_iter()
                .any(|probe| begun(self.state(owner.node, probe)));
        }
        let subject = Subject::Gateway(owner.id.clone());
        let keeps_its_word = |voter: &&NodeId| {
            !self.hears(**voter)
                || self
                    .required(&subject, **voter)
                    .into_iter()
                    .all(|probe| self.state(**voter, probe).1 >= decided_ms)
        };
        let others = self.others(owner);
        others.iter().filter(keeps_its_word).count() * 2 > others.len()
    }

    /// Whether what a node says of a path, or its silence, has not changed for at least this long.
    fn keeps_its_word(&self, path: &Path, node: NodeId, at_least_ms: u64) -> bool {
        if !self.hears(node) {
            return self.silence_ms(node).is_some_and(|ms| ms >= at_least_ms);
        }
        let says: Vec<_> = self
            .required(&Subject::Path(path.id.clone()), node)
            .into_iter()
            .map(|probe| self.state(node, probe))
            .collect();
        let held = |verdict| says.iter().any(|(state, for_ms)| *state == verdict && *for_ms >= at_least_ms);
        let has = |verdict| says.iter().any(|(state, _)| *state == verdict);
        if has(Verdict::Down) {
            held(Verdict::Down)
        } else if has(Verdict::Unknown) {
            held(Verdict::Unknown)
        } else {
            !says.is_empty()
                && says.iter().all(|(_, for_ms)| *for_ms >= at_least_ms)
                && self.hears_for(node, at_least_ms)
        }
    }

    /// Whether every probe of the path that only warns has been freshly up for at least this long.
    pub fn nothing_warns(&self, path: &Path, at_least_ms: u64) -> bool {
        let subject = Subject::Path(path.id.clone());
        let warns = |probe: &&Probe| probe.subject == subject && probe.role == ProbeRole::Advisory;
        self.policy.probes.iter().filter(warns).all(|probe| {
            probe.observers.iter().all(|node| {
                let (state, for_ms) = self.state(*node, probe);
                self.hears_for(*node, at_least_ms) && state == Verdict::Up && for_ms >= at_least_ms
            })
        })
    }
}
