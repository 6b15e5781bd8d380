//! Commands that change something: what they send, what they wait for, how they end.

use crate::fake::{Fake, Play, Say};
use crate::run::{against, command, ran};
use crate::{golden, scenes};
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::{
    HandOverReply, OperateReply, PauseCluster, StatusReply, Switchover, UnsettledIntent,
};
use tonic::Status;

fn accepted(quiet: bool, start_to_come: &str) -> Say<OperateReply> {
    Say::This(OperateReply {
        answered: scenes::linearizable(),
        index: 432,
        accepted: true,
        refusal: String::new(),
        quiet,
        start_to_come: start_to_come.into(),
    })
}

fn refused(why: &str) -> Say<OperateReply> {
    Say::This(OperateReply {
        answered: scenes::linearizable(),
        index: 432,
        refusal: why.into(),
        ..OperateReply::default()
    })
}

fn at_home() -> Say<StatusReply> {
    Say::This(scenes::healthy())
}

fn away() -> Say<StatusReply> {
    Say::This(scenes::remediating())
}

const SWITCH: [&str; 3] = ["switchover", "private-1", "tunnel-2"];

#[test]
fn a_switchover_sends_who_asks_for_what_under_its_own_id() {
    let fake =
        Fake::start(Play { status: vec![at_home()], operate: vec![accepted(true, "")], ..Play::default() });
    for (output, extension) in [("table", "txt"), ("json", "json")] {
        let ran = against(&[&fake], &[&SWITCH[..], &["--yes", "-o", output]].concat());
        golden::check(&format!("commands/switchover.{extension}"), &ran.transcript());
    }
    fake.asked(|asked| {
        let [one, two] = &asked.operate[..] else { panic!("two requests") };
        let expected = Switchover { route: "private-1".into(), path: "tunnel-2".into() };
        assert_eq!(one.operation, Some(Operation::Switchover(expected)));
        assert!(one.by.starts_with("anna"), "{}", one.by);
        assert_ne!(one.request_id, two.request_id);
    });
}

#[test]
fn a_switchover_that_nobody_confirms_is_not_sent() {
    let fake = Fake::start(Play { status: vec![at_home()], ..Play::default() });
    let ran = against(&[&fake], &SWITCH);
    assert_eq!(ran.code, 2);
    golden::check("commands/switchover-unconfirmed.txt", &ran.transcript());
    fake.asked(|asked| assert!(asked.operate.is_empty()));
}

#[test]
fn a_path_that_the_route_lacks_is_refused_with_those_it_has() {
    let fake = Fake::start(Play { status: vec![at_home()], ..Play::default() });
    let ran = against(&[&fake], &["switchover", "private-1", "tunel-2", "--yes"]);
    assert_eq!(ran.code, 1);
    golden::check("commands/switchover-unknown-path.txt", &ran.transcript());
    fake.asked(|asked| assert!(asked.operate.is_empty()));
}

#[test]
fn a_switchover_waits_until_it_is_seen() {
    let mut half = scenes::failing_over();
    half.routes[0].observed = "tunnel-1".into();
    let fake = Fake::start(Play {
        // At home; nobody answers; committed, not seen; seen.
        status: vec![at_home(), Say::Error(Status::unavailable("no leader")), Say::This(half), away()],
        operate: vec![accepted(true, "")],
        ..Play::default()
    });
    let ran = against(&[&fake], &[&SWITCH[..], &["--yes", "--wait"]].concat());
    golden::check("commands/switchover-waited.txt", &ran.transcript());
    fake.asked(|asked| assert_eq!(asked.status.len(), 4));
}

#[test]
fn a_switchover_that_is_not_seen_in_time_is_unknown() {
    let fake =
        Fake::start(Play { status: vec![at_home()], operate: vec![accepted(true, "")], ..Play::default() });
    let ran = against(&[&fake], &[&SWITCH[..], &["--yes", "--wait", "--timeout", "700ms"]].concat());
    assert_eq!(ran.code, 5);
    golden::check("commands/switchover-unseen.txt", &ran.transcript());
}

#[test]
fn a_switchover_that_a_pause_holds_up_says_so() {
    let fake = Fake::start(Play {
        status: vec![at_home(), paused(false)],
        operate: vec![accepted(true, "")],
        ..Play::default()
    });
    let ran = against(&[&fake], &[&SWITCH[..], &["--yes", "--wait", "--timeout", "700ms"]].concat());
    assert_eq!(ran.code, 5);
    golden::check("commands/switchover-held-up.txt", &ran.transcript());
    let fake = Fake::start(Play { status: vec![paused(false)], ..Play::default() });
    golden::check("commands/switchover-paused.txt", &against(&[&fake], &SWITCH).transcript());
}

#[test]
fn what_apply_refuses_has_failed() {
    let fake = Fake::start(Play {
        status: vec![at_home()],
        operate: vec![refused("unknown path of route private-1 `tunnel-2`")],
        ..Play::default()
    });
    let ran = against(&[&fake], &[&SWITCH[..], &["--yes"]].concat());
    assert_eq!(ran.code, 1);
    golden::check("commands/switchover-refused.txt", &ran.transcript());
}

