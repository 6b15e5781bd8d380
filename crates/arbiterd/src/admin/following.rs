//! What is followed, as the wire shows it.

use arbiter_control::Look;
use arbiter_core::policy::Route;
use arbiter_core::report::Report;
use arbiter_proto::v1;

/// The cluster that is followed; none if the policy follows none.
pub(super) fn of_cluster(look: &Look) -> Option<v1::FollowingStatus> {
    let state = &look.state;
    if !state.policy.follows() {
        return None;
    }
    let heard = look.evidence.followed.as_ref();
    let hearing = |(report, age_ms): &(Report, Option<u64>)| v1::Hearing {
        node: state.policy.node_name(report.node),
        from: report.heard.as_ref().map(|heard| heard.from.clone()).unwrap_or_default(),
        age_ms: report
            .heard
            .as_ref()
            .zip(*age_ms)
            .map(|(heard, since_ms)| heard.age_ms.saturating_add(since_ms)),
    };
    let mut heard_by: Vec<_> = look.reports.iter().map(hearing).collect();
    heard_by.sort_by(|a, b| a.node.cmp(&b.node));
    Some(v1::FollowingStatus {
        cluster_id: state.followed_cluster().map(|id| id.0.clone()).unwrap_or_default(),
        heard_age_ms: heard.map(|heard| heard.age_ms),
        from: heard.map(|heard| heard.from.clone()).unwrap_or_default(),
        heard_by,
    })
}

/// What a route follows; none if it follows nothing.
pub(super) fn of_route(look: &Look, route: &Route) -> Option<v1::FollowStatus> {
    let theirs = route.follows.as_ref()?;
    let agreed = look.state.preference(route);
    let stands_for = look.state.preferred_path(route).map(|(path, _)| path.id.0.clone());
    Some(v1::FollowStatus {
        route: theirs.0.clone(),
        path: agreed.map(|agreed| agreed.assigned.path.0.clone()).unwrap_or_default(),
        epoch: agreed.map_or(0, |agreed| agreed.assigned.epoch.0),
        index: agreed.map_or(0, |agreed| agreed.assigned.index.0),
        stands_for: stands_for.unwrap_or_default(),
    })
}
