use super::{away, reference};
use crate::command::Cause;
use crate::evidence::Verdict::{Down, Unknown, Up};
use crate::evidence::{Ending, Evidence, Verdict};
use crate::fixture::{Cluster, LONG_MS, policy_with_direct_connect, route, tunnel};
use crate::health::Code;
use crate::ids::PathId;
use crate::rules::proves;

#[test]
fn a_route_leaves_its_path_only_when_that_is_down() {
    proves("choose.leaves-only-when-down");
    let (cluster, healthy) = reference();
    let plan = cluster.plan(&healthy);
    assert!(plan.wishes.is_empty() && plan.alarms.is_empty(), "{plan:#?}");
    // Everything short of Down, for an hour less than the grace: nothing moves.
    let uneasy = [
        healthy.clone().tunnel(1, Unknown, 59_999),
        healthy.clone().mute(1, 59_999),
        healthy.clone().says(1, "behind-1", Down, LONG_MS),
        healthy.clone().says(2, "gateway-1", Down, LONG_MS).says(3, "gateway-1", Down, LONG_MS),
        healthy.clone().ends(1, Ending::Process),
        healthy.clone().tunnel_down(2, 1).tunnel(1, Unknown, 1),
    ];
    for evidence in uneasy {
        assert_eq!(cluster.wish_for(1, &evidence), None);
    }
    let over = [
        healthy.clone().tunnel_down(1, 0),
        healthy.clone().dead(1, 301),
        healthy.clone().ends(1, Ending::Host),
    ];
    for evidence in over {
        assert_eq!(cluster.wish_for(1, &evidence), Some((tunnel(2), Cause::Failover)));
    }
}

#[test]
fn the_line_between_the_gateways_is_cut_and_nothing_moves() {
    proves("choose.leaves-only-when-down");
    let (cluster, healthy) = reference();
    let cut = healthy.says(1, "gateway-2", Down, LONG_MS).says(2, "gateway-1", Down, LONG_MS);
    let plan = cluster.plan(&cut);
    assert!(plan.wishes.is_empty(), "{plan:#?}");
    let other = plan.alarms.iter().find(|alarm| alarm.code != Code::ObserversDisagree);
    assert_eq!((plan.alarms.len(), other), (2, None), "{plan:#?}");
}

/// A third path, the last choice of both routes.
fn three_paths() -> (Cluster, Evidence) {
    let policy = policy_with_direct_connect();
    let healthy = Evidence::healthy(&policy);
    (Cluster::formed(&policy), healthy)
}

fn direct(evidence: Evidence, state: Verdict) -> Evidence {
    [1, 2, 3].into_iter().fold(evidence, |evidence, n| evidence.says(n, "inner-9", state, 9_000))
}

/// Where the rules of choosing send a route whose path is Down: written again, straight from the sentence.
fn destination(second: Verdict, third: Verdict) -> Option<PathId> {
    match (second, third) {
        (Up, _) => Some(tunnel(2)),
        (_, Up) => Some(tunnel(9)),
        (Unknown, _) => Some(tunnel(2)),
        (_, Unknown) => Some(tunnel(9)),
        (Down, Down) => None,
    }
}

#[test]
fn it_goes_to_the_best_that_is_up_else_to_one_that_is_unknown_else_nowhere() {
    proves("choose.best-up");
    proves("choose.unknown-when-none-up");
    proves("choose.stays-when-all-down");
    let (cluster, healthy) = three_paths();
    for second in [Up, Unknown, Down] {
        for third in [Up, Unknown, Down] {
            let evidence = direct(healthy.clone().tunnel_down(1, 500).tunnel(2, second, 9_000), third);
            let expected = destination(second, third);
            let wish = cluster.wish_for(1, &evidence);
            assert_eq!(wish, expected.clone().map(|to| (to, Cause::Failover)), "{second} {third}");
            let plan = cluster.plan(&evidence);
            assert_eq!(plan.alarms(Code::NoBetterPath), expected.is_none(), "{second} {third}");
        }
    }
}

