//! What travels between nodes, and to `arbiterctl`.

use super::{Sample, scenes};
use arbiter_core::evidence::{Ending, Verdict};
use arbiter_core::follow::{FollowedRoute, Heard};
use arbiter_core::health::Code;
use arbiter_core::ids::{ClusterId, Epoch, LogIndex, NodeId};
use arbiter_core::report::{Echo, Parcel, Report, ReportedProbe};
use arbiter_core::time::{MonoMs, UnixMs};
use arbiter_proto::report::write_parcel;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use prost::Message;
use std::collections::BTreeMap;

fn report(node: u64) -> Report {
    let probe = |state| ReportedProbe {
        state,
        for_ms: 77,
        last_rtt_us: Some(1_234),
        loss_permille: 10,
        answered_age_ms: Some(90),
        error: Some("no route to host".to_owned()),
    };
    let followed = FollowedRoute { path: "tunnel-1".into(), epoch: Epoch(7), index: LogIndex(9) };
    let routes = BTreeMap::from([("private-1".into(), followed)]);
    Report {
        node: NodeId(node),
        boot: 9,
        seq: 4,
        stamp: MonoMs(1_000),
        echoes: BTreeMap::from([(NodeId(1), Echo { boot: 5, stamp: MonoMs(1_500) })]),
        probes: BTreeMap::from([
            ("inner-1".into(), probe(Verdict::Up)),
            ("inner-2".into(), probe(Verdict::Down)),
        ]),
        ending: Ending::Process,
        describe_ok_age_ms: Some(12),
        provider_unreachable: true,
        leader: Some((NodeId(3), 40)),
        handing_over_to: Some(NodeId(1)),
        disk_slow_ms: Some(2_500),
        rules_supported: 1,
        file_differs: true,
        applied: LogIndex(42),
        wall_ms: UnixMs(1_769_850_000_000),
        heard: Some(Heard { cluster: "cloud".into(), from: "witness".to_owned(), age_ms: 20, routes }),
    }
}

/// A message behind the letter of its kind.
fn reply(kind: u8, message: &impl Message) -> Vec<u8> {
    [vec![kind], message.encode_to_vec()].concat()
}

pub fn samples() -> Vec<Sample> {
    let cluster = ClusterId::from("5f3c");
    let parcel = Parcel { own: report(2), relayed: vec![report(3)] };
    let lonely = Parcel { own: Report { node: NodeId(2), ..Report::default() }, relayed: vec![] };
    let finding = v1::DoctorReply {
        answered: scenes::linearizable(),
        findings: vec![v1::Finding {
            alarm: Some(scenes::alarm(Code::NoElasticIp, "strongswan-1", "its address would change")),
            ..v1::Finding::default()
        }],
        ..v1::DoctorReply::default()
    };
    let policy = v1::GetPolicyReply {
        answered: scenes::linearizable(),
        version: 3,
        toml: "version = 1\n\n[cluster]\nname = \"vpn\"\n".to_owned(),
    };
    let preview = v1::PreviewReply { answered: scenes::linearizable(), ..v1::PreviewReply::default() };
    let status = scenes::healthy();
    let operate = |operation| v1::OperateRequest {
        request_id: "a1".to_owned(),
        by: "anna".to_owned(),
        operation: Some(operation),
        ..v1::OperateRequest::default()
    };
    let switchover = v1::Switchover { route: "private-1".to_owned(), path: "tunnel-2".to_owned() };
    let pause = v1::PauseCluster { reason: "router upgrade".to_owned(), for_ms: Some(60_000) };
    let toml = include_str!("../../../arbiter-config/tests/file/problems/base.toml").to_owned();
    let assigned = v1::Assigned {
        version: 1,
        cluster_id: "5f3c".to_owned(),
        cluster: "cloud".to_owned(),
        node: "witness".to_owned(),
        as_of_ms: 40,
        routes: vec![v1::AssignedRoute {
            route: "private-1".to_owned(),
            path: "tunnel-1".to_owned(),
            epoch: 7,
            index: 9,
        }],
    };
    vec![
        ("parcel", "whole", write_parcel(&cluster, &parcel).encode_to_vec()),
        ("parcel", "lonely", write_parcel(&cluster, &lonely).encode_to_vec()),
        ("operation", "switchover", operate(Operation::Switchover(switchover)).encode_to_vec()),
        ("operation", "pause", operate(Operation::Pause(pause)).encode_to_vec()),
        (
            "operation",
            "policy",
            operate(Operation::ApplyPolicy(v1::ApplyPolicy { version: 2, toml })).encode_to_vec(),
        ),
        ("assigned", "one", assigned.encode_to_vec()),
        ("replies", "healthy", reply(b's', &status)),
        ("replies", "failing-over", reply(b's', &scenes::failing_over())),
        ("replies", "both-down", reply(b's', &scenes::both_down())),
        ("replies", "paused", reply(b's', &scenes::paused())),
        ("replies", "observing", reply(b's', &scenes::observing())),
        ("replies", "no-quorum", reply(b's', &scenes::no_quorum())),
        ("replies", "remediating", reply(b's', &scenes::remediating())),
        ("replies", "explain", reply(b'e', &scenes::explain(&status, 1))),
        ("replies", "history", reply(b'h', &scenes::history())),
        ("replies", "doctor", reply(b'd', &finding)),
        ("replies", "policy", reply(b'g', &policy)),
        ("replies", "preview", reply(b'p', &preview)),
    ]
}
