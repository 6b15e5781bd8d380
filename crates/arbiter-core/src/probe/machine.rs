//! One probe's state machine, without I/O.

use super::ProbeStatus;
use super::loss::LossTally;
use super::rtt::RttEstimator;
use super::timing::{MIN_LOST, ProbeTiming};
use crate::evidence::Verdict;
use crate::time::MonoMs;
use std::collections::VecDeque;

/// The most probes that can wait for their timeout at once. In a burst it is almost thirteen intervals'
/// worth; while it is reached (a timeout far longer than the interval), slots are skipped.
pub const MAX_PENDING: usize = 64;

/// How often the end of a window may be put off because its timer came late. After three times the runtime has
/// had at least three burst gaps to hand over an answer that had arrived; a machine that is always this late
/// must still be able to say `Down`.
const MAX_POSTPONEMENTS: u8 = 3;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The deadline came.
    Timer,
    /// The answer to probe `seq` came.
    Answered {
        /// Which probe.
        seq: u64,
        /// Its round trip in microseconds.
        rtt_us: u64,
    },
    /// The network refused probe `seq`: no route, connection refused, unreachable. That is a loss, only sooner.
    Failed {
        /// Which probe.
        seq: u64,
        /// What the network said.
        error: String,
    },
    /// Probe `seq` never left for a reason of our own (no permission, no file descriptors). That is no evidence.
    NotSent {
        /// Which probe.
        seq: u64,
        /// Why.
        error: String,
    },
}

/// A probe to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmission {
    /// Its number: counts up by one, never used twice.
    pub seq: u64,
    /// How long an answer to it is worth waiting for; longer than the timeout, as a late answer still proves
    /// the path alive. At most [`MAX_PENDING`] burst gaps or the timeout, whichever is more: so no more than
    /// twice [`MAX_PENDING`] are listened for at once.
    pub listen_ms: u64,
}

/// What is to be done, and what changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Send this now.
    pub send: Option<Transmission>,
    /// The state changed to this.
    pub changed: Option<Verdict>,
}

/// A probe that was sent and has neither been answered nor timed out.
#[derive(Debug, Clone, Copy)]
struct Pending {
    seq: u64,
    sent: MonoMs,
    timeout_ms: u64,
}

impl Pending {
    fn deadline(&self) -> MonoMs {
        self.sent.plus_ms(self.timeout_ms)
    }
}

/// A suspicion: everything sent since `first_seq` has been lost so far.
#[derive(Debug, Clone, Copy)]
struct Window {
    first_seq: u64,
    end: MonoMs,
    lost: u32,
    postponed: u8,
}

/// One probe as its observer runs it.
///
/// ```text
///                         rise answers in a row
///  start ──► UNKNOWN ─────────────────────────────► UP ◄───────────────┐
///              │  ▲                                 │ ▲                │
///   first miss │  │ any answer           first miss │ │ any answer     │
///   opens the  │  │ from the             opens the  │ │ from the       │ rise answers
///   window     │  │ window               window     │ │ window         │ in a row
///              ▼  │                                 ▼ │                │
///         UNKNOWN, in a burst                  UP, in a burst          │
///              │                                    │                  │
///              └── the window is over, all lost ────┴────► DOWN ───────┘
///
///  from all: nothing but `NotSent` for a window ──► UNKNOWN
///            a stall of ours longer than an interval ──► the same state, without window and row
/// ```
///
/// * **The window** runs for `interval × fall` from when the first lost probe was *sent*: that is the earliest
///   moment of which anything bad is known. (Counting from the last answered probe would be sooner, but by an
///   interval in which nothing was asked; a smaller `fall` says that honestly.) It opens at that probe's
///   timeout, and then a probe goes out every fifth of an interval. No probe is sent that could not time out
///   before the window ends, so that the end needs no more waiting: then either all are lost, or one was
///   answered. Where that would be fewer than [`MIN_LOST`], it lasts until so many are lost.
/// * **An answer** to any probe of the window, however late, proves that the path is alive: it closes the
///   window. A late answer also teaches the timeout, but it does not count towards `rise`: it is evidence
///   against `Down`, not for `Up`. So a path that is slower than `timeout_max_ms` stays `Up` if it was (probing
///   in bursts, with [`ProbeStatus::timeout_clipped`] set), and never becomes `Up`.
/// * **`Up`** needs `rise` answers in a row, from `Down` and from `Unknown` alike: if one answer were enough
///   after a start, restarting the process would launder a flapping path.
/// * **A stall** of our own process is no evidence. If it lasted longer than an interval, what was in flight is
///   forgotten, the window is closed and the row of answers ends; the state stays. A lesser stall puts the end
///   of the window off by a burst gap, so that an answer that waits in the socket's buffer is heard first.
/// * **Probes that could not be sent** are no evidence either. They close the window, and when there was nothing
///   else for as long as a window lasts, the state is `Unknown`.
#[derive(Debug, Clone)]
pub struct ProbeMachine {
    timing: ProbeTiming,
    /// All regular slots lie at whole intervals from here, also after bursts and stalls: probes that were
    /// spread over the interval stay spread.
    phase: MonoMs,
    next_send: MonoMs,
    next_seq: u64,
    /// Ordered by `seq`.
    pending: VecDeque<Pending>,
    window: Option<Window>,
    answers_in_row: u32,
    highest_answered: Option<u64>,
    /// Answers to earlier probes carry a round trip that contains a stall of ours.
    sample_from_seq: u64,
    /// Since when nothing but `NotSent` happened.
    blind_since: Option<MonoMs>,
    rtt: RttEstimator,
    loss: LossTally,
    state: Verdict,
    since: MonoMs,
    last_rtt_us: Option<u64>,
    last_answer: Option<MonoMs>,
    last_error: Option<String>,
}