#[test]
fn what_is_about_to_be_decided_is_no_refuge() {
    proves("choose.undecided-is-no-refuge");
    let (cluster, healthy) = reference();
    let path = cluster.state.policy.path(&tunnel(2)).expect("a path of the reference case");
    let limit_ms = cluster.state.policy.path_decided_within_ms(path);
    let down = healthy.tunnel_down(1, 500);
    let told = Some((tunnel(2), Cause::Failover));
    for (moves, for_ms) in [(false, 0), (false, limit_ms - 1), (true, limit_ms)] {
        let expected = moves.then(|| told.clone()).flatten();
        // Its own node has just begun to ask.
        assert_eq!(cluster.wish_for(1, &down.clone().tunnel(2, Unknown, for_ms)), expected, "{for_ms} ms");
        // It is silent, and the host was seen long ago: `arbiterd` is being upgraded there.
        if for_ms > 300 {
            assert_eq!(cluster.wish_for(1, &down.clone().mute(2, for_ms)), expected, "{for_ms} ms");
        }
        // It is silent, and the host has just come up: it boots.
        let boots = down.clone().mute(2, LONG_MS).says(3, "gateway-2", Up, for_ms);
        assert_eq!(cluster.wish_for(1, &boots), expected, "{for_ms} ms");
        // It is silent, and one of the others has just begun to ask.
        let asks = down.clone().dead(2, LONG_MS).says(1, "gateway-2", Unknown, for_ms);
        assert_eq!(cluster.wish_for(1, &asks), expected, "{for_ms} ms");
    }
    // What others have not said at all is no news.
    assert_eq!(cluster.wish_for(1, &down.clone().mute(2, LONG_MS).silent(3, LONG_MS)), told);
    // A new leader has not heard it yet.
    let mut new = down.clone().never_heard(2);
    new.listening_ms = 1;
    assert_eq!(cluster.wish_for(1, &new), None);
    let plan = cluster.plan(&down.tunnel(2, Unknown, 200));
    assert!(plan.alarms(Code::NoBetterPath));
    assert!(
        plan.why(1).contains("not tunnel-2 yet: strongswan-2 asks by probe inner-2 only for 200ms"),
        "{}",
        plan.why(1)
    );
}

/// A power cut, and both gateways boot: their nodes a little apart, their tunnels later and at once. Each route stays
/// at home.
#[test]
fn both_gateways_boot_at_once_and_no_route_wanders() {
    proves("choose.undecided-is-no-refuge");
    let (cluster, healthy) = reference();
    let (boots, apart, tunnels) = (2_000_u64, 300_u64, [1_400_u64, 1_100]);
    let window = 350;
    for at in (0..4_500).step_by(10) {
        let mut evidence = healthy.clone();
        for (n, other) in [(1, 2), (2, 1)] {
            let boot = boots + (n - 1) * apart;
            if at < boot {
                evidence = evidence.silent(n, 10_000 + at);
                continue;
            }
            let runs = at - boot;
            // What its own node says of its tunnel.
            let up = tunnels[usize::try_from(n - 1).expect("one or two")];
            evidence = match runs {
                _ if runs >= up => evidence.tunnel(n, Up, runs - up),
                _ if runs >= window => evidence.tunnel_down(n, runs - window),
                _ => evidence.tunnel(n, Unknown, runs),
            };
            // What it says of the other gateway.
            let other_up = at.checked_sub(boots + (other - 1) * apart);
            let probe = format!("gateway-{other}");
            evidence = match other_up {
                Some(other_runs) => evidence.says(n, &probe, Up, other_runs.min(runs)),
                None if runs >= window => evidence.says(n, &probe, Down, runs - window),
                None => evidence.says(n, &probe, Unknown, runs),
            };
        }
        for n in [1, 2] {
            let probe = format!("gateway-{n}");
            evidence = match at.checked_sub(boots + (n - 1) * apart) {
                Some(runs) => evidence.says(3, &probe, Up, runs),
                None => evidence.says(3, &probe, Down, 10_000 + at),
            };
        }
        for n in [1, 2] {
            assert_eq!(
                cluster.wish_for(n, &evidence),
                None,
                "route {n} after {at} ms: {}",
                cluster.plan(&evidence).why(n)
            );
        }
    }
}

