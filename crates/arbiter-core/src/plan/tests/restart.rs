//! A restart by hand: what it waits for, what it is refused for, and that nobody restarts what nobody asked for.

use super::reference;
use crate::command::{Action, Applied, Cause, Operation, Outcome, Refusal, SlotEnding};
use crate::evidence::Evidence;
use crate::evidence::InstanceState::{Pending, Running, Stopped, Stopping};
use crate::evidence::Verdict::Unknown;
use crate::fixture::{
    Cluster, LONG_MS, eni, force_stop, gateway, no_answer, policy_with, route, set, start, stop, tunnel,
};
use crate::health::Code;
use crate::ids::{InstanceId, NodeId, PolicyVersion};
use crate::plan::Stand;
use crate::rules::proves;
use crate::state::{Event, RESTART_WAITS_MS};

fn restart(n: u64, force: bool) -> Operation {
    Operation::RestartGateway { gateway: gateway(n), reason: "it leaks memory".into(), force }
}

fn cancel(n: u64) -> Operation {
    Operation::CancelRestart { gateway: gateway(n) }
}

/// All is well, a restart of gateway 1 is asked for, and its route has left and is seen elsewhere.
fn left() -> (Cluster, Evidence) {
    let (mut cluster, healthy) = reference();
    cluster.told(restart(1, false));
    let moved = cluster.does(&healthy);
    assert_eq!(moved.len(), 1, "{moved:#?}");
    (cluster, healthy.points_at(1, 2))
}

/// Neither planned nor accepted, and the alarm gives this reason. Whether it waits, or can't be.
fn held(cluster: &Cluster, evidence: &Evidence, why: &str) -> Stand {
    let plan = cluster.plan(evidence);
    assert!(!plan.wishes.iter().any(|wish| matches!(wish.action, Action::Stop { .. })), "{why}");
    let told = plan.alarms.iter().filter(|alarm| alarm.code == Code::RestartWaits);
    assert!(told.clone().any(|alarm| alarm.detail.contains(why)), "{why}: {:?}", told.collect::<Vec<_>>());
    let refused = cluster.clone().intends(stop(1), Cause::OperatorRestart, evidence);
    assert!(refused.is_err(), "{why}");
    plan.restart.expect("one is asked for")
}

fn hindered(cluster: &Cluster, evidence: &Evidence, why: &str) {
    let stand = held(cluster, evidence, why);
    assert!(matches!(&stand, Stand::Hindered(said) if said.contains(why)), "{stand:?}");
}

fn waits(cluster: &Cluster, evidence: &Evidence, why: &str) {
    let stand = held(cluster, evidence, why);
    assert!(matches!(&stand, Stand::Waits(said) if said.contains(why)), "{stand:?}");
}

/// Stopped, started, healthy, home again.
#[test]
fn a_healthy_gateway_is_emptied_stopped_started_and_gets_its_route_back() {
    proves("restart.routes-first");
    proves("restart.by-request-only");
    let (mut cluster, healthy) = reference();
    cluster.told(restart(1, false));
    waits(&cluster, &healthy, "route private-1 goes to tunnel-2 first");
    assert_eq!(cluster.wish_for(1, &healthy), Some((tunnel(2), Cause::Drain)));
    cluster.does(&healthy);
    // Committed elsewhere, but not seen there yet.
    waits(&cluster, &healthy, "route private-1 is still seen pointing at eni-00000001");
    waits(&cluster, &healthy.clone().unread(1), "route private-1 has not been read lately");
    let moved = healthy.clone().points_at(1, 2);
    let wish = cluster.only_wish(&moved);
    assert_eq!((wish.action.clone(), wish.cause), (stop(1), Cause::OperatorRestart));
    assert!(wish.reasons[0].contains("ops asked for it: it leaks memory"), "{:?}", wish.reasons);
    assert_eq!(cluster.plan(&moved).restart, Some(Stand::Begins));
    cluster.does(&moved);
    assert!(cluster.state.overrides.restart.is_none(), "one request, one stop");
    for state in [Running, Stopping] {
        let plan = cluster.plan(&moved.clone().instance(1, state, 9));
        assert!(plan.wishes.is_empty() && plan.close.is_none(), "{state}");
    }
    let down = moved.clone().dead(1, 60_000).instance(1, Stopped, 1_000);
    assert_eq!(cluster.only_wish(&down).action, start(1));
    cluster.does(&down);
    let boots = down.instance(1, Pending, 1_000);
    assert!(cluster.plan(&boots).close.is_none());
    // Up again: the slot closes, and only then the route comes home, by the ordinary rule.
    assert_eq!(cluster.wish_for(1, &moved), None);
    assert_eq!(cluster.plan(&moved).close, Some((gateway(1), SlotEnding::Healthy)));
    assert_eq!(cluster.closes(1, SlotEnding::Healthy, &moved), Applied::Accepted);
    assert_eq!(cluster.wish_for(1, &moved), Some((tunnel(1), Cause::Failback)));
}

