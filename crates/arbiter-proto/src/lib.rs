//! arbiter-proto
