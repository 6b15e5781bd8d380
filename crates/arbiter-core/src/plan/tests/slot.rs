//! Stop, wait for stopped, start, healthy: what the planner does while the slot is open.

use super::reference;
use crate::command::{Applied, Cause, Operation, Outcome, SlotEnding};
use crate::evidence::Evidence;
use crate::evidence::InstanceState::{Pending, Running, Stopped, Stopping};
use crate::fixture::{Cluster, LONG_MS, failed, force_stop, gateway, no_answer, not_sent, start, stop};
use crate::health::Code;
use crate::rules::proves;

/// Gateway 1 is dead, its route has moved, and its stop ended like this.
fn stopped_with(outcome: Outcome) -> (Cluster, Evidence) {
    let (mut cluster, healthy) = reference();
    let dead = healthy.dead(1, LONG_MS);
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    let id = cluster.intends(stop(1), Cause::Remediate, &dead).unwrap();
    cluster.ended(id, outcome);
    (cluster, dead)
}

fn nothing(cluster: &Cluster, evidence: &Evidence) {
    let plan = cluster.plan(evidence);
    assert!(plan.wishes.is_empty() && plan.close.is_none(), "{:#?} {:?}", plan.wishes, plan.close);
}

#[test]
fn stop_wait_for_stopped_start_healthy() {
    proves("slot.stop-start-healthy");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    assert!(cluster.plan(&dead).alarms(Code::Remediating));
    nothing(&cluster, &dead);
    nothing(&cluster, &dead.clone().instance(1, Stopping, 5_000));
    let down = dead.clone().instance(1, Stopped, 1_000);
    assert_eq!(cluster.only_wish(&down).action, start(1));
    cluster.does(&down);
    // The provider may show it stopped for a moment yet.
    nothing(&cluster, &down);
    nothing(&cluster, &dead.clone().instance(1, Pending, 5_000));
    nothing(&cluster, &dead.clone().instance(1, Running, 5_000));
    let up = dead.silent(1, 0);
    assert_eq!(cluster.plan(&up).close, Some((gateway(1), SlotEnding::Healthy)));
    assert_eq!(cluster.closes(1, SlotEnding::Healthy, &up), Applied::Accepted);
    // Its route comes home by the ordinary rules.
    assert!(cluster.wish_for(1, &up.heard_for(1, 100)).is_none());
    cluster.after(60_000);
    assert!(cluster.wish_for(1, &Evidence::healthy(&cluster.state.policy).points_at(1, 2)).is_some());
}

#[test]
fn a_stop_that_hangs_is_repeated_by_force() {
    proves("slot.stop-start-healthy");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    let hangs = dead.clone().instance(1, Stopping, LONG_MS);
    let limit_ms = cluster.state.policy.remediation.force_stop_after_ms;
    cluster.after(limit_ms - 1);
    nothing(&cluster, &hangs);
    assert!(cluster.intends(force_stop(1), Cause::ForceStop, &hangs).is_err());
    cluster.after(1);
    let wish = cluster.only_wish(&hangs);
    assert_eq!((wish.action, wish.cause), (force_stop(1), Cause::ForceStop));
    // Not where it can be seen, nor where it runs.
    let seen = hangs.clone().silent(1, 0);
    nothing(&cluster, &seen);
    assert!(cluster.intends(force_stop(1), Cause::ForceStop, &seen).is_err());
    assert!(cluster.intends(force_stop(1), Cause::ForceStop, &dead).is_err());
    assert!(cluster.intends(stop(1), Cause::ForceStop, &hangs).is_err(), "not forced");
    cluster.does(&hangs);
    assert_eq!(cluster.state.slot.as_ref().unwrap().attempts, 1, "the same attempt");
    nothing(&cluster, &hangs);
    cluster.after(limit_ms);
    assert_eq!(cluster.only_wish(&hangs).action, force_stop(1));
    // It stopped at last.
    assert_eq!(cluster.only_wish(&dead.instance(1, Stopped, 9)).action, start(1));
}

#[test]
fn a_repetition_that_did_not_happen_leaves_the_stop_before_it_as_it_was() {
    proves("slot.stop-start-healthy");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    let hangs = dead.clone().instance(1, Stopping, LONG_MS);
    let limit_ms = cluster.state.policy.remediation.force_stop_after_ms;
    for outcome in [not_sent(), failed(), not_sent()] {
        cluster.after(limit_ms);
        let forced = cluster.intends(force_stop(1), Cause::ForceStop, &hangs).unwrap();
        cluster.ended(forced, outcome);
        // Who leads next has not seen the instance yet.
        let mut unseen = dead.clone();
        unseen.instances.clear();
        nothing(&cluster, &unseen);
        nothing(&cluster, &hangs);
    }
    cluster.after(limit_ms);
    assert_eq!(cluster.only_wish(&hangs).action, force_stop(1));
}

