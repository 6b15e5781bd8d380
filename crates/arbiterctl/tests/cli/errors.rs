//! What is said when there is no answer: what, where, why, and what to type.

use crate::fake::{Fake, Play, Say};
use crate::run::{against, bare, command, ran};
use crate::{golden, scenes};
use std::net::TcpListener;
use tonic::Status;

/// An address at which nothing listens: the port was ours a moment ago.
fn refusing() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn says<T>(say: Say<T>) -> Vec<Say<T>> {
    vec![say]
}

#[test]
fn a_refused_connection_names_the_address_and_how_to_start_it() {
    let address = refusing();
    for (output, extension) in [("table", "txt"), ("json", "json")] {
        let output = command(&["status", "-o", output, "--endpoint", &address]).output().unwrap();
        let ran = ran(&output, &[&address]);
        assert_eq!(ran.code, 1);
        golden::check(&format!("errors/refused.{extension}"), &ran.transcript());
    }
}

#[test]
fn the_next_endpoint_is_tried_when_one_refuses_or_knows_no_leader() {
    let follower = Fake::start(Play {
        status: says(Say::Error(Status::unavailable(
            "not the leader; witness is, and can't be reached from here",
        ))),
        ..Play::default()
    });
    let leader = Fake::start(Play { status: says(Say::This(scenes::healthy())), ..Play::default() });
    let list = format!("{},{}", refusing(), follower.address);
    let ran = bare(&["status", "--endpoint", &list, "--endpoint", &leader.address]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert_eq!(follower.asked(|asked| asked.status.len()), 1);
}

#[test]
fn no_leader_anywhere_is_no_quorum() {
    let node = |words: &str| {
        let status = Status::unavailable(words);
        Fake::start(Play {
            status: says(Say::Error(status.clone())),
            operate: says(Say::Error(status)),
            ..Play::default()
        })
    };
    let (one, two) = (node("no leader is known"), node("not the leader; witness is, and does not answer"));
    let ran = against(&[&one, &two], &["status"]);
    assert_eq!(ran.code, 4);
    golden::check("errors/no-quorum-read.txt", &ran.transcript());
    let ran = against(&[&one, &two], &["resume"]);
    assert_eq!(ran.code, 4);
    golden::check("errors/no-quorum-write.txt", &ran.transcript());
}

#[test]
fn an_unknown_route_is_refused_by_the_node() {
    let fake = Fake::start(Play {
        explain: says(Say::Error(Status::not_found("unknown route `privat-1`"))),
        ..Play::default()
    });
    let ran = against(&[&fake], &["explain", "privat-1"]);
    assert_eq!(ran.code, 1);
    golden::check("errors/unknown-route.txt", &ran.transcript());
}

#[test]
fn a_timeout_is_unknown_never_failed() {
    let silent =
        || Fake::start(Play { status: says(Say::Nothing), operate: says(Say::Nothing), ..Play::default() });
    let (one, two) = (silent(), silent());
    let ran = against(&[&one, &two], &["resume", "--timeout", "1s"]);
    assert_eq!(ran.code, 5);
    golden::check("errors/timeout-write.txt", &ran.transcript());
    let ids = |fake: &Fake| fake.asked(|asked| asked.operate[0].request_id.clone());
    assert_eq!(ids(&one), ids(&two), "the second node is asked under the same id");
    let ran = against(&[&one, &two], &["status", "--timeout", "1s"]);
    assert_eq!(ran.code, 5);
    golden::check("errors/timeout-read.txt", &ran.transcript());
}

#[test]
fn a_node_that_says_it_does_not_know_is_unknown_even_if_others_know_no_leader() {
    let lost = Fake::start(Play {
        operate: says(Say::Error(Status::deadline_exceeded("the entry was not committed within 2s"))),
        ..Play::default()
    });
    let none = Fake::start(Play {
        operate: says(Say::Error(Status::unavailable("no leader is known"))),
        ..Play::default()
    });
    for order in [[&lost, &none], [&none, &lost]] {
        let ran = against(&order, &["resume"]);
        assert_eq!(ran.code, 5, "{ran:?}");
    }
    golden::check("errors/lost-write.txt", &against(&[&lost, &none], &["resume"]).transcript());
}

#[test]
fn a_silent_first_node_leaves_time_for_the_second() {
    let silent = Fake::start(Play { status: says(Say::Nothing), ..Play::default() });
    let good = Fake::start(Play { status: says(Say::This(scenes::healthy())), ..Play::default() });
    let ran = against(&[&silent, &good], &["status", "--timeout", "2s"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // In microseconds, less what connecting took.
    let patience = silent.asked(|asked| asked.patience[0].clone());
    let us: u64 = patience.trim_end_matches('u').parse().unwrap();
    assert!(us <= 1_000_000, "half of the time is the second node's: {patience}");
}

#[test]
fn what_is_wrong_with_the_command_line_ends_with_2() {
    let cases: [(&str, &[&str]); 8] = [
        ("no-command", &[]),
        ("endpoint", &["status", "--endpoint", "http://witness:7400/"]),
        ("config", &["status", "--config", "nowhere.toml"]),
        ("both", &["status", "--config", "cluster.toml", "--endpoint", "witness:7400"]),
        ("timeout", &["status", "--timeout", "5"]),
        ("reason", &["pause", "--reason", " "]),
        ("limit", &["history", "--limit", "5000"]),
        ("stale-write", &["resume", "--stale"]),
    ];
    for (name, arguments) in cases {
        let ran = bare(arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        golden::check(&format!("errors/usage-{name}.txt"), &ran.transcript());
    }
}

#[test]
fn a_file_with_errors_is_refused_with_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cluster.toml"), "version = 2\n").unwrap();
    let output = command(&["status", "--config", "cluster.toml"]).current_dir(&folder).output().unwrap();
    let ran = ran(&output, &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cluster.toml:1:11: error: version"), "{ran:?}");
}

#[test]
fn a_file_gives_the_nodes_to_ask() {
    let fake = Fake::start(Play { status: says(Say::This(scenes::healthy())), ..Play::default() });
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml");
    let text = std::fs::read_to_string(example).unwrap();
    let local = text
        .replace("172.16.1.157:7400", &refusing())
        .replace("172.16.2.126:7400", &fake.address)
        .replace("172.16.5.10:7400", &refusing());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cluster.toml"), local).unwrap();
    let output = command(&["status", "--config", "cluster.toml"]).current_dir(&folder).output().unwrap();
    let ran = ran(&output, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
}
