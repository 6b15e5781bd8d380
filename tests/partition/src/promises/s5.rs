//! S5: never two gateways stopped by us at once; never one that a majority can see. That none is left stopped, L1 sees.

use super::s1::words;
use super::s4::is_alone;
use crate::report::Violation;
use crate::run::Run;
use arbiter_lab::history::{Call, GatewayFacts};
use std::collections::BTreeMap;

/// A gateway that was well for all of this before it was stopped was stopped wrongly: nobody condemns one on less than
/// the end of this time.
const WELL_FOR_MS: u64 = 5_000;

/// Every stop.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    let accepted = || run.calls.iter().filter(|call| call.ok);
    for call in accepted().filter(|call| call.action == "StopInstances") {
        let Some(gateway) = run.gateway(|gateway| gateway.instance == call.resource) else { continue };
        if was_seen(run, call, gateway) {
            let says = format!(
                "{} by {} at {} ms: {} was on, and could be seen",
                words(call),
                call.caller,
                call.arrived_ms,
                gateway.name
            );
            found.push(Violation::new("S5", says));
        }
    }
    found.extend(two_at_once(run, accepted()));
    found
}

fn was_seen(run: &Run, call: &Call, gateway: &GatewayFacts) -> bool {
    let truths = run.truths_within(call.arrived_ms.saturating_sub(WELL_FOR_MS), call.arrived_ms);
    truths.iter().all(|so| {
        !so.hosts_off.contains(&gateway.name) && !is_alone(run, so, &gateway.name) && so.loss_percent == 0
    })
}

/// In the order in which they took effect: a second gateway stops before the first was started again. A stop that EC2 carried out
/// after its client had given up is EC2's doing (docs/safety.md); a start is one whenever it comes.
fn two_at_once<'a>(run: &Run, accepted: impl Iterator<Item = &'a Call>) -> Vec<Violation> {
    let counts = |call: &&Call| !call.late || call.action == "StartInstances";
    let mut landed: Vec<_> =
        accepted.filter(counts).filter_map(|call| Some((call.applied_ms?, call))).collect();
    landed.sort_by_key(|(at_ms, call)| (*at_ms, call.seq));
    let mut stopped: BTreeMap<&str, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for (at_ms, call) in landed {
        match call.action.as_str() {
            "StopInstances" => {
                let other = stopped.iter().find(|(other, _)| **other != call.resource);
                if let Some((other, since_ms)) = other {
                    let says = format!(
                        "{} is stopped at {at_ms} ms, {other} has been since {since_ms} ms (of {} gateways)",
                        call.resource,
                        run.start.gateways.len()
                    );
                    found.push(Violation::new("S5", says));
                }
                stopped.insert(&call.resource, at_ms);
            }
            "StartInstances" => drop(stopped.remove(call.resource.as_str())),
            _ => {}
        }
    }
    found
}
