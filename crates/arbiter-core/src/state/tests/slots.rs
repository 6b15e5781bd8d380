use crate::command::{Applied, Cause, Operation, Outcome, Refusal, SlotEnding};
use crate::evidence::{Evidence, InstanceState};
use crate::fixture::{
    Cluster, LONG_MS, failed, force_stop, gateway, instance, no_answer, not_sent, policy_with, route, start,
    stop, tunnel,
};
use crate::ids::{IntentId, PolicyVersion};
use crate::rules::proves;
use crate::state::StopEnd;

/// Gateway 1 is dead, its route has moved, its stop is under way.
fn stopping() -> (Cluster, Evidence, IntentId) {
    let mut cluster = Cluster::reference();
    let dead = Evidence::healthy(&cluster.state.policy).dead(1, 500_000);
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    let id = cluster.intends(stop(1), Cause::Remediate, &dead).expect("it is dead for long enough");
    (cluster, dead, id)
}

/// The same with the stop acknowledged, the instance stopped, started, and the start acknowledged.
fn started() -> (Cluster, Evidence) {
    let (mut cluster, dead, id) = stopping();
    cluster.ended(id, Outcome::Done);
    let stopped = dead.clone().instance(1, InstanceState::Stopped, 1_000);
    let id = cluster.intends(start(1), Cause::StartOwed, &stopped).unwrap();
    cluster.ended(id, Outcome::Done);
    (cluster, dead)
}

/// Gateway 2 is dead as well.
fn both_dead(evidence: &Evidence) -> Evidence {
    evidence.clone().dead(2, 500_000).dead(1, 500_000)
}

fn says(answer: Result<IntentId, Refusal>, part: &str) {
    let why = answer.expect_err(part).to_string();
    assert!(why.contains(part), "{why}");
}

#[test]
fn there_is_one_slot_in_the_whole_cluster() {
    proves("slot.one-in-the-cluster");
    let (mut cluster, dead, id) = stopping();
    let both = both_dead(&dead);
    says(cluster.intends(stop(2), Cause::Remediate, &both), "taken by strongswan-1");
    says(cluster.intends(stop(1), Cause::Remediate, &dead), "is unsettled");
    cluster.ended(id, Outcome::Done);
    says(cluster.intends(stop(2), Cause::Remediate, &both), "taken by strongswan-1");
    let (mut cluster, dead) = started();
    says(cluster.intends(stop(2), Cause::Remediate, &both_dead(&dead)), "taken by strongswan-1");
}

#[test]
fn no_stop_while_a_start_on_the_same_gateway_is_unsettled() {
    proves("slot.one-in-the-cluster");
    let (mut cluster, dead, id) = stopping();
    cluster.ended(id, Outcome::Done);
    let stopped = dead.clone().instance(1, InstanceState::Stopped, 1_000);
    let begun = cluster.intends(start(1), Cause::StartOwed, &stopped).unwrap();
    cluster.after(LONG_MS);
    assert_eq!(cluster.intends(stop(1), Cause::Remediate, &dead), Err(Refusal::Unsettled(begun)));
    // Also when the slot has closed since, and a Stop on another gateway is not held up by that Start.
    let mut gone = cluster.clone();
    gone.state.slot = None;
    assert_eq!(gone.intends(stop(1), Cause::Remediate, &dead), Err(Refusal::Unsettled(begun)));
}

#[test]
fn no_stop_while_any_stop_is_unsettled_even_without_a_slot() {
    proves("slot.one-in-the-cluster");
    let (mut cluster, dead, id) = stopping();
    cluster.state.slot = None;
    assert_eq!(cluster.intends(stop(2), Cause::Remediate, &both_dead(&dead)), Err(Refusal::Unsettled(id)));
}

