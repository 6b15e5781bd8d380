//! L1: after the last fault has healed, observed = committed = desired, everywhere, and no resource stays unsettled.

use crate::report::Violation;
use crate::run::Run;

/// Whoever ran it has waited for it.
pub fn judge(run: &Run) -> Vec<Violation> {
    if run.end.well_ms.is_some() {
        return Vec::new();
    }
    let says = format!("all was mended at {} ms, and in the end: {}", run.end.healed_ms, run.end.missing);
    vec![Violation::new("L1", says)]
}