#[test]
fn while_it_waits_nothing_comes_back() {
    proves("restart.routes-first");
    let (mut cluster, evidence) = left();
    cluster.told(Operation::Pause { reason: "wait".into(), for_ms: None });
    waits(&cluster, &evidence, "paused: wait");
    cluster.told(Operation::Resume);
    cluster.in_flight.insert(stop(1).resource());
    assert_eq!(cluster.wish_for(1, &evidence), None);
    for cause in [Cause::Failback, Cause::Drain] {
        let back = cluster.clone().intends(set(1, Some(eni(2)), 1), cause, &evidence);
        assert!(matches!(back, Err(Refusal::Unsupported(why)) if why.contains("drained")), "{cause}");
    }
    let switch = Operation::Switchover { route: route(1), path: tunnel(1) };
    let Applied::Refused(why) = cluster.asked(switch) else { panic!("a switchover onto it") };
    assert!(why.to_string().contains("--cancel"), "{why}");
    assert_eq!(cluster.wish_for(2, &evidence), None, "the other gateway's route has nothing to do with it");
}

#[test]
fn a_gateway_that_nobody_asked_to_restart_is_not_stopped_by_that_rule() {
    proves("restart.by-request-only");
    let (cluster, evidence) = left();
    let refusal = |cluster: &Cluster, action: Action| {
        let refused =
            cluster.clone().intends(action, Cause::OperatorRestart, &evidence.clone().points_at(2, 1));
        refused.expect_err("nobody asked for it").to_string()
    };
    // Asked for another gateway; withdrawn; for an instance that is gone from the policy; run out.
    let mut moved = cluster.clone();
    moved.told(Operation::Drain { gateway: gateway(2), reason: "x".into() });
    assert!(refusal(&moved, stop(2)).contains("nobody asked for a restart of strongswan-2"));
    let mut withdrawn = cluster.clone();
    withdrawn.told(cancel(1));
    assert!(refusal(&withdrawn, stop(1)).contains("nobody asked"));
    let mut other = cluster.clone();
    if let Some(asked) = &mut other.state.overrides.restart {
        asked.instance = InstanceId("i-0ther".into());
    }
    assert!(refusal(&other, stop(1)).contains("nobody asked"));
    assert!(other.plan(&evidence).restart.is_none());
    let mut late = cluster.clone();
    late.after(RESTART_WAITS_MS);
    assert!(refusal(&late, stop(1)).contains("nobody asked"));
    // Neither by force upon the instance, nor twice.
    assert!(refusal(&cluster, force_stop(1)).contains("not forced"));
    let mut begun = cluster.clone();
    begun.does(&evidence);
    assert_eq!(
        begun.closes(1, SlotEnding::Healthy, &evidence),
        Applied::Refused(Refusal::Unsupported("no start was acknowledged since its last stop".into(),))
    );
    assert!(refusal(&begun, stop(1)).contains("nobody asked"));
}

