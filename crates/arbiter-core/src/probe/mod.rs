//! The probe state machine: answers and losses in, `Up`/`Unknown`/`Down` and the next deadline out.

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
    /// Lost of the last hundred, in thousandths.
    pub loss_permille: u32,
    /// When the last answer came.
    pub last_answer: Option<MonoMs>,
    /// What is wrong with sending or receiving, if anything (no permission, no route to host).
    pub last_error: Option<String>,
}
