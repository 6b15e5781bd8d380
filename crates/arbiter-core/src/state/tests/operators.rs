use super::failed_over;
use crate::command::{Applied, Command, Mode, Operation, Refusal};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, gateway, policy_with, route, tunnel};
use crate::ids::PolicyVersion;
use crate::rules::proves;

#[test]
fn a_request_that_is_sent_twice_is_applied_once() {
    proves("policy.versions");
    let mut cluster = Cluster::reference();
    let ask = |cluster: &mut Cluster, operation| {
        let stamp = cluster.stamp();
        cluster.apply(Command::Operator { stamp, request: "one".into(), by: "ops".into(), operation })
    };
    let pause = Operation::Pause { reason: "maintenance".into(), for_ms: None };
    assert_eq!(ask(&mut cluster, pause.clone()), Applied::Accepted);
    cluster.told(Operation::Resume);
    assert_eq!(ask(&mut cluster, pause), Applied::Repeated);
    assert!(cluster.state.overrides.pause.is_none());
}

#[test]
fn names_that_the_policy_does_not_know_are_refused() {
    proves("choose.switchover");
    let mut cluster = Cluster::reference();
    for wrong in [
        Operation::Switchover { route: route(9), path: tunnel(1) },
        Operation::Switchover { route: route(1), path: tunnel(9) },
        Operation::Pin { route: route(1), path: tunnel(9) },
        Operation::Drain { gateway: gateway(9), reason: String::new() },
    ] {
        assert!(matches!(cluster.asked(wrong), Applied::Refused(Refusal::Unknown { .. })));
    }
}

#[test]
fn a_switchover_against_a_pin_or_a_drain_is_refused_and_says_what_to_do() {
    proves("choose.switchover");
    let mut cluster = Cluster::reference();
    cluster.told(Operation::Pin { route: route(1), path: tunnel(1) });
    let to_2 = Operation::Switchover { route: route(1), path: tunnel(2) };
    let Applied::Refused(why) = cluster.asked(to_2.clone()) else { panic!() };
    assert!(why.to_string().contains("unpin"), "{why}");
    cluster.told(Operation::Unpin { route: route(1) });
    cluster.told(Operation::Drain { gateway: gateway(2), reason: "upgrade".into() });
    let Applied::Refused(why) = cluster.asked(to_2.clone()) else { panic!() };
    assert!(why.to_string().contains("undrain"), "{why}");
    cluster.told(Operation::Undrain { gateway: gateway(2) });
    cluster.told(to_2);
    // The newer order wins.
    cluster.told(Operation::Pin { route: route(1), path: tunnel(1) });
    assert!(cluster.state.overrides.switchovers.is_empty());
}

#[test]
fn when_observing_ends_the_assignments_begin_anew() {
    proves("choose.adopts-at-start");
    let mut cluster = failed_over();
    cluster.told(Operation::SetMode(Mode::Observe));
    assert_eq!(cluster.path_of(1), tunnel(2));
    cluster.told(Operation::SetMode(Mode::Act));
    assert!(cluster.state.assignments.is_empty());
    let seen = Evidence::healthy(&cluster.state.policy).points_at(1, 2);
    cluster.adopts(&seen);
    assert_eq!((cluster.path_of(1), cluster.path_of(2)), (tunnel(2), tunnel(2)));
}

#[test]
fn the_mode_outlives_a_policy() {
    proves("policy.versions");
    let mut cluster = Cluster::reference();
    cluster.told(Operation::SetMode(Mode::Observe));
    let policy = Box::new(policy_with(|policy| policy.timing.unknown_grace_ms = 30_000));
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy });
    assert_eq!(cluster.state.overrides.mode, Mode::Observe);
}

#[test]
fn a_name_that_now_stands_for_another_route_begins_anew() {
    proves("policy.versions");
    let mut cluster = failed_over();
    let policy = Box::new(policy_with(|policy| policy.routes[0].table = "rtb-99999999".into()));
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy });
    assert!(!cluster.state.assignments.contains_key(&route(1)));
    assert!(cluster.state.assignments.contains_key(&route(2)));
}

#[test]
fn a_new_policy_takes_overrides_of_what_it_drops_with_it() {
    proves("policy.versions");
    let mut cluster = Cluster::reference();
    cluster.told(Operation::Pin { route: route(1), path: tunnel(2) });
    cluster.told(Operation::Switchover { route: route(2), path: tunnel(1) });
    let policy = Box::new(policy_with(|policy| {
        policy.routes[0].paths = vec![tunnel(1)];
        policy.routes[1].paths = vec![tunnel(2)];
    }));
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy });
    assert!(cluster.state.overrides.pins.is_empty() && cluster.state.overrides.switchovers.is_empty());
}
