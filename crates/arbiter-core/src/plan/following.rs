//! Alarms about the cluster that is followed. What is preferred because of it, `choose` knows.

use super::{Plan, Situation};
use crate::follow::FOLLOW_LOST_AFTER_MS;
use crate::health::{Alarm, Code};
use crate::policy::Route;
use crate::time::HumanMs;

pub(super) fn alarms(situation: &Situation<'_>, plan: &mut Plan) {
    let policy = &situation.state.policy;
    if !policy.follows() {
        return;
    }
    plan.alarms.extend(lost(situation));
    let heard = situation.evidence.followed.as_ref();
    for route in &policy.routes {
        let Some(theirs) = &route.follows else { continue };
        let unknown = heard.is_some_and(|heard| !heard.routes.contains_key(theirs));
        if let Some(why) = unmatched(situation, route, unknown) {
            plan.alarms.push(Alarm::new(Code::FollowUnmatched, &route.id, why));
        }
    }
}

/// The followed cluster has not been heard for too long, by anybody.
fn lost(situation: &Situation<'_>) -> Option<Alarm> {
    let evidence = situation.evidence;
    let silent_ms = evidence.followed.as_ref().map_or(evidence.listening_ms, |heard| heard.age_ms);
    if silent_ms <= FOLLOW_LOST_AFTER_MS {
        return None;
    }
    let since = HumanMs(silent_ms);
    let detail = match situation.state.followed_cluster() {
        Some(cluster) => format!("cluster {cluster} is not heard for {since}: its last assignments are kept"),
        None => format!("no cluster was heard in {since}: routes keep to their own order"),
    };
    Some(Alarm::new(Code::FollowLost, &situation.state.policy.cluster, detail))
}

/// Why a route can't follow, although the followed cluster is heard.
fn unmatched(situation: &Situation<'_>, route: &Route, unknown: bool) -> Option<String> {
    let state = situation.state;
    let preference = state.preference(route);
    if unknown {
        let theirs = route.follows.as_ref()?;
        return Some(format!("the followed cluster has no assignment of a route `{theirs}`"));
    }
    let theirs = &preference?.assigned.path;
    state
        .policy
        .path_standing_for(route, theirs)
        .is_none()
        .then(|| format!("none of its paths stands for `{theirs}`, which the followed cluster is on"))
}
