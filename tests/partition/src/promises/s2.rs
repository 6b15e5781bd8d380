//! S2: no mutation without a committed intent, of the epoch in office, by the node in office, once. That its evidence carries
//! it, every node has judged in `apply`; the simulation judges that again.

use super::s1::words;
use crate::report::Violation;
use crate::run::Run;
use arbiter_lab::history::{Call, Event};
use std::collections::{BTreeMap, BTreeSet};

/// Every call.
pub fn judge(run: &Run) -> Vec<Violation> {
    let history = run.history();
    let events = || history.values().copied().flatten();
    let intended: BTreeMap<&str, &Event> = events()
        .filter(|event| event.event == "intended")
        .map(|event| (event.intent.as_str(), event))
        .collect();
    let in_office: BTreeMap<u64, &str> = events()
        .filter(|event| event.event == "epoch-began")
        .map(|event| (event.index, event.subject.as_str()))
        .collect();
    let mut called = BTreeSet::new();
    let mut found = Vec::new();
    for call in &run.calls {
        let mut wrong = |how: String| {
            found.push(Violation::new("S2", format!("{} at {} ms, {}", words(call), call.arrived_ms, how)));
        };
        let Some(epoch) = call.epoch else {
            wrong("names no decision".to_owned());
            continue;
        };
        match intended.get(call.intent.as_str()) {
            None => wrong(format!("names intent {}, which nobody has committed", call.intent)),
            Some(intent) if !is_of(run, intent, call) => {
                wrong(format!("names intent {}, which is `{}`", call.intent, intent.summary));
            }
            Some(_) => {}
        }
        if !called.insert(&call.intent) {
            wrong(format!("is the second call of intent {}", call.intent));
        }
        let caller = run.start.nodes.iter().find(|node| node.caller == call.caller).map(|node| &node.name);
        let office = in_office.get(&epoch);
        if office.copied() != caller.map(String::as_str) {
            wrong(format!("was made by {}, epoch {epoch} is {office:?}'s", call.caller));
        }
    }
    found
}

/// Whether a call does what its intent says.
fn is_of(run: &Run, intent: &Event, call: &Call) -> bool {
    if call.action == "ReplaceRoute" {
        let route = run.gateway(|gateway| gateway.table == call.resource).map(|gateway| &gateway.route);
        return route == Some(&intent.subject) && intent.summary.contains(&format!("({})", call.target));
    }
    let gateway = run.gateway(|gateway| gateway.instance == call.resource).map(|gateway| &gateway.name);
    let verb = if call.action == "StopInstances" { "stop " } else { "start " };
    gateway == Some(&intent.subject) && intent.summary.contains(verb)
}
