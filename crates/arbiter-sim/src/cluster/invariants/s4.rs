//! S4: no route leaves a path that is not `Down` except for failback, grace, repair, a policy change, an operator or a
//! drain; none moves onto a `Down` path while another is not. Judged by the recorded evidence.

use crate::cluster::tape::{Record, Violation};
use arbiter_core::command::{Action, Cause};
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::PathId;
use arbiter_core::policy::Policy;
use arbiter_core::verdict;

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
