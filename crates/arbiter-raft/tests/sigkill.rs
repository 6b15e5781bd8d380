//! A process killed with SIGKILL at any time comes back with all that it acknowledged (S6).
//!
//! The victim is this test's own executable, started again with a role. It says on its standard output what it
//! has acknowledged. SIGKILL leaves the page cache alone, so this proves order, atomicity and recovery; what a
//! power cut takes is shown on simulated disks, in `power_cut.rs`.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use arbiter_core::command::{Command, Mode, Proposal};
use arbiter_core::ids::{Incarnation, NodeId};
use arbiter_core::policy::Policy;
use arbiter_core::time::UnixMs;
use arbiter_raft::disk::Disk;
use arbiter_raft::log_store::LogStore;
use arbiter_raft::store::SledStore;
use arbiter_raft::types::{Entry, LogId, Vote};
use arbiter_raft::{LogBounds, MemberSettings, RaftNode, Settings, Timings};
use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogReader};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

const ROLE: &str = "ARBITER_SIGKILL_ROLE";
const FOLDER: &str = "ARBITER_SIGKILL_FOLDER";

fn say(what: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {what} {number}").unwrap();
    out.flush().unwrap();
}

fn proposal(number: u64) -> Proposal {
    let command = Command::Admit { node: NodeId(1_000 + number), incarnation: Incarnation(number) };
    Proposal { wall_ms: UnixMs(number), command }
}

fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(1, 1), index)
}

fn open_log(folder: &Path) -> LogStore {
    LogStore::open(Disk::start(Arc::new(SledStore::open(folder).unwrap())).unwrap()).unwrap()
}

/// Appends, votes, cuts off and purges for ever.
async fn write_for_ever(folder: &Path) {
    let mut log = open_log(folder);
    let mut next = log.get_log_state().await.unwrap().last_log_id.map_or(0, |last| last.index + 1);
    loop {
        let entries: Vec<Entry> = (next..next + 1 + next % 4)
            .map(|index| Entry { log_id: log_id(index), payload: EntryPayload::Normal(proposal(index)) })
            .collect();
        next += entries.len() as u64;
        log.blocking_append(entries).await.unwrap();
        say("entry", next - 1);
        log.save_vote(&Vote::new(next, 1)).await.unwrap();
        say("vote", next);
        if next % 5 == 0 {
            // A conflicting tail is cut off and written again, as under a new leader.
            let again = Entry { log_id: log_id(next), payload: EntryPayload::Blank };
            log.blocking_append([again]).await.unwrap();
            log.truncate(log_id(next)).await.unwrap();
        }
        if next % 100 > 95 {
            log.purge(log_id(next - 50)).await.unwrap();
        }
    }
}

fn alone(folder: &Path) -> Settings {
    Settings {
        node: NodeId(1),
        cluster_name: "test".to_owned(),
        data_dir: folder.to_owned(),
        members: vec![MemberSettings {
            id: NodeId(1),
            name: "alone".to_owned(),
            address: "127.0.0.1:1".to_owned(),
        }],
        seed_policy: Policy::default(),
        seed_mode: Mode::Act,
        timings: Timings::default(),
        bounds: LogBounds { snapshot_every: 20, keep: 5 },
        elections: true,
    }
}

async fn until_leading(node: &RaftNode) {
    let mut view = node.view();
    let led = async { view.wait_for(|view| view.leads()).await.map(drop) };
    tokio::time::timeout(Duration::from_secs(30), led).await.unwrap().unwrap();
    let mut state = node.state();
    let formed = async { state.wait_for(|state| state.cluster_id.is_some()).await.map(drop) };
    tokio::time::timeout(Duration::from_secs(30), formed).await.unwrap().unwrap();
}

/// A whole node, alone in its cluster, commits for ever.
async fn commit_for_ever(folder: &Path) {
    let node = RaftNode::open(alone(folder)).await.unwrap();
    until_leading(&node).await;
    let mut number = node.state().borrow().members.keys().last().map_or(0, |id| id.0.saturating_sub(1_000));
    loop {
        number += 1;
        node.propose(proposal(number), Duration::from_secs(30)).await.unwrap();
        say("commit", number);
    }
}

/// Not a test by itself: what the killed process runs. Without a role it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let (Ok(role), Ok(folder)) = (std::env::var(ROLE), std::env::var(FOLDER)) else { return };
    match role.as_str() {
        "log" => write_for_ever(Path::new(&folder)).await,
        _ => commit_for_ever(Path::new(&folder)).await,
    }
}

/// Runs a victim, kills it after so many acknowledgements (and a little later, at no particular moment), and
/// returns the newest acknowledgement of each kind.
fn run_and_kill(role: &str, folder: &Path, after: u64) -> Vec<(String, u64)> {
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut newest: Vec<(String, u64)> = Vec::new();
    let mut count = 0;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The pipe's end is the child's: what it said before it was killed is still read after it.
    while let Some(Ok(line)) = lines.next() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ack", what, number] = words[..] else { continue };
        let number = number.parse().unwrap();
        match newest.iter_mut().find(|(known, _)| known == what) {
            Some((_, known)) => *known = number,
            None => newest.push((what.to_owned(), number)),
        }
        count += 1;
        if count == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= after, "the victim ended by itself after {count} acknowledgements");
    newest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_log_and_vote_survive_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..25_u64 {
        let newest = run_and_kill("log", folder.path(), 1 + round * 7 % 40);
        let mut log = open_log(folder.path());
        let state = log.get_log_state().await.unwrap();
        let first = state.last_purged_log_id.map_or(0, |purged| purged.index + 1);
        let entries = log.try_get_log_entries(first..).await.unwrap();
        for (offset, entry) in entries.iter().enumerate() {
            assert_eq!(entry.log_id.index, first + offset as u64, "no gap");
        }
        let vote = log.read_vote().await.unwrap().map_or(0, |vote| vote.leader_id().term);
        for (what, number) in newest {
            match what.as_str() {
                "vote" => {
                    assert!(vote >= number, "round {round}: vote {number} was acknowledged, {vote} is there")
                }
                _ => {
                    let entry = entries.iter().find(|entry| entry.log_id.index == number);
                    let entry =
                        entry.unwrap_or_else(|| panic!("round {round}: entry {number} was acknowledged"));
                    assert!(matches!(&entry.payload, EntryPayload::Normal(p) if *p == proposal(number)));
                }
            }
        }
        let released = {
            let disk = log.disk();
            disk.released()
        };
        drop(log);
        wait_until_released(released).await;
    }
}

async fn wait_until_released(mut released: tokio::sync::watch::Receiver<()>) {
    let freed = async { while released.changed().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), freed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_a_whole_node_survives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..8_u64 {
        let newest = run_and_kill("node", folder.path(), 1 + round * 11 % 60);
        let node = RaftNode::open(alone(folder.path())).await.unwrap();
        until_leading(&node).await;
        node.confirm_leadership(Duration::from_secs(30)).await.unwrap();
        let state = node.state().borrow().clone();
        for (_, number) in newest {
            for number in 1..=number {
                let member = state.members.get(&NodeId(1_000 + number));
                assert!(member.is_some(), "round {round}: commit {number} was acknowledged and is gone");
            }
        }
        node.shutdown().await;
    }
}
