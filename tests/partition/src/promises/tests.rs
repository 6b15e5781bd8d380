//! Each judge on a run that breaks its promise, and on one that only almost does.

use super::{l1, linear, s1, s2, s3, s4, s5, s6, s7};
use crate::coverage;
use crate::run::Run;
use arbiter_lab::history::{
    Answer, Asked, Call, End, Event, GatewayFacts, Invoke, Line, Nemesis, NodeFacts, Return, Start, Truth,
};

fn gateway(number: u8) -> GatewayFacts {
    GatewayFacts {
        name: format!("strongswan-{number}"),
        instance: format!("i-{number}"),
        interface: format!("eni-{number}"),
        path: format!("tunnel-{number}"),
        route: format!("private-{number}"),
        table: format!("rtb-{number}"),
    }
}

fn start(who: &str) -> Line {
    let node = |name: &str, caller: &str| NodeFacts { name: name.to_owned(), caller: caller.to_owned() };
    Line::Start(Start {
        who: who.to_owned(),
        seed: 1,
        seconds: 10,
        nemeses: vec!["bridge".to_owned()],
        nodes: vec![node("strongswan-1", "K1"), node("strongswan-2", "K2"), node("witness", "KW")],
        gateways: vec![gateway(1), gateway(2)],
        call_timeout_ms: 2_000,
    })
}

fn end(well_ms: Option<u64>) -> Line {
    Line::End(End { healed_ms: 90_000, well_ms, missing: "a route is away".to_owned() })
}

fn run_of(who: &str, lines: Vec<Line>) -> Run {
    let all = [start(who)].into_iter().chain(lines).chain([end(Some(91_000))]);
    Run::of(all.collect()).unwrap()
}

fn ours(lines: Vec<Line>) -> Run {
    run_of("ours", lines)
}

/// A move of route 1 or 2 to a gateway's interface.
fn moved(seq: u64, at_ms: u64, intent: &str, table: u8, to: u8) -> Call {
    Call {
        seq,
        arrived_ms: at_ms,
        applied_ms: Some(at_ms + 75),
        caller: "KW".to_owned(),
        epoch: intent.split_once('.').and_then(|(epoch, _)| epoch.parse().ok()),
        intent: intent.to_owned(),
        action: "ReplaceRoute".to_owned(),
        resource: format!("rtb-{table}"),
        target: format!("eni-{to}"),
        ok: true,
        late: false,
    }
}

fn power(seq: u64, at_ms: u64, intent: &str, action: &str, gateway: u8) -> Call {
    let resource = format!("i-{gateway}");
    Call { action: action.to_owned(), resource, target: String::new(), ..moved(seq, at_ms, intent, 1, 1) }
}

fn told(node: &str, index: u64, event: &str, subject: &str, summary: &str, who: [&str; 3]) -> Line {
    let [cause, actor, intent] = who.map(str::to_owned);
    Line::Event(Event {
        node: node.to_owned(),
        index,
        epoch: 4,
        event: event.to_owned(),
        subject: subject.to_owned(),
        summary: summary.to_owned(),
        cause,
        actor,
        intent,
    })
}

/// The same, told by all nodes.
fn told_by_all(index: u64, event: &str, subject: &str, summary: &str, who: [&str; 3]) -> Vec<Line> {
    let nodes = ["strongswan-1", "strongswan-2", "witness"];
    nodes.map(|node| told(node, index, event, subject, summary, who)).into()
}

/// The witness takes office with entry 4, and intends a move of private-1 to tunnel-2 with entry 5.
fn office(cause: &str) -> Vec<Line> {
    let mut lines = told_by_all(4, "epoch-began", "witness", "witness takes office", ["", "witness", ""]);
    let summary = "private-1: tunnel-1 → tunnel-2 (eni-2), leaving tunnel-1";
    lines.extend(told_by_all(5, "intended", "private-1", summary, [cause, "witness", "4.1"]));
    lines
}

fn truth(at_ms: u64, change: fn(&mut Truth)) -> Line {
    let mut truth = Truth { at_ms, ..Truth::default() };
    change(&mut truth);
    Line::Truth(truth)
}

fn asked(at_ms: u64, id: u64, what: Asked) -> Line {
    Line::Invoke(Invoke { at_ms, id, by: format!("operator-{id}"), node: "witness".to_owned(), what })
}

