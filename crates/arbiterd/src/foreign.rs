//! The readers of what clients and other clusters send, as they are reached from outside: for `arbiter-fuzz` alone. Nothing is
//! done with what they read.

use crate::{admin, following};
use arbiter_core::command::Operation;
use arbiter_proto::v1;
use tonic::Status;

/// Reads what an operator asks for, as the leader does before it proposes it.
///
/// # Errors
/// As the client would get it.
pub fn operation(request: v1::OperateRequest) -> Result<Operation, Status> {
    admin::read_operation(request.operation)
}

/// Reads what a followed cluster says, and counts its routes. `meant`: the cluster that is followed.
///
/// # Errors
/// Why the stream would be left.
pub fn assigned(word: v1::Assigned, meant: &str) -> Result<usize, Status> {
    following::readable(word, meant)
}
