//! S2: no mutation without a committed intent. What its recorded evidence carries, S4 and S5 judge.

use crate::cluster::tape::{Record, Violation};
use std::collections::BTreeSet;

/// Every call against the accepted intents.
pub fn judge(record: &Record) -> Vec<Violation> {
    let mut called = BTreeSet::new();
    let mut found = Vec::new();
    for call in &record.calls {
        let id = call.intent;
        let mut broken = |says| found.push(Violation { invariant: "S2", says });
        match record.accepted.get(&id) {
            None => broken(format!("{id} was called and never accepted")),
            Some(accepted) if accepted.action != call.action => {
                broken(format!("{id} was accepted as {:?} and called as {:?}", accepted.action, call.action));
            }
            Some(accepted) if accepted.at_ms > call.sent_ms => {
                broken(format!("{id} was called at {} ms, before its commit", call.sent_ms));
            }
            Some(_) => {}
        }
        if !called.insert(id) {
            broken(format!("{id} was called twice"));
        }
    }
    found
}