#[test]
fn a_stop_or_start_of_an_older_epoch_is_waited_out_also_for_the_same_target() {
    proves("slot.old-epochs-waited-out");
    let (mut cluster, dead, id) = stopping();
    cluster.led_by(2);
    assert_eq!(cluster.intends(stop(1), Cause::Remediate, &dead), Err(Refusal::Unsettled(id)));
    assert_eq!(cluster.intends(start(1), Cause::StartOwed, &dead), Err(Refusal::Unsettled(id)));
    assert!(cluster.plan(&dead.clone().instance(1, InstanceState::Stopped, 1)).wishes.is_empty());
    cluster.settles(vec![id]);
    let stopped = dead.instance(1, InstanceState::Stopped, 1);
    let begun = cluster.intends(start(1), Cause::StartOwed, &stopped).unwrap();
    cluster.led_by(3);
    assert_eq!(cluster.intends(start(1), Cause::StartOwed, &stopped), Err(Refusal::Unsettled(begun)));
    assert!(cluster.plan(&stopped).wishes.is_empty());
}

#[test]
fn a_start_waits_for_every_stop_on_its_gateway() {
    proves("slot.start-after-stops-settled");
    let (mut cluster, dead, id) = stopping();
    let stopped = dead.instance(1, InstanceState::Stopped, 1);
    assert!(cluster.plan(&stopped).wishes.is_empty());
    assert_eq!(cluster.intends(start(1), Cause::StartOwed, &stopped), Err(Refusal::Unsettled(id)));
    cluster.ended(id, Outcome::Done);
    assert_eq!(cluster.only_wish(&stopped).action, start(1));
    assert!(cluster.intends(start(1), Cause::StartOwed, &stopped).is_ok());
}

#[test]
fn the_slot_closes_by_an_acknowledged_start_and_health() {
    proves("slot.closes-by-start-and-health");
    let (mut cluster, dead, id) = stopping();
    let up = dead.clone().silent(1, 0);
    let refused = |applied: Applied| matches!(applied, Applied::Refused(_));
    assert!(refused(cluster.closes(1, SlotEnding::Healthy, &up)), "its stop is unsettled");
    cluster.ended(id, Outcome::Done);
    assert!(refused(cluster.closes(1, SlotEnding::Healthy, &up)), "it was not started");
    let stopped = dead.clone().instance(1, InstanceState::Stopped, 1);
    for outcome in [failed(), not_sent(), no_answer()] {
        let mut cluster = cluster.clone();
        let id = cluster.intends(start(1), Cause::StartOwed, &stopped).unwrap();
        assert!(refused(cluster.closes(1, SlotEnding::Healthy, &up)), "its start is unsettled");
        cluster.ended(id, outcome);
        assert!(refused(cluster.closes(1, SlotEnding::Healthy, &up)), "its start was not acknowledged");
    }
    let id = cluster.intends(start(1), Cause::StartOwed, &stopped).unwrap();
    cluster.ended(id, Outcome::Done);
    // EC2 says running: that is no health.
    assert!(refused(cluster.closes(1, SlotEnding::Healthy, &dead)));
    assert_eq!(cluster.plan(&dead).close, None);
    assert_eq!(cluster.plan(&up).close, Some((gateway(1), SlotEnding::Healthy)));
    assert!(refused(cluster.closes(2, SlotEnding::Healthy, &up)), "another gateway's");
    assert_eq!(cluster.closes(1, SlotEnding::Healthy, &up), Applied::Accepted);
    assert_eq!(cluster.state.slot, None);
}

#[test]
fn an_old_start_does_not_close_the_slot_of_a_newer_stop() {
    proves("slot.closes-by-start-and-health");
    let (mut cluster, dead) = started();
    cluster.after(cluster.state.policy.remediation.boot_grace_ms);
    let again = cluster.intends(stop(1), Cause::Remediate, &dead).expect("the second attempt");
    cluster.ended(again, Outcome::Done);
    let up = dead.silent(1, 0);
    assert!(matches!(cluster.closes(1, SlotEnding::Healthy, &up), Applied::Refused(_)));
}

