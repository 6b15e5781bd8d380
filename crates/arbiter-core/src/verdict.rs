//! What the evidence says of a gateway and of a path.
//!
//! ```text
//!  reports ──► is it fresh? ──► gateway verdict ──► path verdict ──► the planner
//!  provider's word ────────────────┘                    ▲
//!  own gateway's required probes ──────────────────────-┘
//! ```
//!
//! Each answer carries how long it has held at least, and who said what, in words. `check` judges the same
//! evidence again by its own code: see [`crate::check`].

use crate::evidence::{Ending, Evidence, InstanceFacts, InstanceState, NodeFacts, Verdict};
use crate::ids::NodeId;
use crate::planted::{Bug, planted};
use crate::policy::{Gateway, Path, Policy, ProbeRole, Subject};
use crate::time::HumanMs;

/// A verdict, how long it has held at least, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the evidence says.
    pub verdict: Verdict,
    /// For how long it has held, at least.
    pub for_ms: u64,
    /// Who said what, how old.
    pub reasons: Vec<String>,
}

impl Judgement {
    fn new(verdict: Verdict, for_ms: u64, reasons: Vec<String>) -> Self {
        Self { verdict, for_ms, reasons }
    }
}

/// How a node's newest report can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Young enough to be believed.
    Fresh,
    /// Too old, or never heard although we have listened long enough: for this long.
    Stale {
        /// How long.
        for_ms: u64,
    },
    /// Never heard, and we have not listened long enough to hold that against it.
    NotYet,
}

/// How fresh a node's report is.
pub fn freshness(policy: &Policy, evidence: &Evidence, node: NodeId) -> Freshness {
    let limit_ms = policy.timing.report_stale_after_ms;
    match evidence.nodes.get(&node).and_then(|facts| facts.age_ms) {
        Some(age_ms) if age_ms <= limit_ms || planted(Bug::StaleIsFresh) => Freshness::Fresh,
        Some(age_ms) => Freshness::Stale { for_ms: age_ms },
        None if evidence.listening_ms > limit_ms => Freshness::Stale { for_ms: evidence.listening_ms },
        None => Freshness::NotYet,
    }
}

/// The provider's word on an instance, if it is young enough to be evidence.
pub fn fresh_instance<'a>(
    policy: &Policy,
    evidence: &'a Evidence,
    gateway: &Gateway,
) -> Option<&'a InstanceFacts> {
    let limit_ms = policy.timing.observation_stale_after_ms();
    evidence.instances.get(&gateway.id).filter(|facts| facts.age_ms <= limit_ms)
}

/// Whether an instance counts as gone: terminated, or absent for `gone_after`.
pub fn is_gone(policy: &Policy, facts: &InstanceFacts) -> bool {
    match facts.state {
        InstanceState::Terminated => true,
        InstanceState::Absent => facts.state_for_ms >= policy.remediation.gone_after_ms,
        _ => false,
    }
}

/// What one observer freshly says of a gateway.
///
/// With several probes to it, any that is up makes it `Up`; `Down` needs all of them.
fn observer_says(policy: &Policy, gateway: &Gateway, node: NodeId, facts: &NodeFacts) -> (Verdict, u64) {
    let subject = Subject::Gateway(gateway.id.clone());
    let states: Vec<_> = policy
        .probes_of(&subject)
        .filter(|probe| probe.role == ProbeRole::Required && probe.observers.contains(&node))
        .map(|probe| facts.probes.get(&probe.id).map_or((Verdict::Unknown, 0), |p| (p.state, p.for_ms)))
        .collect();
    if let Some(up) = states.iter().filter(|(state, _)| *state == Verdict::Up).max_by_key(|(_, ms)| *ms) {
        return *up;
    }
    if !states.is_empty() && states.iter().all(|(state, _)| *state == Verdict::Down) {
        let for_ms = states.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
        return (Verdict::Down, for_ms);
    }
    (Verdict::Unknown, 0)
}

