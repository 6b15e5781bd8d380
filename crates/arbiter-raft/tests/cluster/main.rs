//! Three nodes in one process, over real gRPC on loopback and real folders.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod forming;
mod harness;
mod leading;
mod members;
mod recovery;
mod silence;
mod wiped;
