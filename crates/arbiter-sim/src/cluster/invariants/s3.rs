//! S3: no mutation after a pause has been called quiet, but a start that ends a remediation.

use crate::cluster::tape::{Record, Violation};
use arbiter_core::command::Action;

/// Every time of promised quiet against the calls that left, or took effect, in it.
pub fn judge(record: &Record) -> Vec<Violation> {
    let mut found = Vec::new();
    for quiet in &record.quiet {
        let calls = record.calls.iter().filter(|call| !matches!(call.action, Action::Start { .. }));
        for call in calls {
            let within = |at_ms: u64| at_ms > quiet.from_ms && at_ms < quiet.until_ms;
            if within(call.sent_ms) {
                let says = format!(
                    "{} was called at {} ms; quiet was promised at {} ms",
                    call.intent, call.sent_ms, quiet.from_ms
                );
                found.push(Violation { invariant: "S3", says });
            }
        }
    }
    found
}
