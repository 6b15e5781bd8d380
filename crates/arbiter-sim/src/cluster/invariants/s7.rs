//! S7: a node that lost its disk does not vote until it is re-admitted; and none takes back a vote that it has granted.

use crate::cluster::tape::Tape;
use arbiter_core::ids::NodeId;
use arbiter_raft::network::{Answer, WireError};

/// Looks at what a node that is not admitted answers.
pub fn judge(tape: &Tape, node: NodeId, asked: &str, answer: Result<&Answer, &WireError>) {
    tape.landed("unadmitted-asked");
    if let Ok(Answer::Peer(reply)) = answer
        && asked == "vote"
        && grants(&reply.payload)
    {
        tape.violation("S7", format!("node {node} lost its disk, and grants a vote unadmitted"));
    }
}

/// Looks at every vote that is granted: a disk that has granted one never grants a lesser one. In openraft votes are in
/// the order of their terms, and within a term in that of the candidates.
pub fn votes(tape: &Tape, node: NodeId, answer: Result<&Answer, &WireError>) {
    let Ok(Answer::Peer(reply)) = answer else { return };
    let incarnation = reply.header.as_ref().map_or(0, |header| header.incarnation);
    let Some(vote) = granted(&reply.payload) else { return };
    tape.say(format!("node {node} grants its vote to {vote:?} (term, candidate)"));
    let before = tape.with(|record| record.votes.insert((node, incarnation), vote));
    if let Some(before) = before.filter(|before| *before > vote) {
        let says = format!("node {node} grants {vote:?} (term, candidate) after it has granted {before:?}");
        tape.violation("S7", says);
    }
}

/// The term and the candidate that a vote was granted to, if it was.
fn granted(payload: &[u8]) -> Option<(u64, u64)> {
    let reply: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let of = &reply["vote"]["leader_id"];
    (reply["vote_granted"] == true).then_some(())?;
    Some((of["term"].as_u64()?, of["node_id"].as_u64()?))
}

/// Whether this is openraft's granted vote.
pub fn grants(payload: &[u8]) -> bool {
    let reply: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
    reply.is_some_and(|reply| reply["vote_granted"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_vote_is_known() {
        let vote = br#"{"vote":{"leader_id":{"term":7,"node_id":3}},"vote_granted":true}"#;
        assert_eq!(granted(vote), Some((7, 3)));
        assert!(grants(br#"{"vote":{},"vote_granted":true,"last_log_id":null}"#));
        assert!(!grants(br#"{"vote":{},"vote_granted":false,"last_log_id":null}"#));
    }
}
