//! The check, sentence by sentence: what it refuses although nobody would plan it.

use crate::command::Cause::{
    Drain, DriftRepair, Failback, Failover, Initial, Pin, PolicyChange, Reissue, Switchover, UnknownGrace,
};
use crate::command::{Action, Cause, Operation, Outcome, Refusal};
use crate::evidence::Evidence;
use crate::evidence::Verdict::{Unknown, Up};
use crate::fixture::{
    Cluster, LONG_MS, eni, gateway, no_answer, policy, policy_with, route, set, start, tunnel,
};
use crate::ids::PolicyVersion;
use crate::rules::proves;

fn reference() -> (Cluster, Evidence) {
    (Cluster::reference(), Evidence::healthy(&policy()))
}

/// Refused by the check, for a reason with these words.
fn refused(cluster: &Cluster, action: Action, cause: Cause, evidence: &Evidence, words: &str) {
    match cluster.clone().intends(action, cause, evidence) {
        Err(Refusal::Unsupported(why)) if why.contains(words) => {}
        other => panic!("{cause}: expected “{words}”, got {other:?}"),
    }
}

fn accepted(cluster: &Cluster, action: Action, cause: Cause, evidence: &Evidence) {
    let answer = cluster.clone().intends(action, cause, evidence);
    assert!(answer.is_ok(), "{cause}: {answer:?}");
}

/// Route 1 from its first tunnel to its second.
fn over() -> Action {
    set(1, Some(eni(1)), 2)
}

/// Route 1 is on its second tunnel, for a minute, and seen there.
fn away() -> (Cluster, Evidence) {
    let (mut cluster, healthy) = reference();
    cluster.does(&healthy.clone().tunnel_down(1, 500));
    cluster.after(61_000);
    (cluster, healthy.points_at(1, 2))
}

/// Route 1 from its second tunnel home.
fn back() -> Action {
    set(1, Some(eni(2)), 1)
}

#[test]
fn none_moves_onto_a_down_path_while_another_is_not() {
    proves("choose.leaves-only-when-down");
    proves("choose.stays-when-all-down");
    let policy = policy();
    let mut new = Cluster::new(&policy);
    new.after(policy.timing.takeover_wait_ms());
    let foreign = Evidence::healthy(&policy).points_at(1, 7).tunnel_down(2, 9);
    let onto_down = set(1, Some(eni(7)), 2);
    for first in [Up, Unknown] {
        let evidence = foreign.clone().tunnel(1, first, 9);
        refused(&new, onto_down.clone(), Initial, &evidence, "tunnel-2 is Down and another is not");
        accepted(&new, set(1, Some(eni(7)), 1), Initial, &evidence);
    }
    let (mut cluster, healthy) = reference();
    let down = healthy.tunnel_down(2, 9);
    cluster.told(Operation::Switchover { route: route(1), path: tunnel(2) });
    for cause in [Failover, UnknownGrace, Switchover, Drain, PolicyChange, Initial, DriftRepair, Reissue] {
        refused(&cluster, over(), cause, &down, "is Down");
    }
    // Where a path was taken away, the same.
    let taken = policy_with(|policy| policy.routes[1].paths = vec![tunnel(1)]);
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(taken) });
    accepted(&cluster, set(2, Some(eni(2)), 1), PolicyChange, &down);
    accepted(&cluster, set(2, Some(eni(2)), 1), PolicyChange, &down.tunnel_down(1, 9));
}

#[test]
fn a_path_its_target_and_what_was_seen_belong_together() {
    proves("intent.evidence-carries");
    let (cluster, healthy) = reference();
    let down = healthy.tunnel_down(1, 9);
    let to = |path, after| Action::SetRoute { route: route(1), before: Some(eni(1)), path, after };
    refused(&cluster, to(tunnel(2), eni(1)), Failover, &down, "points at");
    refused(&cluster, to(tunnel(2), eni(7)), Failover, &down, "points at");
    refused(&cluster, to(tunnel(9), eni(9)), Failover, &down, "is not a path of route");
    refused(&cluster, set(7, None, 2), Failover, &down, "is not of the policy");
    refused(&cluster, set(1, Some(eni(2)), 2), Failover, &down, "what was seen");
    refused(&cluster, set(1, None, 2), Failover, &down, "what was seen");
    accepted(&cluster, over(), Failover, &down);
    accepted(&cluster, set(1, None, 2), Failover, &down.unread(1));
}

