//! `[timing]` and `[remediation]`: which key is which field, for reading and for rendering alike.

use crate::reader::Table;
use arbiter_core::policy::{Remediation, Timing};

/// The durations of `[timing]`, in the order in which they are shown.
pub(crate) fn timing_durations(timing: &mut Timing) -> [(&'static str, &mut u64); 14] {
    [
        ("report_interval", &mut timing.report_interval_ms),
        ("report_stale_after", &mut timing.report_stale_after_ms),
        ("unknown_grace", &mut timing.unknown_grace_ms),
        ("failback_after", &mut timing.failback_after_ms),
        ("failback_max", &mut timing.failback_max_ms),
        ("flap_decay", &mut timing.flap_decay_ms),
        ("freeze_window", &mut timing.freeze_window_ms),
        ("freeze_for", &mut timing.freeze_for_ms),
        ("reconcile_interval", &mut timing.reconcile_interval_ms),
        ("drift_grace", &mut timing.drift_grace_ms),
        ("drift_window", &mut timing.drift_window_ms),
        ("dispatch_window", &mut timing.dispatch_window_ms),
        ("call_timeout", &mut timing.call_timeout_ms),
        ("stall_allowance", &mut timing.stall_allowance_ms),
    ]
}

/// The counts of `[timing]`.
pub(crate) fn timing_counts(timing: &mut Timing) -> [(&'static str, &mut u32); 2] {
    [("freeze_moves", &mut timing.freeze_moves), ("drift_repairs", &mut timing.drift_repairs)]
}

/// The durations of `[remediation]`.
pub(crate) fn remediation_durations(remediation: &mut Remediation) -> [(&'static str, &mut u64); 7] {
    [
        ("remediate_after", &mut remediation.remediate_after_ms),
        ("cooldown", &mut remediation.cooldown_ms),
        ("attempts_window", &mut remediation.attempts_window_ms),
        ("boot_grace", &mut remediation.boot_grace_ms),
        ("force_stop_after", &mut remediation.force_stop_after_ms),
        ("start_owed_for", &mut remediation.start_owed_for_ms),
        ("gone_after", &mut remediation.gone_after_ms),
    ]
}

/// The counts of `[remediation]`.
pub(crate) fn remediation_counts(remediation: &mut Remediation) -> [(&'static str, &mut u32); 1] {
    [("attempts", &mut remediation.attempts)]
}

pub(super) fn timing(root: &mut Table<'_, '_>) -> Timing {
    let mut timing = Timing::default();
    let mut keys = vec!["clock_rate_error_ppm"];
    keys.extend(timing_durations(&mut timing).map(|(key, _)| key));
    keys.extend(timing_counts(&mut timing).map(|(key, _)| key));
    let raw = root.table("timing", "timing");
    let mut table = Table::open(root.context, raw, "timing", "timing", &keys);
    read(&mut table, &mut timing_durations(&mut timing));
    for (key, count) in timing_counts(&mut timing) {
        *count = table.number(key, key, "4").unwrap_or(*count);
    }
    let key = "clock_rate_error_ppm";
    timing.clock_rate_error_ppm = table.number(key, key, "10000").unwrap_or(timing.clock_rate_error_ppm);
    timing
}

pub(super) fn remediation(root: &mut Table<'_, '_>) -> Remediation {
    let mut remediation = Remediation::default();
    let mut keys = vec!["enabled"];
    keys.extend(remediation_durations(&mut remediation).map(|(key, _)| key));
    keys.extend(remediation_counts(&mut remediation).map(|(key, _)| key));
    let raw = root.table("remediation", "remediation");
    let mut table = Table::open(root.context, raw, "remediation", "remediation", &keys);
    read(&mut table, &mut remediation_durations(&mut remediation));
    for (key, count) in remediation_counts(&mut remediation) {
        *count = table.number(key, key, "3").unwrap_or(*count);
    }
    remediation.enabled = table.flag("enabled", "enabled").unwrap_or(remediation.enabled);
    remediation
}

fn read(table: &mut Table<'_, '_>, durations: &mut [(&'static str, &mut u64)]) {
    for (key, duration) in durations {
        **duration = table.duration_ms(key, &format!("{key}_ms")).unwrap_or(**duration);
    }
}