const PAUSE: [&str; 5] = ["pause", "--reason", " router-1 is rebooted ", "--for", "1h30m"];

#[test]
fn a_pause_says_whether_it_is_quiet_and_what_will_still_start() {
    let cases = [("quiet", accepted(true, "")), ("not-quiet", accepted(false, "strongswan-1"))];
    for (name, reply) in cases {
        let fake = Fake::start(Play { operate: vec![reply], ..Play::default() });
        for (output, extension) in [("table", "txt"), ("json", "json")] {
            let ran = against(&[&fake], &[&PAUSE[..], &["-o", output]].concat());
            golden::check(&format!("commands/pause-{name}.{extension}"), &ran.transcript());
        }
        fake.asked(|asked| {
            let expected = PauseCluster { reason: "router-1 is rebooted".into(), for_ms: Some(5_400_000) };
            assert_eq!(asked.operate[0].operation, Some(Operation::Pause(expected)));
        });
    }
}

fn paused(unsettled: bool) -> Say<StatusReply> {
    let mut status = scenes::paused();
    if unsettled {
        status.unsettled.push(UnsettledIntent::default());
    }
    Say::This(status)
}

#[test]
fn a_pause_is_quiet_only_when_the_leader_says_so() {
    let fake = Fake::start(Play {
        status: vec![paused(true), paused(true), paused(false)],
        // Even after nothing was unsettled any more, the leader may know better.
        operate: vec![accepted(false, ""), accepted(false, ""), accepted(true, "strongswan-1")],
        ..Play::default()
    });
    let ran = against(&[&fake], &[&PAUSE[..], &["--wait"]].concat());
    golden::check("commands/pause-waited.txt", &ran.transcript());
    fake.asked(|asked| {
        assert_eq!((asked.status.len(), asked.operate.len()), (4, 3));
        assert!(asked.operate.iter().all(|request| request.request_id == asked.operate[0].request_id));
    });
}

#[test]
fn a_pause_that_does_not_become_quiet_is_unknown() {
    let fake = Fake::start(Play {
        status: vec![paused(true)],
        operate: vec![accepted(false, "")],
        ..Play::default()
    });
    let ran = against(&[&fake], &[&PAUSE[..], &["--wait", "--timeout", "500ms"]].concat());
    assert_eq!(ran.code, 5);
    golden::check("commands/pause-never-quiet.txt", &ran.transcript());
}

#[test]
fn a_pause_that_somebody_ends_meanwhile_has_failed() {
    let fake = Fake::start(Play {
        status: vec![Say::This(scenes::healthy())],
        operate: vec![accepted(false, "")],
        ..Play::default()
    });
    let ran = against(&[&fake], &[&PAUSE[..], &["--wait"]].concat());
    assert_eq!(ran.code, 1);
    golden::check("commands/pause-ended.txt", &ran.transcript());
}

#[test]
fn resume_ends_a_pause() {
    let fake = Fake::start(Play { operate: vec![accepted(true, "")], ..Play::default() });
    golden::check("commands/resume.txt", &against(&[&fake], &["resume"]).transcript());
    fake.asked(|asked| assert!(matches!(asked.operate[0].operation, Some(Operation::Resume(_)))));
}

fn handed() -> Say<HandOverReply> {
    Say::This(HandOverReply { answered: scenes::linearizable() })
}

#[test]
fn a_handover_names_the_node_and_waits_until_it_leads() {
    let mut after = scenes::healthy();
    after.leader = "strongswan-2".into();
    let fake = Fake::start(Play {
        status: vec![Say::This(scenes::healthy()), Say::This(after)],
        hand_over: vec![handed()],
        ..Play::default()
    });
    golden::check("commands/handover.txt", &against(&[&fake], &["handover", "strongswan-2"]).transcript());
    let ran = against(&[&fake], &["handover", "strongswan-2", "--wait"]);
    golden::check("commands/handover-waited.txt", &ran.transcript());
    fake.asked(|asked| {
        assert_eq!((&*asked.hand_over[0].to, asked.hand_over[0].by.is_empty()), ("strongswan-2", false));
    });
}

#[test]
fn a_handover_that_may_have_arrived_is_not_sent_to_another_node() {
    let silent = Fake::start(Play { hand_over: vec![Say::Nothing], ..Play::default() });
    let other = Fake::start(Play { hand_over: vec![handed()], ..Play::default() });
    let ran = against(&[&silent, &other], &["handover", "strongswan-2", "--timeout", "800ms"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    other.asked(|asked| assert!(asked.hand_over.is_empty()));
}

#[test]
fn a_closed_pipe_ends_quietly_and_keeps_the_exit_code() {
    let fake = Fake::start(Play { status: vec![Say::This(scenes::both_down())], ..Play::default() });
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(&["status"]).env("ARBITER_ENDPOINT", &fake.address).stdout(writer).output().unwrap();
    let ran = ran(&output, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (3, ""));
}
