//! S5: never two gateways stopped by us at once; never one that a majority can see (but by an operator's request). That
//! none is left stopped, L1 sees.

use crate::cluster::tape::{Record, Violation};
use arbiter_core::command::{Action, Cause};
use arbiter_core::ids::InstanceId;
use arbiter_core::policy::Policy;
use arbiter_core::verdict;
use std::collections::BTreeMap;

/// Every stop.
pub fn judge(record: &Record, policy: &Policy) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, accepted) in &record.accepted {
        let Action::Stop { gateway, .. } = &accepted.action else { continue };
        let (Some(evidence), Some(of_policy)) = (&accepted.evidence, policy.gateway(gateway)) else {
            continue;
        };
        let asked = accepted.cause == Cause::OperatorRestart;
        if !asked && verdict::can_be_seen(policy, evidence, of_policy) {
            let says = format!("{id} stops {gateway}, which its evidence can see");
            found.push(Violation { invariant: "S5", says });
        }
    }
    found.extend(two_at_once(record));
    found
}

/// What took effect, in order: a second gateway stops before the first was started again.
fn two_at_once(record: &Record) -> Vec<Violation> {
    let mut landed: Vec<(u64, &Action)> = record
        .calls
        .iter()
        // What came after its client had given up is EC2's doing, and said to be unprovable.
        .flat_map(|call| {
            let in_time = call.landed_ms.iter().filter(move |at| **at <= call.window_ends_ms);
            in_time.map(move |at| (*at, &call.action))
        })
        .collect();
    landed.sort_by_key(|(at_ms, _)| *at_ms);
    let mut stopped: BTreeMap<&InstanceId, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for (at_ms, action) in landed {
        match action {
            Action::Stop { instance, .. } => {
                if let Some((other, since)) = stopped.iter().find(|(other, _)| **other != instance) {
                    let says =
                        format!("{instance} is stopped at {at_ms} ms, {other} has been since {since} ms");
                    found.push(Violation { invariant: "S5", says });
                }
                stopped.insert(instance, at_ms);
            }
            Action::Start { instance, .. } => drop(stopped.remove(instance)),
            Action::SetRoute { .. } => {}
        }
    }
    found
}