#[test]
fn a_failover_needs_a_path_that_is_down_and_the_best_there_is() {
    proves("choose.leaves-only-when-down");
    proves("choose.best-up");
    proves("choose.undecided-is-no-refuge");
    let (cluster, healthy) = reference();
    for not_down in
        [healthy.clone(), healthy.clone().tunnel(1, Unknown, LONG_MS), healthy.clone().mute(1, LONG_MS)]
    {
        refused(&cluster, over(), Failover, &not_down, "tunnel-1 is not Down");
    }
    let down = healthy.tunnel_down(1, 9);
    refused(&cluster, set(1, Some(eni(1)), 1), Failover, &down, "is Down and another is not");
    for (for_ms, lasts) in [(0, false), (1_479, false), (1_480, true)] {
        let begun = [
            down.clone().tunnel(2, Unknown, for_ms),
            down.clone().mute(2, LONG_MS).says(3, "gateway-2", Up, for_ms),
            down.clone().dead(2, LONG_MS).says(1, "gateway-2", Unknown, for_ms),
        ];
        for evidence in begun {
            if lasts {
                accepted(&cluster, over(), Failover, &evidence);
            } else {
                refused(
                    &cluster,
                    over(),
                    Failover,
                    &evidence,
                    "tunnel-2 is Unknown, and not for long enough",
                );
            }
        }
    }
    let mut new = down.clone().never_heard(2);
    new.listening_ms = 1;
    refused(&cluster, over(), Failover, &new, "not for long enough");
    let three = crate::fixture::policy_with_direct_connect();
    let cluster = Cluster::formed(&three);
    let down = Evidence::healthy(&three).tunnel_down(1, 9).tunnel(2, Unknown, LONG_MS);
    refused(&cluster, over(), Failover, &down, "tunnel-2 is not Up and another is");
}

#[test]
fn patience_is_lost_only_after_the_grace_and_only_for_a_path_that_is_up() {
    proves("choose.unknown-grace");
    let (cluster, healthy) = reference();
    for unknown in [healthy.clone().mute(1, 60_000), healthy.clone().tunnel(1, Unknown, 60_000)] {
        accepted(&cluster, over(), UnknownGrace, &unknown);
        refused(&cluster, over(), UnknownGrace, &unknown.tunnel(2, Unknown, 9), "tunnel-2 is not Up");
    }
    for early in [healthy.clone().mute(1, 59_999), healthy.clone().tunnel(1, Unknown, 59_999), healthy] {
        refused(&cluster, over(), UnknownGrace, &early, "has not been Unknown");
    }
}

#[test]
fn a_failback_needs_a_better_path_that_has_proved_itself() {
    proves("choose.failback-after");
    let (mut cluster, evidence) = away();
    accepted(&cluster, back(), Failback, &evidence);
    refused(&cluster, back(), Failback, &evidence.clone().tunnel(1, Up, 29_999), "has not been Up");
    refused(&cluster, back(), Failback, &evidence.clone().heard_for(1, 29_999), "has not been Up");
    refused(&cluster, back(), Failback, &evidence.clone().says(1, "behind-1", Unknown, 9), "advisory");
    refused(&cluster, set(2, Some(eni(2)), 1), Failback, &evidence, "not preferred");
    refused(&cluster, set(1, Some(eni(2)), 2), Failback, &evidence, "is on tunnel-2 already");
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
    refused(&cluster, back(), Failback, &evidence, "is drained");
    cluster.told(Operation::Undrain { gateway: gateway(1) });
    for held in [
        Operation::Switchover { route: route(1), path: tunnel(2) },
        Operation::Pin { route: route(1), path: tunnel(2) },
    ] {
        let mut cluster = cluster.clone();
        cluster.told(held);
        refused(&cluster, back(), Failback, &evidence, "an operator put the route");
    }
}

#[test]
fn an_operators_cause_needs_an_operator() {
    proves("choose.switchover");
    proves("choose.pin");
    proves("choose.drain");
    let (mut cluster, healthy) = reference();
    refused(&cluster, over(), Switchover, &healthy, "nobody switched");
    refused(&cluster, over(), Pin, &healthy, "nobody pinned");
    refused(&cluster, over(), Drain, &healthy, "is not drained");
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
    accepted(&cluster, over(), Drain, &healthy);
    refused(&cluster, over(), Drain, &healthy.clone().tunnel(2, Unknown, 9), "is not Up");
    cluster.told(Operation::Drain { gateway: gateway(2), reason: "upgrade".into() });
    refused(&cluster, over(), Drain, &healthy, "the gateway of tunnel-2 is drained");
    cluster.told(Operation::Pin { route: route(1), path: tunnel(2) });
    refused(&cluster, over(), Pin, &healthy, "the gateway of tunnel-2 is drained");
}

