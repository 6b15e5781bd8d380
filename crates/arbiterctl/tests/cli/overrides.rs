//! Commands that override what the cluster would do by itself: each says before what it will do, is not sent without
//! a yes, and sends exactly what was asked for.

use crate::fake::{Fake, Play, Say};
use crate::run::against;
use crate::{golden, scenes};
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::{
    AddMember, CancelRestart, Drain, OperateReply, Pin, PromoteMember, Readmit, RemoveMember, ReplaceGateway,
    RestartGateway, SetMode, StatusReply, Undrain, Unpin, Verdict,
};

fn fake(status: StatusReply) -> Fake {
    let reply = OperateReply {
        answered: scenes::linearizable(),
        index: 432,
        accepted: true,
        ..OperateReply::default()
    };
    Fake::start(Play { status: vec![Say::This(status)], operate: vec![Say::This(reply)], ..Play::default() })
}

const REPLACE: [&str; 7] =
    ["gateway", "replace", "strongswan-1", "--instance", "i-0abc", "--eni", "eni-0def"];
const RESTART: [&str; 5] = ["gateway", "restart", "strongswan-1", "--reason", "it leaks memory"];
const DRAIN: [&str; 4] = ["drain", "strongswan-1", "--reason", "new kernel"];

/// Every command of this kind, the name of its golden files, and what it must send.
fn all() -> Vec<(&'static str, Vec<&'static str>, Operation)> {
    vec![
        (
            "member-add",
            vec!["member", "add", "strongswan-3", "--id", "4", "--address", "172.16.3.10:7400"],
            Operation::AddMember(AddMember {
                node: "strongswan-3".into(),
                id: 4,
                address: "172.16.3.10:7400".into(),
            }),
        ),
        (
            "member-promote",
            vec!["member", "promote", "witness"],
            Operation::PromoteMember(PromoteMember { node: "witness".into() }),
        ),
        (
            "member-remove",
            vec!["member", "remove", "2"],
            Operation::RemoveMember(RemoveMember { node: "2".into() }),
        ),
        (
            "member-replace",
            vec!["member", "replace", "strongswan-1"],
            Operation::Readmit(Readmit { node: "strongswan-1".into() }),
        ),
        (
            "drain",
            DRAIN.to_vec(),
            Operation::Drain(Drain { gateway: "strongswan-1".into(), reason: "new kernel".into() }),
        ),
        (
            "undrain",
            vec!["undrain", "strongswan-1"],
            Operation::Undrain(Undrain { gateway: "strongswan-1".into() }),
        ),
        (
            "pin",
            vec!["pin", "private-1", "tunnel-2"],
            Operation::Pin(Pin { route: "private-1".into(), path: "tunnel-2".into() }),
        ),
        ("unpin", vec!["unpin", "private-1"], Operation::Unpin(Unpin { route: "private-1".into() })),
        ("observe", vec!["mode", "observe"], Operation::SetMode(SetMode { observe: true })),
        ("act", vec!["mode", "act"], Operation::SetMode(SetMode { observe: false })),
        (
            "restart",
            RESTART.to_vec(),
            Operation::RestartGateway(RestartGateway {
                gateway: "strongswan-1".into(),
                reason: "it leaks memory".into(),
                force: false,
            }),
        ),
        (
            "restart-cancel",
            vec!["gateway", "restart", "strongswan-1", "--cancel"],
            Operation::CancelRestart(CancelRestart { gateway: "strongswan-1".into() }),
        ),
        (
            "replace",
            REPLACE.to_vec(),
            Operation::ReplaceGateway(ReplaceGateway {
                gateway: "strongswan-1".into(),
                instance: "i-0abc".into(),
                interface: "eni-0def".into(),
            }),
        ),
    ]
}

#[test]
fn each_says_before_what_it_will_do_and_is_not_sent_unconfirmed() {
    let fake = fake(scenes::healthy());
    for (name, words, _) in all() {
        let ran = against(&[&fake], &words);
        assert_eq!(ran.code, 2, "{ran:?}");
        golden::check(&format!("overrides/{name}-unconfirmed.txt"), &ran.transcript());
    }
    fake.asked(|asked| assert!(asked.operate.is_empty()));
}

#[test]
fn each_sends_what_was_asked_for_and_says_where_it_stands() {
    for (name, words, expected) in all() {
        let fake = fake(scenes::healthy());
        for (output, extension) in [("table", "txt"), ("json", "json")] {
            let ran = against(&[&fake], &[&words[..], &["--yes", "-o", output]].concat());
            assert_eq!(ran.code, 0, "{ran:?}");
            golden::check(&format!("overrides/{name}.{extension}"), &ran.transcript());
        }
        fake.asked(|asked| {
            assert_eq!(asked.operate.len(), 2);
            assert!(asked.operate.iter().all(|request| request.operation.as_ref() == Some(&expected)));
            assert_ne!(asked.operate[0].request_id, asked.operate[1].request_id);
        });
    }
}

#[test]
fn what_stands_in_the_way_is_said_before() {
    let mut alone = scenes::remediating();
    alone.routes[0].overrides = vec!["pinned to tunnel-2".into()];
    alone.routes[0].pinned = "tunnel-2".into();
    alone.gateways[1].drained = "new kernel".into();
    let cases: [(&str, StatusReply, &[&str]); 6] = [
        ("drain-the-last", alone.clone(), &["drain", "strongswan-2", "--reason", "x"]),
        ("unpin-away", alone.clone(), &["unpin", "private-1"]),
        ("undrain-drained", alone.clone(), &["undrain", "strongswan-2"]),
        ("member-replace-silent", alone.clone(), &["member", "replace", "strongswan-1"]),
        ("drain-paused", scenes::paused(), &DRAIN),
        ("act-observing", scenes::observing(), &["mode", "act"]),
    ];
    for (name, status, words) in cases {
        golden::check(&format!("overrides/{name}.txt"), &against(&[&fake(status)], words).transcript());
    }
    let mut down = scenes::healthy();
    down.routes[0].paths[1].verdict = Verdict::Down.into();
    let ran = against(&[&fake(down)], &["pin", "private-1", "tunnel-2"]);
    assert!(ran.err.contains("Down for 2h10m: it moves once that is Up"), "{ran:?}");
}

#[test]
fn names_that_nobody_knows_are_refused_with_the_nearest_that_somebody_does() {
    let fake = fake(scenes::healthy());
    let cases: [(&str, &[&str]); 4] = [
        ("write `strongswan-1`", &["drain", "strongswan1", "--reason", "x", "--yes"]),
        ("write `private-1`", &["unpin", "privat-1", "--yes"]),
        ("write `tunnel-2`", &["pin", "private-1", "tunel-2", "--yes"]),
        ("write `witness`", &["member", "replace", "witnes", "--yes"]),
    ];
    for (hint, words) in cases {
        let ran = against(&[&fake], words);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(hint) && ran.err.contains("nothing was changed"), "{ran:?}");
    }
    fake.asked(|asked| assert!(asked.operate.is_empty()));
}

#[test]
fn a_readmission_that_may_have_arrived_is_not_sent_to_another_node() {
    let play =
        |say| Play { status: vec![Say::This(scenes::healthy())], operate: vec![say], ..Play::default() };
    let (silent, other) = (Fake::start(play(Say::Nothing)), fake(scenes::healthy()));
    let words = ["member", "replace", "strongswan-1", "--yes", "--timeout", "800ms"];
    let ran = against(&[&silent, &other], &words);
    assert_eq!(ran.code, 5, "{ran:?}");
    other.asked(|asked| assert!(asked.operate.is_empty()));
}
