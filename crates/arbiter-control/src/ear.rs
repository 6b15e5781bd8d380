//! What the control loop needs of the side that hears another cluster.

use arbiter_core::follow::Heard;
use arbiter_core::ids::RouteId;
use std::collections::BTreeSet;
use tokio::sync::watch;

/// The side that hears the cluster that this one follows.
pub trait Ear: Send + Sync + 'static {
    /// Which routes of the followed cluster to ask for; with none, nobody is asked.
    fn listen_for(&self, routes: BTreeSet<RouteId>);

    /// A counter that moves whenever something else is heard than before.
    fn changes(&self) -> watch::Receiver<u64>;

    /// What was heard, with its age at this moment; none if nothing was.
    fn heard(&self) -> Option<Heard>;
}

/// The ear of a cluster that follows nobody.
#[derive(Debug)]
pub struct Deaf(watch::Sender<u64>);

impl Deaf {
    /// One that hears nothing.
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Default for Deaf {
    fn default() -> Self {
        Self::new()
    }
}

impl Ear for Deaf {
    fn listen_for(&self, _: BTreeSet<RouteId>) {}

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    fn heard(&self) -> Option<Heard> {
        None
    }
}
