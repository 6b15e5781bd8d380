//! S3: no mutation after a pause has been called quiet (a start that ends a remediation excepted).

use super::s1::words;
use crate::report::Violation;
use crate::run::{Request, Run};
use arbiter_lab::history::{Answer, Asked};

/// Every pause that was called quiet, until somebody may have ended it.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    for pause in run.requests.iter().filter(|request| request.asked.what == Asked::Pause) {
        let Answer::Accepted { index, quiet: true } = pause.answer else { continue };
        let until_ms = run
            .requests
            .iter()
            .filter(|request| may_end(request, index, pause.asked.at_ms))
            .map(|request| request.asked.at_ms)
            .min()
            .unwrap_or(u64::MAX);
        let within = pause.returned_ms.saturating_add(1)..until_ms;
        let calls = run.calls.iter().filter(|call| within.contains(&call.arrived_ms));
        for call in calls.filter(|call| call.action != "StartInstances") {
            let says = format!(
                "{} came at {} ms; {} had been told at {} ms that all is quiet, and nobody had asked for its end",
                words(call),
                call.arrived_ms,
                pause.asked.by,
                pause.returned_ms
            );
            found.push(Violation::new("S3", says));
        }
    }
    found
}

/// Whether a request may have ended a pause that stands at this index and was asked for then.
fn may_end(request: &Request, index: u64, asked_ms: u64) -> bool {
    request.asked.what == Asked::Resume
        && request.returned_ms >= asked_ms
        && match request.answer {
            Answer::Accepted { index: at, .. } => at > index,
            Answer::Unknown { .. } => true,
            Answer::Refused { .. } | Answer::Seen { .. } => false,
        }
}
