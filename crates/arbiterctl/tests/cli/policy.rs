//! The policy: shown, compared, applied. The file of every test is the example, with one thing edited.

use crate::fake::{Fake, Play, Say};
use crate::run::{Ran, against, bare, command, ran};
use crate::{golden, scenes};
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::{Event, GetPolicyReply, OperateReply, PreviewReply, PreviewStep};
use std::path::Path;
use tempfile::TempDir;
use tonic::Status;

fn example() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml")).unwrap()
}

/// Version 4 is in force, and says what the example says.
fn fake() -> Fake {
    let (policy, _) = arbiter_config::parse_policy(Path::new("example"), &example()).unwrap();
    let toml = arbiter_config::render_policy(&policy);
    let mut history = scenes::history();
    history.events.push(Event {
        index: 420,
        epoch: 17,
        wall_ms: scenes::NOW - 60_000,
        kind: "policy-applied".into(),
        summary: "policy version 4".into(),
        actor: "anna@bastion".into(),
        ..Event::default()
    });
    let applied = OperateReply {
        answered: scenes::linearizable(),
        index: 432,
        accepted: true,
        ..OperateReply::default()
    };
    Fake::start(Play {
        get_policy: vec![Say::This(GetPolicyReply { answered: scenes::linearizable(), version: 4, toml })],
        operate: vec![Say::This(applied)],
        history: vec![Say::This(history)],
        preview: vec![Say::This(PreviewReply {
            answered: scenes::linearizable(),
            accepted: true,
            follows: vec![PreviewStep {
                subject: "private-1".into(),
                action: "private-1: tunnel-1 → tunnel-2 (eni-2d75e606)".into(),
                from: "tunnel-1".into(),
                cause: "failback".into(),
                reasons: vec!["tunnel-2 is preferred, and Up for longer than 30.0s".into()],
            }],
            ..PreviewReply::default()
        })],
        ..Play::default()
    })
}

/// A folder with a `new.toml`.
fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("new.toml"), text).unwrap();
    folder
}

fn edited() -> String {
    let text =
        example().replacen("paths = [\"tunnel-1\", \"tunnel-2\"]", "paths = [\"tunnel-2\", \"tunnel-1\"]", 1);
    assert_ne!(text, example());
    text.replacen("name = \"vpn\"", "name = \"vpn-2\"", 1)
}

fn with(fake: &Fake, text: &str, words: &[&str]) -> Ran {
    let folder = folder(text);
    let mut command = command(words);
    let output = command.env("ARBITER_ENDPOINT", &fake.address).current_dir(&folder).output().unwrap();
    ran(&output, &[&fake.address])
}

fn both(name: &str, mut run: impl FnMut(&str) -> Ran) -> i32 {
    let mut code = 0;
    for (output, extension) in [("table", "txt"), ("json", "json")] {
        let ran = run(output);
        code = ran.code;
        golden::check(&format!("policy/{name}.{extension}"), &ran.transcript());
    }
    code
}

#[test]
fn what_is_shown_is_a_file_that_differs_in_nothing() {
    let fake = fake();
    assert_eq!(both("show", |output| against(&[&fake], &["policy", "show", "-o", output])), 0);
    let shown = against(&[&fake], &["policy", "show"]).out;
    let code = both("diff-same", |output| with(&fake, &shown, &["policy", "diff", "new.toml", "-o", output]));
    assert_eq!(code, 0);
}

#[test]
fn a_difference_is_told_key_by_key_and_ends_with_1() {
    let fake = fake();
    let code = both("diff", |output| with(&fake, &edited(), &["policy", "diff", "new.toml", "-o", output]));
    assert_eq!(code, 1);
}

#[test]
fn trouble_never_looks_like_a_difference() {
    let folder = folder(&edited());
    let file = folder.path().join("new.toml").display().to_string();
    let unreachable = bare(&["policy", "diff", &file, "--endpoint", "127.0.0.1:1"]);
    assert_eq!(unreachable.code, 2, "{unreachable:?}");
    let none = Fake::start(Play {
        get_policy: vec![Say::Error(Status::unavailable("no leader"))],
        ..Play::default()
    });
    assert_eq!(against(&[&none], &["policy", "diff", &file]).code, 4);
    assert_eq!(against(&[&none], &["policy", "diff", "nowhere.toml"]).code, 2);
}

#[test]
fn a_cluster_that_is_not_formed_has_no_policy() {
    let fake =
        Fake::start(Play { get_policy: vec![Say::This(GetPolicyReply::default())], ..Play::default() });
    let ran = with(&fake, &example(), &["policy", "apply", "new.toml", "--version", "1"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("the cluster is not formed yet"), "{ran:?}");
}

const APPLY: [&str; 5] = ["policy", "apply", "new.toml", "--version", "5"];

#[test]
fn the_next_version_is_applied_and_says_what_has_changed() {
    let fake = fake();
    let code = both("apply", |output| with(&fake, &edited(), &[&APPLY[..], &["-o", output]].concat()));
    assert_eq!(code, 0);
    fake.asked(|asked| match &asked.operate[0].operation {
        Some(Operation::ApplyPolicy(apply)) => assert_eq!((apply.version, &apply.toml), (5, &edited())),
        other => panic!("{other:?}"),
    });
}

#[test]
fn a_dry_run_and_an_equal_policy_send_nothing() {
    let fake = fake();
    let code = both("dry-run", |output| {
        with(&fake, &edited(), &[&APPLY[..], &["--dry-run", "-o", output]].concat())
    });
    assert_eq!(code, 0);
    for version in ["4", "5"] {
        let ran = with(&fake, &example(), &["policy", "apply", "new.toml", "--version", version]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("says what policy version 4 says"), "{ran:?}");
    }
    // Only what differs is worth the question.
    fake.asked(|asked| assert!(asked.operate.is_empty() && asked.preview.len() == 2));
}

#[test]
fn any_version_but_the_next_is_refused_before_it_is_sent() {
    let fake = fake();
    for version in ["1", "4", "6"] {
        let words = ["policy", "apply", "new.toml", "--version", version];
        assert_eq!(with(&fake, &edited(), &words).code, 1);
        assert_eq!(with(&fake, &edited(), &[&words[..], &["--dry-run"]].concat()).code, 1);
    }
    let ran = with(&fake, &edited(), &["policy", "apply", "new.toml", "--version", "4"]);
    golden::check("policy/apply-not-next.txt", &ran.transcript());
    fake.asked(|asked| assert!(asked.operate.is_empty()));
}

#[test]
fn all_errors_of_a_file_are_said_before_any_node_is_asked() {
    let fake = fake();
    let wrong =
        edited().replacen("gateway = \"strongswan-1\"", "gateway = \"strongswan-9\"", 1) + "\n[timin]\n";
    for command in [&APPLY[..], &["policy", "diff", "new.toml"]] {
        let ran = with(&fake, &wrong, command);
        assert_eq!(ran.code, 2, "{ran:?}");
        golden::check("policy/wrong-file.txt", &ran.transcript());
    }
    fake.asked(|asked| assert!(asked.get_policy.is_empty() && asked.operate.is_empty()));
}

#[test]
fn its_history_is_what_came_into_force_and_by_whom() {
    let fake = fake();
    assert_eq!(both("history", |output| against(&[&fake], &["policy", "history", "-o", output])), 0);
    let newest = against(&[&fake], &["policy", "history", "--limit", "1"]).out;
    assert!(newest.contains("policy version 4") && !newest.contains("formed"), "{newest}");
}
