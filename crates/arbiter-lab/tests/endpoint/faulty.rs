//! What goes wrong when it is told to.

use crate::client::{NODE_1, NODE_2, call, call_as, receive, send, soon, start};
use crate::mutate::{replace, target};
use arbiter_lab::calllog::{CallRecord, Outcome, Reply};
use arbiter_lab::endpoint::EndpointHandle;
use arbiter_lab::faults::{Effect, Fault, Silence};
use arbiter_lab::world::{INSTANCE_1, INTERFACE_1, INTERFACE_2, InstanceState, StopBehaviour};
use std::io::ErrorKind;

fn set(endpoint: &EndpointHandle, fault: Fault) -> u64 {
    endpoint.faults().set(fault).expect("within bounds")
}

/// Waits until the first record satisfies `wanted`.
async fn first(endpoint: &EndpointHandle, what: &str, wanted: impl Fn(&CallRecord) -> bool) -> CallRecord {
    let calls = endpoint.calls();
    soon(what, calls.wait_until(|log| log.since(0).calls.first().is_some_and(&wanted))).await;
    calls.since(0).calls.remove(0)
}

fn full(target: &str) -> String {
    format!("{}&Version=2016-11-15", replace(target))
}

#[tokio::test]
async fn a_lost_reply_hides_what_was_done() {
    for silence in [Silence::Close, Silence::Hang] {
        let endpoint = start(|_| ()).await;
        let id = set(&endpoint, Fault::on("ReplaceRoute", Effect::LoseReply { silence }).times(1));
        let stream = send(endpoint.addr(), Some(NODE_1), &full(INTERFACE_2)).await;
        let record = first(&endpoint, "the reply is lost", |r| r.reply == Reply::Lost).await;
        assert_eq!((&record.outcome, record.faults), (&Outcome::Ok, vec![id]));
        assert_eq!(target(&endpoint), INTERFACE_2, "the work was done");
        if silence == Silence::Close {
            assert!(receive(stream).await.is_none(), "closed without a word");
        } else {
            let nothing = stream.try_read(&mut [0; 1]).expect_err("no byte, and not closed either");
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(call(endpoint.addr(), &replace(INTERFACE_1)).await.status, 200, "once only");
    }
}

#[tokio::test]
async fn a_lost_request_does_nothing() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("ReplaceRoute", Effect::LoseRequest { silence: Silence::Close }));
    let stream = send(endpoint.addr(), Some(NODE_1), &full(INTERFACE_2)).await;
    assert!(receive(stream).await.is_none());
    let record = first(&endpoint, "it is settled", CallRecord::is_settled).await;
    assert_eq!((record.outcome, record.applied_ms), (Outcome::NeverArrived, None));
    assert!(record.mutating, "the referee sees that it was tried");
    assert_eq!(target(&endpoint), INTERFACE_1);
}

#[tokio::test]
async fn what_was_begun_goes_on_when_the_caller_gives_up() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("ReplaceRoute", Effect::Latency { before_ms: 200, after_ms: 0 }));
    let stream = send(endpoint.addr(), Some(NODE_1), &full(INTERFACE_2)).await;
    first(&endpoint, "it has arrived", |_| true).await;
    drop(stream);
    let record = first(&endpoint, "it is settled", CallRecord::is_settled).await;
    assert_eq!((record.outcome, record.reply), (Outcome::Ok, Reply::CallerGone));
    assert!(record.applied_ms.unwrap() >= record.arrived_ms + 200);
    assert_eq!(target(&endpoint), INTERFACE_2);
}

#[tokio::test]
async fn latency_before_and_after_are_told_apart() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("*", Effect::Latency { before_ms: 60, after_ms: 0 }));
    set(&endpoint, Fault::on("*", Effect::Latency { before_ms: 0, after_ms: 90 }));
    assert_eq!(call(endpoint.addr(), &replace(INTERFACE_2)).await.status, 200);
    let record = first(&endpoint, "it is settled", CallRecord::is_settled).await;
    let applied = record.applied_ms.unwrap();
    assert!(applied >= record.arrived_ms + 60 && record.replied_ms.unwrap() >= applied + 90, "{record:?}");
}

#[tokio::test]
async fn a_late_application_is_answered_first() {
    let endpoint = start(|_| ()).await;
    // So late that no machine is slow enough to see it.
    set(&endpoint, Fault::on("ReplaceRoute", Effect::ApplyLate { delay_ms: 3_600_000 }));
    assert_eq!(call(endpoint.addr(), &replace(INTERFACE_2)).await.status, 200);
    let record = first(&endpoint, "it is answered", |r| r.reply == Reply::Sent).await;
    assert!(record.late && record.applied_ms.is_none() && !record.is_settled(), "{record:?}");
    assert_eq!(record.outcome, Outcome::Ok);
    assert_eq!(target(&endpoint), INTERFACE_1, "not yet");
}

#[tokio::test]
async fn a_late_application_comes_in_the_end_also_when_its_reply_was_lost() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("ReplaceRoute", Effect::ApplyLate { delay_ms: 100 }));
    set(&endpoint, Fault::on("ReplaceRoute", Effect::LoseReply { silence: Silence::Close }));
    assert!(receive(send(endpoint.addr(), Some(NODE_1), &full(INTERFACE_2)).await).await.is_none());
    let record = first(&endpoint, "it is applied", CallRecord::is_settled).await;
    assert!(record.applied_ms.unwrap() >= record.arrived_ms + 100, "{record:?}");
    assert_eq!((record.changed.len(), record.reply), (1, Reply::Lost));
    assert_eq!(target(&endpoint), INTERFACE_2);
}