#[test]
fn a_gateway_in_the_slot_or_with_a_stop_in_doubt_is_not_chosen() {
    proves("slot.gateway-not-chosen");
    let (cluster, dead, id) = stopping();
    let unsure = dead.says(2, "gateway-1", crate::evidence::Verdict::Unknown, crate::fixture::LONG_MS);
    let seen = unsure.tunnel_down(2, 500);
    for (slot, doubt) in [(true, true), (true, false), (false, true)] {
        let mut cluster = cluster.clone();
        if !doubt {
            cluster.ended(id, Outcome::Done);
        }
        if !slot {
            cluster.state.slot = None;
        }
        // Its path is Unknown and every other is Down: it would be the choice.
        assert_eq!(cluster.wish_for(2, &seen), None);
        let move_2 = crate::fixture::set(2, Some(crate::fixture::eni(2)), 1);
        says(cluster.intends(move_2, Cause::Failover, &seen), "being stopped and started");
    }
    let mut free = cluster;
    free.ended(id, Outcome::Done);
    free.state.slot = None;
    assert_eq!(free.wish_for(2, &seen), Some((tunnel(1), Cause::Failover)));
}

#[test]
fn a_start_waits_neither_for_a_pause_nor_for_the_mode_budget_or_cooldown() {
    proves("slot.start-waits-for-nothing-else");
    let (mut cluster, dead, id) = stopping();
    cluster.ended(id, Outcome::Done);
    cluster.told(Operation::Pause { reason: "maintenance".into(), for_ms: None });
    cluster.told(Operation::SetMode(crate::command::Mode::Observe));
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
    // Gateway 2 is gone as well: it would be the last one standing.
    let stopped =
        both_dead(&dead).instance(1, InstanceState::Stopped, 1).instance(2, InstanceState::Stopped, 1);
    let wishes = cluster.plan(&stopped).wishes;
    assert!(wishes.iter().any(|wish| wish.action == start(1)), "{wishes:?}");
    assert!(cluster.intends(start(1), Cause::StartOwed, &stopped).is_ok());
}

#[test]
fn what_we_did_not_stop_is_not_ours_to_start() {
    proves("slot.start-owed");
    let (mut cluster, dead) = started();
    cluster.closes(1, SlotEnding::Healthy, &dead.clone().silent(1, 0));
    let found = dead.clone().instance(1, InstanceState::Stopped, 20_000);
    cluster.after(30_000);
    assert_eq!(cluster.only_wish(&found).action, start(1), "found stopped within an hour of our stop");
    says(cluster.intends(start(1), Cause::StartOwed, &dead), "not found stopped");
    let mut later = cluster.clone();
    assert!(cluster.intends(start(1), Cause::StartOwed, &found).is_ok());
    later.after(LONG_MS);
    assert!(later.plan(&found).wishes.is_empty());
    says(later.intends(start(1), Cause::StartOwed, &found), "not ours to start");
    says(
        later.intends(start(2), Cause::StartOwed, &found.instance(2, InstanceState::Stopped, 1)),
        "not ours",
    );
}

#[test]
fn a_drained_gateway_gets_no_new_stop() {
    proves("slot.drained-gets-no-stop");
    let mut cluster = Cluster::reference();
    let dead = Evidence::healthy(&cluster.state.policy).dead(1, 500_000);
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
    assert!(cluster.plan(&dead).wishes.is_empty());
    says(cluster.intends(stop(1), Cause::Remediate, &dead), "is drained");
    cluster.told(Operation::Undrain { gateway: gateway(1) });
    assert_eq!(cluster.only_wish(&dead).action, stop(1));
    // Neither is a hanging stop forced on it.
    let (mut cluster, dead, id) = stopping();
    cluster.ended(id, Outcome::Done);
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
    cluster.after(LONG_MS);
    let hangs = dead.instance(1, InstanceState::Stopping, LONG_MS);
    assert!(cluster.plan(&hangs).wishes.is_empty());
    says(cluster.intends(force_stop(1), Cause::ForceStop, &hangs), "is drained");
}

