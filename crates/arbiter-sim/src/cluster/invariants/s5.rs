//! S5: never two gateways stopped by us at once; never one that a majority can see (but by an operator's request). That
//! none is left stopped, L1 sees.

use crate::cluster::tape::{Accepted, Record, Violation};
use arbiter_core::command::{Action, Cause};
use arbiter_core::ids::{GatewayId, InstanceId, IntentId};
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
    found.extend(too_often(record, policy));
    found.extend(outside_of_slots(record));
    found
}

/// Budgets and cooldowns are judged in log time, which never runs faster than true time but for the clocks' rates: so much
/// less is granted. It counts from when an entry was proposed, however long its commit took.
fn too_often(record: &Record, policy: &Policy) -> Vec<Violation> {
    let limits = &policy.remediation;
    let short = |ms: u64| ms - ms / 100;
    let mut found = Vec::new();
    let remediates = |(_, accepted): &(&IntentId, &Accepted)| {
        accepted.cause == Cause::Remediate && matches!(accepted.action, Action::Stop { .. })
    };
    let proposed = |(id, stop): (&IntentId, &Accepted)| {
        (record.proposed.get(id).map_or(stop.at_ms, |(at_ms, _)| *at_ms), stop.action.clone())
    };
    let stops: Vec<(u64, Action)> = record.accepted.iter().filter(remediates).map(proposed).collect();
    for (at_ms, stop) in &stops {
        let Action::Stop { gateway, .. } = stop else { continue };
        let from_ms = at_ms.saturating_sub(short(limits.attempts_window_ms));
        let within = |(other_ms, other): &&(u64, Action)| {
            other.resource() == stop.resource() && (from_ms..=*at_ms).contains(other_ms)
        };
        let count = stops.iter().filter(within).count();
        let mut broken = |says| found.push(Violation { invariant: "S5", says });
        if count > usize::try_from(limits.attempts).unwrap_or(usize::MAX) {
            broken(format!("{gateway} is stopped {count} times within its budget's time, at {at_ms} ms"));
        }
        let cool_ms = closed_before(record, gateway, *at_ms).map(|closed_ms| at_ms - closed_ms);
        if let Some(cool_ms) = cool_ms.filter(|ms| *ms < short(limits.cooldown_ms)) {
            broken(format!("{gateway} is stopped {cool_ms} ms after its last restart, at {at_ms} ms"));
        }
    }
    found
}

/// When it was first proposed to close the slot of this gateway that was closed last before this time.
fn closed_before(record: &Record, gateway: &GatewayId, at_ms: u64) -> Option<u64> {
    let of_it = |times: &[(u64, GatewayId)]| {
        times.iter().filter(|(_, of)| of == gateway).map(|(at_ms, _)| *at_ms).collect::<Vec<_>>()
    };
    let closed: Vec<u64> =
        of_it(&record.closed).into_iter().filter(|closed_ms| *closed_ms <= at_ms).collect();
    let (last, before) = closed.split_last()?;
    let since_ms = before.last().copied().unwrap_or(0);
    let proposed = of_it(&record.closing).into_iter().filter(|ms| (since_ms..=*last).contains(ms)).min();
    Some(proposed.unwrap_or(*last))
}

/// A stop takes effect, if ever, while the slot is open that its intent opened: whoever closed it took the gateway for well.
fn outside_of_slots(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    for call in &record.calls {
        let (Action::Stop { gateway, .. }, Some(accepted)) =
            (&call.action, record.accepted.get(&call.intent))
        else {
            continue;
        };
        for at_ms in &call.landed_ms {
            let mut closed = record.closed.iter().filter(|(_, of)| of == gateway);
            if let Some((since, _)) = closed.find(|(since, _)| (accepted.at_ms..*at_ms).contains(since)) {
                let says = format!("{gateway} is stopped at {at_ms} ms; its slot was closed at {since} ms");
                found.push(Violation { invariant: "S5", says });
            }
        }
    }
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
