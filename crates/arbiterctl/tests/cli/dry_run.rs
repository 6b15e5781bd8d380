//! `--dry-run`: every command that changes something asks what would come of it, and sends nothing else.

use crate::fake::{Fake, Play, Say};
use crate::run::{against, command, ran};
use crate::{golden, scenes};
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::preview_request::Change;
use arbiter_proto::v1::{PreviewReply, PreviewRoute, PreviewStep};
use arbiterctl::cli::Cli;
use clap::CommandFactory;
use tonic::Status;

fn moves() -> PreviewReply {
    PreviewReply {
        answered: scenes::linearizable(),
        accepted: true,
        follows: vec![PreviewStep {
            subject: "private-1".into(),
            action: "private-1: tunnel-1 → tunnel-2 (eni-2d75e606)".into(),
            from: "tunnel-1".into(),
            cause: "drain".into(),
            reasons: vec!["the gateway of tunnel-1 is drained".into(), "tunnel-2 is Up".into()],
        }],
        routes: vec![PreviewRoute {
            id: "private-1".into(),
            committed: "tunnel-2".into(),
            desired: "tunnel-2".into(),
            why: vec!["not tunnel-1: its gateway is drained".into()],
        }],
        quiet: true,
        ..PreviewReply::default()
    }
}

fn fake(reply: Say<PreviewReply>) -> Fake {
    Fake::start(Play { status: vec![Say::This(scenes::healthy())], preview: vec![reply], ..Play::default() })
}

const DRAIN: [&str; 5] = ["drain", "strongswan-1", "--reason", "new kernel", "--dry-run"];

/// Every command line that asks for a change of the cluster, but for `policy apply`, which needs a file.
const CHANGES: &[&[&str]] = &[
    &["switchover", "private-1", "tunnel-2"],
    &["pause", "--reason", "x"],
    &["resume"],
    &["drain", "strongswan-1", "--reason", "x"],
    &["undrain", "strongswan-1"],
    &["pin", "private-1", "tunnel-2"],
    &["unpin", "private-1"],
    &["mode", "observe"],
    &["handover", "strongswan-2"],
    &["gateway", "replace", "strongswan-1", "--instance", "i-0abc", "--eni", "eni-0def"],
    &["gateway", "restart", "strongswan-1", "--reason", "x"],
    &["gateway", "restart", "strongswan-1", "--cancel"],
    &["member", "replace", "strongswan-1"],
    &["member", "add", "strongswan-3", "--id", "4", "--address", "172.16.3.10:7400"],
    &["member", "promote", "witness"],
    &["member", "remove", "witness"],
];