#[test]
fn after_a_stop_without_an_answer_the_slot_stays_open_for_a_while() {
    proves("slot.no-answer-grace");
    let (cluster, dead, id) = stopping();
    let grace_ms = cluster.state.policy.remediation.force_stop_after_ms;
    let up = dead.clone().silent(1, 0);
    for settled_by_another in [false, true] {
        let mut cluster = cluster.clone();
        if settled_by_another {
            cluster.led_by(2);
            cluster.settles(vec![id]);
        } else {
            cluster.ended(id, no_answer());
        }
        assert_eq!(cluster.state.slot.as_ref().unwrap().stop_end.unwrap().0, StopEnd::Unanswered);
        // It runs, and looks well: the stop may land yet.
        assert!(cluster.plan(&up).wishes.is_empty() && cluster.plan(&up).close.is_none());
        let id = cluster.intends(start(1), Cause::StartOwed, &up).unwrap();
        cluster.ended(id, Outcome::Done);
        cluster.after(grace_ms - 1);
        assert_eq!(cluster.plan(&up).close, None);
        assert!(matches!(cluster.closes(1, SlotEnding::Healthy, &up), Applied::Refused(_)));
        cluster.after(1);
        assert_eq!(cluster.plan(&up).close, Some((gateway(1), SlotEnding::Healthy)));
        assert_eq!(cluster.closes(1, SlotEnding::Healthy, &up), Applied::Accepted);
    }
    // A newer stop that did not happen takes nothing from the grace of the one that may land yet.
    let mut again = cluster.clone();
    again.ended(id, no_answer());
    let newer = again.intends(stop(1), Cause::Remediate, &dead).unwrap();
    again.ended(newer, Outcome::NotSent { reason: "the window was over".into() });
    let started = again.intends(start(1), Cause::StartOwed, &up).unwrap();
    again.ended(started, Outcome::Done);
    again.after(grace_ms - 1);
    assert_eq!(again.plan(&up).close, None);
    assert!(matches!(again.closes(1, SlotEnding::Healthy, &up), Applied::Refused(_)));
    again.after(1);
    assert_eq!(again.closes(1, SlotEnding::Healthy, &up), Applied::Accepted);
    // Never started: after the grace it is, though it runs.
    let mut cluster = cluster;
    cluster.ended(id, no_answer());
    cluster.after(grace_ms);
    assert_eq!(cluster.only_wish(&dead).action, start(1));
}

#[test]
fn replacing_a_gateway_waits_for_what_is_unsettled_and_closes_its_slot() {
    proves("slot.replace-closes");
    let (mut cluster, _, id) = stopping();
    let replace = Operation::ReplaceGateway {
        gateway: gateway(1),
        instance: instance(7),
        interface: "eni-00000007".into(),
    };
    assert_eq!(cluster.asked(replace.clone()), Applied::Refused(Refusal::Unsettled(id)));
    cluster.ended(id, Outcome::Done);
    cluster.told(replace);
    assert_eq!(cluster.state.slot, None);
    assert_eq!(cluster.state.policy.gateway(&gateway(1)).unwrap().instance, instance(7));
    assert_eq!(cluster.state.policy.path(&tunnel(1)).unwrap().target, crate::fixture::eni(7));
    assert_eq!(cluster.state.policy_version, PolicyVersion(2));
    // The new instance starts clean.
    assert!(!cluster.state.instances.contains_key(&instance(7)));
    // So does an instance that is gone.
    let (mut cluster, dead, id) = stopping();
    let gone = dead.clone().instance(1, InstanceState::Terminated, 1);
    assert!(matches!(cluster.closes(1, SlotEnding::Gone, &gone), Applied::Refused(_)), "unsettled");
    cluster.ended(id, Outcome::Done);
    assert!(matches!(cluster.closes(1, SlotEnding::Gone, &dead), Applied::Refused(_)), "it is there");
    assert_eq!(cluster.plan(&gone).close, Some((gateway(1), SlotEnding::Gone)));
    assert_eq!(cluster.closes(1, SlotEnding::Gone, &gone), Applied::Accepted);
}

