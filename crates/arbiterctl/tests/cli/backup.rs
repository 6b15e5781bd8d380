//! Backups: what a file holds, what a restore sends and in which order, and what it leaves alone.

use crate::fake::{Fake, Play, Say};
use crate::run::{Ran, command, ran};
use crate::{golden, scenes};
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::{GetPolicyReply, OperateReply, Pause, StatusReply};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

fn example() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml")).unwrap()
}

fn toml(text: &str) -> String {
    arbiter_config::render_policy(&arbiter_config::parse_policy(Path::new("example"), text).unwrap().0)
}

/// Paused for an hour, gateway 2 drained, one route pinned, the other switched.
fn overridden() -> StatusReply {
    let mut status = scenes::healthy();
    status.policy_version = 4;
    status.pause = Some(Pause {
        reason: "router upgrade".into(),
        by: "anna@bastion".into(),
        since_wall_ms: scenes::NOW - 60_000,
        left_ms: Some(3_600_000),
    });
    status.gateways[1].drained = "new kernel".into();
    status.routes[0].pinned = "tunnel-2".into();
    status.routes[1].switched = "tunnel-1".into();
    status
}

fn play(status: StatusReply, text: &str) -> Play {
    let policy = GetPolicyReply {
        answered: status.answered.clone(),
        version: status.policy_version,
        toml: toml(text),
    };
    let done = |index| {
        Say::This(OperateReply {
            answered: scenes::linearizable(),
            index,
            accepted: true,
            ..OperateReply::default()
        })
    };
    Play {
        status: vec![Say::This(status)],
        get_policy: vec![Say::This(policy)],
        history: vec![Say::This(scenes::history())],
        operate: (432..440).map(done).collect(),
        ..Play::default()
    }
}

fn with(fake: &Fake, folder: &TempDir, words: &[&str]) -> Ran {
    let output = command(words).env("ARBITER_ENDPOINT", &fake.address).current_dir(folder).output().unwrap();
    ran(&output, &[&fake.address])
}

/// A folder with `vpn.json`, of the cluster that is overridden, and of the policy of the example.
fn taken() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(play(overridden(), &example()));
    let ran = with(&fake, &folder, &["backup", "vpn.json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    folder
}

/// A new cluster with a policy that differs in one thing.
fn new(status: StatusReply) -> Fake {
    let edited = example().replacen("failback_after = \"30s\"", "failback_after = \"40s\"", 1);
    assert_ne!(edited, example());
    Fake::start(play(status, &edited))
}

fn sent(fake: &Fake) -> Vec<Operation> {
    fake.asked(|asked| asked.operate.iter().filter_map(|request| request.operation.clone()).collect())
}

#[test]
fn a_backup_holds_all_of_it_for_its_owner_alone_and_never_writes_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(play(overridden(), &example()));
    let ran = with(&fake, &folder, &["backup", "vpn.json"]);
    golden::check("backup/backup.txt", &ran.transcript());
    let file = folder.path().join("vpn.json");
    golden::check("backup/file.json", &std::fs::read_to_string(&file).unwrap());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = with(&fake, &folder, &["backup", "vpn.json"]);
    golden::check("backup/there-already.txt", &again.transcript());
}

