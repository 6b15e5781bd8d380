//! The guards, sentence by sentence. Every state here was made by real commands.

mod endings;
mod epochs;
mod history;
mod intents;
mod members;
mod operators;
mod properties;
mod recovery;
mod slots;

use crate::command::{Action, Cause, Outcome, Refusal};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, eni, set};
use crate::ids::IntentId;

/// The reference case, with tunnel 1 dead and the call that moves route 1 away from it under way.
fn failing_over() -> (Cluster, Evidence, IntentId) {
    let mut cluster = Cluster::reference();
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let id = cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &evidence).expect("a plain failover");
    (cluster, evidence, id)
}

/// The same, acknowledged.
fn failed_over() -> Cluster {
    let (mut cluster, _, id) = failing_over();
    cluster.ended(id, Outcome::Done);
    cluster
}

/// A cluster that is new makes no mutation before W has passed, and this one then.
fn waits_before(cluster: &mut Cluster, evidence: &Evidence, action: Action, cause: Cause) {
    let wait_ms = cluster.state.policy.timing.takeover_wait_ms();
    cluster.after(wait_ms - 1);
    assert_eq!(cluster.plan(evidence).wishes, []);
    let refused = cluster.intends(action, cause, evidence);
    assert!(matches!(refused, Err(Refusal::Other(_))), "{refused:?}");
    cluster.after(1);
    assert_eq!(cluster.does(evidence).len(), 1);
}
