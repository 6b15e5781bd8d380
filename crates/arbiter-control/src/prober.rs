//! What the control loop needs of the side that probes.

use arbiter_core::ids::ProbeId;
use arbiter_core::policy::Probe;
use arbiter_core::probe::ProbeStatus;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// The side that sends probes and keeps their states.
pub trait Prober: Send + Sync + 'static {
    /// Replaces the set of probes that this node sends. A probe that stays the same keeps its state.
    fn set_probes(&self, probes: Vec<Probe>);

    /// A counter that moves at each transition of any probe.
    fn transitions(&self) -> watch::Receiver<u64>;

    /// Every probe as it stands now.
    fn snapshot(&self) -> BTreeMap<ProbeId, ProbeStatus>;
}
