//! Whether a path that is `Unknown` will be decided in a moment.
//!
//! A node that has just started knows nothing of its tunnel yet, and a gateway that boots answers before its tunnel can
//! be up. A route whose own path is `Down` would gain nothing there: `Down` or `Up` is a second away. When both gateways
//! boot at once (a power cut, an operator's mistake), each route would go over to the other's tunnel and come back.

use super::{Freshness, freshness, required_states};
use crate::evidence::{Evidence, Verdict};
use crate::policy::{Gateway, Path, Policy, ProbeRole, Subject};
use crate::time::HumanMs;

/// Why a path's being `Unknown` says nothing yet; `None` once it means something. To be asked of a path that is `Unknown`.
///
/// It means something once what it rests on has held for as long as a started probe takes to decide: its own node's
/// undecided probes where that is heard; where it is not, its silence, and what a strict majority of the other voters
/// say of the gateway, or their silence.
pub fn undecided(policy: &Policy, evidence: &Evidence, path: &Path) -> Option<String> {
    let limit_ms = policy.path_decided_within_ms(path);
    let Some(owner) = path.gateway.as_ref().and_then(|id| policy.gateway(id)) else {
        let says = super::path(policy, evidence, path);
        return (says.for_ms < limit_ms)
            .then(|| format!("its observers agree only for {}", HumanMs(says.for_ms)));
    };
    let name = policy.node_name(owner.node);
    match freshness(policy, evidence, owner.node) {
        Freshness::NotYet => Some(format!("{name} was not heard yet")),
        Freshness::Stale { for_ms } if for_ms < limit_ms => {
            Some(format!("{name} is silent only for {}", HumanMs(for_ms)))
        }
        Freshness::Stale { .. } => young_words(policy, evidence, owner, limit_ms),
        Freshness::Fresh => {
            let own = required_states(policy, evidence, path, owner.node).into_iter();
            let youngest =
                own.filter(|(_, state, _)| *state == Verdict::Unknown).min_by_key(|(_, _, ms)| *ms);
            let Some((probe, _, for_ms)) = youngest else {
                return Some(format!("{name} has no required probe of it"));
            };
            (for_ms < limit_ms).then(|| format!("{name} asks by probe {probe} only for {}", HumanMs(for_ms)))
        }
    }
}

/// What keeps a strict majority of the other voters from having said the same of a gateway for so long.
fn young_words(policy: &Policy, evidence: &Evidence, gateway: &Gateway, limit_ms: u64) -> Option<String> {
    let subject = Subject::Gateway(gateway.id.clone());
    let others: Vec<_> = evidence.voters.iter().copied().filter(|voter| *voter != gateway.node).collect();
    let mut young = Vec::new();
    for voter in &others {
        if freshness(policy, evidence, *voter) != Freshness::Fresh {
            continue;
        }
        let facts = evidence.nodes.get(voter);
        let words = policy
            .probes_of(&subject)
            .filter(|probe| probe.role == ProbeRole::Required && probe.observers.contains(voter))
            .map(|probe| facts.and_then(|facts| facts.probes.get(&probe.id)).map_or(0, |fact| fact.for_ms));
        if let Some(for_ms) = words.min().filter(|for_ms| *for_ms < limit_ms) {
            young.push(format!(
                "{} says the same of {} only for {}",
                policy.node_name(*voter),
                gateway.id,
                HumanMs(for_ms)
            ));
        }
    }
    let settled = others.len() - young.len();
    (settled * 2 <= others.len()).then(|| young.join("; "))
}
