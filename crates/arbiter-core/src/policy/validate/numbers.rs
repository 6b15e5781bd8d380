//! Durations and counts: none is zero, each is bounded so that no sum or product of them can overflow, and
//! those that depend on each other fit.

use super::super::{Policy, Probe, Remediation, Timing};
use super::Findings;
use crate::probe::{BURST_FACTOR, MAX_PENDING};
use crate::time::ExactMs;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;
const WEEK: u64 = 7 * DAY;
/// Faster than that, a probe measures the scheduler rather than the line.
const INTERVAL_MIN_MS: u64 = 20;

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    timing(&policy.timing, findings);
    remediation(&policy.remediation, findings);
    for (i, probe) in policy.probes.iter().enumerate() {
        check_probe(i, probe, findings);
    }
}

fn timing(timing: &Timing, findings: &mut Findings) {
    let durations = [
        ("report_interval_ms", timing.report_interval_ms, 20, MINUTE),
        ("report_stale_after_ms", timing.report_stale_after_ms, 40, 10 * MINUTE),
        ("unknown_grace_ms", timing.unknown_grace_ms, 1, DAY),
        ("failback_after_ms", timing.failback_after_ms, 1, DAY),
        ("failback_max_ms", timing.failback_max_ms, 1, DAY),
        ("flap_decay_ms", timing.flap_decay_ms, 1, WEEK),
        ("freeze_window_ms", timing.freeze_window_ms, 1, DAY),
        ("freeze_for_ms", timing.freeze_for_ms, 1, DAY),
        ("reconcile_interval_ms", timing.reconcile_interval_ms, 100, 60 * MINUTE),
        ("drift_grace_ms", timing.drift_grace_ms, 1, DAY),
        ("drift_window_ms", timing.drift_window_ms, 1, WEEK),
        ("dispatch_window_ms", timing.dispatch_window_ms, 10, 10 * SECOND),
        ("call_timeout_ms", timing.call_timeout_ms, 100, 30 * SECOND),
        ("stall_allowance_ms", timing.stall_allowance_ms, 1, 10 * SECOND),
    ];
    for (field, value, least, most) in durations {
        duration(findings, &format!("timing.{field}"), value, least, most);
    }
    // A freeze after the first move would hold up the second real failure.
    count(findings, "timing.freeze_moves", timing.freeze_moves.into(), 2, 1_000);
    count(findings, "timing.drift_repairs", timing.drift_repairs.into(), 1, 1_000);
    count(findings, "timing.clock_rate_error_ppm", timing.clock_rate_error_ppm, 1, 100_000);

    let twice = timing.report_interval_ms.saturating_mul(2);
    at_least(
        findings,
        "timing.report_stale_after_ms",
        timing.report_stale_after_ms,
        twice,
        "two report intervals, so that one lost report makes nobody stale",
    );
    at_least(
        findings,
        "timing.failback_max_ms",
        timing.failback_max_ms,
        timing.failback_after_ms,
        "the wait before coming home that it limits",
    );
}

fn remediation(remediation: &Remediation, findings: &mut Findings) {
    let durations = [
        ("remediate_after_ms", remediation.remediate_after_ms),
        ("cooldown_ms", remediation.cooldown_ms),
        ("attempts_window_ms", remediation.attempts_window_ms),
        ("boot_grace_ms", remediation.boot_grace_ms),
        ("force_stop_after_ms", remediation.force_stop_after_ms),
        ("start_owed_for_ms", remediation.start_owed_for_ms),
        ("gone_after_ms", remediation.gone_after_ms),
    ];
    for (field, value) in durations {
        duration(findings, &format!("remediation.{field}"), value, 1, WEEK);
    }
    count(findings, "remediation.attempts", remediation.attempts.into(), 1, 100);
}

fn check_probe(i: usize, probe: &Probe, findings: &mut Findings) {
    let place = |field: &str| format!("probes[{i}].{field}");
    duration(findings, &place("interval_ms"), probe.interval_ms, INTERVAL_MIN_MS, MINUTE);
    duration(findings, &place("timeout_min_ms"), probe.timeout_min_ms, 1, MINUTE);
    duration(findings, &place("timeout_max_ms"), probe.timeout_max_ms, 1, MINUTE);
    // One lost packet is no evidence.
    count(findings, &place("fall"), probe.fall.into(), 2, 100);
    count(findings, &place("rise"), probe.rise.into(), 1, 100);
    at_least(
        findings,
        &place("timeout_max_ms"),
        probe.timeout_max_ms,
        probe.timeout_min_ms,
        "the least timeout of this probe",
    );
    // At this many the probe machine skips sending, since too many probes are waited for: a burst that skips
    // is slow to find out what it was started for.
    let bearable_ms = (probe.interval_ms / BURST_FACTOR).saturating_mul(MAX_PENDING as u64);
    if probe.timeout_max_ms > bearable_ms && probe.interval_ms >= INTERVAL_MIN_MS {
        findings.warning(
            place("timeout_max_ms"),
            format!(
                "{} is very long for one probe every {}: where the round trip is that long, probes are skipped",
                ExactMs(probe.timeout_max_ms),
                ExactMs(probe.interval_ms)
            ),
            format!("at most `{}`, or a longer interval", ExactMs(bearable_ms)),
        );
    }
}

fn duration(findings: &mut Findings, place: &str, value: u64, least: u64, most: u64) {
    if !(least..=most).contains(&value) {
        let nearest = ExactMs(value.clamp(least, most));
        findings.error(
            place,
            format!("{} is not between {} and {}", ExactMs(value), ExactMs(least), ExactMs(most)),
            format!("the nearest allowed is `{nearest}`"),
        );
    }
}

fn count(findings: &mut Findings, place: &str, value: u64, least: u64, most: u64) {
    if !(least..=most).contains(&value) {
        let nearest = value.clamp(least, most);
        findings.error(
            place,
            format!("{value} is not between {least} and {most}"),
            format!("the nearest allowed is {nearest}"),
        );
    }
}

fn at_least(findings: &mut Findings, place: &str, value: u64, least: u64, what: &str) {
    if value < least {
        findings.error(
            place,
            format!("{} is less than {}: {what}", ExactMs(value), ExactMs(least)),
            format!("at least `{}`", ExactMs(least)),
        );
    }
}
