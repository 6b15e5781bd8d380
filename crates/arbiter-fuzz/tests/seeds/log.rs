//! A short life of the reference cluster, as entries of its log, and what lies on a disk afterwards.

use super::Sample;
use arbiter_core::command::{
    Action, Applied, Cause, Command, EntryId, Intent, IntentBatch, Mode, Operation, Outcome, Proposal, Stamp,
};
use arbiter_core::evidence::{Evidence, NodeFacts, ProbeFact, Verdict};
use arbiter_core::ids::{ClusterId, Epoch, Incarnation, IntentId, LogIndex, NodeId, PolicyVersion, Term};
use arbiter_core::policy::{Policy, Subject};
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;
use arbiter_raft::identity::Identity;
use arbiter_raft::record;
use serde::Serialize;
use std::path::Path;

/// The first entry of a log is openraft's membership.
const FIRST: u64 = 1;
/// The entry by which the only epoch begins.
const EPOCH: u64 = FIRST + 1;

fn policy() -> Policy {
    let text = include_str!("../../../../cluster.example.toml");
    arbiter_config::parse_policy(Path::new("cluster.toml"), text).unwrap().0
}

fn stamp(elapsed_ms: u64) -> Stamp {
    Stamp { epoch: Epoch(EPOCH), elapsed_ms }
}

/// Everybody is heard; tunnel 1 is down.
fn evidence(policy: &Policy) -> Evidence {
    let state = |subject: &Subject| match subject {
        Subject::Path(path) if path.as_str() == "tunnel-1" => Verdict::Down,
        _ => Verdict::Up,
    };
    let facts = |node: NodeId| {
        let own = policy.probes.iter().filter(|probe| probe.observers.contains(&node));
        let fact = |subject| ProbeFact { state: state(subject), for_ms: 60_000 };
        let probes = own.map(|probe| (probe.id.clone(), fact(&probe.subject))).collect();
        (node, NodeFacts { age_ms: Some(100), heard_for_ms: 60_000, probes, ..NodeFacts::default() })
    };
    Evidence {
        listening_ms: 60_000,
        voters: policy.nodes.iter().map(|node| node.id).collect(),
        nodes: policy.nodes.iter().map(|node| facts(node.id)).collect(),
        ..Evidence::default()
    }
}

fn operator(request: &str, elapsed_ms: u64, operation: Operation) -> Command {
    Command::Operator {
        stamp: stamp(elapsed_ms),
        request: request.to_owned(),
        by: "anna".to_owned(),
        operation,
    }
}

fn life() -> Vec<Proposal> {
    let policy = policy();
    let target = |id: &str| policy.path(&id.into()).unwrap().target.clone();
    let id = IntentId { epoch: Epoch(EPOCH), number: 1 };
    let move_away = Intent {
        id,
        action: Action::SetRoute {
            route: "private-1".into(),
            before: Some(target("tunnel-1")),
            path: "tunnel-2".into(),
            after: target("tunnel-2"),
        },
        cause: Cause::Failover,
        reasons: vec!["tunnel-1 is Down: inner-1 of strongswan-1".to_owned()],
    };
    let batch = IntentBatch {
        stamp: stamp(9_000),
        policy_version: PolicyVersion(1),
        evidence: evidence(&policy),
        intents: vec![move_away],
    };
    let adopt = |number: u64| Command::Adopt {
        stamp: stamp(1_000),
        route: format!("private-{number}").as_str().into(),
        path: format!("tunnel-{number}").as_str().into(),
        reason: "seen there".to_owned(),
    };
    let commands = [
        Command::Form {
            cluster_id: ClusterId::from("5f3c"),
            policy: Box::new(policy.clone()),
            members: policy.nodes.iter().map(|node| (node.id, Incarnation(node.id.0 * 11))).collect(),
            mode: Mode::Act,
        },
        Command::BeginEpoch { node: NodeId(1) },
        adopt(1),
        adopt(2),
        Command::Intents(Box::new(batch)),
        Command::Outcomes { stamp: stamp(9_300), outcomes: vec![(id, Outcome::Done)] },
        operator(
            "a1",
            20_000,
            Operation::Pause { reason: "router upgrade".to_owned(), for_ms: Some(60_000) },
        ),
        operator("a2", 21_000, Operation::Resume),
        operator(
            "a3",
            22_000,
            Operation::Drain { gateway: "strongswan-2".into(), reason: "kernel".to_owned() },
        ),
        operator("a4", 23_000, Operation::Undrain { gateway: "strongswan-2".into() }),
        operator("a5", 24_000, Operation::Switchover { route: "private-2".into(), path: "tunnel-1".into() }),
        operator("a6", 25_000, Operation::SetMode(Mode::Observe)),
        operator("a7", 26_000, Operation::SetMode(Mode::Act)),
        operator(
            "a8",
            27_000,
            Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(policy.clone()) },
        ),
        Command::Tick { stamp: stamp(700_000) },
    ];
    commands.map(|command| Proposal { wall_ms: UnixMs(1_769_850_000_000), command }).to_vec()
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap();
    line.push(b'\n');
    line
}

