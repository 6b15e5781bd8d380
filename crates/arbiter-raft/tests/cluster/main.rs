//! Three nodes in one process, over real gRPC on loopback and real folders.

mod forming;
mod harness;
mod leading;
mod wiped;