#[test]
fn cooldown_budget_and_boot_grace_are_guards_of_apply() {
    proves("remediate.cooldown-budget-grace");
    let (mut cluster, dead) = started();
    let limits = cluster.state.policy.remediation.clone();
    says(cluster.intends(stop(1), Cause::Remediate, &dead), "left to boot");
    cluster.after(limits.boot_grace_ms - 1);
    says(cluster.intends(stop(1), Cause::Remediate, &dead), "1ms left to boot");
    // The slot closes; now it is the cooldown that holds.
    assert_eq!(cluster.closes(1, SlotEnding::Healthy, &dead.clone().silent(1, 0)), Applied::Accepted);
    cluster.after(limits.cooldown_ms - 1);
    says(cluster.intends(stop(1), Cause::Remediate, &dead), "cooldown: 1ms left");
    cluster.after(1);
    for attempt in 2..=limits.attempts {
        let id =
            cluster.intends(stop(1), Cause::Remediate, &dead).unwrap_or_else(|e| panic!("{attempt}: {e}"));
        cluster.ended(id, Outcome::Done);
        let id = cluster.intends(start(1), Cause::StartOwed, &dead).unwrap();
        cluster.ended(id, Outcome::Done);
        cluster.after(limits.boot_grace_ms);
    }
    says(cluster.intends(stop(1), Cause::Remediate, &dead), "budget is used up");
    cluster.after(limits.attempts_window_ms);
    assert!(cluster.intends(stop(1), Cause::Remediate, &dead).is_ok(), "the window has passed");
}

#[test]
fn what_a_policy_drops_keeps_its_slot_until_it_ends() {
    proves("slot.outlives-policy");
    let (mut cluster, dead, id) = stopping();
    let policy = Box::new(policy_with(|policy| {
        policy.gateways.remove(0);
        policy.paths.remove(0);
        policy.routes.iter_mut().for_each(|route| route.paths = vec![tunnel(2)]);
        policy.probes.retain(|probe| !probe.id.as_str().ends_with("-1"));
    }));
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy });
    assert!(cluster.state.slot.is_some() && cluster.state.unsettled.contains_key(&id));
    cluster.ended(id, Outcome::Done);
    let evidence = Evidence::healthy(&cluster.state.policy).points_at(1, 2);
    assert!(cluster.plan(&evidence).wishes.is_empty(), "a stopping instance can't be started yet");
    cluster.after(cluster.state.policy.remediation.force_stop_after_ms);
    let mut forsaken = cluster.clone();
    assert_eq!(cluster.only_wish(&evidence).action, start(1));
    cluster.does(&evidence);
    assert_eq!(cluster.plan(&evidence).close, Some((gateway(1), SlotEnding::Healthy)));
    assert_eq!(cluster.closes(1, SlotEnding::Healthy, &evidence), Applied::Accepted);
    // It was terminated along with its policy: every start fails. After an hour the slot ends all the same.
    let mut starts = 0;
    for _ in 0..LONG_MS / 1_000 {
        forsaken.after(1_000);
        for wish in forsaken.plan(&evidence).wishes {
            let id = forsaken.grants(&wish, &evidence).unwrap();
            forsaken.ended(id, failed());
            starts += 1;
        }
    }
    assert!((20..100).contains(&starts), "{starts} starts in an hour");
    assert_eq!(forsaken.plan(&evidence).close, Some((gateway(1), SlotEnding::Gone)));
    assert_eq!(forsaken.closes(1, SlotEnding::Gone, &evidence), Applied::Accepted);
    assert_eq!(dead.voters.len(), 3);
    assert!(forsaken.state.assignments.contains_key(&route(1)));
}