fn answered(at_ms: u64, id: u64, answer: Answer) -> Line {
    Line::Return(Return { at_ms, id, answer })
}

fn accepted(index: u64) -> Answer {
    Answer::Accepted { index, quiet: false }
}

#[test]
fn an_older_epochs_hand_after_a_newer_one_is_seen() {
    let judge = |older: Call, newer: Call| s1::judge(&ours(vec![Line::Call(older), Line::Call(newer)])).len();
    let newer = || moved(5, 5_000, "9.1", 1, 2);
    assert_eq!(judge(moved(6, 5_001, "4.1", 1, 1), newer()), 1, "it came later");
    let slow = |at_ms| Call { applied_ms: Some(at_ms), ..moved(4, 4_000, "4.1", 1, 1) };
    assert_eq!(judge(slow(5_500), newer()), 1, "it took effect later, within its window");
    assert_eq!(judge(slow(6_001), newer()), 0, "EC2 did it later than that");
    assert_eq!(judge(Call { late: true, ..slow(5_500) }, newer()), 0, "EC2 put it off");
    assert_eq!(judge(Call { target: "eni-2".to_owned(), ..slow(5_500) }, newer()), 0, "the same target");
    assert_eq!(judge(slow(4_900), newer()), 0, "it was over before");
    assert_eq!(judge(slow(5_500), moved(5, 5_000, "9.1", 2, 2)), 0, "another resource");
}

#[test]
fn a_call_needs_its_own_intent_by_whom_is_in_office_once() {
    let judge = |calls: Vec<Call>| {
        let calls = calls.into_iter().map(Line::Call);
        s2::judge(&ours(office("failover").into_iter().chain(calls).collect())).len()
    };
    let call = || moved(1, 1_000, "4.1", 1, 2);
    assert_eq!(judge(vec![call()]), 0);
    assert_eq!(judge(vec![moved(1, 1_000, "4.2", 1, 2)]), 1, "nobody committed it");
    assert_eq!(judge(vec![Call { epoch: None, intent: String::new(), ..call() }]), 1, "no decision");
    assert_eq!(judge(vec![moved(1, 1_000, "4.1", 1, 1)]), 1, "another target");
    assert_eq!(judge(vec![moved(1, 1_000, "4.1", 2, 2)]), 1, "another route");
    assert_eq!(judge(vec![call(), Call { seq: 2, ..call() }]), 1, "twice");
    assert_eq!(judge(vec![Call { caller: "K1".to_owned(), ..call() }]), 1, "by another node");
}

#[test]
fn a_call_in_promised_quiet_is_seen() {
    let judge = |at_ms, action: &str, more: Vec<Line>| {
        let mut lines = vec![
            asked(1_000, 1, Asked::Pause),
            answered(1_200, 1, Answer::Accepted { index: 8, quiet: true }),
            asked(5_000, 2, Asked::Resume),
            answered(5_200, 2, accepted(9)),
            Line::Call(power(1, at_ms, "4.1", action, 1)),
        ];
        lines.extend(more);
        s3::judge(&ours(lines)).len()
    };
    assert_eq!(judge(1_200, "StopInstances", vec![]), 0, "before it was told");
    assert_eq!(judge(1_201, "StopInstances", vec![]), 1);
    assert_eq!(judge(4_999, "StopInstances", vec![]), 1);
    assert_eq!(judge(5_000, "StopInstances", vec![]), 0, "somebody has asked for the end");
    assert_eq!(judge(3_000, "StartInstances", vec![]), 0, "a start is excepted");
    let resume = || vec![asked(900, 3, Asked::Resume)];
    assert_eq!(judge(3_000, "StopInstances", resume()), 0, "nobody knows when that one took effect");
    let before = |mut lines: Vec<Line>| {
        lines.push(answered(1_100, 3, accepted(7)));
        lines
    };
    assert_eq!(judge(3_000, "StopInstances", before(resume())), 1, "it stands before the pause");
}

