//! When a dead gateway is stopped, and when it is not.

use super::reference;
use crate::command::{Action, Cause, Refusal};
use crate::evidence::Verdict::{Unknown, Up};
use crate::evidence::{Ending, Evidence, InstanceState};
use crate::fixture::{Cluster, LONG_MS, gateway, policy_with, stop};
use crate::health::Code;
use crate::rules::proves;

/// Gateway 1 is dead for so long, and its route has moved.
fn dead(for_ms: u64) -> (Cluster, Evidence) {
    let (mut cluster, healthy) = reference();
    let dead = healthy.dead(1, for_ms);
    let moved = cluster.does(&dead.clone().dead(1, 1_000));
    assert_eq!(moved.len(), 1);
    (cluster, dead.points_at(1, 2))
}

fn wishes_stop(cluster: &Cluster, evidence: &Evidence) -> bool {
    cluster.plan(evidence).wishes.iter().any(|wish| wish.action == stop(1))
}

/// Neither planned nor accepted, and the alarm gives this reason.
fn held(cluster: &mut Cluster, evidence: &Evidence, why: &str) {
    not_yet(cluster, evidence, Code::RemediationHeld, why);
}

fn not_yet(cluster: &mut Cluster, evidence: &Evidence, code: Code, why: &str) {
    let plan = cluster.plan(evidence);
    assert!(!plan.wishes.iter().any(|wish| matches!(wish.action, Action::Stop { .. })), "{why}");
    let told = plan.alarms.iter().filter(|alarm| alarm.code == code);
    assert!(told.clone().any(|alarm| alarm.detail.contains(why)), "{why}: {:?}", told.collect::<Vec<_>>());
    let refused = cluster.intends(stop(1), Cause::Remediate, evidence);
    assert!(refused.is_err(), "{why}");
}

#[test]
fn only_a_gateway_that_was_down_for_long_enough_is_stopped() {
    proves("remediate.after-down-long-enough");
    let (mut cluster, evidence) = dead(119_999);
    not_yet(&mut cluster, &evidence, Code::RemediationDue, "it is stopped and started after 2m00s");
    assert!(!cluster.plan(&evidence).alarms(Code::RemediationHeld), "nothing holds it");
    let evidence = evidence.dead(1, 120_000);
    let wish = cluster.only_wish(&evidence);
    assert_eq!((wish.action.clone(), wish.cause), (stop(1), Cause::Remediate));
    assert!(cluster.grants(&wish, &evidence).is_ok());
    // Neither is one that is only Unknown, for however long.
    let (mut cluster, evidence) = dead(LONG_MS);
    let unsure = evidence.says(3, "gateway-1", Unknown, LONG_MS);
    assert!(!wishes_stop(&cluster, &unsure));
    assert!(cluster.intends(stop(1), Cause::Remediate, &unsure).is_err());
}

#[test]
fn a_gateway_that_a_majority_or_its_own_node_can_see_is_never_stopped() {
    proves("remediate.after-down-long-enough");
    let (mut cluster, evidence) = dead(LONG_MS);
    let seen = [
        evidence.clone().silent(1, 0),
        evidence.clone().says(2, "gateway-1", Up, 9).says(3, "gateway-1", Up, 9),
        // Its host announced its end and answers all the same.
        evidence.clone().ends(1, Ending::Host).silent(1, 100),
        evidence.clone().ends(1, Ending::Host).says(2, "gateway-1", Up, 2 * LONG_MS).says(
            3,
            "gateway-1",
            Up,
            2 * LONG_MS,
        ),
    ];
    for (n, evidence) in seen.into_iter().enumerate() {
        assert!(!wishes_stop(&cluster, &evidence), "{n}");
        let refused = cluster.intends(stop(1), Cause::Remediate, &evidence);
        assert!(matches!(refused, Err(Refusal::Unsupported(_))), "{n}: {refused:?}");
    }
}

#[test]
fn a_host_that_announced_its_end_and_never_came_back_is_stopped_and_started_too() {
    proves("remediate.after-down-long-enough");
    let (mut cluster, evidence) = dead(120_000);
    let hangs = evidence.ends(1, Ending::Host).says(3, "gateway-1", Unknown, 9);
    assert!(wishes_stop(&cluster, &hangs));
    assert!(cluster.intends(stop(1), Cause::Remediate, &hangs).is_ok());
}

#[test]
fn half_the_time_is_enough_when_the_provider_calls_it_impaired() {
    proves("remediate.half-when-impaired");
    let (mut cluster, mut evidence) = dead(59_999);
    evidence.host(1).impaired = true;
    not_yet(&mut cluster, &evidence, Code::RemediationDue, "after 1m00s");
    let evidence = evidence.dead(1, 60_000);
    assert!(wishes_stop(&cluster, &evidence));
    assert!(cluster.intends(stop(1), Cause::Remediate, &evidence).is_ok());
}

