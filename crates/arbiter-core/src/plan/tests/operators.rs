use super::{away, reference};
use crate::command::{Cause, Operation};
use crate::evidence::Evidence;
use crate::evidence::Verdict::{Unknown, Up};
use crate::fixture::{Cluster, LONG_MS, gateway, route, tunnel};
use crate::rules::proves;

fn switch(to: u64) -> Operation {
    Operation::Switchover { route: route(1), path: tunnel(to) }
}

fn pin(to: u64) -> Operation {
    Operation::Pin { route: route(1), path: tunnel(to) }
}

fn drain(n: u64) -> Operation {
    Operation::Drain { gateway: gateway(n), reason: "upgrade".into() }
}

fn wish(cluster: &Cluster, evidence: &Evidence) -> Option<(u64, Cause)> {
    let number = |path: &crate::ids::PathId| [1, 2].into_iter().find(|n| tunnel(*n) == *path).unwrap();
    cluster.wish_for(1, evidence).map(|(path, cause)| (number(&path), cause))
}

#[test]
fn a_switchover_holds_until_its_path_is_down() {
    proves("choose.switchover");
    let (mut cluster, healthy) = reference();
    cluster.told(switch(2));
    assert_eq!(wish(&cluster, &healthy), Some((2, Cause::Switchover)));
    cluster.does(&healthy);
    // Home has been up for an hour: the operator's word holds.
    let there = healthy.points_at(1, 2);
    cluster.after(LONG_MS);
    assert_eq!(wish(&cluster, &there), None);
    // Its path fails; it goes home by failover, and does not come back to it.
    let failed = there.clone().tunnel_down(2, 0);
    assert_eq!(wish(&cluster, &failed), Some((1, Cause::Failover)));
    cluster.does(&failed);
    assert_eq!(wish(&cluster, &there.points_at(1, 1)), None);
}

#[test]
fn a_switchover_to_home_is_over_when_the_route_is_there() {
    proves("choose.switchover");
    let (mut cluster, healthy) = reference();
    cluster.told(switch(2));
    cluster.does(&healthy);
    cluster.told(switch(1));
    let there = healthy.points_at(1, 2);
    // At once, without the wait of a failback.
    assert_eq!(wish(&cluster, &there.clone().tunnel(1, Up, 100)), Some((1, Cause::Switchover)));
    cluster.does(&there);
    assert!(cluster.state.overrides.switchovers.is_empty());
    cluster.told(switch(1));
    assert!(cluster.state.overrides.switchovers.is_empty(), "it is there already");
}

#[test]
fn a_switchover_goes_only_to_a_path_that_is_up() {
    proves("choose.switchover");
    let (mut cluster, healthy) = reference();
    cluster.told(switch(2));
    for evidence in [healthy.clone().tunnel_down(2, 0), healthy.clone().tunnel(2, Unknown, 0)] {
        assert_eq!(wish(&cluster, &evidence), None);
        assert!(cluster.plan(&evidence).why(1).contains("an operator asked for"));
        let forced = cluster.intends(
            crate::fixture::set(1, Some(crate::fixture::eni(1)), 2),
            Cause::Switchover,
            &evidence,
        );
        assert!(forced.is_err());
    }
}

#[test]
fn a_pinned_path_is_preferred_also_after_a_failure() {
    proves("choose.pin");
    let (mut cluster, healthy) = reference();
    cluster.told(pin(2));
    assert_eq!(
        wish(&cluster, &healthy.clone().tunnel(2, Up, 10)),
        Some((2, Cause::Pin)),
        "a fresh pin does not wait"
    );
    cluster.does(&healthy);
    let there = healthy.points_at(1, 2);
    assert_eq!(wish(&cluster, &there), None, "it does not come home");
    let failed = there.clone().tunnel_down(2, 0);
    assert_eq!(wish(&cluster, &failed), Some((1, Cause::Failover)));
    cluster.does(&failed);
    cluster.after(61_000);
    // Back to the pin like everybody who comes home: after a proof, and without a warning.
    let back = there.points_at(1, 1);
    assert_eq!(wish(&cluster, &back.clone().tunnel(2, Up, 29_999)), None);
    assert_eq!(wish(&cluster, &back.clone().says(2, "behind-2", Unknown, 9)), None);
    assert_eq!(wish(&cluster, &back.clone().tunnel(2, Up, 30_000)), Some((2, Cause::Pin)));
    let early = back.clone().tunnel(2, Up, 29_999);
    assert!(
        cluster.intends(crate::fixture::set(1, Some(crate::fixture::eni(1)), 2), Cause::Pin, &early).is_err()
    );
    cluster.does(&back);
    cluster.told(Operation::Unpin { route: route(1) });
    assert_eq!(wish(&cluster, &back.points_at(1, 2)), Some((1, Cause::Failback)));
}