#[tokio::test]
async fn what_would_be_refused_is_refused_also_when_late() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("ReplaceRoute", Effect::ApplyLate { delay_ms: 1 }));
    let answer = call(endpoint.addr(), &replace("eni-12345678")).await;
    assert_eq!(answer.element("Code"), Some("InvalidNetworkInterfaceID.NotFound"));
}

#[tokio::test]
async fn stale_describes_show_the_past_to_whom_they_should() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("Describe*", Effect::Stale { age_ms: 60_000 }).for_caller(NODE_1));
    assert_eq!(call(endpoint.addr(), &replace(INTERFACE_2)).await.status, 200);
    let describe = "Action=DescribeRouteTables&RouteTableId.1=rtb-468f5222";
    let stale = call_as(endpoint.addr(), NODE_1, describe).await;
    assert_eq!(stale.elements("networkInterfaceId"), [INTERFACE_1]);
    let fresh = call_as(endpoint.addr(), NODE_2, describe).await;
    assert_eq!(fresh.elements("networkInterfaceId"), [INTERFACE_2]);
}

#[tokio::test]
async fn one_caller_can_be_denied_throttled_or_cut_off() {
    let endpoint = start(|_| ()).await;
    set(&endpoint, Fault::on("ReplaceRoute", Effect::Deny).for_caller(NODE_1).times(1));
    set(&endpoint, Fault::on("StopInstances", Effect::Throttle).for_caller(NODE_1));
    let insufficient = Effect::Refuse { code: "InsufficientInstanceCapacity".into(), status: 500 };
    set(&endpoint, Fault::on("StartInstances", insufficient));
    set(
        &endpoint,
        Fault::on("Describe*", Effect::LoseRequest { silence: Silence::Close }).for_caller(NODE_1),
    );
    let denied = call(endpoint.addr(), &replace(INTERFACE_2)).await;
    assert_eq!((denied.status, denied.element("Code")), (403, Some("UnauthorizedOperation")));
    assert_eq!(call_as(endpoint.addr(), NODE_2, &replace(INTERFACE_2)).await.status, 200);
    let stop = format!("Action=StopInstances&InstanceId.1={INSTANCE_1}");
    let throttled = call(endpoint.addr(), &stop).await;
    assert_eq!((throttled.status, throttled.element("Code")), (503, Some("RequestLimitExceeded")));
    let start = format!("Action=StartInstances&InstanceId.1={INSTANCE_1}");
    let refused = call(endpoint.addr(), &start).await;
    assert_eq!((refused.status, refused.element("Code")), (500, Some("InsufficientInstanceCapacity")));
    let describe = "Action=DescribeRouteTables";
    let cut = send(endpoint.addr(), Some(NODE_1), &format!("{describe}&Version=2016-11-15")).await;
    assert!(receive(cut).await.is_none());
    assert_eq!(call_as(endpoint.addr(), NODE_2, describe).await.status, 200);
}

#[tokio::test]
async fn the_account_is_throttled_at_ec2s_pace() {
    let endpoint = start(|_| ()).await;
    let form = format!("Action=StartInstances&InstanceId.1={INSTANCE_1}");
    let mut granted = 0;
    // 5 tokens and 2 a second: forty calls would have to take 18 s not to be throttled.
    let throttled = loop {
        let caller = if granted % 2 == 0 { NODE_1 } else { NODE_2 };
        let answer = call_as(endpoint.addr(), caller, &form).await;
        if answer.status != 200 || granted > 40 {
            break answer;
        }
        granted += 1;
    };
    assert_eq!((throttled.status, throttled.element("Code")), (503, Some("RequestLimitExceeded")));
    assert!(granted >= 5, "{granted}");
    endpoint.faults().set_throttling(false);
    assert_eq!(call(endpoint.addr(), &form).await.status, 200);
}

#[tokio::test]
async fn a_stuck_stop_stays_until_it_is_healed() {
    let endpoint = start(|settings| settings.world.timings.stop_ms = 1).await;
    let world = endpoint.world();
    world.edit(|w, act| w.set_stop_behaviour(act, INSTANCE_1, StopBehaviour::StuckUntilForced)).unwrap();
    let stop = format!("Action=StopInstances&InstanceId.1={INSTANCE_1}");
    assert_eq!(call(endpoint.addr(), &stop).await.status, 200);
    let state = || world.look(|w| w.instance(INSTANCE_1).unwrap().state);
    assert_eq!(world.look(|w| w.next_transition_ms()), None, "nothing will happen by itself");
    assert_eq!(state(), InstanceState::Stopping);
    let mut changes = endpoint.changes();
    world.edit(|w, act| w.set_stop_behaviour(act, INSTANCE_1, StopBehaviour::Normal)).unwrap();
    soon("it is stopped", changes.recv()).await.unwrap();
    assert_eq!(state(), InstanceState::Stopped);
}

#[tokio::test]
async fn shutdown_ends_what_hangs_and_completes_the_log_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let endpoint = start(|settings| settings.log_file = Some(path.clone())).await;
    set(&endpoint, Fault::on("*", Effect::Latency { before_ms: 3_600_000, after_ms: 0 }));
    let stream = send(endpoint.addr(), Some(NODE_1), &full(INTERFACE_2)).await;
    first(&endpoint, "it has arrived", |_| true).await;
    soon("the end", endpoint.shutdown()).await;
    assert!(receive(stream).await.is_none());
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(r#""outcome":"pending""#), "{text}");
}