#[test]
fn a_stop_that_hangs_after_the_start_is_repeated_by_force_too() {
    proves("slot.stop-start-healthy");
    let (mut cluster, dead) = stopped_with(no_answer());
    cluster.does(&dead.clone().instance(1, Stopped, 9));
    let hangs = dead.clone().instance(1, Stopping, LONG_MS);
    let limits = cluster.state.policy.remediation.clone();
    cluster.after(limits.force_stop_after_ms - 1);
    nothing(&cluster, &hangs);
    cluster.after(1);
    assert_eq!(cluster.only_wish(&hangs).action, force_stop(1));
    cluster.does(&hangs);
    nothing(&cluster, &hangs);
    assert_eq!(cluster.only_wish(&dead.instance(1, Stopped, 9)).action, start(1), "and started again");
}

#[test]
fn while_paused_nothing_is_forced_but_what_stopped_is_started() {
    proves("slot.start-waits-for-nothing-else");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    cluster.told(Operation::Pause { reason: "maintenance".into(), for_ms: None });
    cluster.after(LONG_MS);
    nothing(&cluster, &dead.clone().instance(1, Stopping, LONG_MS));
    assert_eq!(cluster.only_wish(&dead.instance(1, Stopped, 9)).action, start(1));
}

#[test]
fn a_stop_that_did_not_happen_is_closed_by_a_start() {
    proves("slot.closes-by-start-and-health");
    for outcome in [failed(), not_sent()] {
        let (mut cluster, dead) = stopped_with(outcome);
        assert_eq!(cluster.only_wish(&dead).action, start(1));
        cluster.does(&dead);
        assert_eq!(cluster.plan(&dead.clone().silent(1, 0)).close, Some((gateway(1), SlotEnding::Healthy)));
        // Still dead after its boot grace: the next attempt.
        cluster.after(cluster.state.policy.remediation.boot_grace_ms);
        assert_eq!(cluster.only_wish(&dead).action, stop(1));
    }
}

#[test]
fn a_gateway_that_runs_although_its_stop_was_acknowledged_is_not_stopped_by_force() {
    proves("slot.stop-start-healthy");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    cluster.after(cluster.state.policy.remediation.force_stop_after_ms);
    assert_eq!(cluster.only_wish(&dead).action, start(1), "somebody else has started it");
}

#[test]
fn found_stopped_again_it_is_started_again() {
    proves("slot.start-owed");
    let (mut cluster, dead) = stopped_with(no_answer());
    let down = dead.clone().instance(1, Stopped, 9);
    cluster.does(&down);
    cluster.after(cluster.state.policy.remediation.force_stop_after_ms);
    assert_eq!(cluster.only_wish(&down).action, start(1), "the unanswered stop landed late");
}

#[test]
fn a_start_that_fails_is_asked_for_again_ever_more_patiently() {
    proves("slot.start-owed");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    let down = dead.instance(1, Stopped, 9);
    let mut waits = Vec::new();
    for _ in 0..7 {
        let from = cluster.state.log_now();
        while cluster.plan(&down).wishes.is_empty() {
            cluster.after(500);
        }
        waits.push(cluster.state.log_now().since_ms(from) / 1_000);
        let id = cluster.intends(start(1), Cause::StartOwed, &down).unwrap();
        cluster.ended(id, failed());
    }
    assert_eq!(waits, [0, 5, 10, 20, 40, 60, 60], "seconds");
}

#[test]
fn with_its_attempts_used_up_the_slot_closes_as_failed() {
    proves("slot.failed-closes-with-alarm");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    let limits = cluster.state.policy.remediation.clone();
    for attempt in 1..=limits.attempts {
        cluster.does(&dead.clone().instance(1, Stopped, 9));
        assert!(
            matches!(cluster.closes(1, SlotEnding::Failed, &dead), Applied::Refused(_)),
            "no time to boot"
        );
        cluster.after(limits.boot_grace_ms);
        if attempt < limits.attempts {
            assert!(matches!(cluster.closes(1, SlotEnding::Failed, &dead), Applied::Refused(_)), "{attempt}");
            assert_eq!(cluster.only_wish(&dead).action, stop(1));
            cluster.does(&dead);
        }
    }
    let plan = cluster.plan(&dead);
    assert!(plan.wishes.is_empty());
    assert_eq!(plan.close, Some((gateway(1), SlotEnding::Failed)));
    assert!(plan.alarms(Code::RemediationHeld));
    let off = dead.clone().instance(1, Stopped, 9);
    assert!(matches!(cluster.closes(1, SlotEnding::Failed, &off), Applied::Refused(_)), "it does not run");
    assert_eq!(cluster.closes(1, SlotEnding::Failed, &dead), Applied::Accepted);
    let plan = cluster.plan(&dead);
    assert!(plan.wishes.is_empty() && plan.alarms(Code::RemediationHeld));
}