#[test]
fn every_command_that_changes_something_can_be_tried_on() {
    for words in CHANGES {
        let fake = fake(Say::This(moves()));
        let ran = against(&[&fake], &[words, &["--dry-run"][..]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}: {ran:?}");
        assert!(ran.out.starts_with("DRY RUN    nothing was changed\nWOULD      "), "{ran:?}");
        fake.asked(|asked| {
            assert!(asked.operate.is_empty() && asked.hand_over.is_empty(), "{words:?}");
            let change = asked.preview[0].change.as_ref().unwrap();
            match change {
                Change::HandOver(request) => {
                    assert_eq!((words[0], &*request.to), ("handover", "strongswan-2"))
                }
                Change::Operate(request) => {
                    assert!(request.operation.is_some() && request.by.starts_with("anna"))
                }
            }
        });
    }
}

/// The list above is whole (the two that say more have tests of their own): whatever has `--dry-run` is in it, and whatever can't be tried on changes nothing.
#[test]
fn no_command_that_changes_something_is_left_out() {
    fn walk(command: &clap::Command, before: &str, found: &mut Vec<String>) {
        let name = format!("{before} {}", command.get_name());
        if command.get_arguments().any(|argument| argument.get_id() == "dry_run") {
            found.push(name.trim_start_matches(" arbiterctl ").to_owned());
        }
        command.get_subcommands().for_each(|inner| walk(inner, &name, found));
    }
    let mut found = Vec::new();
    walk(&Cli::command(), "", &mut found);
    let is_tried = |name: &String| {
        ["policy apply", "restore"].contains(&name.as_str())
            || CHANGES.iter().any(|words| words.join(" ").starts_with(name.as_str()))
    };
    assert!(found.iter().all(is_tried), "{found:?}");
    for words in CHANGES {
        let known = found.iter().any(|name| words.join(" ").starts_with(name.as_str()));
        assert!(known, "{words:?} has no --dry-run");
    }
}

#[test]
fn the_answer_and_what_follows_are_shown() {
    let fake = fake(Say::This(moves()));
    for (output, extension) in [("table", "txt"), ("json", "json")] {
        let ran = against(&[&fake], &[&DRAIN[..], &["-o", output]].concat());
        golden::check(&format!("dry-run/drain.{extension}"), &ran.transcript());
    }
    fake.asked(|asked| match asked.preview[0].change.as_ref().unwrap() {
        Change::Operate(request) => assert!(matches!(&request.operation, Some(Operation::Drain(_)))),
        other => panic!("{other:?}"),
    });
}

#[test]
fn a_refusal_is_an_answer_and_no_success() {
    let refused = PreviewReply {
        answered: scenes::linearizable(),
        refusal: "route private-1 would lose tunnel-1, which is Up".into(),
        ..PreviewReply::default()
    };
    let fake = fake(Say::This(refused));
    for (output, extension) in [("table", "txt"), ("json", "json")] {
        let words =
            ["gateway", "restart", "strongswan-1", "--reason", "it leaks memory", "--dry-run", "-o", output];
        let ran = against(&[&fake], &words);
        assert_eq!(ran.code, 1, "{ran:?}");
        golden::check(&format!("dry-run/refused.{extension}"), &ran.transcript());
    }
}

#[test]
fn what_a_pause_prevents_and_what_still_comes_is_said() {
    let mut prevents = moves();
    prevents.prevents = std::mem::take(&mut prevents.follows);
    prevents.routes.clear();
    prevents.quiet = false;
    prevents.start_to_come = "strongswan-2".into();
    let ran =
        against(&[&fake(Say::This(prevents))], &["pause", "--reason", "work", "--for", "30m", "--dry-run"]);
    golden::check("dry-run/pause.txt", &ran.transcript());
}

#[test]
fn what_waits_for_time_to_pass_is_in_the_routes_reasons_and_cautions_are_said() {
    let mut waits = moves();
    waits.follows.clear();
    waits.routes[0].why = vec!["not tunnel-1 yet: it is Up for 5.0s, and must be for 30.0s".into()];
    let ran = against(&[&fake(Say::This(waits))], &["undrain", "strongswan-1", "--dry-run"]);
    golden::check("dry-run/undrain.txt", &ran.transcript());
    let doubt = PreviewReply {
        answered: scenes::linearizable(),
        accepted: true,
        cautions: vec!["strongswan-2 is not heard: the leadership would most likely stay where it is".into()],
        ..PreviewReply::default()
    };
    let ran = against(&[&fake(Say::This(doubt))], &["handover", "strongswan-2", "--dry-run"]);
    golden::check("dry-run/handover.txt", &ran.transcript());
}

#[test]
fn a_node_that_does_not_know_the_question_has_changed_nothing() {
    let ran = against(&[&fake(Say::Error(Status::unimplemented("unknown method Preview")))], &DRAIN);
    assert_eq!(ran.code, 1, "{ran:?}");
    golden::check("dry-run/older-node.txt", &ran.transcript());
    let ran = against(&[&fake(Say::Error(Status::unavailable("no leader is known")))], &DRAIN);
    assert_eq!(ran.code, 4, "{ran:?}");
}

#[test]
fn a_dry_run_neither_waits_nor_asks() {
    let both = ["drain", "strongswan-1", "--reason", "x", "--dry-run", "--wait"];
    let output = command(&both).output().unwrap();
    assert_eq!(ran(&output, &[]).code, 2);
}
