//! S7: a node that lost its disk does not vote until it is re-admitted.

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

/// Whether this is openraft's granted vote.
fn grants(payload: &[u8]) -> bool {
    let reply: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
    reply.is_some_and(|reply| reply["vote_granted"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_vote_is_known() {
        assert!(grants(br#"{"vote":{},"vote_granted":true,"last_log_id":null}"#));
        assert!(!grants(br#"{"vote":{},"vote_granted":false,"last_log_id":null}"#));
    }
}