#[test]
fn a_view_that_no_quorum_confirms_is_a_backup_only_if_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut_off = scenes::no_quorum();
    cut_off.policy_version = 4;
    let fake = Fake::start(play(cut_off, &example()));
    let refused = with(&fake, &folder, &["backup", "vpn.json"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(!folder.path().join("vpn.json").exists(), "{refused:?}");
    let taken = with(&fake, &folder, &["backup", "vpn.json", "--stale"]);
    assert_eq!(taken.code, 0, "{taken:?}");
    assert!(
        taken.out.contains("it may lack the newest, for the view is stale: no leader was heard"),
        "{taken:?}"
    );
}

#[test]
fn what_changes_while_it_is_read_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut moving = play(overridden(), &example());
    moving.status.insert(0, Say::This(StatusReply { pause: None, ..overridden() }));
    let ran = with(&Fake::start(moving), &folder, &["backup", "vpn.json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let file: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("vpn.json")).unwrap()).unwrap();
    assert_eq!(file["pause"]["reason"], "router upgrade");

    // A policy that is never that of the status belongs to no moment.
    let mut apart = play(overridden(), &example());
    apart.status = vec![Say::This(StatusReply { policy_version: 5, ..overridden() })];
    let ran = with(&Fake::start(apart), &folder, &["backup", "other.json", "--timeout", "500ms"]);
    assert_eq!((ran.code, folder.path().join("other.json").exists()), (1, false), "{ran:?}");
}

#[test]
fn a_restore_halts_first_then_the_policy_then_each_wish() {
    let folder = taken();
    for (name, words) in [
        ("restored.txt", vec!["restore", "vpn.json", "--yes"]),
        ("restored.json", vec!["restore", "vpn.json", "--yes", "-o", "json"]),
    ] {
        let fake = new(scenes::healthy());
        let ran = with(&fake, &folder, &words);
        golden::check(&format!("backup/{name}"), &ran.transcript());
        let sent = sent(&fake);
        let Operation::Pause(pause) = &sent[0] else { panic!("{sent:?}") };
        assert_eq!((pause.reason.as_str(), pause.for_ms), ("router upgrade", Some(3_600_000)));
        let Operation::ApplyPolicy(apply) = &sent[1] else { panic!("{sent:?}") };
        assert_eq!((apply.version, &apply.toml), (2, &toml(&example())));
        assert!(
            matches!(&sent[2..], [Operation::Drain(_), Operation::Pin(_), Operation::Switchover(_)]),
            "{sent:?}"
        );
    }
}

#[test]
fn what_is_in_force_is_left_out_and_what_is_not_in_the_file_stays() {
    let folder = taken();
    let same = Fake::start(play(overridden(), &example()));
    golden::check("backup/all-there.txt", &with(&same, &folder, &["restore", "vpn.json"]).transcript());
    let mut other = overridden();
    other.mode = "observe".into();
    other.gateways[0].drained = "it leaks".into();
    other.routes[1].pinned = "tunnel-1".into();
    other.routes[1].switched = String::new();
    let other = Fake::start(play(other, &example()));
    let ran = with(&other, &folder, &["restore", "vpn.json", "--yes"]);
    golden::check("backup/stays.txt", &ran.transcript());
    assert!(matches!(&sent(&other)[..], [Operation::Switchover(_)]), "{ran:?}");
    assert!(sent(&same).is_empty());
}

#[test]
fn nothing_is_sent_by_a_dry_run_or_without_a_yes() {
    let folder = taken();
    let fake = new(scenes::healthy());
    golden::check(
        "backup/dry-run.txt",
        &with(&fake, &folder, &["restore", "vpn.json", "--dry-run"]).transcript(),
    );
    golden::check("backup/unconfirmed.txt", &with(&fake, &folder, &["restore", "vpn.json"]).transcript());
    assert!(sent(&fake).is_empty());
}

#[test]
fn a_pause_that_has_ended_meanwhile_is_not_begun_again() {
    let folder = taken();
    let mut later = scenes::healthy();
    later.answered.as_mut().unwrap().wall_ms += 3_599_000;
    let fake = new(later.clone());
    with(&fake, &folder, &["restore", "vpn.json", "--yes"]);
    assert!(matches!(&sent(&fake)[0], Operation::Pause(pause) if pause.for_ms == Some(1_000)));
    later.answered.as_mut().unwrap().wall_ms += 1_000;
    let fake = new(later);
    let ran = with(&fake, &folder, &["restore", "vpn.json", "--yes"]);
    assert!(matches!(&sent(&fake)[0], Operation::ApplyPolicy(_)), "{ran:?}");
}

#[test]
fn a_refusal_in_the_middle_says_how_far_it_came() {
    let folder = taken();
    let mut play = play(scenes::healthy(), &example());
    let refusal = "strongswan-2 is the last gateway".to_owned();
    play.operate.truncate(1);
    play.operate.push(Say::This(OperateReply { refusal, ..OperateReply::default() }));
    let fake = Fake::start(play);
    golden::check(
        "backup/refused.txt",
        &with(&fake, &folder, &["restore", "vpn.json", "--yes"]).transcript(),
    );
    assert_eq!(sent(&fake).len(), 2);
}

#[test]
fn another_clusters_backup_is_refused_unless_it_is_meant() {
    let folder = taken();
    let fake = new(StatusReply { cluster: "staging".into(), ..scenes::healthy() });
    golden::check(
        "backup/other-cluster.txt",
        &with(&fake, &folder, &["restore", "vpn.json", "--yes"]).transcript(),
    );
    assert!(sent(&fake).is_empty());
    let meant = with(&fake, &folder, &["restore", "vpn.json", "--other-cluster", "--dry-run"]);
    assert_eq!(meant.code, 0, "{meant:?}");
}

#[test]
fn what_is_no_backup_or_of_a_later_form_is_refused_before_anybody_is_asked() {
    let folder = taken();
    let text = std::fs::read_to_string(folder.path().join("vpn.json")).unwrap();
    let fake = new(scenes::healthy());
    for (file, text, why) in [
        (
            "newer.json",
            text.replacen("\"version\": 1", "\"version\": 2", 1),
            "has version 2 of its form, and this program knows 1",
        ),
        ("half.json", text[..text.len() / 2].to_owned(), "is no backup: EOF"),
        ("status.json", "{\"version\": 1, \"kind\": \"status\"}".to_owned(), "a document of kind `status`"),
        ("policy.json", text.replacen("[[gateway]]", "[[gatway]]", 1), "policy.json, its policy"),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
        let ran = with(&fake, &folder, &["restore", file, "--yes"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
    }
    assert_eq!(with(&fake, &folder, &["restore", "nowhere.json"]).code, 2);
    fake.asked(|asked| assert!(asked.operate.is_empty() && asked.status.is_empty()));
}

#[test]
fn the_history_of_a_backup_is_read_without_a_node() {
    let folder = taken();
    let alone = |words: &[&str]| {
        let output = command(words).current_dir(&folder).output().unwrap();
        ran(&output, &[])
    };
    golden::check("backup/history.txt", &alone(&["history", "--backup", "vpn.json"]).transcript());
    let some =
        alone(&["history", "--backup", "vpn.json", "--subject", "private-1", "--limit", "1", "-o", "json"]);
    let shown: Value = serde_json::from_str(&some.out).unwrap();
    assert_eq!(shown["events"].as_array().unwrap().len(), 1, "{some:?}");
    assert_eq!(shown["events"][0]["kind"], "ended");
}
