//! What the control loop needs of the network between nodes, reports only; Raft has its own.

use arbiter_core::ids::NodeId;
use arbiter_core::report::Parcel;

/// Carries reports to peers. Never blocks: only the newest parcel for a peer is kept.
pub trait Transport: Send + Sync + 'static {
    /// Offers the newest parcel for a peer; it replaces one that has not left yet.
    fn offer(&self, to: NodeId, parcel: Parcel);
}