/// The voters other than the gateway's own node, with what each freshly says.
fn poll(policy: &Policy, evidence: &Evidence, gateway: &Gateway) -> Poll {
    let mut poll = Poll::default();
    for voter in evidence.voters.iter().copied().filter(|voter| *voter != gateway.node) {
        poll.voters += 1;
        let name = policy.node_name(voter);
        let fresh = freshness(policy, evidence, voter) == Freshness::Fresh;
        let Some(facts) = evidence.nodes.get(&voter).filter(|_| fresh) else {
            poll.reasons.push(format!("{name} is silent"));
            continue;
        };
        let (says, for_ms) = observer_says(policy, gateway, voter, facts);
        let age = HumanMs(facts.age_ms.unwrap_or(0));
        poll.reasons.push(format!("{name} says {says} for {} (report {age} old)", HumanMs(for_ms)));
        match says {
            Verdict::Down => {
                poll.down_for_ms.push(for_ms);
                poll.dissent.push(format!("{name} says {says} for {}", HumanMs(for_ms)));
            }
            Verdict::Up => poll.up_for_ms.push(for_ms.saturating_add(facts.age_ms.unwrap_or(0))),
            Verdict::Unknown => {}
        }
    }
    poll.down_for_ms.sort_unstable_by(|a, b| b.cmp(a));
    poll.up_for_ms.sort_unstable();
    poll
}

#[derive(Default)]
struct Poll {
    voters: usize,
    /// How long ago each that says up saw it come up, shortest first.
    up_for_ms: Vec<u64>,
    /// How long each that says down has said so, longest first.
    down_for_ms: Vec<u64>,
    /// The same, in words.
    dissent: Vec<String>,
    reasons: Vec<String>,
}

impl Poll {
    const fn majority(&self) -> usize {
        self.voters / 2 + 1
    }

    /// For how long a strict majority has said down, if it does. In a cluster of one or two voters it would be a single
    /// one, and the line between the two may be at fault: two must say so.
    fn majority_down_for_ms(&self) -> Option<u64> {
        let needed = if planted(Bug::OneObserverCondemns) { 1 } else { self.majority().max(2) };
        self.down_for_ms.get(needed - 1).copied()
    }

    const fn majority_up(&self) -> bool {
        self.up_for_ms.len() >= self.majority()
    }

    /// Whether a strict majority saw it come up within the last `ms`.
    fn came_up_within(&self, ms: u64) -> bool {
        self.up_for_ms.get(self.majority() - 1).is_some_and(|up_ms| *up_ms < ms)
    }
}

/// What the evidence says of a gateway.
pub fn gateway(policy: &Policy, evidence: &Evidence, gateway: &Gateway) -> Judgement {
    let own = evidence.nodes.get(&gateway.node);
    let name = policy.node_name(gateway.node);
    let fresh = freshness(policy, evidence, gateway.node);
    let silent_ms = match fresh {
        Freshness::Stale { for_ms } => Some(for_ms),
        Freshness::Fresh | Freshness::NotYet => None,
    };
    let poll = poll(policy, evidence, gateway);
    // The word of a host that has come up since is outlived, even if nobody on it reports yet.
    let ends = own.is_some_and(|facts| facts.ending == Ending::Host);
    if ends && !silent_ms.is_some_and(|ms| poll.came_up_within(ms)) {
        let reason = format!("{name} announced that its host shuts down");
        return Judgement::new(Verdict::Down, silent_ms.unwrap_or(0), vec![reason]);
    }
    if fresh == Freshness::Fresh {
        let age = HumanMs(own.and_then(|facts| facts.age_ms).unwrap_or(0));
        return Judgement::new(Verdict::Up, 0, vec![format!("{name} itself reports ({age} old)")]);
    }
    let mut reasons = vec![silent_ms.map_or_else(
        || format!("{name} was not heard yet"),
        |ms| format!("{name} is silent for {}", HumanMs(ms)),
    )];
    reasons.extend(poll.reasons.iter().cloned());
    if poll.majority_up() {
        return Judgement::new(Verdict::Up, 0, reasons);
    }
    let Some(silent_ms) = silent_ms else {
        return Judgement::new(Verdict::Unknown, 0, reasons);
    };
    if let Some(down_ms) = poll.majority_down_for_ms() {
        return Judgement::new(Verdict::Down, silent_ms.min(down_ms), reasons);
    }
    if let Some(facts) = fresh_instance(policy, evidence, gateway) {
        let off = matches!(
            facts.state,
            InstanceState::Stopping | InstanceState::Stopped | InstanceState::ShuttingDown
        );
        if off || is_gone(policy, facts) {
            reasons.push(format!("the provider says {} for {}", facts.state, HumanMs(facts.state_for_ms)));
            return Judgement::new(Verdict::Down, silent_ms.min(facts.state_for_ms), reasons);
        }
    }
    Judgement::new(Verdict::Unknown, silent_ms, reasons)
}