#[test]
fn a_slot_whose_gateway_may_not_be_stopped_any_more_closes_after_its_boot_grace() {
    proves("slot.failed-closes-with-alarm");
    for drained in [true, false] {
        let (mut cluster, mut dead) = stopped_with(Outcome::Done);
        cluster.does(&dead.clone().instance(1, Stopped, 9));
        if drained {
            cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
        } else {
            dead.host(1).has_elastic_ip = false;
        }
        cluster.after(cluster.state.policy.remediation.boot_grace_ms);
        assert_eq!(cluster.plan(&dead).close, Some((gateway(1), SlotEnding::Failed)));
        assert_eq!(cluster.closes(1, SlotEnding::Failed, &dead), Applied::Accepted);
    }
}

#[test]
fn the_next_leader_carries_on_from_the_log() {
    proves("slot.next-leader-carries-on");
    let (mut cluster, healthy) = reference();
    let dead = healthy.dead(1, LONG_MS);
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    let id = cluster.intends(stop(1), Cause::Remediate, &dead).unwrap();
    // The leader dies after its call; the next waits, settles, and finds the instance stopped.
    cluster.led_by(2);
    cluster.known_for_ms.insert(id, 0);
    let down = dead.clone().instance(1, Stopped, 9);
    nothing(&cluster, &down);
    cluster.after(cluster.state.policy.timing.takeover_wait_ms() + 1);
    assert_eq!(cluster.plan(&down).settle, [id]);
    cluster.settles(vec![id]);
    assert_eq!(cluster.only_wish(&down).action, start(1));
    let id = cluster.intends(start(1), Cause::StartOwed, &down).unwrap();
    // It dies too; the third does not know whether the start was made, and makes one that is acknowledged.
    cluster.led_by(3);
    cluster.settles(vec![id]);
    cluster.after(cluster.state.policy.remediation.force_stop_after_ms);
    assert_eq!(cluster.plan(&dead.clone().silent(1, 0)).close, None);
    cluster.does(&dead);
    assert_eq!(cluster.plan(&dead.silent(1, 0)).close, Some((gateway(1), SlotEnding::Healthy)));
}

#[test]
fn a_new_instance_under_the_same_name_is_not_mistaken_for_the_one_in_the_slot() {
    proves("slot.outlives-policy");
    let (mut cluster, dead) = stopped_with(Outcome::Done);
    let policy = Box::new(crate::fixture::policy_with(|policy| {
        policy.gateways[0].instance = crate::fixture::instance(7);
    }));
    cluster.told(Operation::ApplyPolicy { version: crate::ids::PolicyVersion(2), policy });
    assert!(!cluster.state.is_blocked(&gateway(1)), "the new instance carries traffic");
    // The provider speaks of the new instance now: that it is stopped, or gone, says nothing of the old one.
    nothing(&cluster, &dead.clone().instance(1, Stopped, 9));
    nothing(&cluster, &dead.instance(1, crate::evidence::InstanceState::Terminated, 9));
}

#[test]
fn while_the_slot_is_open_no_route_is_put_back_onto_its_gateway() {
    proves("slot.gateway-not-chosen");
    // Everything is down, so route 1 stays on gateway 1, and that is stopped; then somebody moves the route away.
    let (mut cluster, healthy) = reference();
    let dead = healthy.dead(1, LONG_MS).tunnel_down(2, 9);
    let id = cluster.intends(stop(1), Cause::Remediate, &dead).unwrap();
    cluster.ended(id, Outcome::Done);
    let moved = dead.points_at(1, 7).says(3, "gateway-1", crate::evidence::Verdict::Unknown, 9);
    nothing(&cluster, &moved);
    assert!(
        cluster.plan(&moved).why(1).contains("being stopped and started"),
        "{}",
        cluster.plan(&moved).why(1)
    );
    cluster.state.slot = None;
    assert!(cluster.wish_for(1, &moved).is_some());
}
