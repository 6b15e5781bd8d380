//! S4: no route leaves a path that is not `Down` except for failback, grace, repair, a policy change, an operator or a
//! drain; none moves onto a `Down` path while another is not. Judged by the recorded evidence, and that by the truth.

use crate::cluster::tape::{Record, Violation};
use arbiter_core::command::{Action, Cause};
use arbiter_core::evidence::{Evidence, Verdict};
use arbiter_core::ids::{IntentId, PathId};
use arbiter_core::policy::Policy;
use arbiter_core::verdict;

/// What a node says of its own tunnel is no older than this when it counts: a report's age, the probes that must see the
/// tunnel come back, and a proposal's way, at their worst.
const OLD_NEWS_MS: u64 = 6_000;

/// Whether the evidence says that a path is down although it has carried traffic for long: the word of its own node,
/// which was fresh, was old. A process that stood still, of the one or the other, is excepted.
fn old_news(record: &Record, policy: &Policy, id: IntentId, evidence: &Evidence, left: &PathId) -> bool {
    let owner = policy.path(left).and_then(|path| policy.gateway(path.gateway.as_ref()?));
    let (Some(owner), Some((at_ms, by))) = (owner, record.proposed.get(&id)) else { return false };
    let own_word = verdict::gateway(policy, evidence, owner).verdict != Verdict::Down;
    let from_ms = at_ms.saturating_sub(OLD_NEWS_MS);
    let stood_still = record
        .halts
        .iter()
        .any(|(node, _, until_ms)| (node == by || *node == owner.node) && *until_ms >= from_ms);
    let since = record.carries_since(owner.node, *at_ms);
    own_word && !stood_still && since.is_some_and(|since_ms| since_ms < from_ms)
}

/// Every accepted move of a route.
pub fn judge(record: &Record, policy: &Policy) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, accepted) in &record.accepted {
        let Action::SetRoute { route, path, .. } = &accepted.action else { continue };
        let (Some(evidence), Some(route)) = (&accepted.evidence, policy.route(route)) else { continue };
        let says_of =
            |path: &PathId| policy.path(path).map(|path| verdict::path(policy, evidence, path).verdict);
        // Where it was assigned, which is not where it pointed if somebody had moved it by hand.
        if accepted.cause == Cause::Failover
            && let Some(left) = &accepted.from
            && says_of(left) != Some(Verdict::Down)
        {
            let says = format!("{id} takes {} off {left}, which its evidence doesn't call Down", route.id);
            found.push(Violation { invariant: "S4", says });
        }
        if accepted.cause == Cause::Failover
            && let Some(left) = &accepted.from
            && old_news(record, policy, *id, evidence, left)
        {
            let says = format!("{id} takes {} off {left}, which has long been working again", route.id);
            found.push(Violation { invariant: "S4", says });
        }
        let others = || route.paths.iter().filter(|other| *other != path);
        let worse = says_of(path) == Some(Verdict::Down)
            && others().any(|other| says_of(other).is_some_and(|verdict| verdict != Verdict::Down));
        let moves = matches!(accepted.cause, Cause::Failover | Cause::Failback | Cause::UnknownGrace);
        if worse && moves {
            let says = format!("{id} moves {} onto {path}, which is Down, while another is not", route.id);
            found.push(Violation { invariant: "S4", says });
        }
    }
    found
}
