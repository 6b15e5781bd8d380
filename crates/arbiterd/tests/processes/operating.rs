//! What operators ask for, and what comes of it.

use crate::cluster::{ALL, Cluster, ONE, Plan, TWO, WITNESS, has_alarm, route_of};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use tonic::Code;

fn switchover(route: &str, path: &str) -> Operation {
    Operation::Switchover(v1::Switchover { route: route.to_owned(), path: path.to_owned() })
}

fn pause(reason: &str) -> Operation {
    Operation::Pause(v1::PauseCluster { reason: reason.to_owned(), for_ms: None })
}

fn resume() -> Operation {
    Operation::Resume(v1::ResumeCluster {})
}

fn observe(observe: bool) -> Operation {
    Operation::SetMode(v1::SetMode { observe })
}

fn drain(gateway: &str) -> Operation {
    Operation::Drain(v1::Drain { gateway: gateway.to_owned(), reason: "new kernel".to_owned() })
}

fn pin(route: &str, path: &str) -> Operation {
    Operation::Pin(v1::Pin { route: route.to_owned(), path: path.to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switchover_moves_a_route_and_back_and_a_pause_holds_what_a_failure_would_move() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    // Asked of a follower, which passes it on; twice under one id, as a client does that heard no answer.
    let there = Some(switchover("private-1", "tunnel-2"));
    let first = cluster.operate_as(ONE, "once", there.clone()).await.unwrap();
    let again = cluster.operate_as(TWO, "once", there).await.unwrap();
    assert!(first.accepted && again.accepted && first.index < again.index, "{first:?} {again:?}");
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.accepted(WITNESS, switchover("private-1", "tunnel-1")).await;
    cluster.until_well().await;
    assert_eq!(cluster.mutations().len(), 2, "there and back");
    let history = cluster.history(ONE).await.unwrap();
    let asked = history.iter().filter(|event| event.kind == "operated" && event.actor == "anna");
    assert_eq!(asked.count(), 2, "what was sent twice was applied once");

    let paused = cluster.accepted(ONE, pause("the provider works on its network")).await;
    assert!(paused.quiet, "nothing was under way: {paused:?}");
    cluster.tunnels[0].fall_silent().await;
    let status = cluster
        .until_status(TWO, "the tunnel found Down, and the route held by the pause", |status| {
            has_alarm(status, "path-down", "tunnel-1") && has_alarm(status, "paused", "test")
                || route_of(status, "private-1").desired == "tunnel-2"
        })
        .await;
    assert_eq!(status.pause.as_ref().unwrap().by, "anna");
    assert_eq!(route_of(&status, "private-1").committed, "tunnel-1");
    assert_eq!(cluster.mutations().len(), 2, "S3");
    cluster.accepted(ONE, resume()).await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    cluster.tunnels[0].answer();
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_and_says_why() {
    let cluster = Cluster::start(&Plan::default()).await;
    for (operation, names) in [
        (switchover("private-9", "tunnel-1"), "private-9"),
        (switchover("private-1", "tunnel-9"), "tunnel-9"),
        (pin("private-1", "tunnel-9"), "tunnel-9"),
        (drain("strongswan-9"), "strongswan-9"),
    ] {
        let reply = cluster.operate(ONE, operation).await.unwrap();
        assert!(!reply.accepted && reply.refusal.contains(names), "{reply:?}");
    }
    let long = "x".repeat(100_000);
    let invalid = [
        (pause(""), "reason"),
        (pause(" "), "reason"),
        (pause(&long), "longer"),
        (switchover(&long, "tunnel-1"), "longer"),
        (drain(""), "gateway"),
        (Operation::Pause(v1::PauseCluster { reason: "r".to_owned(), for_ms: Some(0) }), "ends at once"),
    ];
    for (operation, words) in invalid {
        let error = cluster.operate(ONE, operation).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert!(error.message().contains(words) && error.message().len() < 1_000, "{error}");
    }
    for (id, operation) in [("", Some(resume())), (&long, Some(resume())), ("id", None)] {
        let error = cluster.operate_as(ONE, id, operation).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    let nobody = Operation::Readmit(v1::Readmit { node: "nobody".to_owned() });
    for error in [
        cluster.operate(ONE, nobody).await.map(drop).unwrap_err(),
        cluster.hand_over(ONE, "nobody").await.unwrap_err(),
        cluster.explain(ONE, "private-9").await.map(drop).unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::NotFound, "{error}");
    }
    let events = cluster.history(WITNESS).await.unwrap();
    assert!(!events.iter().any(|event| event.kind == "operated"), "{events:?}");
    assert_eq!(cluster.mutations(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drains_pins_handovers_and_mere_observing() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    cluster.accepted(ONE, drain("strongswan-2")).await;
    let status = cluster.until_on(ONE, "private-2", "tunnel-1").await;
    let drained = status.gateways.iter().find(|gateway| gateway.id == "strongswan-2").unwrap();
    assert_eq!(drained.drained, "new kernel");
    let undrain = Operation::Undrain(v1::Undrain { gateway: "strongswan-2".to_owned() });
    cluster.accepted(ONE, undrain).await;
    cluster.until_well().await;

    cluster.accepted(ONE, pin("private-2", "tunnel-1")).await;
    cluster.until_on(ONE, "private-2", "tunnel-1").await;
    let explained = cluster.explain(TWO, "private-2").await.unwrap();
    assert_eq!(explained.route.unwrap().overrides, ["pinned to tunnel-1"]);
    assert!(explained.events.iter().all(|event| event.subject == "private-2"));
    cluster.hand_over(ONE, "strongswan-1").await.unwrap();
    let unpin = Operation::Unpin(v1::Unpin { route: "private-2".to_owned() });
    // It leads as soon as it is elected, and is in office a little later: when its epoch has begun.
    let in_office = |led: &v1::StatusReply| led.leader == ONE.name() && led.epoch > status.epoch;
    cluster.until_status(TWO, "the new leader in office", in_office).await;
    let events = cluster.history(TWO).await.unwrap();
    let asked = events.iter().find(|event| event.kind == "handover").unwrap();
    assert_eq!((asked.actor.as_str(), asked.subject.as_str()), ("anna", "strongswan-1"));
    cluster.accepted(TWO, unpin).await;
    cluster.until_well().await;

    cluster.accepted(ONE, observe(true)).await;
    let calls = cluster.mutations().len();
    cluster.tunnels[0].fall_silent().await;
    let advice = cluster.until_advised().await;
    assert_eq!((advice.subject.as_str(), advice.cause.as_str()), ("private-1", "failover"));
    assert!(advice.summary.contains("would have") && advice.intent.is_empty(), "{advice:?}");
    assert_eq!(cluster.mutations().len(), calls, "nothing was called");
    cluster.accepted(ONE, observe(false)).await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    cluster.tunnels[0].answer();
    cluster.until_well().await;
    for member in ALL {
        assert!(!cluster.log(member).contains("ERROR"), "{member}: nothing needs a human");
    }
    cluster.judge().await;
}
