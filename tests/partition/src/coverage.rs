//! A nemesis that never had an effect has shown nothing.

use crate::run::Run;
use arbiter_lab::history::Answer;
use std::collections::BTreeMap;

/// How often each kind of nemesis had an effect.
pub fn landed(run: &Run) -> BTreeMap<String, u64> {
    let mut landed = BTreeMap::new();
    for nemesis in run.nemeses.iter().filter(|nemesis| nemesis.landed > 0) {
        *landed.entry(nemesis.name.clone()).or_default() += 1;
    }
    landed
}

/// The kinds that were to come, and never had an effect; and what else a run must have seen to mean something.
pub fn never_landed(run: &Run) -> Vec<String> {
    let landed = landed(run);
    let mut missing: Vec<_> =
        run.start.nemeses.iter().filter(|kind| !landed.contains_key(*kind)).cloned().collect();
    if run.is_ours() {
        let answers = || run.requests.iter().map(|request| &request.answer);
        if !answers().any(|answer| matches!(answer, Answer::Accepted { .. })) {
            missing.push("an accepted command".to_owned());
        }
        if !answers().any(|answer| matches!(answer, Answer::Seen { linearizable: true, .. })) {
            missing.push("a confirmed reading".to_owned());
        }
    }
    if run.calls.is_empty() {
        missing.push("a call".to_owned());
    }
    missing
}