#[test]
fn the_last_path_that_works_is_taken_only_by_force() {
    proves("restart.not-the-last-path");
    let (mut cluster, healthy) = reference();
    let mut forced = cluster.clone();
    cluster.told(restart(1, false));
    forced.told(restart(1, true));
    let lost = "route private-1 would lose tunnel-1, which is Up, and no other path takes it: ";
    for (evidence, word) in [
        (healthy.clone().tunnel_down(2, 9), "tunnel-2 is Down; `--force`"),
        (healthy.clone().tunnel(2, Unknown, 9), "tunnel-2 is Unknown; `--force`"),
    ] {
        hindered(&cluster, &evidence, &format!("{lost}{word}"));
        let wish = forced.only_wish_but_routes(&evidence);
        assert_eq!((wish.action.clone(), wish.cause), (stop(1), Cause::OperatorRestart), "{word}");
        assert!(wish.reasons.iter().any(|reason| reason.contains("by force")));
        assert!(forced.clone().grants(&wish, &evidence).is_ok(), "{word}");
    }
    // Where nobody knows whether it works it may, and a drained gateway takes nothing.
    let unsure = healthy.clone().tunnel(1, Unknown, 9).tunnel_down(2, 9);
    hindered(&cluster, &unsure, "tunnel-1, which is Unknown");
    cluster.told(Operation::Drain { gateway: gateway(2), reason: "x".into() });
    hindered(&cluster, &healthy, "tunnel-2 is drained");
    // By force, too, what can move moves first.
    waits(&forced, &healthy, "route private-1 goes to tunnel-2 first");
}

#[test]
fn a_route_that_has_nowhere_better_to_go_holds_nothing_up() {
    proves("restart.not-the-last-path");
    let (mut cluster, healthy) = reference();
    cluster.told(restart(1, false));
    let both = healthy.clone().tunnel_down(1, 9).tunnel_down(2, 9);
    let wish = cluster.only_wish(&both);
    assert_eq!(wish.cause, Cause::OperatorRestart);
    assert!(cluster.clone().grants(&wish, &both).is_ok());
    // It could go to one of which nobody knows: that comes first.
    waits(&cluster, &healthy.tunnel_down(1, 9).tunnel(2, Unknown, 9), "could go to tunnel-2");
}

#[test]
fn a_call_in_doubt_on_one_of_its_routes_is_waited_for() {
    proves("restart.routes-first");
    let (mut cluster, healthy) = reference();
    for force in [false, true] {
        let mut cluster = cluster.clone();
        cluster.told(restart(1, force));
        let id = cluster.intends(set(1, Some(eni(1)), 2), Cause::Drain, &healthy).unwrap();
        let moved = healthy.clone().points_at(1, 2);
        waits(&cluster, &moved, &format!("route private-1: intent {id} is unsettled"));
        cluster.ended(id, no_answer());
        assert_eq!(cluster.only_wish(&moved).action, stop(1));
    }
    cluster.told(restart(1, false));
    cluster.does(&healthy);
    // A stop or start in doubt elsewhere: one at a time.
    let evidence = healthy.points_at(1, 2);
    let mut doubtful = cluster.clone();
    doubtful.in_flight.insert(stop(1).resource());
    assert!(doubtful.plan(&evidence).wishes.is_empty());
}