#[test]
fn an_initial_assignment_needs_a_foreign_target_and_none_before() {
    proves("choose.foreign-at-start-is-drift");
    let policy = policy();
    let mut new = Cluster::new(&policy);
    new.after(policy.timing.takeover_wait_ms());
    let healthy = Evidence::healthy(&policy);
    refused(&new, set(1, Some(eni(1)), 1), Initial, &healthy, "is to be adopted");
    refused(&new, set(1, Some(eni(1)), 2), Initial, &healthy, "is to be adopted");
    refused(&new, set(1, None, 1), Initial, &healthy.clone().unread(1), "nobody has read");
    accepted(&new, set(1, Some(eni(7)), 1), Initial, &healthy.clone().points_at(1, 7));
    let (cluster, _) = reference();
    refused(&cluster, set(1, Some(eni(7)), 1), Initial, &healthy.points_at(1, 7), "an assignment already");
}

#[test]
fn only_our_own_calls_are_reissued_and_only_another_hand_is_undone() {
    proves("reconcile.reissue-is-no-repair");
    let (mut cluster, healthy) = reference();
    let foreign = healthy.points_at(1, 7);
    let home = set(1, Some(eni(7)), 1);
    refused(&cluster, home.clone(), Reissue, &foreign, "no call of ours");
    accepted(&cluster, home.clone(), DriftRepair, &foreign);
    for cause in [DriftRepair, Reissue] {
        refused(&cluster, set(1, Some(eni(7)), 2), cause, &foreign, "");
        refused(&cluster, home.clone(), cause, &foreign.clone().tunnel_down(1, 9), "is Down");
    }
    let mut old = foreign.clone();
    old.routes.get_mut(&route(1)).unwrap().age_ms = LONG_MS;
    refused(&cluster, home.clone(), DriftRepair, &old, "nobody has read");
    refused(
        &cluster,
        set(1, Some(eni(1)), 1),
        DriftRepair,
        &foreign.clone().points_at(1, 1),
        "points there already",
    );
    // Our own call, unanswered, may be repeated; once it is acknowledged, what differs is another hand's.
    let down = foreign.points_at(1, 1).tunnel_down(1, 9);
    let id = cluster.intends(over(), Failover, &down).unwrap();
    cluster.ended(id, no_answer());
    accepted(&cluster, over(), Reissue, &down);
    let id = cluster.intends(over(), Reissue, &down).unwrap();
    cluster.ended(id, Outcome::Done);
    cluster.after(60_000);
    refused(&cluster, over(), Reissue, &down, "no call of ours");
}

#[test]
fn a_policy_change_moves_only_what_the_policy_changed() {
    proves("choose.leaves-only-when-down");
    let (mut cluster, healthy) = reference();
    refused(&cluster, over(), PolicyChange, &healthy, "still one of the route's");
    refused(&cluster, set(1, Some(eni(1)), 1), PolicyChange, &healthy, "still one of the route's");
    let moved = policy_with(|policy| {
        policy.gateways[0].interface = "eni-00000007".into();
        policy.paths[0].target = eni(7);
    });
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(moved) });
    let to_7 = Action::SetRoute { route: route(1), before: Some(eni(1)), path: tunnel(1), after: eni(7) };
    accepted(&cluster, to_7, PolicyChange, &healthy);
    refused(&cluster, over(), PolicyChange, &healthy, "still one of the route's");
}

#[test]
fn causes_of_instances_change_no_route_and_the_other_way_round() {
    proves("intent.evidence-carries");
    let (mut cluster, healthy) = reference();
    let dead = healthy.dead(1, LONG_MS);
    for cause in [Cause::Remediate, Cause::ForceStop, Cause::StartOwed] {
        refused(&cluster, over(), cause, &dead, "is no cause to change a route");
    }
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    for cause in [Failover, Cause::StartOwed, Drain] {
        refused(&cluster, crate::fixture::stop(1), cause, &dead, "is no cause to stop");
    }
    refused(&cluster, crate::fixture::force_stop(1), Cause::Remediate, &dead, "a first stop is not forced");
    let other = Action::Stop { gateway: gateway(1), instance: crate::fixture::instance(2), force: false };
    refused(&cluster, other, Cause::Remediate, &dead, "the instance of strongswan-1 is");
    cluster.does(&dead);
    refused(&cluster, start(1), Cause::Remediate, &dead, "is no cause to start");
    accepted(&cluster, start(1), Cause::StartOwed, &dead);
}
