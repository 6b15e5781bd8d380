//! The probe state machine: answers and losses in, `Up`/`Unknown`/`Down` and the next deadline out.
//!
//! [`ProbeMachine`] is one probe as its observer runs it. It sends nothing and reads no clock: whoever owns the
//! sockets calls [`ProbeMachine::handle`] with what happened and when, sends what comes back, and calls again
//! no later than [`ProbeMachine::next_deadline`].
//!
//! # Which settings
//!
//! False `Down`s per hour of one probe that suffers independent loss, by the number of probes that its window
//! holds. `q` is the loss of a round trip: 1 % each way is 1.99 %, 3 % each way is 5.91 %. A window is opened
//! `q · 3600 s / interval` times an hour and is lost whole with `q^(n−1)`; interval 100 ms:
//!
//! | round trip | n in a 200 ms window | 1 % each way | 3 % each way |
//! |---|---|---|---|
//! | ≤ 20 ms (timeout at its floor) | 10 | 4·10⁻¹³ | 2·10⁻⁸ |
//! | 40 ms (timeout about 45 ms) | 7 | 4·10⁻⁸ | 9·10⁻⁵ |
//! | ≥ 60 ms (the least that is accepted) | 6 | 2·10⁻⁶ | 2·10⁻³ |
//!
//! Hence the defaults: interval 100 ms, fall 2, rise 3, timeout 20…500 ms: `Down` 200 ms after the first lost
//! probe was sent, on average 250 ms after the fault. The low floor costs nothing, since a late answer still
//! proves the path alive: it only lets the burst begin early. For a `fast` profile: interval 40 ms, fall 2,
//! timeout 10…250 ms, 100 ms on average; there loss that comes in bursts of 80 ms is taken for a fault, so it
//! is for lines that are known to be clean.

mod loss;
mod machine;
mod rtt;
mod timing;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod table_tests;

pub use machine::{Effects, Event, MAX_PENDING, ProbeMachine, Transmission};
pub use timing::{BURST_FACTOR, MIN_LOST, ProbeTiming};

use crate::evidence::Verdict;
use crate::time::MonoMs;
use serde::{Deserialize, Serialize};

/// One probe as it stands: its verdict and the numbers that people ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStatus {
    /// Its state.
    pub state: Verdict,
    /// Since when.
    pub since: MonoMs,
    /// Round trip of the last answer, in microseconds.
    pub last_rtt_us: Option<u64>,
    /// The timeout in force.
    pub timeout_ms: u64,
    /// Warning: the round trip asks for a longer timeout than `timeout_max_ms` allows.
    #[serde(default)]
    pub timeout_clipped: bool,
    /// How long after the first lost probe was sent this probe would be `Down`; more than `interval × fall`
    /// where the round trip is so long that too few probes fit into that.
    #[serde(default)]
    pub window_ms: u64,
    /// Lost of the last hundred, in thousandths. Lost means not answered within the timeout.
    pub loss_permille: u32,
    /// When the last answer came.
    pub last_answer: Option<MonoMs>,
    /// What is wrong with sending or receiving, if anything (no permission, no route to host). An answer
    /// clears it.
    pub last_error: Option<String>,
}