impl ProbeMachine {
    /// A probe of which nothing is known yet, to be sent for the first time at `first_send`. Who runs many
    /// spreads these over the interval; they keep that spread.
    pub fn new(timing: ProbeTiming, now: MonoMs, first_send: MonoMs) -> Self {
        Self {
            timing,
            phase: first_send,
            next_send: first_send,
            next_seq: 0,
            pending: VecDeque::new(),
            window: None,
            answers_in_row: 0,
            highest_answered: None,
            sample_from_seq: 0,
            blind_since: None,
            rtt: RttEstimator::default(),
            loss: LossTally::default(),
            state: Verdict::Unknown,
            since: now,
            last_rtt_us: None,
            last_answer: None,
            last_error: None,
        }
    }

    /// Takes what happened at `now`; says what to do. Events that make no sense (an answer to a probe that was
    /// never sent) change nothing.
    pub fn handle(&mut self, now: MonoMs, event: Event) -> Effects {
        let before = self.state;
        let late_ms = now.since_ms(self.next_deadline());
        if late_ms > self.timing.interval_ms() {
            self.forget_evidence(now);
        }
        match event {
            Event::Timer => {}
            Event::Answered { seq, .. } | Event::Failed { seq, .. } | Event::NotSent { seq, .. }
                if seq >= self.next_seq => {}
            Event::Answered { seq, rtt_us } => self.answered(now, seq, rtt_us),
            Event::Failed { seq, error } => self.failed(now, seq, error),
            Event::NotSent { seq, error } => self.not_sent(now, seq, error),
        }
        self.expire(now);
        self.judge_window(now, late_ms);
        let send = self.send_if_due(now);
        if self.state != before {
            self.since = now;
        }
        Effects { send, changed: (self.state != before).then_some(self.state) }
    }

    /// When [`Self::handle`] wants to be called at the latest. After a call it lies in the future.
    pub fn next_deadline(&self) -> MonoMs {
        let timeouts = self.pending.iter().map(Pending::deadline);
        let send = self.wants_to_send(self.next_send).then_some(self.next_send);
        // What else a window waits for (a pending probe, or enough that were sent) is a deadline of its own.
        let complete = |window: &Window| window.lost >= MIN_LOST && self.pending_of(window) == 0;
        let end = self.window.filter(complete).map(|window| window.end);
        let earliest = timeouts.chain(send).chain(end).min();
        // There is always one: only a full `pending` or a complete window keeps from sending.
        earliest.unwrap_or(self.next_send)
    }

    /// Its state and numbers.
    pub fn status(&self) -> ProbeStatus {
        let wanted_ms = self.rtt.wanted_ms();
        let timeout_ms = self.timing.bounded_timeout_ms(wanted_ms);
        ProbeStatus {
            state: self.state,
            since: self.since,
            last_rtt_us: self.last_rtt_us,
            timeout_ms,
            timeout_clipped: wanted_ms.is_some_and(|ms| ms > timeout_ms),
            window_ms: self.timing.stretched_window_ms(timeout_ms),
            loss_permille: self.loss.permille(),
            last_answer: self.last_answer,
            last_error: self.last_error.clone(),
        }
    }

    /// Its state.
    pub fn state(&self) -> Verdict {
        self.state
    }

    /// Whether a window is open: something was lost, and a burst is finding out whether all is.
    pub fn suspects(&self) -> bool {
        self.window.is_some()
    }

    /// How many probes wait for their answer or timeout; never more than [`MAX_PENDING`].
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn answered(&mut self, now: MonoMs, seq: u64, rtt_us: u64) {
        self.last_answer = Some(now);
        self.last_rtt_us = Some(rtt_us);
        self.last_error = None;
        self.blind_since = None;
        if seq >= self.sample_from_seq {
            self.rtt.sample(rtt_us);
        }
        if let Some(probe) = self.take_pending(seq) {
            let in_time = rtt_us <= probe.timeout_ms.saturating_mul(1_000);
            self.loss.note(!in_time);
            self.answers_in_row = if in_time { self.answers_in_row.saturating_add(1) } else { 0 };
        }
        self.highest_answered = self.highest_answered.max(Some(seq));
        if self.window.is_some_and(|window| seq >= window.first_seq) {
            self.close_window(now);
        }
        if self.answers_in_row >= self.timing.rise() {
            self.state = Verdict::Up;
        }
    }