#[test]
fn a_route_that_leaves_a_path_that_was_well_is_seen() {
    let judge = |cause: &str, truths: Vec<Line>| {
        let mut lines = vec![truth(0, |_| ())];
        lines.extend(truths);
        lines.extend(office(cause));
        lines.push(Line::Call(moved(1, 20_000, "4.1", 1, 2)));
        s4::judge(&ours(lines)).len()
    };
    assert_eq!(judge("failover", vec![]), 1);
    assert_eq!(judge("switchover", vec![]), 0, "somebody wanted it");
    let silent = |at_ms| {
        truth(at_ms, |so| {
            so.tunnels_silent.insert("strongswan-1".to_owned());
        })
    };
    assert_eq!(judge("failover", vec![silent(19_000)]), 0);
    assert_eq!(judge("failover", vec![silent(10_000), truth(11_000, |_| ())]), 1, "long over");
    assert_eq!(judge("failover", vec![silent(23_000)]), 1, "later");
    let other = |so: &mut Truth| {
        so.tunnels_silent.insert("strongswan-2".to_owned());
    };
    assert_eq!(judge("failover", vec![truth(19_000, other)]), 1, "another tunnel");
    let still = |so: &mut Truth| {
        so.processes_still.insert("strongswan-1".to_owned());
    };
    assert_eq!(judge("failover", vec![truth(19_000, still)]), 1, "only its node stands still");
    let line = |so: &mut Truth| {
        so.cuts.insert(("strongswan-1".to_owned(), "strongswan-2".to_owned()));
    };
    assert_eq!(judge("failover", vec![truth(19_000, line)]), 1, "the witness sees both");
    let alone = |so: &mut Truth| {
        so.cuts.insert(("strongswan-1".to_owned(), "strongswan-2".to_owned()));
        so.cuts.insert(("witness".to_owned(), "strongswan-1".to_owned()));
    };
    assert_eq!(judge("failover", vec![truth(19_000, alone)]), 0, "nobody hears and is heard by it");
    assert_eq!(judge("failback", vec![truth(10_000, other)]), 1, "to a path that was down");
    assert_eq!(judge("failback", vec![truth(19_000, other)]), 0, "it had been well a moment ago");
}

#[test]
fn who_has_no_log_is_judged_by_where_routes_pointed() {
    let judge = |truths: Vec<Line>, calls: Vec<Call>| {
        let lines = [truth(0, |_| ())].into_iter().chain(truths).chain(calls.into_iter().map(Line::Call));
        s4::judge(&run_of("mutual-pings", lines.collect())).len()
    };
    let away = || moved(1, 20_000, "", 1, 2);
    assert_eq!(judge(vec![], vec![away()]), 1);
    assert_eq!(judge(vec![], vec![away(), moved(2, 25_000, "", 1, 1)]), 1, "home is where it belongs");
    let alone = |so: &mut Truth| {
        so.cuts.insert(("strongswan-1".to_owned(), "strongswan-2".to_owned()));
        so.cuts.insert(("strongswan-2".to_owned(), "strongswan-1".to_owned()));
    };
    assert_eq!(judge(vec![truth(19_000, alone)], vec![away()]), 1, "a cut line is no dead gateway");
    let off = |so: &mut Truth| {
        so.hosts_off.insert("strongswan-1".to_owned());
    };
    assert_eq!(judge(vec![truth(12_000, off)], vec![away()]), 0);
}

#[test]
fn a_gateway_that_is_stopped_while_it_is_seen_and_two_at_once_are_seen() {
    let off = |so: &mut Truth| {
        so.hosts_off.insert("strongswan-1".to_owned());
        so.hosts_off.insert("strongswan-2".to_owned());
    };
    let judge = |truths: Vec<Line>, calls: Vec<Call>| {
        let lines = [truth(0, |_| ())].into_iter().chain(truths).chain(calls.into_iter().map(Line::Call));
        s5::judge(&ours(lines.collect())).len()
    };
    let stop = |seq, at_ms, gateway| power(seq, at_ms, "4.1", "StopInstances", gateway);
    assert_eq!(judge(vec![], vec![stop(1, 20_000, 1)]), 1, "it was well");
    assert_eq!(judge(vec![truth(10_000, off)], vec![stop(1, 20_000, 1)]), 0);
    assert_eq!(judge(vec![truth(10_000, off)], vec![stop(1, 20_000, 1), stop(2, 30_000, 2)]), 1, "two");
    let stop_late = || Call { late: true, applied_ms: Some(24_000), ..stop(1, 20_000, 1) };
    assert_eq!(judge(vec![truth(10_000, off)], vec![stop_late(), stop(2, 30_000, 2)]), 0, "EC2's doing");
    let started_at = |applied_ms, late| {
        let start = power(2, 22_000, "4.2", "StartInstances", 1);
        let start = Call { applied_ms: Some(applied_ms), late, ..start };
        judge(vec![truth(10_000, off)], vec![stop(1, 20_000, 1), start, stop(3, 30_000, 2)])
    };
    assert_eq!(
        (started_at(22_075, false), started_at(25_000, true)),
        (0, 0),
        "early or late, it was started"
    );
    assert_eq!(started_at(31_000, true), 1, "too late");
}

