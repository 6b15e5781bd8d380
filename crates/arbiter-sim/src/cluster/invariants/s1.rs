//! S1: per resource, after epoch E has initiated target T, no older epoch initiates another target, nor does one land
//! within its client's window.

use crate::cluster::tape::{Called, Record, Violation};
use arbiter_core::command::Action;

/// Every pair of calls on one resource.
pub fn judge(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    for newer in &record.calls {
        let older = record.calls.iter().filter(|older| {
            older.hand() < newer.hand()
                && older.action.resource() == newer.action.resource()
                && !same_target(&older.action, &newer.action)
        });
        for older in older {
            if older.sent_ms > newer.sent_ms {
                found.push(broken(older, newer, format!("was sent at {} ms", older.sent_ms)));
            }
            let lands = |at: &&u64| **at > newer.sent_ms && **at <= older.window_ends_ms;
            if let Some(at) = older.landed_ms.iter().find(lands) {
                found.push(broken(older, newer, format!("landed at {at} ms, within its client's window")));
            }
        }
    }
    found
}

/// A stop and a start are never the same, and of an instance's calls nobody waits for less.
fn same_target(a: &Action, b: &Action) -> bool {
    a.same_after(b)
}

fn broken(older: &Called, newer: &Called, how: String) -> Violation {
    let (id, other) = (older.intent, newer.intent);
    let says = format!(
        "{id} ({:?}) of node {} {how}; {other} ({:?}) of node {} was sent at {} ms",
        older.action, older.by, newer.action, newer.by, newer.sent_ms
    );
    Violation { invariant: "S1", says }
}
