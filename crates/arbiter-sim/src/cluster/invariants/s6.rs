//! S6: an acknowledged command survives; the history is the same on every node.

use crate::cluster::tape::{Record, Tape, Violation, comparable};
use arbiter_core::ids::NodeId;
use arbiter_core::state::{ClusterState, Event};
use std::collections::BTreeMap;

/// Compares what a node has applied after `upto` with what the first node that applied it recorded, also where it did
/// something on one of the two only.
pub fn compare(tape: &Tape, node: NodeId, state: &ClusterState, upto: u64) {
    let mut mine: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
    for entry in state.history.iter().rev().take_while(|entry| entry.index.0 > upto) {
        if let Some(event) = comparable(&entry.event) {
            mine.entry(entry.index.0).or_default().insert(0, event);
        }
    }
    // What is older than the history has been dropped from it.
    let oldest = state.history.iter().next().map_or(u64::MAX, |entry| entry.index.0);
    tape.with(|record| {
        for index in record.history.keys().rev().take_while(|index| **index > upto.max(oldest)) {
            if *index <= state.applied.index.0 {
                mine.entry(*index).or_default();
            }
        }
    });
    for (index, events) in mine {
        let other = tape.with(|record| {
            let (first, recorded) = record.history.get(&index)?;
            (*first != node && *recorded != events).then(|| format!("node {first}: {recorded:?}"))
        });
        if let Some(other) = other {
            tape.violation("S6", format!("entry {index} did on node {node}: {events:?}; on {other}"));
        }
    }
}

/// Every acknowledged command is in the history.
pub fn judge(record: &Record) -> Vec<Violation> {
    let lost = record.acknowledged.iter().filter(|told| !record.history.contains_key(&told.index));
    lost.map(|told| {
        let says = format!("`{}` was acknowledged at entry {}, which did nothing", told.what, told.index);
        Violation { invariant: "S6", says }
    })
    .collect()
}
