//! A cluster that follows another one.

use super::Plan;
use crate::command::{Applied, Cause, Command, Operation};
use crate::evidence::Evidence;
use crate::evidence::Verdict::{Down, Unknown, Up};
use crate::fixture::{
    Cluster, LONG_MS, eni, follow, followed_path as theirs, followed_route as their_route, gateway,
    policy_with, route, set, tunnel,
};
use crate::follow::{FOLLOW_LOST_AFTER_MS, FollowedRoute, Heard, Preference};
use crate::health::Code;
use crate::ids::{Epoch, LogIndex, PathId};
use crate::rules::proves;
use std::collections::BTreeMap;

/// The reference case, formed, whose two routes follow another cluster's, which nothing is known of yet.
fn follower() -> (Cluster, Evidence) {
    let policy = policy_with(follow);
    let cluster = Cluster::formed(&policy);
    let healthy = Evidence::healthy(&policy);
    (cluster, healthy)
}

/// The followed cluster was heard this long ago: its route 1 is on that tunnel since that entry, its route 2 at home.
fn heard(evidence: Evidence, age_ms: u64, path: &PathId, index: u64) -> Evidence {
    let on =
        |path: &PathId, index| FollowedRoute { path: path.clone(), epoch: Epoch(5), index: LogIndex(index) };
    let routes = BTreeMap::from([(their_route(1), on(path, index)), (their_route(2), on(&theirs(2), 6))]);
    let followed = Some(Heard { cluster: "cloud".into(), from: "witness".into(), age_ms, routes });
    Evidence { followed, ..evidence }
}

impl Cluster {
    /// Notes what the plan asks to note.
    fn follows(&mut self, evidence: &Evidence) -> usize {
        let preferences = self.plan(evidence).follow;
        let count = preferences.len();
        if count > 0 {
            self.applies(Command::Follow { stamp: self.stamp(), preferences });
        }
        count
    }

    fn follow_refused(&mut self, path: &PathId, index: u64) -> bool {
        let assigned = FollowedRoute { path: path.clone(), epoch: Epoch(5), index: LogIndex(index) };
        let preference =
            Preference { cluster: "cloud".into(), route: their_route(1), assigned, noted: LogIndex(0) };
        let command = Command::Follow { stamp: self.stamp(), preferences: vec![(route(1), preference)] };
        matches!(self.apply(command), Applied::Refused(_))
    }
}

fn following_to(n: u64) -> Option<(PathId, Cause)> {
    Some((tunnel(n), Cause::Follow))
}

#[test]
fn a_route_follows_at_once_to_the_path_that_stands_for_theirs() {
    proves("follow.preferred");
    proves("follow.at-once");
    let (mut cluster, healthy) = follower();
    // At home on both sides: noted, and nothing moves.
    let home = heard(healthy.clone(), 50, &theirs(1), 7);
    assert_eq!(cluster.follows(&home), 2);
    assert_eq!(cluster.follows(&home), 0, "once is enough");
    assert_eq!(cluster.wish_for(1, &home), None);
    // Theirs moves. That our path has been Up for a moment only is no reason to wait.
    let moved = heard(healthy, 50, &theirs(2), 8).tunnel(2, Up, 0);
    assert_eq!(cluster.wish_for(1, &moved), None, "what is heard is not agreed yet");
    assert_eq!(cluster.follows(&moved), 1);
    assert_eq!(cluster.wish_for(1, &moved), following_to(2));
    cluster.does(&moved);
    assert_eq!(cluster.path_of(1), tunnel(2));
    let there = moved.points_at(1, 2);
    let plan = cluster.plan(&there);
    assert!(!plan.alarms(Code::AwayFromHome), "it is where it belongs");
    assert!(plan.why(1).contains("cloud-route-1 there is on cloud-2: entry 8 of epoch 5"), "{}", plan.why(1));
    // And back, as fast.
    let back = heard(there, 50, &theirs(1), 9);
    cluster.follows(&back);
    assert_eq!(cluster.wish_for(1, &back), following_to(1));
}

#[test]
fn own_probes_forbid_to_follow_onto_what_does_not_work() {
    proves("follow.own-probes-veto");
    let (mut cluster, healthy) = follower();
    let moved = heard(healthy, 50, &theirs(2), 8);
    cluster.follows(&moved);
    for state in [Down, Unknown] {
        let bad = moved.clone().tunnel(2, state, LONG_MS);
        assert_eq!(cluster.wish_for(1, &bad), None, "{state}");
        assert!(cluster.plan(&bad).why(1).contains("does not follow to tunnel-2"));
        let refused = cluster.intends(set(1, Some(eni(1)), 2), Cause::Follow, &bad);
        assert!(refused.is_err(), "{state}");
    }
    // It works again, and is followed; it fails again, and is left, whatever the other cluster says.
    cluster.does(&moved);
    let failed = moved.points_at(1, 2).tunnel_down(2, 0);
    assert_eq!(cluster.wish_for(1, &failed), Some((tunnel(1), Cause::Failover)));
}

