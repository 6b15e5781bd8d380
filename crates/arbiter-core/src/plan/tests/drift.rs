use super::reference;
use crate::command::{Cause, Operation, Outcome};
use crate::evidence::Evidence;
use crate::evidence::Verdict::{Unknown, Up};
use crate::fixture::{Cluster, LONG_MS, eni, failed, no_answer, not_sent, policy_with, route, set, tunnel};
use crate::health::Code;
use crate::policy::DriftAction;
use crate::rules::proves;

fn repair() -> Option<(crate::ids::PathId, Cause)> {
    Some((tunnel(1), Cause::DriftRepair))
}

fn reissue(n: u64) -> Option<(crate::ids::PathId, Cause)> {
    Some((tunnel(n), Cause::Reissue))
}

#[test]
fn drift_to_a_foreign_target_is_repaired_at_once() {
    proves("reconcile.repairs");
    let (mut cluster, healthy) = reference();
    let drifted = healthy.points_to(1, Some(eni(7)), 0);
    let plan = cluster.plan(&drifted);
    assert!(plan.alarms(Code::Drift) && plan.drift.contains_key(&route(1)));
    assert_eq!(cluster.wish_for(1, &drifted), repair());
    cluster.does(&drifted);
    assert_eq!(cluster.state.repairs(&route(1), cluster.state.log_now()), 1);
    assert!(cluster.state.assignments[&route(1)].moves.is_empty(), "a repair is no move");
    // A route that is missing can't be replaced: it is only told.
    let missing = drifted.points_to(1, None, 0);
    assert_eq!(cluster.wish_for(1, &missing), None);
    assert!(cluster.plan(&missing).alarms(Code::RouteMissing));
}

#[test]
fn drift_is_not_repaired_onto_a_path_that_is_down() {
    proves("reconcile.repairs");
    let (mut cluster, healthy) = reference();
    let all_down = healthy.tunnel_down(1, 9).tunnel_down(2, 9).points_to(1, Some(eni(7)), LONG_MS);
    assert_eq!(cluster.wish_for(1, &all_down), None);
    assert!(cluster.intends(set(1, Some(eni(7)), 1), Cause::DriftRepair, &all_down).is_err());
}

#[test]
fn where_drift_is_only_reported_nothing_is_put_back() {
    proves("reconcile.report-only");
    let policy = policy_with(|policy| policy.routes[0].drift = DriftAction::Report);
    let mut cluster = Cluster::formed(&policy);
    let healthy = Evidence::healthy(&policy);
    for drifted in [healthy.clone().points_at(1, 7), healthy.clone().points_at(1, 2)] {
        let plan = cluster.plan(&drifted);
        assert!(plan.wishes.is_empty() && plan.alarms(Code::Drift) && plan.drift.len() == 1);
        let before = drifted.routes[&route(1)].target.clone();
        assert!(cluster.intends(set(1, before, 1), Cause::DriftRepair, &drifted).is_err());
    }
    // At first start too.
    let mut new = Cluster::new(&policy);
    new.after(policy.timing.takeover_wait_ms());
    assert_eq!(new.wish_for(1, &healthy.clone().points_at(1, 7)), None);
    assert!(new.intends(set(1, Some(eni(7)), 1), Cause::Initial, &healthy.points_at(1, 7)).is_err());
}

#[test]
fn a_manual_move_onto_a_working_path_is_left_for_a_while() {
    proves("reconcile.manual-move-grace");
    let (mut cluster, healthy) = reference();
    let moved = |for_ms| healthy.clone().points_to(1, Some(eni(2)), for_ms);
    let plan = cluster.plan(&moved(119_999));
    assert!(plan.wishes.is_empty() && plan.alarms(Code::Drift));
    assert!(cluster.intends(set(1, Some(eni(2)), 1), Cause::DriftRepair, &moved(119_999)).is_err());
    assert_eq!(cluster.wish_for(1, &moved(120_000)), repair());
    // Onto a path that does not work: at once.
    for bad in [moved(0).tunnel_down(2, 9), moved(0).tunnel(2, Unknown, 9)] {
        assert_eq!(cluster.wish_for(1, &bad), repair());
    }
}

#[test]
fn a_place_where_our_own_calls_have_been_gets_no_grace() {
    proves("reconcile.stray-call-no-grace");
    let (mut cluster, healthy) = reference();
    cluster.does(&healthy.clone().tunnel_down(1, 9));
    cluster.after(10_000);
    // Tunnel 1 is well again, but must prove itself yet. Tunnel 2 is committed; it points at tunnel 1.
    let back = healthy.points_to(1, Some(eni(1)), 0).tunnel(1, Up, 5_000);
    assert_eq!(
        cluster.wish_for(1, &back),
        Some((tunnel(2), Cause::DriftRepair)),
        "a before of ten seconds ago"
    );
    cluster.after(589_999);
    assert_eq!(cluster.wish_for(1, &back), Some((tunnel(2), Cause::DriftRepair)));
    cluster.after(1);
    assert_eq!(cluster.wish_for(1, &back), None, "ten minutes ago");
}

#[test]
fn after_three_repairs_in_ten_minutes_drift_is_only_reported() {
    proves("reconcile.three-repairs");
    let (mut cluster, healthy) = reference();
    let drifted = healthy.points_to(1, Some(eni(7)), 0);
    for _ in 0..3 {
        assert_eq!(cluster.does(&drifted).len(), 1);
        cluster.after(60_000);
    }
    let plan = cluster.plan(&drifted);
    assert!(plan.wishes.is_empty() && plan.alarms(Code::DriftWar));
    assert!(cluster.intends(set(1, Some(eni(7)), 1), Cause::DriftRepair, &drifted).is_err());
    cluster.after(420_000);
    assert_eq!(cluster.wish_for(1, &drifted), repair(), "the first is ten minutes ago");
}

