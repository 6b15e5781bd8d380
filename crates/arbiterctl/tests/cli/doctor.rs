//! `doctor`: its views, errors and exit codes.

use crate::fake::{Fake, Play, Say};
use crate::run::against;
use crate::{golden, scenes};
use arbiter_core::health::Code;
use arbiter_proto::v1::{Alarm, DoctorReply, Examination, Finding};
use tonic::Status;

fn nodes() -> Vec<String> {
    ["strongswan-1", "strongswan-2", "witness"].map(str::to_owned).to_vec()
}

fn node(reply: DoctorReply) -> Fake {
    Fake::start(Play { doctor: vec![Say::This(reply)], ..Play::default() })
}

fn sound() -> DoctorReply {
    DoctorReply { answered: scenes::linearizable(), nodes: nodes(), age_ms: 0, findings: vec![] }
}

fn found(alarm: Alarm, by: &[&str]) -> Finding {
    Finding { alarm: Some(alarm), said_by: by.iter().map(|node| (*node).to_owned()).collect() }
}

/// A right is missing on one node, a gateway has no Elastic IP, a node is silent.
fn ill() -> DoctorReply {
    let all = ["strongswan-1", "strongswan-2", "witness"];
    let instance = "i-0a1c3e5d7c9f2a4b6";
    let denied = Alarm {
        remedy: format!("allow ec2:StopInstances on {instance} to the node's role"),
        ..scenes::alarm(
            Code::NotPermitted,
            "StopInstances",
            &format!(
                "on {instance}: UnauthorizedOperation: You are not authorized to perform this operation."
            ),
        )
    };
    let address =
        "interface eni-2d75e606: after a stop its address would change, and the tunnel could not come back";
    DoctorReply {
        nodes: nodes()[1..].to_vec(),
        age_ms: 4_200,
        findings: vec![
            found(denied, &["witness"]),
            found(scenes::alarm(Code::NoElasticIp, "strongswan-2", address), &all[1..]),
            found(scenes::alarm(Code::NotExamined, "strongswan-1", "it is not heard"), &["witness"]),
        ],
        ..sound()
    }
}

#[test]
fn every_view() {
    for (name, reply, code) in [("sound", sound(), 0), ("ill", ill(), 3)] {
        let fake = node(reply);
        for (output, file) in [("table", "doctor.txt"), ("wide", "doctor-wide.txt"), ("json", "doctor.json")]
        {
            let ran = against(&[&fake], &["doctor", "-o", output]);
            assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{name} {output}");
            golden::check(&format!("doctor/{name}-{file}"), &ran.out);
        }
        fake.asked(|asked| assert!(asked.doctor.iter().all(|request| !request.own)));
    }
}

#[test]
fn one_node_alone_can_be_asked_and_without_a_quorum_that_is_said() {
    let mut reply = sound();
    reply.nodes.truncate(1);
    reply.findings = vec![found(scenes::alarm(Code::NoLeader, "vpn", ""), &["strongswan-1"])];
    if let Some(answered) = &mut reply.answered {
        answered.by = "strongswan-1".into();
        answered.linearizable = false;
        answered.stale_because = "no leader is known".into();
    }
    let fake = node(reply);
    let ran = against(&[&fake], &["doctor"]);
    golden::check("doctor/no-quorum.txt", &ran.transcript());
    assert_eq!(ran.code, 4);
    assert_eq!(against(&[&fake], &["doctor", "--stale"]).code, 3, "it was asked for, and something is wrong");
    fake.asked(|asked| assert!(asked.doctor[1].asking.unwrap().stale));
}

#[test]
fn a_node_that_does_not_know_the_question_or_does_not_answer_is_named() {
    let older = Status::unimplemented("");
    let fake = Fake::start(Play { doctor: vec![Say::Error(older)], ..Play::default() });
    golden::check("doctor/older-node.txt", &against(&[&fake], &["doctor"]).transcript());
    let silent = Fake::start(Play { doctor: vec![Say::Nothing], ..Play::default() });
    let ran = against(&[&silent], &["doctor", "--timeout", "500ms"]);
    golden::check("doctor/silent-node.txt", &ran.transcript());
}

#[test]
fn status_says_when_the_nodes_were_examined_and_what_came_of_it() {
    let mut status = scenes::healthy();
    let mut line = |findings: u32| {
        status.examination = Some(Examination { age_ms: 754_321, nodes: nodes(), findings });
        let fake = Fake::start(Play { status: vec![Say::This(status.clone())], ..Play::default() });
        let json = against(&[&fake], &["status", "-o", "json"]).out;
        golden::check(&format!("doctor/status-{findings}.json"), &json);
        let ran = against(&[&fake], &["status"]);
        ran.out.lines().find(|line| line.starts_with("EXAMINED")).unwrap().to_owned()
    };
    assert_eq!(line(0), "EXAMINED   3 nodes, 12m34s ago: nothing found (`arbiterctl doctor`)");
    assert_eq!(line(2), "EXAMINED   3 nodes, 12m34s ago: 2 findings (`arbiterctl doctor`)");
}