#[test]
fn both_tunnels_fail_at_once_and_moving_is_useless() {
    proves("choose.stays-when-all-down");
    let (cluster, healthy) = reference();
    let plan = cluster.plan(&healthy.tunnel_down(1, 500).tunnel_down(2, 500));
    assert!(plan.wishes.is_empty());
    assert!(plan.alarms(Code::NoBetterPath));
    assert!(plan.why(1).contains("and so is every other path"), "{}", plan.why(1));
}

#[test]
fn unknown_yields_to_up_after_its_grace_and_to_nothing_less() {
    proves("choose.unknown-grace");
    let (cluster, healthy) = reference();
    for (state_ms, moves) in [(59_999, false), (60_000, true)] {
        let expected = moves.then(|| (tunnel(2), Cause::UnknownGrace));
        let quiet = healthy.clone().mute(1, state_ms);
        assert_eq!(cluster.wish_for(1, &quiet), expected);
        assert_eq!(cluster.plan(&quiet).alarms(Code::PathUnknown), !moves);
        assert_eq!(cluster.wish_for(1, &healthy.clone().tunnel(1, Unknown, state_ms)), expected);
    }
    let none_up = healthy.clone().mute(1, LONG_MS).tunnel(2, Unknown, LONG_MS);
    assert_eq!(cluster.wish_for(1, &none_up), None, "Unknown does not yield to Unknown");
    assert!(cluster.plan(&none_up).alarms(Code::PathUnknown));
    assert_eq!(cluster.wish_for(1, &healthy.mute(1, LONG_MS).tunnel_down(2, LONG_MS)), None);
    // A path without a gateway has its grace too.
    let (mut cluster, healthy) = three_paths();
    let both = direct(healthy.clone().tunnel_down(1, 500).tunnel_down(2, 500), Up);
    cluster.does(&both);
    assert_eq!(cluster.path_of(1), tunnel(9));
    let doubt = direct(healthy.tunnel_down(1, 500).tunnel(2, Up, 10_000), Unknown).points_to(
        1,
        cluster.state.policy.path(&tunnel(9)).map(|path| path.target.clone()),
        1,
    );
    assert_eq!(cluster.wish_for(1, &doubt), None);
    let long = [1, 2, 3].into_iter().fold(doubt, |it, n| it.says(n, "inner-9", Unknown, 60_000));
    assert_eq!(cluster.wish_for(1, &long), Some((tunnel(2), Cause::UnknownGrace)));
}

#[test]
fn at_first_start_what_is_seen_is_adopted() {
    proves("choose.adopts-at-start");
    let policy = crate::fixture::policy();
    let mut cluster = Cluster::new(&policy);
    cluster.after(policy.timing.takeover_wait_ms());
    let swapped = Evidence::healthy(&policy).points_at(1, 2);
    let plan = cluster.plan(&swapped);
    assert!(plan.wishes.is_empty() && plan.adoptions.len() == 2, "{plan:#?}");
    assert_eq!(plan.adoptions[0].path, tunnel(2));
    cluster.adopts(&swapped);
    assert_eq!(cluster.path_of(1), tunnel(2));
    // Then it is brought home by the ordinary rules.
    assert_eq!(cluster.wish_for(1, &swapped.clone()), Some((tunnel(1), Cause::Failback)));
    assert_eq!(cluster.wish_for(1, &swapped.tunnel(1, Up, 10_000)), None);
    // What nobody has read is not adopted.
    let mut cluster = Cluster::new(&policy);
    cluster.after(policy.timing.takeover_wait_ms());
    let mut old = Evidence::healthy(&policy).unread(2);
    old.routes.get_mut(&route(1)).unwrap().age_ms = LONG_MS;
    let plan = cluster.plan(&old);
    assert!(plan.adoptions.is_empty() && plan.wishes.is_empty());
    assert!(plan.alarms(Code::RouteUnread));
}