/// The voters that freshly say `Down` of a gateway, in words. While the gateway is not, the line to it is at fault.
pub fn dissent(policy: &Policy, evidence: &Evidence, gateway: &Gateway) -> Vec<String> {
    poll(policy, evidence, gateway).dissent
}

/// Whether a gateway can be seen, whatever it announced: by its own fresh report, or by a strict majority of the
/// other voters. Such a gateway is never stopped.
pub fn can_be_seen(policy: &Policy, evidence: &Evidence, gateway: &Gateway) -> bool {
    freshness(policy, evidence, gateway.node) == Freshness::Fresh
        || poll(policy, evidence, gateway).majority_up()
}

/// What the evidence says of a path.
pub fn path(policy: &Policy, evidence: &Evidence, path: &Path) -> Judgement {
    let Some(owner) = path.gateway.as_ref().and_then(|id| policy.gateway(id)) else {
        return observed_path(policy, evidence, path);
    };
    let host = gateway(policy, evidence, owner);
    if host.verdict == Verdict::Down {
        let mut reasons = vec![format!("gateway {} is Down", owner.id)];
        reasons.extend(host.reasons);
        return Judgement::new(Verdict::Down, host.for_ms, reasons);
    }
    if let Some(facts) = fresh_instance(policy, evidence, owner) {
        if !facts.interface_attached {
            let reason = format!("interface {} is not attached to {}", owner.interface, owner.instance);
            return Judgement::new(Verdict::Down, 0, vec![reason]);
        }
        if facts.source_dest_check {
            let reason = format!("the source/destination check of {} is on", owner.interface);
            return Judgement::new(Verdict::Down, 0, vec![reason]);
        }
    }
    let name = policy.node_name(owner.node);
    match freshness(policy, evidence, owner.node) {
        Freshness::Fresh => {}
        Freshness::Stale { for_ms } => {
            let mut reasons = vec![format!("{name} is silent for {}", HumanMs(for_ms))];
            reasons.extend(host.reasons.into_iter().skip(1));
            return Judgement::new(Verdict::Unknown, for_ms, reasons);
        }
        Freshness::NotYet => {
            return Judgement::new(Verdict::Unknown, 0, vec![format!("{name} was not heard yet")]);
        }
    }
    let states = required_states(policy, evidence, path, owner.node);
    heard(evidence, owner.node, combine(&name, states))
}

/// `Up` has held only for as long as the node that says so was heard without a break: what it saw meanwhile was no
/// fresh evidence to anybody.
fn heard(evidence: &Evidence, node: NodeId, mut says: Judgement) -> Judgement {
    if says.verdict == Verdict::Up {
        let heard_ms = evidence.nodes.get(&node).map_or(0, |facts| facts.heard_for_ms);
        says.for_ms = says.for_ms.min(heard_ms);
    }
    says
}

/// The states of a path's required probes, as one node reports them.
fn required_states(
    policy: &Policy,
    evidence: &Evidence,
    path: &Path,
    node: NodeId,
) -> Vec<(String, Verdict, u64)> {
    let subject = Subject::Path(path.id.clone());
    let facts = evidence.nodes.get(&node);
    policy
        .probes_of(&subject)
        .filter(|probe| probe.role == ProbeRole::Required && probe.observers.contains(&node))
        .map(|probe| {
            let fact = facts.and_then(|facts| facts.probes.get(&probe.id));
            let (state, for_ms) = fact.map_or((Verdict::Unknown, 0), |fact| (fact.state, fact.for_ms));
            (probe.id.to_string(), state, for_ms)
        })
        .collect()
}

