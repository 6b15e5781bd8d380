//! Raft's messages of released versions are understood; of a later one what is not known is refused, in the same words
//! each time.

use crate::contents::lacking;
use crate::script;
use crate::stores::{fixtures, versions};
use arbiter_raft::network::Payload;
use arbiter_raft::types::{Entry, LogId, SnapshotMeta, StoredMembership, TypeConfig, Vote};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{CommittedLeaderId, EntryPayload};
use serde_json::{Value, json};
use std::path::Path;

fn at(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(2, 3), index)
}

/// Entries of each kind: a membership, a leader's blank one, a command.
fn append() -> AppendEntriesRequest<TypeConfig> {
    let entries: Vec<Entry> = script::entries().into_iter().take(3).collect();
    let vote = Vote::new_committed(2, 3);
    AppendEntriesRequest { vote, prev_log_id: Some(at(7)), entries, leader_commit: Some(at(7)) }
}

fn message(kind: Payload) -> Value {
    let vote = Vote::new(3, 1);
    match kind {
        Payload::AppendEntries => json!(append()),
        Payload::AppendEntriesReply => json!(AppendEntriesResponse::PartialSuccess(Some(at(8)))),
        Payload::Vote => json!(VoteRequest { vote, last_log_id: Some(at(8)) }),
        Payload::VoteReply => json!(VoteResponse { vote, vote_granted: true, last_log_id: Some(at(9)) }),
        Payload::InstallSnapshot => {
            let membership = script::entries().into_iter().find_map(|entry| match entry.payload {
                EntryPayload::Membership(membership) => Some(StoredMembership::new(Some(at(0)), membership)),
                _ => None,
            });
            let last_membership = membership.unwrap();
            let meta =
                SnapshotMeta { last_log_id: Some(at(7)), last_membership, snapshot_id: "2-3-7".to_owned() };
            // The bytes travel beside it.
            json!(InstallSnapshotRequest::<TypeConfig> { vote, meta, offset: 0, data: vec![], done: true })
        }
        Payload::InstallSnapshotReply => json!({ "Ok": InstallSnapshotResponse { vote } }),
    }
}

pub fn write(messages: &Path, version: &str) {
    let target = messages.join(version);
    assert!(!target.exists(), "{} is there already: written once", target.display());
    std::fs::create_dir_all(&target).unwrap();
    for kind in Payload::ALL {
        std::fs::write(target.join(format!("{}.json", kind.name())), format!("{}\n", message(kind))).unwrap();
    }
}

#[test]
fn each_released_versions_messages_are_understood() {
    for version in versions("wire") {
        for kind in Payload::ALL {
            let path = fixtures("wire").join(&version).join(format!("{}.json", kind.name()));
            let sent = std::fs::read(path).unwrap();
            let taken = kind.read_and_write(&sent).unwrap_or_else(|error| panic!("{version}: {error}"));
            let (sent, taken): (Value, Value) =
                (serde_json::from_slice(&sent).unwrap(), serde_json::from_slice(&taken).unwrap());
            let mut lacks = Vec::new();
            lacking(kind.name(), &sent, &taken, &mut lacks);
            assert!(lacks.is_empty(), "of version {version}: {lacks:#?}");
        }
    }
}

#[test]
fn a_later_versions_command_is_refused_in_the_same_words_each_time() {
    let refused = |entries: usize| {
        let mut message = json!(AppendEntriesRequest::<TypeConfig> {
            entries: script::entries().into_iter().take(entries).collect(),
            ..append()
        });
        let last = message["entries"].as_array_mut().unwrap().last_mut().unwrap();
        last["payload"] = json!({"Normal": {"wall_ms": 1, "command": {"teleport": {"route": "private-1"}}}});
        Payload::AppendEntries.read_and_write(message.to_string().as_bytes()).unwrap_err()
    };
    let words = refused(3);
    for word in [
        "unknown variant `teleport`",
        "install the version of the program that sent it",
        "nothing of it was taken",
    ] {
        assert!(words.contains(word), "`{word}` in: {words}");
    }
    assert_eq!(words, refused(2), "or a leader that comes again would fill the journal");
    let cut = Payload::Vote.read_and_write(b"{\"vote\":").unwrap_err();
    assert!(cut.contains("the message can't be read"), "{cut}");
}
