//! The planner, rule by rule.

mod alarms;
mod choosing;
mod drift;
mod failback;
mod following;
mod operators;
mod preview;
mod properties;

mod remediation;
mod restart;
mod slot;
mod takeover;
mod world;

use super::Plan;
use crate::evidence::Evidence;
use crate::fixture::{Cluster, route};
use crate::health::Code;

/// The reference case, formed, and all is well.
fn reference() -> (Cluster, Evidence) {
    let cluster = Cluster::reference();
    let healthy = Evidence::healthy(&cluster.state.policy);
    (cluster, healthy)
}

/// Route 1 has failed over to tunnel 2, a minute ago; what is seen now shows it there, and tunnel 1 still dead.
fn away() -> (Cluster, Evidence) {
    let (mut cluster, healthy) = reference();
    cluster.does(&healthy.clone().tunnel_down(1, 500));
    cluster.after(60_000);
    (cluster, healthy.points_at(1, 2).tunnel_down(1, 60_000))
}

impl Plan {
    /// Whether it raises this alarm.
    fn alarms(&self, code: Code) -> bool {
        self.alarms.iter().any(|alarm| alarm.code == code)
    }

    /// Why a route is where it is.
    fn why(&self, n: u64) -> String {
        self.routes[&route(n)].why.join("; ")
    }
}