#[test]
fn our_own_failed_or_unanswered_call_is_issued_again_and_counts_as_nothing() {
    proves("reconcile.reissue-is-no-repair");
    for outcome in [failed(), not_sent(), no_answer()] {
        let (mut cluster, healthy) = reference();
        let down = healthy.tunnel_down(1, 9);
        let wish = cluster.only_wish(&down);
        let id = cluster.grants(&wish, &down).unwrap();
        cluster.ended(id, outcome.clone());
        assert_eq!(cluster.wish_for(1, &down), None, "not at once");
        let mut waits = Vec::new();
        for _ in 0..8 {
            let start = cluster.state.log_now();
            while cluster.wish_for(1, &down).is_none() {
                cluster.after(50);
            }
            waits.push(cluster.state.log_now().since_ms(start));
            assert_eq!(cluster.wish_for(1, &down), reissue(2));
            let wish = cluster.only_wish(&down);
            let id = cluster.grants(&wish, &down).unwrap();
            cluster.ended(id, outcome.clone());
        }
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000], "{outcome}");
        let assignment = &cluster.state.assignments[&route(1)];
        assert_eq!((assignment.moves.len(), assignment.repairs.len()), (1, 0));
        assert_eq!(cluster.plan(&down).alarms(Code::CallFailed), matches!(outcome, Outcome::Failed { .. }));
        // Seen where it should be: all is well, whatever became of the calls.
        assert_eq!(cluster.wish_for(1, &down.points_at(1, 2)), None);
    }
}

#[test]
fn a_stray_call_is_undone_once_and_after_that_it_is_another_hand() {
    proves("reconcile.reissue-is-no-repair");
    let (mut cluster, healthy) = reference();
    // The failover's answer is lost; by hand of an operator the route goes home again, and that is acknowledged.
    let down = healthy.clone().tunnel_down(1, 9);
    let wish = cluster.only_wish(&down);
    let stray = cluster.grants(&wish, &down).unwrap();
    cluster.ended(stray, no_answer());
    cluster.told(Operation::Switchover { route: route(1), path: tunnel(1) });
    cluster.does(&healthy);
    assert_eq!(cluster.path_of(1), tunnel(1));
    cluster.after(5_000);
    // Now the lost call lands.
    let landed = healthy.points_to(1, Some(eni(2)), 0);
    assert_eq!(cluster.wish_for(1, &landed), reissue(1));
    cluster.does(&landed);
    assert_eq!(cluster.state.repairs(&route(1), cluster.state.log_now()), 0);
    // It can't land twice.
    cluster.after(5_000);
    assert_eq!(cluster.wish_for(1, &landed), repair());
    assert!(cluster.intends(set(1, Some(eni(2)), 1), Cause::Reissue, &landed).is_err());
    cluster.does(&landed);
    assert_eq!(cluster.state.repairs(&route(1), cluster.state.log_now()), 1);
}

#[test]
fn a_read_that_may_be_older_than_our_own_call_proves_no_other_hand() {
    proves("reconcile.repairs");
    let (mut cluster, healthy) = reference();
    cluster.does(&healthy.clone().tunnel_down(1, 9));
    cluster.after(8_000);
    // A new leader's read is ten seconds old and shows the world before the failover.
    let mut old = healthy.tunnel_down(1, 9_000).points_at(1, 1);
    old.routes.get_mut(&route(1)).unwrap().age_ms = 10_000;
    assert_eq!(cluster.wish_for(1, &old), None);
    assert!(cluster.intends(set(1, Some(eni(1)), 2), Cause::DriftRepair, &old).is_err());
    // Nor does one that began while the call may have been on its way, or not visible yet.
    old.routes.get_mut(&route(1)).unwrap().age_ms = 3_500;
    assert_eq!(cluster.wish_for(1, &old), None);
    old.routes.get_mut(&route(1)).unwrap().age_ms = 3_499;
    assert_eq!(cluster.wish_for(1, &old), Some((tunnel(2), Cause::DriftRepair)));
}

#[test]
fn a_refusal_for_the_rate_is_no_failure_that_is_waited_for_longer_each_time() {
    proves("reconcile.reissue-is-no-repair");
    let (mut cluster, healthy) = reference();
    let down = healthy.tunnel_down(1, 9);
    let throttled = || Outcome::Failed { code: "RequestLimitExceeded".into(), message: "slower".into() };
    let mut id = cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &down).unwrap();
    let mut ends = |cluster: &mut Cluster, outcome: Outcome, wish_after_ms: u64| {
        cluster.ended(id, outcome);
        cluster.after(wish_after_ms - 1);
        assert_eq!(cluster.wish_for(1, &down), None);
        cluster.after(1);
        assert_eq!(cluster.wish_for(1, &down), reissue(2));
        let (plan, wish) = (cluster.plan(&down), cluster.only_wish(&down));
        id = cluster.grants(&wish, &down).unwrap();
        (plan.alarms(Code::ProviderThrottled), plan.alarms(Code::CallFailed))
    };
    for _ in 0..6 {
        assert_eq!(ends(&mut cluster, throttled(), 250), (true, false));
    }
    assert_eq!(ends(&mut cluster, failed(), 250), (false, true));
    assert_eq!(ends(&mut cluster, failed(), 500), (false, true));
    assert_eq!(ends(&mut cluster, throttled(), 500), (true, false));
}
