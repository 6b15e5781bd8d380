//! Durations and counts: bounded, and fitting each other.

use crate::after;
use crate::policies::reference;
use arbiter_core::policy::{Policy, Probe};

/// What is done to the first probe.
type Change = fn(&mut Probe);

#[test]
fn a_probes_numbers_are_bounded_and_fit_together() {
    let cases: [(Change, &str); 5] = [
        (
            |p| p.interval_ms = 19_999_999,
            "interval_ms: 19999999ms is not between 20ms and 1m (the nearest allowed is `1m`)",
        ),
        (|p| p.fall = 1, "fall: 1 is not between 2 and 100 (the nearest allowed is 2)"),
        (|p| p.rise = 0, "rise: 0 is not between 1 and 100 (the nearest allowed is 1)"),
        (
            |p| p.timeout_min_ms = 0,
            "timeout_min_ms: 0ms is not between 1ms and 1m (the nearest allowed is `1ms`)",
        ),
        (
            |p| p.timeout_min_ms = 501,
            "timeout_max_ms: 500ms is less than 501ms: the least timeout of this probe (at least `501ms`)",
        ),
    ];
    for (change, expected) in cases {
        after(|policy| change(&mut policy.probes[0]), &[&format!("error: probes[0].{expected}")]);
    }
    after(
        |p| p.probes[0].timeout_max_ms = 1_281,
        &[
            "warning: probes[0].timeout_max_ms: 1281ms is very long for one probe every 100ms: where the round trip is \
           that long, probes are skipped (at most `1280ms`, or a longer interval)",
        ],
    );
}

#[test]
fn timing_is_bounded_and_fits_together() {
    after(
        |p| p.timing.report_stale_after_ms = 150,
        &[
            "error: timing.report_stale_after_ms: 150ms is less than 200ms: two report intervals, so that one lost \
           report makes nobody stale (at least `200ms`)",
        ],
    );
    after(
        |p| p.timing.failback_max_ms = 1_000,
        &["error: timing.failback_max_ms: 1s is less than 30s: the wait before coming home that it limits \
           (at least `30s`)"],
    );
    after(
        |p| p.timing.freeze_moves = 1,
        &["error: timing.freeze_moves: 1 is not between 2 and 1000 (the nearest allowed is 2)"],
    );
    after(
        |p| p.remediation.attempts = 0,
        &["error: remediation.attempts: 0 is not between 1 and 100 (the nearest allowed is 1)"],
    );
}

#[test]
fn no_duration_or_count_may_be_zero_or_endless() {
    let json = serde_json::to_value(reference()).expect("a policy is JSON");
    for section in ["timing", "remediation"] {
        let fields: Vec<String> = json[section].as_object().expect("a table").keys().cloned().collect();
        for field in fields.iter().filter(|field| *field != "enabled") {
            for extreme in [0, u64::from(u32::MAX)] {
                let mut changed = json.clone();
                changed[section][field] = extreme.into();
                let policy: Policy = serde_json::from_value(changed).expect("still a policy");
                let place = format!("{section}.{field}");
                assert!(policy.errors().iter().any(|error| error.place == place), "{place} = {extreme}");
            }
        }
    }
}
