//! S6: an acknowledged command survives; the history is the same on every node; a read is linearizable or says that it is
//! stale.
//!
//! The log's index is the witness. What is answered before something else is asked stands before it; a reading shows all that
//! was acknowledged before it was asked, nothing that was asked for after it was answered, and the pause that the log has
//! there. What nobody knows of may have taken effect at any time from its asking on, once, or never.

use crate::report::Violation;
use crate::run::{Request, Run};
use arbiter_lab::history::{Answer, Event};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was told.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found: Vec<String> = Vec::new();
    found.extend(same_everywhere(run));
    found.extend(acknowledged(run));
    found.extend(in_real_time(run));
    found.extend(readings(run));
    found.into_iter().map(|says| Violation::new("S6", says)).collect()
}

/// What all nodes must tell alike. Refusals are counted together as they grow old.
fn comparable(events: &[Event]) -> Vec<[&str; 6]> {
    events.iter().filter(|event| event.event != "refused").map(fields).collect()
}

fn fields(told: &Event) -> [&str; 6] {
    let Event { event, subject, summary, cause, actor, intent, .. } = told;
    [event, subject, summary, cause, actor, intent].map(|field| field.as_str())
}

fn same_everywhere(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    let mut first: BTreeMap<u64, (&str, Vec<[&str; 6]>)> = BTreeMap::new();
    for (node, entries) in &run.histories {
        for (index, events) in entries {
            let mine = comparable(events);
            let (by, theirs) = first.entry(*index).or_insert_with(|| (node, mine.clone()));
            if *theirs != mine {
                found.push(format!("entry {index} did on {by}: {theirs:?}; on {node}: {mine:?}"));
            }
        }
    }
    let all: BTreeSet<u64> =
        first.iter().filter(|(_, (_, events))| !events.is_empty()).map(|(index, _)| *index).collect();
    for node in &run.start.nodes {
        let told = run.histories.get(&node.name);
        let missing: Vec<_> =
            all.iter().filter(|index| !told.is_some_and(|told| told.contains_key(index))).collect();
        if !missing.is_empty() {
            found.push(format!("{} never told of entries {missing:?}", node.name));
        }
    }
    found
}

/// What an operator has asked for: its actor is the request's name.
fn is_an_operators(event: &Event) -> bool {
    matches!(event.event.as_str(), "operated" | "readmitted")
}

/// What was acknowledged is there; what was refused is not; nothing is there twice.
fn acknowledged(run: &Run) -> Vec<String> {
    let mut by_actor: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (index, events) in run.history() {
        for event in events.iter().filter(|event| is_an_operators(event)) {
            by_actor.entry(&event.actor).or_default().insert(index);
        }
    }
    let mut found = Vec::new();
    for request in &run.requests {
        let at = by_actor.get(request.asked.by.as_str());
        let wrong = match &request.answer {
            Answer::Accepted { index, .. } => at.is_none_or(|at| !at.contains(index)),
            Answer::Refused { .. } | Answer::Seen { .. } => at.is_some(),
            Answer::Unknown { .. } => false,
        };
        if wrong {
            found.push(format!(
                "{} ({:?}) was answered {:?}, and is in the log at {at:?}",
                request.asked.by, request.asked.what, request.answer
            ));
        }
        if at.is_some_and(|at| at.len() > 1) {
            found.push(format!("{} is in the log more than once: {at:?}", request.asked.by));
        }
    }
    found
}

fn index_of(request: &Request) -> Option<u64> {
    match request.answer {
        Answer::Accepted { index, .. } => Some(index),
        _ => None,
    }
}

/// What was answered before another was asked stands before it.
fn in_real_time(run: &Run) -> Vec<String> {
    let accepted: Vec<_> =
        run.requests.iter().filter_map(|request| Some((request, index_of(request)?))).collect();
    let mut found = Vec::new();
    for (earlier, before) in &accepted {
        for (later, after) in &accepted {
            if earlier.returned_ms < later.asked.at_ms && before >= after {
                found.push(format!(
                    "{} was answered (entry {before}) before {} was asked, which is entry {after}",
                    earlier.asked.by, later.asked.by
                ));
            }
        }
    }
    found
}

/// Every reading that calls itself linearizable.
fn readings(run: &Run) -> Vec<String> {
    let seen: Vec<_> = run
        .requests
        .iter()
        .filter_map(|request| match request.answer {
            Answer::Seen { linearizable: true, applied, paused } => Some((request, applied, paused)),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    for (reading, applied, paused) in &seen {
        for (other, index) in run.requests.iter().filter_map(|request| Some((request, index_of(request)?))) {
            if other.returned_ms < reading.asked.at_ms && index > *applied {
                found.push(format!(
                    "{} read up to {applied}, after {} had been acknowledged at {index}",
                    reading.asked.by, other.asked.by
                ));
            }
            if reading.returned_ms < other.asked.at_ms && index <= *applied {
                found.push(format!(
                    "{} read up to {applied}, before {} was asked, which is entry {index}",
                    reading.asked.by, other.asked.by
                ));
            }
        }
        for (later, newer, _) in &seen {
            if reading.returned_ms < later.asked.at_ms && newer < applied {
                found.push(format!(
                    "{} read up to {applied}, and {} after it up to {newer} only",
                    reading.asked.by, later.asked.by
                ));
            }
        }
        if run.paused_at(*applied) != *paused {
            found.push(format!(
                "{} read up to {applied} that paused = {paused}; the log has it otherwise",
                reading.asked.by
            ));
        }
    }
    found
}