/// A record with its key, on a line.
fn record(key: &str, value: &impl Serialize) -> Vec<u8> {
    let record = record::encode(key, value).unwrap();
    [key.as_bytes(), b" ", &record, b"\n"].concat()
}

fn log_id(index: u64) -> serde_json::Value {
    serde_json::json!({ "leader_id": { "term": 1, "node_id": 1 }, "index": index })
}

fn disk(entries: &[Proposal], state: Option<&ClusterState>) -> Vec<u8> {
    let identity = Identity {
        cluster_name: "vpn".to_owned(),
        node: NodeId(1),
        incarnation: Incarnation(11),
        cluster: Some(ClusterId::from("5f3c")),
        founders: [(NodeId(1), Incarnation(11)), (NodeId(2), Incarnation(22))].into(),
        admitted_at: 0,
        succeeded_by: None,
    };
    let vote = serde_json::json!({ "leader_id": { "term": 1, "node_id": 1 }, "committed": true });
    let mut lines = vec![record("m/identity", &identity), record("m/vote", &vote)];
    let mut first = 0;
    if let Some(state) = state {
        let last = state.applied.index.0;
        let meta = serde_json::json!({
            "last_log_id": log_id(last),
            "last_membership": { "log_id": null, "membership": { "configs": [], "nodes": {} } },
            "snapshot_id": format!("1-1-{last}"),
        });
        lines.push(record("m/snapshot", &serde_json::json!({ "generation": 3, "meta": meta })));
        lines.push(record("s/3", &serde_json::json!({ "state": state })));
        lines.push(record("m/purged", &log_id(last)));
        first = last + 1;
    }
    for (index, proposal) in (first..).zip(entries) {
        let entry = serde_json::json!({ "log_id": log_id(index), "payload": { "Normal": proposal } });
        lines.push(record(&format!("l/{index}"), &entry));
    }
    let last = serde_json::json!({ "log_id": log_id(first + entries.len() as u64), "payload": "Blank" });
    lines.push(record(&format!("l/{}", first + entries.len() as u64), &last));
    lines.concat()
}

pub fn samples() -> Vec<Sample> {
    let life = life();
    let mut state = ClusterState::default();
    for (index, proposal) in (FIRST..).zip(&life) {
        let at = EntryId { index: LogIndex(index), term: Term(1), node: NodeId(1) };
        let applied = state.apply(at, proposal);
        assert!(
            !matches!(applied, Applied::Refused(_)),
            "a seed that is refused tries little: {index}: {applied:?}"
        );
    }
    let short: Vec<Proposal> = life.iter().filter(|it| !is_long(&it.command)).cloned().collect();
    vec![
        ("commands", "life", life.iter().flat_map(line).collect()),
        ("store", "log", disk(&short, None)),
        ("store", "snapshot", disk(&short[1..3], Some(&state))),
        ("store", "new", disk(&[], None)),
    ]
}

/// Holds a whole policy.
fn is_long(command: &Command) -> bool {
    matches!(
        command,
        Command::Form { .. } | Command::Operator { operation: Operation::ApplyPolicy { .. }, .. }
    )
}
