//! Which message claims what about a disk.

use super::frames::{Direction, PREFACE};
use crate::trace::{Call, Event};
use arbiter_proto::v1::{PeerReply, PeerRequest};
use prost::Message;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// Who was voted for, or led: a term, and a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Leader {
    pub term: u64,
    pub node_id: u64,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct LogId {
    pub leader_id: Leader,
    pub index: u64,
}

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Vote {
    pub leader_id: Leader,
    pub committed: bool,
}

#[derive(Debug, Deserialize)]
struct EntryHead {
    log_id: LogId,
}

/// A request of Raft's, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Asked {
    Append {
        vote: Vote,
        prev_log_id: Option<LogId>,
        entries: Vec<EntryHead>,
        leader_commit: Option<LogId>,
    },
    Snapshot {
        meta: Meta,
        done: bool,
    },
    Vote {
        vote: Vote,
        #[serde(rename = "last_log_id")]
        _last: Option<LogId>,
    },
}

#[derive(Debug, Deserialize)]
struct Meta {
    last_log_id: Option<LogId>,
}

#[derive(Debug, Deserialize)]
enum Appended {
    Success,
    PartialSuccess(Option<LogId>),
    Conflict,
    HigherVote(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Voted {
    vote_granted: bool,
}

/// What a node says of disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The node's own disk remembers this vote, or a later one: it was granted, or asked for, or a leader was followed.
    Vote(Leader),
    /// The node's own log holds this entry, and all before it.
    Entry(LogId),
    /// The node's own disk holds a snapshot up to here.
    Snapshot(LogId),
    /// The logs of a majority hold this entry: the leader says that it is committed.
    Committed(LogId),
}

/// A claim, and the line at which its first byte left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub at: usize,
    pub node: u64,
    pub what: Claimed,
}

/// Entries that a node was given: from now on it may cut off others that stand in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub at: usize,
    pub node: u64,
    pub entries: Vec<LogId>,
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: &LogId| format!("{} of term {}", id.index, id.leader_id.term);
        match self {
            Self::Vote(leader) => write!(f, "the vote for node {} in term {}", leader.node_id, leader.term),
            Self::Entry(at) => write!(f, "entry {}", id(at)),
            Self::Snapshot(at) => write!(f, "the snapshot up to entry {}", id(at)),
            Self::Committed(at) => write!(f, "that entry {} is committed", id(at)),
        }
    }
}

/// One end of a connection.
#[derive(Debug, Default)]
struct End {
    serves: bool,
    sent: Direction,
    received: Direction,
    asked: BTreeMap<u32, Asked>,
}

/// All claims in a trace, and all entries that were given, each in the order of the trace.
pub(crate) fn claims(events: &[Event]) -> (Vec<Claim>, Vec<Told>) {
    let mut ends: BTreeMap<&str, End> = BTreeMap::new();
    let (mut claims, mut told) = (Vec::new(), Vec::new());
    for event in events {
        let (by, bytes, received) = match &event.call {
            Call::Send { by, bytes } => (by, bytes, false),
            Call::Receive { by, bytes } => (by, bytes, true),
            _ => continue,
        };
        // A port that was used before is another connection now.
        if bytes.starts_with(PREFACE) {
            ends.remove(by.as_str());
        }
        let end = ends.entry(by).or_default();
        end.serves |= received && bytes.starts_with(PREFACE);
        let messages = if received { end.received.add(bytes) } else { end.sent.add(bytes) };
        for (stream, message) in messages {
            match (end.serves, received) {
                (true, true) => {
                    let Some((header, asked)) = asked_of(&message) else { continue };
                    if let Asked::Append { entries, .. } = &asked {
                        let entries = entries.iter().map(|entry| entry.log_id).collect();
                        told.push(Told { at: event.end, node: header.target, entries });
                    }
                    end.asked.insert(stream, asked);
                }
                (true, false) => {
                    let Some(asked) = end.asked.remove(&stream) else { continue };
                    let Ok(reply) = PeerReply::decode(message.as_slice()) else { continue };
                    let node = reply.header.map_or(0, |header| header.sender);
                    let found = answered(&asked, &reply.payload);
                    claims.extend(found.into_iter().map(|what| Claim { at: event.begin, node, what }));
                }
                (false, false) => {
                    let Some((header, asked)) = asked_of(&message) else { continue };
                    let what = match asked {
                        Asked::Vote { vote, .. } => Some(Claimed::Vote(vote.leader_id)),
                        Asked::Append { leader_commit, .. } => leader_commit.map(Claimed::Committed),
                        Asked::Snapshot { .. } => None,
                    };
                    claims.extend(what.map(|what| Claim { at: event.begin, node: header.sender, what }));
                }
                (false, true) => {}
            }
        }
    }
    claims.sort_by_key(|claim| claim.at);
    told.sort_by_key(|told| told.at);
    (claims, told)
}