#[test]
fn what_is_not_agreed_is_not_followed() {
    proves("follow.preferred");
    let (mut cluster, healthy) = follower();
    let moved = heard(healthy, 50, &theirs(2), 8);
    assert!(cluster.intends(set(1, Some(eni(1)), 2), Cause::Follow, &moved).is_err());
    cluster.follows(&moved);
    assert!(
        cluster.intends(set(1, Some(eni(1)), 1), Cause::Follow, &moved).is_err(),
        "it does not stand for theirs"
    );
    assert!(cluster.intends(set(1, Some(eni(1)), 2), Cause::Follow, &moved).is_ok());
}

#[test]
fn after_an_own_failure_it_comes_home_as_ever() {
    proves("follow.own-failure-comes-home");
    let (mut cluster, healthy) = follower();
    let home = heard(healthy, 50, &theirs(1), 7);
    cluster.follows(&home);
    // Only our end of the tunnel fails.
    cluster.does(&home.clone().tunnel_down(1, 500));
    cluster.after(1_000);
    let away = home.points_at(1, 2);
    let up = away.clone().tunnel(1, Up, 29_999);
    assert_eq!(cluster.wish_for(1, &up), None, "it has not proved itself yet");
    assert!(cluster.intends(set(1, Some(eni(2)), 1), Cause::Follow, &up).is_err());
    assert!(cluster.plan(&up).alarms(Code::AwayFromHome));
    assert_eq!(cluster.wish_for(1, &away.clone().tunnel(1, Up, 30_000)), Some((tunnel(1), Cause::Failback)));
    // Chosen anew over there, it is followed at once.
    let anew = heard(up, 50, &theirs(1), 10);
    cluster.follows(&anew);
    assert_eq!(cluster.wish_for(1, &anew), following_to(1));
}

#[test]
fn operators_stand_above_what_is_followed() {
    proves("follow.operators-first");
    let told = |operation: Operation| {
        let (mut cluster, healthy) = follower();
        let moved = heard(healthy, 50, &theirs(2), 8);
        cluster.told(operation);
        cluster.follows(&moved);
        let forced = cluster.clone().intends(set(1, Some(eni(1)), 2), Cause::Follow, &moved);
        (cluster.wish_for(1, &moved), forced.is_ok())
    };
    let not = (None, false);
    assert_eq!(told(Operation::Pin { route: route(1), path: tunnel(1) }), not);
    assert_eq!(told(Operation::Drain { gateway: gateway(2), reason: "r".into() }), not);
    assert_eq!(told(Operation::Pause { reason: "r".into(), for_ms: None }), not);
    assert_eq!(told(Operation::Undrain { gateway: gateway(2) }), (following_to(2), true));
    // A switchover away from what is followed holds.
    let (mut cluster, healthy) = follower();
    let home = heard(healthy, 50, &theirs(1), 7);
    cluster.follows(&home);
    cluster.told(Operation::Switchover { route: route(1), path: tunnel(2) });
    cluster.does(&home);
    let there = home.points_at(1, 2);
    assert_eq!((cluster.path_of(1), cluster.wish_for(1, &there)), (tunnel(2), None));
}

#[test]
fn a_cluster_that_is_not_heard_is_still_followed_whoever_leads() {
    proves("follow.keeps-the-last");
    let (mut cluster, healthy) = follower();
    let moved = heard(healthy.clone(), 50, &theirs(2), 8);
    cluster.follows(&moved);
    cluster.does(&moved);
    let lost = |plan: &Plan| plan.alarms(Code::FollowLost);
    let there = moved.points_at(1, 2);
    assert!(!lost(&cluster.plan(&there)));
    let silent = heard(there, FOLLOW_LOST_AFTER_MS + 1, &theirs(2), 8);
    // Another leader, which has never heard of them.
    cluster.led_by(2);
    for cut_off in [silent.clone(), Evidence { followed: None, ..silent }] {
        assert!(lost(&cluster.plan(&cut_off)));
        assert_eq!(cluster.wish_for(1, &cut_off), None, "it stays where they were last");
        assert_eq!(cluster.path_of(1), tunnel(2));
        assert!(!cluster.plan(&cut_off).alarms(Code::AwayFromHome));
    }
    // A leader that has only just begun to listen has not missed anything yet.
    let young = Evidence { followed: None, listening_ms: 100, ..healthy };
    assert!(!lost(&cluster.plan(&young)));
}