/// `Down` if one is down, for as long as the longest; `Up` if all are, for as long as the shortest.
fn combine(name: &str, states: Vec<(String, Verdict, u64)>) -> Judgement {
    let words = |(probe, state, ms): &(String, Verdict, u64)| {
        format!("{name}: probe {probe} {state} for {}", HumanMs(*ms))
    };
    let reasons: Vec<_> = states.iter().map(words).collect();
    let down = states.iter().filter(|(_, state, _)| *state == Verdict::Down).map(|(_, _, ms)| *ms).max();
    if let Some(for_ms) = down {
        return Judgement::new(Verdict::Down, for_ms, reasons);
    }
    let unknown = states.iter().filter(|(_, state, _)| *state == Verdict::Unknown).map(|(_, _, ms)| *ms);
    if states.is_empty() {
        return Judgement::new(Verdict::Unknown, 0, vec![format!("{name} has no required probe of it")]);
    }
    unknown.max().map_or_else(
        || {
            let for_ms = states.iter().map(|(_, _, ms)| *ms).min().unwrap_or(0);
            Judgement::new(Verdict::Up, for_ms, reasons.clone())
        },
        |for_ms| Judgement::new(Verdict::Unknown, for_ms, reasons.clone()),
    )
}

/// A path without a gateway: the majority of the observers that the policy names.
fn observed_path(policy: &Policy, evidence: &Evidence, path: &Path) -> Judgement {
    let majority = path.observers.len() / 2 + 1;
    let mut reasons = Vec::new();
    let (mut up_ms, mut down_ms) = (Vec::new(), Vec::new());
    // While no observer changes its mind, neither does their majority.
    let mut unchanged_ms = u64::MAX;
    for node in &path.observers {
        let name = policy.node_name(*node);
        match freshness(policy, evidence, *node) {
            Freshness::Fresh => {}
            Freshness::Stale { for_ms } => {
                unchanged_ms = unchanged_ms.min(for_ms);
                reasons.push(format!("{name} is silent for {}", HumanMs(for_ms)));
                continue;
            }
            Freshness::NotYet => {
                unchanged_ms = 0;
                reasons.push(format!("{name} was not heard yet"));
                continue;
            }
        }
        let says = combine(&name, required_states(policy, evidence, path, *node));
        let says = heard(evidence, *node, says);
        unchanged_ms = unchanged_ms.min(says.for_ms);
        reasons.extend(says.reasons);
        match says.verdict {
            Verdict::Up => up_ms.push(says.for_ms),
            Verdict::Down => down_ms.push(says.for_ms),
            Verdict::Unknown => {}
        }
    }
    for (verdict, ages) in [(Verdict::Up, &mut up_ms), (Verdict::Down, &mut down_ms)] {
        ages.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(for_ms) = ages.get(majority - 1).copied() {
            return Judgement::new(verdict, for_ms, reasons);
        }
    }
    let unchanged_ms = if path.observers.is_empty() { 0 } else { unchanged_ms };
    Judgement::new(Verdict::Unknown, unchanged_ms, reasons)
}

/// Why a path must not be come home to yet, although its required probes are up: probes that only warn.
pub fn failback_blocked(policy: &Policy, evidence: &Evidence, path: &Path, for_ms: u64) -> Option<String> {
    let subject = Subject::Path(path.id.clone());
    for probe in policy.probes_of(&subject).filter(|probe| probe.role == ProbeRole::Advisory) {
        for node in &probe.observers {
            let fact = evidence.nodes.get(node).and_then(|facts| facts.probes.get(&probe.id));
            let fresh = freshness(policy, evidence, *node) == Freshness::Fresh;
            let (state, said_ms) = fact.map_or((Verdict::Unknown, 0), |fact| (fact.state, fact.for_ms));
            let since_ms = said_ms.min(evidence.nodes.get(node).map_or(0, |facts| facts.heard_for_ms));
            let name = policy.node_name(*node);
            if !fresh || state != Verdict::Up {
                return Some(format!("advisory probe {} from {name} is {state}", probe.id));
            }
            if since_ms < for_ms {
                let since = HumanMs(since_ms);
                return Some(format!("advisory probe {} from {name} is Up only for {since}", probe.id));
            }
        }
    }
    None
}

mod undecided;

pub use undecided::undecided;

#[cfg(test)]
mod tables;
#[cfg(test)]
mod tests;