#[test]
fn at_first_start_a_foreign_target_is_drift() {
    proves("choose.foreign-at-start-is-drift");
    let policy = crate::fixture::policy();
    let mut cluster = Cluster::new(&policy);
    cluster.after(policy.timing.takeover_wait_ms());
    let foreign = Evidence::healthy(&policy).points_at(1, 7);
    let plan = cluster.plan(&foreign);
    assert!(plan.drift.contains_key(&route(1)) && plan.alarms(Code::Drift));
    assert_eq!(cluster.wish_for(1, &foreign), Some((tunnel(1), Cause::Initial)));
    assert_eq!(cluster.wish_for(1, &foreign.clone().tunnel_down(1, 9)), Some((tunnel(2), Cause::Initial)));
    cluster.does(&foreign);
    assert_eq!(cluster.path_of(1), tunnel(1));
    // Where it points at none of ours and none of ours is better than Down, it stays.
    let mut cluster = Cluster::new(&policy);
    cluster.after(policy.timing.takeover_wait_ms());
    assert_eq!(cluster.wish_for(1, &foreign.tunnel_down(1, 9).tunnel_down(2, 9)), None);
}

#[test]
fn hold_down_never_delays_leaving_down_for_up() {
    proves("choose.hold-down-never-delays-failure");
    let (mut cluster, evidence) = away();
    // Tunnel 1 has been up for one second when tunnel 2 fails.
    let second = evidence.tunnel(1, Up, 1_000).tunnel_down(2, 0);
    assert_eq!(cluster.wish_for(1, &second), Some((tunnel(1), Cause::Failover)));
    cluster.does(&second);
    // And again at once, however many flaps are remembered.
    let third = second.points_at(1, 1).tunnel(2, Up, 100).tunnel_down(1, 0);
    assert_eq!(cluster.wish_for(1, &third), Some((tunnel(2), Cause::Failover)));
    assert_eq!(cluster.state.flaps(&route(1), cluster.state.log_now()), 2);
}

/// Route 1 alone.
fn one_route() -> (Cluster, Evidence) {
    let policy = crate::fixture::policy_with(|policy| policy.routes.truncate(1));
    let healthy = Evidence::healthy(&policy);
    (Cluster::formed(&policy), healthy)
}

#[test]
fn the_fourth_move_within_a_minute_is_the_last_for_a_minute() {
    proves("choose.fourth-move-freezes");
    let (mut cluster, healthy) = one_route();
    let down = |n: u64| healthy.clone().points_at(1, n).tunnel_down(n, 0);
    for (turn, from) in [1, 2, 1, 2].into_iter().enumerate() {
        assert_eq!(cluster.plan(&down(from)).alarms(Code::Flapping), turn >= 3, "before move {turn}");
        assert_eq!(cluster.does(&down(from)).len(), 1, "move {turn}");
        cluster.after(15_000);
    }
    let plan = cluster.plan(&down(1));
    assert!(plan.wishes.is_empty() && plan.alarms(Code::Frozen), "{plan:#?}");
    let refused = cluster.intends(crate::fixture::set(1, None, 2), Cause::Failover, &down(1).unread(1));
    assert!(
        matches!(refused, Err(crate::command::Refusal::Frozen { moves: 4, free_in_ms: 45_000 })),
        "{refused:?}"
    );
    cluster.after(44_999);
    assert!(cluster.plan(&down(1)).wishes.is_empty());
    cluster.after(1);
    assert_eq!(cluster.does(&down(1)).len(), 1);
    // Four moves that take longer than the window freeze nothing.
    let (mut cluster, healthy) = one_route();
    for from in [1, 2, 1, 2, 1, 2] {
        assert_eq!(cluster.does(&healthy.clone().points_at(1, from).tunnel_down(from, 0)).len(), 1);
        cluster.after(20_001);
    }
}