    fn failed(&mut self, now: MonoMs, seq: u64, error: String) {
        self.last_error = Some(error);
        if let Some(probe) = self.take_pending(seq) {
            self.missed(now, probe);
        }
    }

    fn not_sent(&mut self, now: MonoMs, seq: u64, error: String) {
        self.last_error = Some(error);
        if self.take_pending(seq).is_none() {
            return;
        }
        self.answers_in_row = 0;
        self.close_window(now);
        let blind_since = *self.blind_since.get_or_insert(now);
        if now.since_ms(blind_since) >= self.timing.window_ms() {
            self.state = Verdict::Unknown;
        }
    }

    /// Everything whose timeout has come is lost.
    fn expire(&mut self, now: MonoMs) {
        // Deadlines need not be in the order of sending, because the timeout adapts.
        let (expired, waiting): (VecDeque<_>, VecDeque<_>) =
            self.pending.iter().partition(|probe| probe.deadline() <= now);
        if expired.is_empty() {
            return;
        }
        self.pending = waiting;
        for probe in expired {
            self.missed(now, probe);
        }
    }

    fn missed(&mut self, now: MonoMs, probe: Pending) {
        self.loss.note(true);
        self.answers_in_row = 0;
        self.blind_since = None;
        if self.state == Verdict::Down {
            return;
        }
        if let Some(window) = &mut self.window {
            if probe.seq >= window.first_seq {
                window.lost = window.lost.saturating_add(1);
            }
        } else if self.highest_answered.is_none_or(|answered| answered < probe.seq) {
            // A later probe's answer would already have refuted this suspicion.
            let end = probe.sent.plus_ms(self.timing.window_ms());
            self.window = Some(Window { first_seq: probe.seq, end, lost: 1, postponed: 0 });
            self.next_send = now.max(probe.sent.plus_ms(self.timing.burst_gap_ms()));
        }
    }

    fn judge_window(&mut self, now: MonoMs, late_ms: u64) {
        let Some(window) = self.window else { return };
        if now < window.end || window.lost < MIN_LOST || self.pending_of(&window) > 0 {
            return;
        }
        let gap_ms = self.timing.burst_gap_ms();
        if late_ms > gap_ms && window.postponed < MAX_POSTPONEMENTS {
            let postponed = window.postponed + 1;
            self.window = Some(Window { end: now.plus_ms(gap_ms), postponed, ..window });
            return;
        }
        self.state = Verdict::Down;
        self.close_window(now);
    }

    fn send_if_due(&mut self, now: MonoMs) -> Option<Transmission> {
        if now < self.next_send {
            return None;
        }
        // Slots that were missed are skipped, never made up for.
        self.next_send = match self.window {
            Some(_) => now.plus_ms(self.timing.burst_gap_ms()),
            None => self.slot_after(now),
        };
        if !self.wants_to_send(now) {
            return None;
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        let timeout_ms = self.timeout_ms();
        self.pending.push_back(Pending { seq, sent: now, timeout_ms });
        let useful_ms = self.timing.stretched_window_ms(timeout_ms).max(self.timing.timeout_max_ms());
        let bound_ms = self.timing.burst_gap_ms().saturating_mul(MAX_PENDING as u64);
        Some(Transmission { seq, listen_ms: useful_ms.min(bound_ms).max(timeout_ms) })
    }

    /// Whether a probe sent at `at` would serve: in a window it must be able to time out before the end, unless
    /// too few have been sent.
    fn wants_to_send(&self, at: MonoMs) -> bool {
        if self.pending.len() >= MAX_PENDING {
            return false;
        }
        self.window.is_none_or(|window| {
            at.plus_ms(self.timeout_ms()) <= window.end || window.lost + self.pending_of(&window) < MIN_LOST
        })
    }

    fn forget_evidence(&mut self, now: MonoMs) {
        self.pending.clear();
        self.answers_in_row = 0;
        self.blind_since = None;
        self.sample_from_seq = self.next_seq;
        self.close_window(now);
        self.next_send = self.slot_after(now);
    }

    fn close_window(&mut self, now: MonoMs) {
        if self.window.take().is_some() {
            self.next_send = self.slot_after(now);
        }
    }

    /// The first regular slot after `now`.
    fn slot_after(&self, now: MonoMs) -> MonoMs {
        if now < self.phase {
            return self.phase;
        }
        let interval_ms = self.timing.interval_ms();
        self.phase.plus_ms((now.since_ms(self.phase) / interval_ms + 1) * interval_ms)
    }

    fn take_pending(&mut self, seq: u64) -> Option<Pending> {
        let place = self.pending.iter().position(|probe| probe.seq == seq)?;
        self.pending.remove(place)
    }

    fn pending_of(&self, window: &Window) -> u32 {
        let count = self.pending.iter().filter(|probe| probe.seq >= window.first_seq).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn timeout_ms(&self) -> u64 {
        self.timing.bounded_timeout_ms(self.rtt.wanted_ms())
    }
}