/// A Raft message; anything else that travels between nodes is none.
fn asked_of(message: &[u8]) -> Option<(arbiter_proto::v1::PeerHeader, Asked)> {
    let request = PeerRequest::decode(message).ok()?;
    let asked = serde_json::from_slice(&request.payload).ok()?;
    Some((request.header?, asked))
}

/// What the answer to a question claims of the answering node's disk.
fn answered(asked: &Asked, payload: &[u8]) -> Vec<Claimed> {
    match asked {
        Asked::Append { vote, prev_log_id, entries, .. } => {
            let reached = match serde_json::from_slice(payload) {
                Ok(Appended::Success) => entries.last().map(|entry| entry.log_id).or(*prev_log_id),
                Ok(Appended::PartialSuccess(reached)) => reached,
                Ok(Appended::Conflict | Appended::HigherVote(_)) | Err(_) => return Vec::new(),
            };
            let vote = Some(Claimed::Vote(vote.leader_id));
            vote.into_iter().chain(reached.map(Claimed::Entry)).collect()
        }
        Asked::Vote { vote, .. } => {
            let granted = serde_json::from_slice(payload).is_ok_and(|voted: Voted| voted.vote_granted);
            granted.then_some(Claimed::Vote(vote.leader_id)).into_iter().collect()
        }
        Asked::Snapshot { meta, done } => {
            let installed = *done && payload.starts_with(b"{\"Ok\"");
            meta.last_log_id.filter(|_| installed).map(Claimed::Snapshot).into_iter().collect()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::frames::framed;
    use super::*;
    use arbiter_proto::v1::PeerHeader;

    /// What a leader (node 1, of this term) says to node 2: entries up to this index.
    pub(crate) fn append(term: u64, index: u64) -> (String, String) {
        let id = |index| format!("{{\"leader_id\":{{\"term\":{term},\"node_id\":1}},\"index\":{index}}}");
        let asked = format!(
            "{{\"vote\":{{\"leader_id\":{{\"term\":{term},\"node_id\":1}},\"committed\":true}},\"prev_log_id\":{},\
             \"entries\":[{{\"log_id\":{},\"payload\":\"Blank\"}}],\"leader_commit\":null}}",
            id(index - 1),
            id(index)
        );
        (asked, "\"Success\"".to_owned())
    }

    /// Node 1 asks node 2 for its vote, and gets it.
    pub(crate) fn vote(term: u64) -> (String, String) {
        let vote = format!("{{\"leader_id\":{{\"term\":{term},\"node_id\":1}},\"committed\":false}}");
        let asked = format!("{{\"vote\":{vote},\"last_log_id\":null}}");
        (asked, format!("{{\"vote\":{vote},\"vote_granted\":true,\"last_log_id\":null}}"))
    }

    /// How node 2 takes a question in at one line, and answers it at another.
    pub(crate) fn exchange(
        stream: u32,
        at: (usize, usize),
        (asked, answered): (String, String),
    ) -> [Event; 2] {
        let header = |sender, target| Some(PeerHeader { sender, target, ..PeerHeader::default() });
        let question = PeerRequest { header: header(1, 2), payload: asked.into_bytes(), data: Vec::new() };
        let answer = PeerReply { header: header(2, 1), payload: answered.into_bytes() };
        let by = format!("server->{stream}");
        let mut bytes = PREFACE.to_vec();
        bytes.extend(framed(stream, &question.encode_to_vec()));
        let asks = Call::Receive { by: by.clone(), bytes };
        let answers = Call::Send { by, bytes: framed(stream, &answer.encode_to_vec()) };
        [Event { begin: at.0, end: at.0, call: asks }, Event { begin: at.1, end: at.1, call: answers }]
    }

    #[test]
    fn answers_claim_what_they_acknowledge() {
        let mut events = exchange(1, (0, 1), append(3, 7)).to_vec();
        events.extend(exchange(3, (2, 3), vote(4)));
        let (asked, _) = append(5, 9);
        events.extend(exchange(5, (4, 5), (asked, "\"Conflict\"".to_owned())));
        let (asked, answer) = vote(6);
        events.extend(exchange(7, (6, 7), (asked, answer.replace("true", "false"))));
        let (claims, told) = claims(&events);
        let leader = |term| Leader { term, node_id: 1 };
        let entry = LogId { leader_id: leader(3), index: 7 };
        let wanted =
            [(1, Claimed::Vote(leader(3))), (1, Claimed::Entry(entry)), (3, Claimed::Vote(leader(4)))];
        assert_eq!(claims, wanted.map(|(at, what)| Claim { at, node: 2, what }));
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], Told { at: 0, node: 2, entries: vec![entry] });
    }
}