#[test]
fn what_was_acknowledged_must_be_there_and_what_was_refused_must_not() {
    let of = |index, actor| told_by_all(index, "operated", "", "resume", ["", actor, ""]);
    let judge = |answer: Answer, entries: Vec<Line>| {
        let mut lines = vec![asked(1_000, 1, Asked::Resume), answered(1_100, 1, answer)];
        lines.extend(entries);
        s6::judge(&ours(lines)).len()
    };
    assert_eq!(judge(accepted(8), of(8, "operator-1")), 0);
    let readmitted = told_by_all(8, "readmitted", "witness", "may come back", ["", "operator-1", ""]);
    assert_eq!(judge(accepted(8), readmitted), 0);
    assert_eq!(judge(accepted(8), of(9, "operator-1")), 1, "elsewhere");
    assert_eq!(judge(accepted(8), vec![]), 1, "nowhere");
    let refused = || Answer::Refused { why: "no".to_owned() };
    assert_eq!(judge(refused(), of(8, "operator-1")), 1);
    let unknown = || Answer::Unknown { why: "no answer".to_owned() };
    assert_eq!((judge(unknown(), of(8, "operator-1")), judge(unknown(), vec![])), (0, 0));
    let twice = of(8, "operator-1").into_iter().chain(of(9, "operator-1")).collect();
    assert_eq!(judge(unknown(), twice), 1);
}

#[test]
fn nodes_must_tell_the_same() {
    let entry = |node, summary| told(node, 8, "operated", "", summary, ["", "anna", ""]);
    let all = |summary| {
        vec![entry("strongswan-1", "resume"), entry("strongswan-2", "resume"), entry("witness", summary)]
    };
    assert_eq!(s6::judge(&ours(all("resume"))).len(), 0);
    assert_eq!(s6::judge(&ours(all("pause: x"))).len(), 1, "another");
    assert_eq!(s6::judge(&ours(all("resume")[..2].to_vec())).len(), 1, "the witness doesn't tell of it");
}

#[test]
fn answers_are_in_the_order_of_the_log() {
    let judge = |first: u64, second: u64, asked_ms: u64| {
        let mut lines = vec![
            asked(1_000, 1, Asked::Resume),
            answered(1_100, 1, accepted(first)),
            asked(asked_ms, 2, Asked::Resume),
            answered(9_000, 2, accepted(second)),
        ];
        lines.extend(told_by_all(first, "operated", "", "resume", ["", "operator-1", ""]));
        lines.extend(told_by_all(second, "operated", "", "resume", ["", "operator-2", ""]));
        s6::judge(&ours(lines)).len()
    };
    assert_eq!((judge(8, 9, 2_000), judge(9, 8, 2_000)), (0, 1));
    assert_eq!(judge(9, 8, 1_050), 0, "at the same time");
}

#[test]
fn a_reading_shows_what_was_acknowledged_before_it_and_nothing_of_later() {
    let judge = |asked_ms, returned_ms, applied, paused, linearizable| {
        let mut lines = vec![
            asked(2_000, 1, Asked::Pause),
            answered(2_100, 1, accepted(8)),
            asked(asked_ms, 2, Asked::Read),
            answered(returned_ms, 2, Answer::Seen { linearizable, applied, paused }),
        ];
        lines.extend(told_by_all(8, "operated", "", "pause: x", ["", "operator-1", ""]));
        s6::judge(&ours(lines)).len()
    };
    assert_eq!(judge(3_000, 3_100, 8, true, true), 0);
    assert_eq!(judge(3_000, 3_100, 7, false, true), 1, "it is old");
    assert_eq!(judge(3_000, 3_100, 7, false, false), 0, "and says so");
    assert_eq!(judge(3_000, 3_100, 8, false, true), 1, "it shows no pause");
    assert_eq!(judge(1_000, 1_900, 8, true, true), 1, "before anybody had asked for it");
    assert_eq!((judge(1_000, 2_050, 8, true, true), judge(1_000, 2_050, 7, false, true)), (0, 0));
}