#[test]
fn a_drained_gateways_routes_go_to_another_path_that_is_up() {
    proves("choose.drain");
    let (mut cluster, healthy) = reference();
    cluster.told(drain(1));
    assert_eq!(wish(&cluster, &healthy), Some((2, Cause::Drain)));
    for nothing_up in [healthy.clone().tunnel(2, Unknown, LONG_MS), healthy.clone().tunnel_down(2, 9)] {
        assert_eq!(wish(&cluster, &nothing_up), None);
    }
    cluster.does(&healthy);
    let there = healthy.points_at(1, 2);
    assert_eq!(wish(&cluster, &there), None, "it does not come home while that is drained");
    // It is chosen last, but it is chosen.
    assert_eq!(wish(&cluster, &there.clone().tunnel_down(2, 0)), Some((1, Cause::Failover)));
    cluster.told(Operation::Undrain { gateway: gateway(1) });
    assert_eq!(wish(&cluster, &there), Some((1, Cause::Failback)));
}

#[test]
fn a_drained_gateway_is_chosen_after_every_other_that_is_up() {
    proves("choose.drain");
    let policy = crate::fixture::policy_with_direct_connect();
    let mut cluster = Cluster::formed(&policy);
    cluster.told(drain(2));
    let down = Evidence::healthy(&policy).tunnel_down(1, 9);
    assert_eq!(cluster.wish_for(1, &down), Some((tunnel(9), Cause::Failover)));
    cluster.told(Operation::Undrain { gateway: gateway(2) });
    assert_eq!(cluster.wish_for(1, &down), Some((tunnel(2), Cause::Failover)));
}

#[test]
fn with_both_gateways_drained_nothing_moves() {
    proves("choose.drain");
    let (mut cluster, healthy) = reference();
    cluster.told(drain(1));
    cluster.told(drain(2));
    assert!(cluster.plan(&healthy).wishes.is_empty());
}

/// Whatever operators have asked for in combination, a healthy network comes to rest.
#[test]
fn no_two_orders_make_a_route_go_to_and_fro() {
    proves("choose.drain");
    let orders: Vec<Option<Operation>> = vec![
        None,
        Some(switch(1)),
        Some(switch(2)),
        Some(pin(1)),
        Some(pin(2)),
        Some(drain(1)),
        Some(drain(2)),
    ];
    for first in &orders {
        for second in &orders {
            for third in &orders {
                let (mut cluster, healthy) = reference();
                let mut moves = 0;
                for order in [first, second, third].into_iter().flatten() {
                    cluster.asked(order.clone());
                }
                for _ in 0..6 {
                    let n = if cluster.path_of(1) == tunnel(1) { 1 } else { 2 };
                    let m = if cluster.path_of(2) == tunnel(1) { 1 } else { 2 };
                    let seen = healthy.clone().points_at(1, n).points_at(2, m);
                    moves += cluster
                        .does(&seen)
                        .iter()
                        .filter(|wish| wish.action.resource() == crate::ids::Resource::Route(route(1)))
                        .count();
                    cluster.after(100_000);
                }
                assert!(moves <= 1, "{first:?}, {second:?}, {third:?}: {moves} moves");
            }
        }
    }
}

#[test]
fn a_switchover_that_is_hidden_by_a_pin_is_not_undone_by_a_failback() {
    proves("choose.pin");
    // Three paths: the route is switched to the second, then pinned to the third, which is down.
    let policy = crate::fixture::policy_with_direct_connect();
    let mut cluster = Cluster::formed(&policy);
    let healthy = Evidence::healthy(&policy);
    cluster.told(switch(2));
    cluster.does(&healthy);
    cluster.state.overrides.pins.insert(route(1), tunnel(9));
    let evidence = [1, 2, 3]
        .into_iter()
        .fold(healthy.points_at(1, 2), |it, n| it.says(n, "inner-9", crate::evidence::Verdict::Down, 9));
    let plan = cluster.plan(&evidence);
    assert!(plan.wishes.is_empty(), "{:#?}", plan.wishes);
}

#[test]
fn away_from_home_says_why_it_stays() {
    proves("decision.carries-reasons");
    let (cluster, evidence) = away();
    let why = cluster.plan(&evidence).why(1);
    assert!(why.contains("not tunnel-1: it is Down (strongswan-1: probe inner-1 Down"), "{why}");
}
