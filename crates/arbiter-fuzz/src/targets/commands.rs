//! Entries of the log, applied: `apply` refuses, and never fails.

use crate::Seen;
use arbiter_core::command::{EntryId, Proposal};
use arbiter_core::ids::{LogIndex, NodeId, Term};
use arbiter_core::state::ClusterState;

pub(super) const WORDS: &[&str] = &[
    "\"stamp\":{\"epoch\":2,\"elapsed_ms\":18446744073709551615}",
    "\"for_ms\":18446744073709551615",
    "null",
    "\"up\"",
    "\"unknown\"",
    "\"down\"",
    "\"switchover\"",
    "\"restart-gateway\"",
    "\"strongswan-1\"",
    "\"private-1\"",
    "\"tunnel-2\"",
    "{\"wall_ms\":1,\"command\":{\"tick\":{\"stamp\":{\"epoch\":2,\"elapsed_ms\":1000}}}}\n",
];

/// Proposals as JSON, one a line, applied in order. What is no proposal is passed over: Raft's log holds none such.
pub fn commands(bytes: &[u8]) -> Seen {
    let mut state = ClusterState::default();
    let mut index = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(proposal) = serde_json::from_slice::<Proposal>(line) else { continue };
        let written =
            serde_json::to_vec(&proposal).unwrap_or_else(|error| panic!("it can't be written: {error}"));
        let again = serde_json::from_slice::<Proposal>(&written).map_err(|error| error.to_string());
        assert_eq!(again.as_ref(), Ok(&proposal), "what was read, written, is read as something else");
        index += 1;
        let at = EntryId { index: LogIndex(index), term: Term(1), node: NodeId(1) };
        state.apply(at, &proposal);
    }
    // It travels in snapshots.
    let written =
        serde_json::to_vec(&state).unwrap_or_else(|error| panic!("the state can't be written: {error}"));
    let again = serde_json::from_slice::<ClusterState>(&written).map_err(|error| error.to_string());
    assert_eq!(again.as_ref(), Ok(&state), "the state that was written is read as something else");
    if index > 0 { Seen::Taken } else { Seen::Refused }
}