#[test]
fn readings_never_go_back() {
    let read = |at_ms, id, applied| {
        let seen = Answer::Seen { linearizable: true, applied, paused: false };
        [asked(at_ms, id, Asked::Read), answered(at_ms + 10, id, seen)]
    };
    let judge =
        |first, second| s6::judge(&ours([read(1_000, 1, first), read(2_000, 2, second)].concat())).len();
    assert_eq!((judge(8, 8), judge(8, 9), judge(9, 8)), (0, 0, 1));
}

#[test]
fn answers_that_no_order_explains_are_seen() {
    let read = |at_ms, id, paused| {
        let seen = Answer::Seen { linearizable: true, applied: 8, paused };
        [asked(at_ms, id, Asked::Read), answered(at_ms + 10, id, seen)]
    };
    let pause = |until_ms, answer| [asked(1_000, 1, Asked::Pause), answered(until_ms, 1, answer)];
    let judge = |pause: [Line; 2], first: bool, second: bool| {
        let mut lines = pause.to_vec();
        lines.extend(read(1_500, 2, first));
        lines.extend(read(1_600, 3, second));
        lines.extend(told_by_all(8, "operated", "", "pause: x", ["", "operator-1", ""]));
        linear::judge(&ours(lines)).len()
    };
    let slow = || pause(2_000, accepted(8));
    assert_eq!(
        (judge(slow(), false, true), judge(slow(), true, true), judge(slow(), false, false)),
        (0, 0, 0)
    );
    assert_eq!(judge(slow(), true, false), 1, "it can't have ended");
    assert_eq!(judge(pause(1_200, accepted(8)), false, true), 1, "it was acknowledged before");
    let unknown = || pause(1_200, Answer::Unknown { why: "no answer".to_owned() });
    assert_eq!((judge(unknown(), false, true), judge(unknown(), true, false)), (0, 1));
}

#[test]
fn an_end_that_is_not_well_and_a_nemesis_that_never_landed_are_seen() {
    let lines = vec![start("ours"), end(None)];
    let run = Run::of(lines).unwrap();
    assert_eq!(l1::judge(&run).len(), 1);
    let missing = coverage::never_landed(&run);
    assert_eq!(missing, ["bridge", "an accepted command", "a confirmed reading", "a call"]);
    let bridge = |landed| {
        let nemesis =
            Nemesis { name: "bridge".to_owned(), whom: "a, b".to_owned(), from_ms: 1, until_ms: 2, landed };
        coverage::never_landed(&ours(vec![Line::Nemesis(nemesis)])).contains(&"bridge".to_owned())
    };
    assert_eq!((bridge(0), bridge(1)), (true, false));
    assert!(Run::of(vec![start("ours")]).is_err(), "cut off");
}

#[test]
fn s7_a_node_with_an_empty_disk_that_takes_part_is_seen() {
    let judge = |lines: Vec<Line>| {
        let lost = truth(2_000, |so| so.disks_lost = ["witness".to_owned()].into());
        let [begin, let_in] = [0, 4_000].map(|at_ms| truth(at_ms, |_| ()));
        s7::judge(&ours([begin, lost, let_in].into_iter().chain(lines).collect())).len()
    };
    let read = |asked_ms, answered_ms, linearizable| {
        let seen = Answer::Seen { linearizable, applied: 9, paused: false };
        judge(vec![asked(asked_ms, 1, Asked::Read), answered(answered_ms, 1, seen)])
    };
    assert_eq!(read(2_100, 2_200, true), 1);
    assert_eq!(read(2_100, 2_200, false), 0, "anybody may tell what he knows");
    assert_eq!(read(1_900, 2_100, true), 0, "it may have been answered before the disk was lost");
    assert_eq!(read(3_900, 4_100, true), 0, "or after it was let in");
    assert_eq!(judge(vec![asked(2_100, 1, Asked::Pause), answered(2_200, 1, accepted(9))]), 1);
    assert_eq!(judge(vec![Line::Call(moved(1, 2_500, "4.1", 1, 2))]), 1);
    assert_eq!(judge(vec![Line::Call(moved(1, 4_500, "4.1", 1, 2))]), 0);
}
