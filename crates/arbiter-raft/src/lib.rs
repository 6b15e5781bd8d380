//! arbiter-raft
