//! S1: per resource, after epoch E has initiated target T, no older epoch initiates another target, nor does one land
//! within its client's window.

use crate::report::Violation;
use crate::run::Run;
use arbiter_lab::history::Call;

/// Every pair of calls on one resource, in the order in which EC2 got them.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    for newer in &run.calls {
        let older = run.calls.iter().filter(|older| {
            older.epoch < newer.epoch && older.resource == newer.resource && aim(older) != aim(newer)
        });
        for older in older {
            let how = if older.seq > newer.seq {
                format!("came at {} ms", older.arrived_ms)
            } else if lands_after(run, older, newer) {
                format!("took effect at {} ms", older.applied_ms.unwrap_or_default())
            } else {
                continue;
            };
            let says = format!(
                "{} of epoch {:?} ({}) {how}, after {} of epoch {:?} had come at {} ms",
                words(older),
                older.epoch.unwrap_or_default(),
                older.caller,
                words(newer),
                newer.epoch.unwrap_or_default(),
                newer.arrived_ms
            );
            found.push(Violation::new("S1", says));
        }
    }
    found
}

/// Within its client's window: what EC2 does later than that is said to be unprovable.
fn lands_after(run: &Run, older: &Call, newer: &Call) -> bool {
    let in_time = |at: &u64| !older.late && *at <= older.arrived_ms + run.start.call_timeout_ms;
    older.applied_ms.filter(in_time).is_some_and(|at| at > newer.arrived_ms)
}

fn aim(call: &Call) -> (&str, &str) {
    (&call.action, &call.target)
}

/// A call, for people.
pub fn words(call: &Call) -> String {
    let target = if call.target.is_empty() { String::new() } else { format!(" → {}", call.target) };
    format!("{} {}{target}", call.action, call.resource)
}