#[test]
fn all_other_guards_of_a_stop_stand() {
    proves("restart.same-guards");
    let (cluster, evidence) = left();
    let mut bare = evidence.clone();
    bare.host(1).has_elastic_ip = false;
    hindered(&cluster, &bare, "no Elastic IP");
    let mut grouped = evidence.clone();
    grouped.host(1).auto_scaling_group = Some("asg-1".into());
    hindered(&cluster, &grouped, "asg-1");
    hindered(
        &cluster,
        &evidence.clone().instance(1, crate::evidence::InstanceState::Terminated, 9),
        "gateway replace",
    );
    hindered(&cluster, &evidence.clone().instance(1, Pending, 9), "the provider says pending");
    hindered(&cluster, &evidence.clone().instance(2, Stopping, 9), "no other gateway is running");
    let mut unread = evidence.clone();
    unread.host(1).age_ms = LONG_MS;
    waits(&cluster, &unread, "the provider has not said lately");
    let mut observing = cluster.clone();
    observing.told(Operation::SetMode(crate::command::Mode::Observe));
    waits(&observing, &evidence, "only observes");
    let forbidden = policy_with(|policy| policy.gateways[0].remediate = false);
    let mut cluster = cluster;
    cluster.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(forbidden) });
    hindered(&cluster, &evidence, "the policy forbids it");
    assert!(matches!(Cluster::formed(&cluster.state.policy).asked(restart(1, true)), Applied::Refused(_)));
}

#[test]
fn the_zone_that_may_be_gone_the_slot_the_budget_and_the_cooldown_stand_too() {
    proves("restart.same-guards");
    let (cluster, evidence) = left();
    let mut zone = evidence.clone();
    let mut beside = cluster.clone();
    let policy = policy_with(|policy| {
        let mut node = policy.nodes[2].clone();
        (node.id, node.name, node.zone) = (NodeId(4), "beside".into(), "cn-north-1a".into());
        policy.nodes.push(node);
    });
    beside.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(policy) });
    zone.node(4).age_ms = Some(LONG_MS);
    hindered(&beside, &zone, "beside of the same zone is silent");

    let mut again = cluster.clone();
    again.does(&evidence);
    let Applied::Refused(why) = again.asked(restart(2, false)) else { panic!("one at a time") };
    assert!(why.to_string().contains("strongswan-1 is being stopped and started"), "{why}");
    let down = evidence.clone().instance(1, Stopped, 9);
    again.does(&down);
    assert_eq!(again.closes(1, SlotEnding::Healthy, &evidence), Applied::Accepted);
    again.told(restart(1, false));
    hindered(&again, &evidence, "to boot");
    again.after(again.state.policy.remediation.boot_grace_ms);
    hindered(&again, &evidence, "cooldown");
    let limits = again.state.policy.remediation.clone();
    let mut used_up = again.clone();
    let record = used_up.state.instances.values_mut().next().expect("it was stopped");
    record.stops = std::iter::repeat_n(record.stops[0], 3).collect();
    hindered(&used_up, &evidence, "the budget is used up");
    again.told(cancel(1));
    again.after(limits.cooldown_ms);
    again.told(restart(1, false));
    assert_eq!(again.only_wish(&evidence).action, stop(1));
}

#[test]
fn one_that_an_operator_drained_is_restarted_if_that_is_asked_for() {
    proves("slot.drained-gets-no-stop");
    let (mut cluster, healthy) = reference();
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "new kernel".into() });
    cluster.does(&healthy);
    let moved = healthy.points_at(1, 2);
    assert!(cluster.plan(&moved).wishes.is_empty());
    cluster.told(restart(1, false));
    assert_eq!(cluster.only_wish(&moved).action, stop(1));
    cluster.does(&moved);
    cluster.does(&moved.clone().dead(1, 9_000).instance(1, Stopped, 9));
    assert_eq!(cluster.closes(1, SlotEnding::Healthy, &moved), Applied::Accepted);
    // Still drained: nothing comes home before the operator says so.
    assert_eq!(cluster.wish_for(1, &moved), None);
}