#[test]
fn its_routes_go_first_unless_they_have_nowhere_better_to_go() {
    proves("remediate.routes-first");
    let (mut cluster, healthy) = reference();
    let evidence = healthy.dead(1, LONG_MS);
    held(&mut cluster, &evidence, "route private-1 is still on it");
    let unsure = evidence.clone().tunnel(2, Unknown, 9);
    held(&mut cluster, &unsure, "route private-1 is still on it");
    // Its only other path is Down too: there is nothing to wait for.
    let nowhere = evidence.clone().tunnel_down(2, 9);
    assert!(wishes_stop(&cluster, &nowhere));
    let mut stays = cluster.clone();
    assert!(stays.intends(stop(1), Cause::Remediate, &nowhere).is_ok());
    cluster.does(&evidence);
    assert!(wishes_stop(&cluster, &evidence.points_at(1, 2)));
}

#[test]
fn not_while_another_host_of_its_zone_vanished_with_it() {
    proves("remediate.not-with-its-zone");
    let policy = policy_with(|policy| {
        let mut beside = policy.nodes[2].clone();
        (beside.id, beside.name, beside.zone) =
            (crate::ids::NodeId(4), "beside".into(), "cn-north-1a".into());
        policy.nodes.push(beside);
        policy.probes[4].observers.push(crate::ids::NodeId(4));
    });
    let mut cluster = Cluster::formed(&policy);
    let evidence = Evidence::healthy(&policy).dead(1, LONG_MS).says(
        4,
        "gateway-1",
        crate::evidence::Verdict::Down,
        LONG_MS,
    );
    cluster.does(&evidence);
    let evidence = evidence.points_at(1, 2);
    let zone =
        evidence.clone().silent(4, LONG_MS).says(2, "gateway-1", crate::evidence::Verdict::Down, LONG_MS);
    // With four voters two of the three others still condemn it; that is not the point.
    held(&mut cluster, &zone, "beside of the same zone is silent as well");
    held(&mut cluster, &evidence.clone().never_heard(4), "beside of the same zone");
    assert!(wishes_stop(&cluster, &evidence));
    // A silent node of another zone holds nothing, nor does the gateway's own.
    let evidence = evidence.silent(2, LONG_MS);
    assert!(wishes_stop(&cluster, &evidence));
    // Two of the three others condemn it: the gateway's own node is not one of those who are asked.
    assert!(cluster.intends(stop(1), Cause::Remediate, &evidence).is_ok());
}

#[test]
fn an_instance_that_would_not_survive_a_stop_is_left_alone() {
    proves("remediate.refused");
    let (mut cluster, evidence) = dead(LONG_MS);
    let mut bare = evidence.clone();
    bare.host(1).has_elastic_ip = false;
    held(&mut cluster, &bare, "no Elastic IP");
    let mut grouped = evidence.clone();
    grouped.host(1).auto_scaling_group = Some("asg-1".into());
    held(&mut cluster, &grouped, "Auto Scaling group `asg-1`");
    held(&mut cluster, &evidence.clone().instance(1, InstanceState::Terminated, 9), "gateway replace");
    held(&mut cluster, &evidence.clone().instance(1, InstanceState::Absent, 300_000), "gateway replace");
    for state in
        [InstanceState::Stopped, InstanceState::Stopping, InstanceState::Pending, InstanceState::Absent]
    {
        held(&mut cluster, &evidence.clone().instance(1, state, 200_000), "the provider says");
    }
    let mut blind = evidence.clone();
    blind.host(1).age_ms = 100_000;
    held(&mut cluster, &blind, "has not said lately");
    for forbid in [
        policy_with(|policy| policy.remediation.enabled = false),
        policy_with(|policy| policy.gateways[0].remediate = false),
    ] {
        let mut cluster = Cluster::formed(&forbid);
        cluster.does(&evidence.clone().points_at(1, 1));
        held(&mut cluster, &evidence, "the policy forbids it");
    }
    assert!(wishes_stop(&cluster, &evidence));
}

#[test]
fn never_the_last_gateway_that_runs() {
    proves("remediate.not-the-last-standing");
    let (mut cluster, evidence) = dead(LONG_MS);
    for state in
        [InstanceState::Stopped, InstanceState::Stopping, InstanceState::Pending, InstanceState::Terminated]
    {
        held(&mut cluster, &evidence.clone().instance(2, state, 9), "no other gateway is running");
    }
    let mut unknown = evidence.clone();
    unknown.instances.remove(&gateway(2));
    held(&mut cluster, &unknown, "no other gateway is running");
    assert!(wishes_stop(&cluster, &evidence));
}
