//! The wire: code generated from `proto/`, and what stands between it and the core.

pub mod report;

/// Every call of every service, as its path: whoever has to judge calls can see that none is forgotten.
pub const CALLS: &[&str] = include!(concat!(env!("OUT_DIR"), "/calls.rs"));

/// Version 1 of the protocol. Its documentation is in the `.proto` files, from which it is generated: every
/// message, field, service and call there carries a comment, or `missing_docs` fires here.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code allows lints in its own way"
)]
pub mod v1 {
    tonic::include_proto!("arbiter.v1");
}