#[test]
fn a_dead_gateway_is_not_waited_for_to_be_dead_for_long() {
    proves("restart.same-guards");
    let (mut cluster, healthy) = reference();
    let dead = healthy.dead(1, 5_000);
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    assert!(cluster.plan(&dead).wishes.is_empty());
    cluster.told(restart(1, false));
    let wish = cluster.only_wish(&dead);
    assert_eq!(wish.cause, Cause::OperatorRestart);
    assert!(cluster.grants(&wish, &dead).is_ok());
}

#[test]
fn it_is_withdrawn_only_before_it_has_begun_and_only_one_is_asked_for_at_a_time() {
    proves("restart.one-request-one-stop");
    let (mut cluster, evidence) = left();
    let says = |cluster: &mut Cluster, operation| match cluster.asked(operation) {
        Applied::Refused(refusal) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(
        says(&mut cluster, restart(2, true))
            .contains("a restart of strongswan-1 is asked for already, by ops")
    );
    assert!(says(&mut cluster, cancel(2)).contains("nobody asked for one"));
    let mut withdrawn = cluster.clone();
    withdrawn.told(cancel(1));
    assert_eq!(withdrawn.wish_for(1, &evidence), Some((tunnel(1), Cause::Failback)), "its route comes home");
    cluster.does(&evidence);
    assert!(says(&mut cluster, cancel(1)).contains("it has begun"));
    assert!(says(&mut cluster, restart(9, false)).contains("unknown gateway"));
}

#[test]
fn one_that_never_begins_runs_out_by_an_entry() {
    proves("restart.runs-out");
    proves("logtime.expiry-is-an-entry");
    let (mut cluster, healthy) = reference();
    let alone = healthy.tunnel_down(2, 9);
    cluster.told(restart(1, false));
    cluster.after(RESTART_WAITS_MS - 1);
    assert!(cluster.plan(&alone).alarms.iter().any(|it| it.detail.contains("it runs out in 1ms")));
    // Its time is over for whoever plans before the entry that says so.
    cluster.elapsed_ms += 1;
    hindered(&cluster, &alone, "it has run out");
    cluster.after(0);
    assert!(cluster.state.overrides.restart.is_none());
    assert!(matches!(cluster.last_event(), Event::RestartExpired { .. }), "{:?}", cluster.last_event());
    assert!(cluster.plan(&alone).restart.is_none());
}

#[test]
fn a_new_instance_under_the_same_name_is_not_what_was_meant() {
    proves("restart.by-request-only");
    let (mut cluster, _) = left();
    let mut dropped = cluster.clone();
    cluster.told(Operation::ReplaceGateway {
        gateway: gateway(1),
        instance: InstanceId("i-00000000000000077".into()),
        interface: "eni-00000077".into(),
    });
    assert!(cluster.state.overrides.restart.is_none());
    let other = policy_with(|policy| policy.gateways[0].instance = InstanceId("i-00000000000000078".into()));
    dropped.told(Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(other) });
    assert!(dropped.state.overrides.restart.is_none());
}

#[test]
fn a_stop_that_failed_uses_the_request_up_and_ends_properly() {
    proves("restart.one-request-one-stop");
    let (mut cluster, evidence) = left();
    let id = cluster.intends(stop(1), Cause::OperatorRestart, &evidence).unwrap();
    cluster.ended(id, Outcome::Failed { code: "UnauthorizedOperation".into(), message: "no".into() });
    assert_eq!(
        cluster.only_wish(&evidence).action,
        start(1),
        "what was not stopped is started, which does no harm"
    );
    cluster.does(&evidence);
    assert_eq!(cluster.plan(&evidence).close, Some((gateway(1), SlotEnding::Healthy)));
}

impl Cluster {
    /// The only wish that is not about a route.
    fn only_wish_but_routes(&self, evidence: &Evidence) -> crate::plan::Wish {
        let wishes = self.plan(evidence).wishes;
        let mut rest = wishes.into_iter().filter(|wish| !matches!(wish.action, Action::SetRoute { .. }));
        let wish = rest.next().expect("a wish");
        assert!(rest.next().is_none());
        wish
    }
}
