//! The live screen, frame by frame, and where there is no screen.

use crate::fake::{Fake, Play, Say};
use crate::run::{command, ran};
use crate::{golden, scenes};
use arbiter_core::health::Code;
use arbiter_proto::v1::{Event, HistoryReply, StatusReply};
use arbiterctl::Size;
use arbiterctl::render::live_page;
use arbiterctl::view::{HistoryView, LiveView, StatusView};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

fn view(status: StatusReply, history: HistoryReply) -> LiveView {
    LiveView::new(StatusView::from(status), &HistoryView::from(history))
}

fn frame(view: &LiveView, columns: usize, lines: usize) -> String {
    let text = live_page(view, Some(Size { columns, lines })).text(false);
    assert!(text.lines().count() <= lines, "{} lines of {lines}:\n{text}", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() <= columns), "wider than {columns}:\n{text}");
    text
}

#[test]
fn frames_of_every_scene() {
    let all = [
        ("healthy", scenes::healthy()),
        ("failing-over", scenes::failing_over()),
        ("both-down", scenes::both_down()),
        ("paused", scenes::paused()),
        ("observing", scenes::observing()),
        ("remediating", scenes::remediating()),
        ("no-quorum", scenes::no_quorum()),
        ("empty", StatusReply::default()),
    ];
    for (name, status) in all {
        let view = view(status, scenes::history());
        golden::check(&format!("watch/{name}-100x40.txt"), &frame(&view, 100, 40));
    }
    let mut view = view(scenes::remediating(), scenes::history());
    view.trouble = Some("for 3.0s: no node could be reached".into());
    golden::check("watch/remediating.json", &arbiterctl::render::json(&view).unwrap());
    golden::check("watch/remediating-trouble-100x40.txt", &frame(&view, 100, 40));
}

#[test]
fn a_small_screen_shows_what_matters_most_and_says_what_it_leaves_out() {
    let view = view(scenes::both_down(), scenes::history());
    golden::check("watch/both-down-80x24.txt", &frame(&view, 80, 24));
    for (columns, lines) in [(40, 10), (20, 5), (1, 1)] {
        frame(&view, columns, lines);
    }
}

#[test]
fn of_a_thousand_routes_those_that_are_not_right_are_seen() {
    let mut status = scenes::healthy();
    let one = status.routes[0].clone();
    status.routes = (1..=1_000)
        .map(|n| arbiter_proto::v1::RouteStatus { id: format!("subnet-{n}"), ..one.clone() })
        .collect();
    status.routes[776].right = false;
    status.alarms = (1..=50)
        .map(|n| scenes::alarm(Code::Drift, &format!("subnet-{n}"), "it points at eni-0bad0bad"))
        .collect();
    let text = frame(&view(status, scenes::history()), 120, 45);
    golden::check("watch/thousand-120x45.txt", &text);
    assert!(text.contains("subnet-777") && text.contains("… and "), "{text}");
}

#[test]
fn how_a_call_ended_stands_with_it() {
    let mut history = scenes::history();
    let moved = history.events[3].clone();
    let event = |kind: &str, intent: &str, outcome: &str| Event {
        kind: kind.into(),
        intent: intent.into(),
        outcome: outcome.into(),
        ..moved.clone()
    };
    for (number, (kind, outcome)) in
        [("ended", "failed"), ("settled", ""), ("ended", "no-answer")].into_iter().enumerate()
    {
        let intent = format!("17.{}", number + 5);
        history.events.extend([event("intended", &intent, ""), event(kind, &intent, outcome)]);
    }
    history.events.push(event("intended", "17.9", ""));
    let view = view(scenes::healthy(), history);
    let outcomes: Vec<_> = view.moves.iter().map(|one| one.outcome.as_deref()).collect();
    let expected = [None, Some("done"), Some("failed"), Some("settled"), Some("no-answer"), None];
    assert_eq!(outcomes, expected);
    golden::check("watch/outcomes-120x40.txt", &frame(&view, 120, 40));
}