#[test]
fn a_frozen_route_is_kept_where_it_was_agreed_to_be() {
    proves("choose.fourth-move-freezes");
    proves("reconcile.reissue-is-no-repair");
    let (mut cluster, healthy) = one_route();
    for from in [1, 2, 1] {
        cluster.does(&healthy.clone().points_at(1, from).tunnel_down(from, 0));
    }
    let fourth = healthy.clone().points_at(1, 2).tunnel_down(2, 0);
    let wish = cluster.only_wish(&fourth);
    let id = cluster.grants(&wish, &fourth).unwrap();
    cluster.ended(id, crate::fixture::failed());
    cluster.after(1_000);
    // It wants back already and may not; meanwhile the failed call is repeated, and repeating it is no move.
    let back = healthy.clone().points_at(1, 2).mute(1, LONG_MS);
    assert!(cluster.plan(&back).alarms(Code::Frozen));
    let moves = cluster.state.assignments[&route(1)].moves.clone();
    assert_eq!(cluster.wish_for(1, &back), Some((tunnel(1), Cause::Reissue)));
    cluster.does(&back);
    assert_eq!(cluster.state.assignments[&route(1)].moves, moves);
    assert_eq!(cluster.state.repairs(&route(1), cluster.state.log_now()), 0);
}

#[test]
fn a_path_that_the_policy_took_away_is_left() {
    proves("choose.leaves-only-when-down");
    let (mut cluster, healthy) = reference();
    let policy = crate::fixture::policy_with(|policy| policy.routes[0].paths = vec![tunnel(2)]);
    let version = crate::ids::PolicyVersion(2);
    let new = |cluster: &mut Cluster, policy: &crate::policy::Policy| {
        let policy = Box::new(policy.clone());
        cluster.told(crate::command::Operation::ApplyPolicy { version, policy });
    };
    new(&mut cluster, &policy);
    assert_eq!(cluster.wish_for(1, &healthy), Some((tunnel(2), Cause::PolicyChange)));
    let nowhere = healthy.clone().tunnel_down(2, 500);
    assert_eq!(cluster.wish_for(1, &nowhere), None);
    assert!(cluster.plan(&nowhere).alarms(Code::NoBetterPath));
    cluster.does(&healthy);
    // The same path with another interface is set anew, also while the route is frozen.
    let (mut cluster, healthy) = reference();
    for from in [1, 2, 1, 2] {
        cluster.does(&healthy.clone().points_at(1, from).tunnel_down(from, 0));
    }
    let policy = crate::fixture::policy_with(|policy| {
        policy.gateways[0].interface = "eni-00000007".into();
        policy.paths[0].target = crate::fixture::eni(7);
    });
    new(&mut cluster, &policy);
    assert_eq!(cluster.wish_for(1, &healthy), Some((tunnel(1), Cause::PolicyChange)));
    cluster.does(&healthy.tunnel_down(2, 500));
}

#[test]
fn what_is_most_important_goes_first() {
    proves("decision.carries-reasons");
    let policy = crate::fixture::policy_with(|policy| {
        policy.routes[1].paths = vec![tunnel(1), tunnel(2)];
        policy.routes[1].importance = 1;
    });
    let mut cluster = Cluster::formed(&policy);
    let dead = Evidence::healthy(&policy).dead(1, 500_000);
    let wishes: Vec<_> = cluster.does(&dead).iter().map(|wish| wish.action.resource()).collect();
    assert_eq!(wishes, [2, 1].map(|n| crate::ids::Resource::Route(route(n))), "the Stop comes after both");
}
