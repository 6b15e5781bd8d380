//! All that is in a data folder, as text that can be compared.

use arbiter_core::ids::NodeId;
use arbiter_core::state::ClusterState;
use arbiter_raft::disk::Disk;
use arbiter_raft::identity::Identity;
use arbiter_raft::log_store::LogStore;
use arbiter_raft::machine::StateMachine;
use arbiter_raft::store::SledStore;
use arbiter_raft::types::Entry;
use openraft::RaftLogReader;
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Whose the fixtures are.
pub const NODE: NodeId = NodeId(3);
/// And of which cluster.
pub const CLUSTER: &str = "vpn";

/// A data folder, opened by the parts of which a node consists.
pub struct Opened {
    pub disk: Disk,
    pub identity: Identity,
    pub log: LogStore,
    pub machine: StateMachine,
    pub state: watch::Receiver<Arc<ClusterState>>,
}

impl Opened {
    pub async fn open(folder: &Path) -> Self {
        let disk = Disk::start(Arc::new(SledStore::open(folder).unwrap())).unwrap();
        let new = || panic!("the folder has an identity");
        let identity = Identity::open(&disk, NODE, CLUSTER, new).await.unwrap();
        Self::on(disk, identity)
    }

    pub fn on(disk: Disk, identity: Identity) -> Self {
        let (readers, state) = watch::channel(Arc::new(ClusterState::default()));
        let log = LogStore::open(disk.clone()).unwrap();
        let machine = StateMachine::open(disk.clone(), readers).unwrap();
        log.check_covered().unwrap();
        Self { disk, identity, log, machine, state }
    }

    pub async fn entries(&mut self) -> Vec<Entry> {
        self.log.try_get_log_entries(..).await.unwrap()
    }

    /// Everything that is in it. Applies what is in the log after the snapshot.
    pub async fn contents(&mut self) -> Value {
        let (snapshot, _) = self.machine.applied_state().await.unwrap();
        let all = self.entries().await;
        let first = all.first().map(|entry| entry.log_id);
        let after: Vec<Entry> = all.into_iter().filter(|entry| Some(entry.log_id) > snapshot).collect();
        let answers = self.machine.apply(after).await.unwrap();
        let (applied, membership) = self.machine.applied_state().await.unwrap();
        let state = self.state.borrow().clone();
        let log = self.log.get_log_state().await.unwrap();
        json!({
            "identity": self.identity,
            "vote": self.log.read_vote().await.unwrap(),
            "committed": self.log.read_committed().await.unwrap(),
            "purged": log.last_purged_log_id,
            "first": first,
            "last": log.last_log_id,
            "snapshot": snapshot,
            "applied": applied,
            "membership": membership,
            "unsettled": state.unsettled.keys().map(ToString::to_string).collect::<Vec<_>>(),
            "answers": answers,
            "state": *state,
        })
    }

    /// Closes it, and waits until the folder is free.
    pub async fn close(self) {
        let mut released = self.disk.released();
        drop(self);
        while released.changed().await.is_ok() {}
    }
}

/// With a line for each thing in it, and for each field of the state: short enough to be read, and to be compared.
pub fn in_lines(contents: &Value) -> String {
    let mut text = "{\n".to_owned();
    let top = contents.as_object().unwrap();
    for (number, (name, value)) in top.iter().enumerate() {
        let comma = if number + 1 == top.len() { "" } else { "," };
        match value.as_object().filter(|_| name == "state") {
            Some(fields) => {
                writeln!(text, "\"{name}\": {{").unwrap();
                let lines: Vec<String> =
                    fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                writeln!(text, "{}\n}}{comma}", lines.join(",\n")).unwrap();
            }
            None => writeln!(text, "\"{name}\": {value}{comma}").unwrap(),
        }
    }
    text + "}\n"
}

/// Where `found` lacks something of `golden`, or says something else. It may say more: a later version may have more
/// fields, never fewer, and never others in their place.
pub fn lacking(place: &str, golden: &Value, found: &Value, lacks: &mut Vec<String>) {
    match (golden, found) {
        (Value::Object(golden), Value::Object(found)) => {
            for (name, value) in golden {
                let place = format!("{place}.{name}");
                match found.get(name) {
                    Some(found) => lacking(&place, value, found, lacks),
                    None => lacks.push(format!("{place} is missing")),
                }
            }
        }
        (Value::Array(golden), Value::Array(found)) if golden.len() == found.len() => {
            for (number, (golden, found)) in golden.iter().zip(found).enumerate() {
                lacking(&format!("{place}[{number}]"), golden, found, lacks);
            }
        }
        _ if golden == found => {}
        _ => lacks.push(format!("{place} was {golden} and is {found}")),
    }
}

#[test]
fn more_may_be_found_and_never_less() {
    let golden = json!({"a": [1, {"b": null}], "c": "x"});
    let lacks = |found: Value| {
        let mut lacks = Vec::new();
        lacking("it", &golden, &found, &mut lacks);
        lacks
    };
    assert_eq!(lacks(json!({"a": [1, {"b": null, "new": 7}], "c": "x", "d": {}})), [""; 0]);
    assert_eq!(lacks(json!({"a": [1, {"b": null}]})), ["it.c is missing"]);
    assert_eq!(lacks(json!({"a": [1, {"b": 0}], "c": "x"})), ["it.a[1].b was null and is 0"]);
    assert_eq!(lacks(json!({"a": [1], "c": "x"})).len(), 1, "an element less");
    assert_eq!(lacks(json!({"a": [1, {"b": null}, 2], "c": "x"})).len(), 1, "an element more");
}