#[test]
fn an_older_assignment_never_replaces_a_newer_one() {
    proves("follow.never-older");
    let (mut cluster, healthy) = follower();
    cluster.follows(&heard(healthy.clone(), 50, &theirs(2), 8));
    for index in [7, 8] {
        let stale = heard(healthy.clone(), 50, &theirs(1), index);
        assert_eq!(cluster.follows(&stale), 0, "{index}");
        assert!(cluster.follow_refused(&theirs(1), index), "{index}");
    }
    assert!(!cluster.follow_refused(&theirs(1), 9));
    let noted = &cluster.state.preferences[&route(1)];
    assert_eq!((&noted.assigned.path, noted.noted), (&theirs(1), cluster.state.applied.index));
}

#[test]
fn what_does_not_fit_together_is_an_alarm() {
    proves("follow.preferred");
    let (mut cluster, healthy) = follower();
    let details = |cluster: &Cluster, evidence: &Evidence| {
        let alarms = cluster.plan(evidence).alarms;
        let of = alarms.into_iter().filter(|alarm| alarm.code == Code::FollowUnmatched);
        of.map(|alarm| alarm.detail).collect::<Vec<_>>()
    };
    let fits = heard(healthy.clone(), 50, &theirs(1), 7);
    assert!(details(&cluster, &fits).is_empty());
    let mut lacks = fits;
    lacks.followed.as_mut().unwrap().routes.remove(&their_route(2));
    assert_eq!(
        details(&cluster, &lacks),
        ["the followed cluster has no assignment of a route `cloud-route-2`"]
    );
    let elsewhere = heard(healthy, 50, &"direct-connect".into(), 8);
    cluster.follows(&elsewhere);
    assert_eq!(cluster.wish_for(1, &elsewhere), None);
    assert_eq!(
        details(&cluster, &elsewhere),
        ["none of its paths stands for `direct-connect`, which the followed cluster is on"]
    );
}

#[test]
fn what_is_followed_is_part_of_a_snapshot_and_goes_with_the_policy() {
    proves("follow.keeps-the-last");
    let (mut cluster, healthy) = follower();
    cluster.follows(&heard(healthy, 50, &theirs(2), 8));
    let text = serde_json::to_string(&cluster.state).unwrap();
    let again: crate::state::ClusterState = serde_json::from_str(&text).unwrap();
    assert_eq!(again.preferences, cluster.state.preferences);
    let mut policy = (*cluster.state.policy).clone();
    policy.routes[0].follows = None;
    let version = crate::ids::PolicyVersion(cluster.state.policy_version.0 + 1);
    cluster.told(Operation::ApplyPolicy { version, policy: Box::new(policy) });
    assert_eq!(cluster.state.preferences.keys().collect::<Vec<_>>(), [&route(2)]);
}

#[test]
fn a_kernel_route_that_is_not_there_yet_is_made_where_theirs_leads() {
    proves("follow.preferred");
    let (cluster, healthy) = follower();
    let policy = (*cluster.state.policy).clone();
    let mut cluster = Cluster::new(&policy);
    cluster.after(policy.timing.takeover_wait_ms() + 1);
    let nowhere = healthy.points_to(1, Some(crate::policy::Target::nowhere()), LONG_MS);
    assert!(!cluster.plan(&nowhere).alarms(Code::Drift), "nobody has changed anything");
    assert_eq!(cluster.wish_for(1, &nowhere), Some((tunnel(1), Cause::Initial)));
    let moved = heard(nowhere, 50, &theirs(2), 8);
    cluster.follows(&moved);
    assert_eq!(cluster.wish_for(1, &moved), Some((tunnel(2), Cause::Initial)));
    cluster.does(&moved);
    assert_eq!(cluster.path_of(1), tunnel(2));
}

#[test]
fn what_hosts_on_premises_have_is_said_in_their_own_alarms() {
    proves("kernel.others-untouched");
    let (mut cluster, healthy) = follower();
    let mut policy = (*cluster.state.policy).clone();
    policy.routes[0].host = Some(crate::ids::NodeId(3));
    cluster.state.policy = std::sync::Arc::new(policy);
    let mut shadowed = healthy.clone();
    for n in [1, 2] {
        shadowed.routes.get_mut(&route(n)).unwrap().shadowed_by = Some("by hand".into());
    }
    let alarms = cluster.plan(&shadowed).alarms;
    let of = |n: u64| alarms.iter().find(|alarm| alarm.subject == route(n).0).map(|alarm| alarm.code);
    assert_eq!((of(1), of(2)), (Some(Code::RouteConflict), Some(Code::Shadowed)));
    let unread = cluster.plan(&healthy.unread(1).unread(2)).alarms;
    let remedy =
        |n: u64| unread.iter().find(|alarm| alarm.subject == route(n).0).unwrap().remedy().to_owned();
    assert_eq!(remedy(1), Code::HostUnread.remedy());
    assert_eq!(remedy(2), Code::RouteUnread.remedy());
}
