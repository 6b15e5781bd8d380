//! A restart by hand: one stop, one start, and the gateway's route elsewhere from before the one until after the other.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS, has_alarm, route_of};
use arbiter_lab::world::{INSTANCE_1, INTERFACE_2, TABLE_1};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use rustix::process::Signal;

fn restart(gateway: &str, force: bool) -> Operation {
    let reason = "it leaks memory".to_owned();
    Operation::RestartGateway(v1::RestartGateway { gateway: gateway.to_owned(), reason, force })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_gateway_is_stopped_and_started_once_and_carries_nothing_meanwhile() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    cluster.accepted(TWO, restart(ONE.name(), false)).await;
    let call = async |cluster: &mut Cluster, action: &'static str| {
        cluster
            .until(action, async |cluster| {
                cluster
                    .mutations()
                    .into_iter()
                    .find(|call| call.action == action && call.applied_ms.is_some())
            })
            .await
    };
    let stop = call(&mut cluster, "StopInstances").await;
    assert_eq!(stop.param("InstanceId.1"), Some(INSTANCE_1));
    // The host goes down: its node says so, and nothing answers any more.
    cluster.signal(ONE, Signal::POWER);
    assert!(cluster.ended(ONE).await.success());
    cluster.hosts[ONE.index()].fall_silent().await;
    cluster.tunnels[ONE.index()].fall_silent().await;
    let start = call(&mut cluster, "StartInstances").await;
    assert_eq!(start.param("InstanceId.1"), Some(INSTANCE_1));
    let status = cluster.status(TWO, false).await.unwrap();
    assert_eq!(status.remediating, ONE.name(), "not healthy yet");
    assert_eq!(route_of(&status, "private-1").observed, "tunnel-2");
    cluster.hosts[ONE.index()].answer();
    cluster.tunnels[ONE.index()].answer();
    cluster.start_node(ONE);
    cluster.until_status(TWO, "the slot closed", |status| status.remediating.is_empty()).await;
    cluster.until_well().await;

    let calls = cluster.mutations();
    let words: Vec<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(words, ["ReplaceRoute", "StopInstances", "StartInstances", "ReplaceRoute"]);
    let (left, home) = (&calls[0], &calls[3]);
    assert_eq!(
        (left.param("RouteTableId"), left.param("NetworkInterfaceId")),
        (Some(TABLE_1), Some(INTERFACE_2))
    );
    assert!(left.applied_ms.unwrap() < stop.arrived_ms, "moved before the stop: {left:?} {stop:?}");
    assert!(home.arrived_ms > start.applied_ms.unwrap(), "home after the start");
    let history = cluster.history(WITNESS).await.unwrap();
    let of = |kind: &str| history.iter().find(|event| event.kind == kind && event.subject == ONE.name());
    assert_eq!(of("operated").unwrap().actor, "anna");
    assert_eq!(of("intended").unwrap().cause, "operator-restart");
    assert_eq!(of("remediation-ended").unwrap().outcome, "healthy");
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_would_cut_a_route_off_is_refused_and_one_that_waits_can_be_withdrawn() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    cluster.tunnels[TWO.index()].fall_silent().await;
    cluster.until_on(ONE, "private-2", "tunnel-1").await;
    let reply = cluster.operate(ONE, restart(ONE.name(), false)).await.unwrap();
    assert!(!reply.accepted && reply.index == 0, "{reply:?}");
    assert!(reply.refusal.contains("would lose tunnel-1") && reply.refusal.contains("--force"), "{reply:?}");
    // The other gateway carries nothing; but while paused nothing is stopped.
    cluster
        .accepted(ONE, Operation::Pause(v1::PauseCluster { reason: "wait".to_owned(), for_ms: None }))
        .await;
    cluster.accepted(ONE, restart(TWO.name(), false)).await;
    let status = cluster
        .until_status(ONE, "what it waits for", |status| has_alarm(status, "restart-waits", TWO.name()))
        .await;
    let asked = status.gateways[1].restart.clone().unwrap();
    assert_eq!((asked.by.as_str(), asked.waits_for.as_str()), ("anna", "paused: wait"));
    let cancel = Operation::CancelRestart(v1::CancelRestart { gateway: TWO.name().to_owned() });
    cluster.accepted(ONE, cancel.clone()).await;
    let again = cluster.operate(ONE, cancel).await.unwrap();
    assert!(again.refusal.contains("nobody asked for one"), "{again:?}");
    cluster.accepted(ONE, Operation::Resume(v1::ResumeCluster {})).await;
    cluster.tunnels[TWO.index()].answer();
    cluster.until_well().await;
    assert!(cluster.mutations().iter().all(|call| call.action == "ReplaceRoute"));
    cluster.judge().await;
}