#[test]
fn growing_older_changes_nothing_and_all_else_does() {
    let base = view(scenes::healthy(), scenes::history());
    let mut older = scenes::healthy();
    if let Some(answered) = &mut older.answered {
        answered.wall_ms += 5_000;
    }
    older.routes[0].observed_age_ms = Some(9_000);
    older.routes[0].paths[0].for_ms += 5_000;
    older.gateways[0].for_ms += 5_000;
    assert_eq!(view(older, scenes::history()).essence(), base.essence());
    let edits: [fn(&mut StatusReply); 7] = [
        |status| status.leader = "strongswan-2".into(),
        |status| status.routes[0].observed = "tunnel-2".into(),
        |status| status.routes[0].paths[0].verdict = arbiter_proto::v1::Verdict::Down.into(),
        |status| status.gateways[0].state = "stopping".into(),
        |status| status.gateways[0].remediating = true,
        |status| status.mode = "observe".into(),
        |status| status.alarms.push(scenes::alarm(Code::Drift, "private-1", "")),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let mut status = scenes::healthy();
        edit(&mut status);
        assert_ne!(view(status, scenes::history()).essence(), base.essence(), "{number}");
    }
    let mut troubled = base.clone();
    troubled.trouble = Some("for 3s: no node could be reached".into());
    assert_ne!(troubled.essence(), base.essence());
}

fn node(status: Vec<StatusReply>) -> Fake {
    Fake::start(Play {
        status: status.into_iter().map(Say::This).collect(),
        history: vec![Say::This(scenes::history())],
        ..Play::default()
    })
}

fn watch(endpoints: &str, more: &[&str]) -> Child {
    let words = [&["watch", "--interval", "1h"], more].concat();
    command(&words)
        .env("ARBITER_ENDPOINT", endpoints)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends it as Ctrl-C does, and says how it ended.
fn interrupt(mut child: Child) -> (i32, String) {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (child.wait().unwrap().code().unwrap(), err)
}

#[test]
fn without_a_screen_it_is_text_once_and_again_when_something_has_changed() {
    let fake = node(vec![scenes::healthy(), scenes::healthy(), scenes::both_down()]);
    let mut child = watch(&fake.address, &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut text = String::new();
    while text.matches("VIEW ").count() < 2 {
        text.push_str(&lines.next().expect("it goes on"));
        text.push('\n');
    }
    let asked = fake.asked(|asked| asked.status.len());
    assert!(asked >= 3, "what has not changed is not drawn again: {asked}");
    golden::check("watch/plain.txt", &text);
    let (code, err) = interrupt(child);
    assert_eq!((code, err.as_str()), (3, ""), "it ends as `status` does");
}

#[test]
fn it_goes_on_with_another_node_when_its_own_is_lost_and_says_when_all_are() {
    let (first, second) = (node(vec![scenes::healthy()]), node(vec![scenes::both_down()]));
    let mut child =
        watch(&format!("{},{}", first.address, second.address), &["-o", "json", "--timeout", "1s"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().expect("it goes on")).unwrap() };
    let first_address = first.address.clone();
    let document = next();
    assert_eq!((&document["kind"], &document["status"]["traffic"]["right"]), (&"watch".into(), &true.into()));
    drop(first);
    let document = next();
    assert_eq!(document["status"]["traffic"]["right"], false, "the second was asked");
    drop(second);
    // The connection breaks first; from then on there is none.
    let trouble = loop {
        let trouble = next()["trouble"].as_str().expect("nobody answers").to_owned();
        if trouble.contains("no node could be reached") {
            break trouble;
        }
    };
    assert!(trouble.starts_with("for ") && trouble.contains(&first_address), "{trouble}");
    assert_eq!(interrupt(child).0, 1);
}

#[test]
fn whoever_has_had_enough_ends_it_and_nobody_to_begin_with_is_an_error() {
    let fake = node(vec![scenes::healthy(), scenes::both_down()]);
    let mut child = watch(&fake.address, &["-o", "json"]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let output = command(&["watch", "--endpoint", "127.0.0.1:1"]).output().unwrap();
    let ran = ran(&output, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("no node could be reached"), "{ran:?}");
}
