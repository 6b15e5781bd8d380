//! How patient to be: every duration and count that the rules use.

use crate::planted::{Bug, planted};
use serde::{Deserialize, Serialize};

/// How patient to be: with reports, decisions and calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// Each node sends its report at least this often, and each change at once.
    pub report_interval_ms: u64,
    /// A report older than this is stale: it counts no more.
    pub report_stale_after_ms: u64,
    /// How long a route stays on a path that is `Unknown` (say, `arbiterd` is being upgraded there) before it goes to one
    /// that is `Up`.
    pub unknown_grace_ms: u64,
    /// How long the better path must be `Up` without a break before a route comes home.
    pub failback_after_ms: u64,
    /// That wait doubles with each flap, up to this.
    pub failback_max_ms: u64,
    /// One flap is forgotten after this long.
    pub flap_decay_ms: u64,
    /// The window in which moves of one route are counted.
    pub freeze_window_ms: u64,
    /// This many moves of one route within the window are its last ones for a while.
    pub freeze_moves: u32,
    /// How long a frozen route then stays where it is, whatever the verdict, with an alarm.
    pub freeze_for_ms: u64,
    /// The route tables are re-read at least this often.
    pub reconcile_interval_ms: u64,
    /// How long somebody's manual move onto a good path of ours is left alone.
    pub drift_grace_ms: u64,
    /// The window in which repairs of one route are counted.
    pub drift_window_ms: u64,
    /// After this many repairs in the window the drift is only reported: somebody means it.
    pub drift_repairs: u32,
    /// τ: a call may be sent only this long after its intent was about to be proposed.
    pub dispatch_window_ms: u64,
    /// r: a call ends, answered or not, after this long.
    pub call_timeout_ms: u64,
    /// p: the stall between the last check and the socket write that is allowed for.
    pub stall_allowance_ms: u64,
    /// ρ: how far two hosts' clock *rates* may differ, in parts per million. Their times are never compared.
    pub clock_rate_error_ppm: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            report_interval_ms: 100,
            report_stale_after_ms: 300,
            unknown_grace_ms: 60_000,
            failback_after_ms: 30_000,
            failback_max_ms: 600_000,
            flap_decay_ms: 600_000,
            freeze_window_ms: 60_000,
            freeze_moves: 4,
            freeze_for_ms: 60_000,
            reconcile_interval_ms: 10_000,
            drift_grace_ms: 120_000,
            drift_window_ms: 600_000,
            drift_repairs: 3,
            dispatch_window_ms: 500,
            call_timeout_ms: 2_000,
            stall_allowance_ms: 250,
            clock_rate_error_ppm: 10_000,
        }
    }
}

impl Timing {
    /// W: how long after first seeing an unsettled intent of an older epoch it may be settled.
    ///
    /// It must be strictly more than (τ + r + p)·(1+ρ)/(1−ρ); this is that bound times 1.25, rounded up.
    pub fn takeover_wait_ms(&self) -> u64 {
        if planted(Bug::WaitWithoutStall) {
            return self.dispatch_window_ms.saturating_add(self.call_timeout_ms);
        }
        let bound = self.takeover_bound_ms();
        bound.saturating_add(bound.div_ceil(4)).saturating_add(1)
    }

    /// (τ + r + p)·(1+ρ)/(1−ρ), rounded up: the bound that the takeover wait must exceed.
    pub fn takeover_bound_ms(&self) -> u64 {
        let million = 1_000_000;
        let rate_error_ppm = self.clock_rate_error_ppm.min(500_000);
        let sum_ms = self
            .dispatch_window_ms
            .saturating_add(self.call_timeout_ms)
            .saturating_add(self.stall_allowance_ms);
        sum_ms.saturating_mul(million + rate_error_ppm).div_ceil(million - rate_error_ppm)
    }

    /// The wait before a route comes home, after this many remembered flaps.
    pub fn failback_wait_ms(&self, flaps: u32) -> u64 {
        let doublings = flaps.saturating_sub(1).min(16);
        self.failback_after_ms
            .saturating_mul(1 << doublings)
            .min(self.failback_max_ms.max(self.failback_after_ms))
    }

    /// What the provider showed is evidence for this long: two reconcile rounds and one call.
    pub fn observation_stale_after_ms(&self) -> u64 {
        self.reconcile_interval_ms.saturating_mul(2).saturating_add(self.call_timeout_ms)
    }
}

/// When and how a dead gateway is stopped and started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Remediation {
    /// Whether any gateway may be stopped and started at all.
    pub enabled: bool,
    /// How long a gateway must have been `Down`; half of it when EC2's status checks call it impaired.
    pub remediate_after_ms: u64,
    /// Time from the end of one remediation of a gateway to the next.
    pub cooldown_ms: u64,
    /// How many stops one gateway gets within `attempts_window_ms`, not counting a repetition with force.
    pub attempts: u32,
    /// The window in which stops of one gateway are counted.
    pub attempts_window_ms: u64,
    /// How long a started gateway may take to become healthy.
    pub boot_grace_ms: u64,
    /// A stop that hangs this long is repeated with force.
    pub force_stop_after_ms: u64,
    /// How long after our last stop a gateway that is found stopped still gets a start.
    pub start_owed_for_ms: u64,
    /// An instance that EC2 has not shown for this long is gone.
    pub gone_after_ms: u64,
}

impl Default for Remediation {
    fn default() -> Self {
        Self {
            enabled: true,
            remediate_after_ms: 120_000,
            cooldown_ms: 600_000,
            attempts: 3,
            attempts_window_ms: 3_600_000,
            boot_grace_ms: 300_000,
            force_stop_after_ms: 120_000,
            start_owed_for_ms: 3_600_000,
            gone_after_ms: 300_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_takeover_wait_is_strictly_more_than_its_bound() {
        for (window, call, stall, rate) in
            [(500, 2_000, 250, 10_000), (0, 0, 0, 0), (1, 1, 1, 1), (50, 100, 10, 900_000)]
        {
            let timing = Timing {
                dispatch_window_ms: window,
                call_timeout_ms: call,
                stall_allowance_ms: stall,
                clock_rate_error_ppm: rate,
                ..Timing::default()
            };
            assert!(timing.takeover_wait_ms() > timing.takeover_bound_ms());
            assert!(timing.takeover_bound_ms() >= window + call + stall);
        }
    }

    #[test]
    fn the_wait_before_coming_home_doubles_with_each_flap_up_to_its_limit() {
        let timing = Timing::default();
        let waits: Vec<_> = (0..8).map(|flaps| timing.failback_wait_ms(flaps)).collect();
        assert_eq!(waits, [30_000, 30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
    }
}
