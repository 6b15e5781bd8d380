//! The `fast` profile, for lines that are known to be clean: a probe is `Down` after 80 ms, a report stale after 150 ms.

/// What each probe says.
pub const PROBES: &str = "interval = \"40ms\"\ntimeout_min = \"10ms\"\ntimeout_max = \"250ms\"\n";
/// What `[timing]` says.
pub const REPORTS: &str = "report_interval = \"50ms\"\nreport_stale_after = \"150ms\"\n";
