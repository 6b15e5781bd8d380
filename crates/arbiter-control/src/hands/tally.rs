//! What this process has done since its start, in numbers that only grow: what metrics are made of.

use arbiter_core::command::{Action, Outcome};
use std::collections::BTreeMap;

/// Upper bounds of the buckets, in milliseconds. Finest where the promise lies (a failover within half a second),
/// up to a call that runs into its timeout.
pub const BOUNDS_MS: [u64; 13] = [5, 10, 25, 50, 75, 100, 150, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// How many values fell where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many values were at most each of [`BOUNDS_MS`], and above the bound before; the last counts what is above
    /// all of them.
    pub buckets: [u64; BOUNDS_MS.len() + 1],
    /// The sum of all values, in milliseconds.
    pub sum_ms: u64,
}

impl Histogram {
    fn add(&mut self, ms: u64) {
        let bucket = BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS_MS.len());
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }
}

/// A part of a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// From the verdict to the proposal.
    Seen,
    /// From the proposal until it was committed.
    Committed,
    /// From then until the call was sent.
    Called,
    /// From then until the call was acknowledged.
    Done,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Seen, Self::Committed, Self::Called, Self::Done];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Committed => "committed",
            Self::Called => "called",
            Self::Done => "done",
        }
    }
}

/// What this process has done since its start. Nothing in it ever goes back, also not when it leaves office.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that have ended, by the stable names of what they did and of how they ended.
    calls: BTreeMap<(&'static str, &'static str), u64>,
    stages: BTreeMap<Stage, Histogram>,
    plans: u64,
}

impl Tally {
    /// What a call can do.
    pub const ACTIONS: [&'static str; 3] = ["set-route", "stop", "start"];

    /// How a call can end.
    pub const OUTCOMES: [&'static str; 4] = ["done", "failed", "no-answer", "not-sent"];

    /// How many calls of one of [`Self::ACTIONS`] have ended in one of [`Self::OUTCOMES`].
    pub fn calls(&self, action: &str, outcome: &str) -> u64 {
        let same = |(key, _): &(&(&str, &str), &u64)| **key == (action, outcome);
        self.calls.iter().find(same).map_or(0, |(_, count)| *count)
    }

    /// How long a stage took in each failover that EC2 acknowledged.
    pub fn stage(&self, stage: Stage) -> Histogram {
        self.stages.get(&stage).cloned().unwrap_or_default()
    }

    /// How often it has planned, in office, and acted on the plan.
    pub const fn plans(&self) -> u64 {
        self.plans
    }

    /// Counts a plan that is acted on.
    pub const fn planned(&mut self) {
        self.plans = self.plans.saturating_add(1);
    }

    /// Counts the end of a call.
    pub fn call_ended(&mut self, action: &Action, outcome: &Outcome) {
        let action = match action {
            Action::SetRoute { .. } => "set-route",
            Action::Stop { .. } => "stop",
            Action::Start { .. } => "start",
        };
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Failed { .. } => "failed",
            Outcome::NoAnswer { .. } => "no-answer",
            Outcome::NotSent { .. } => "not-sent",
        };
        let count = self.calls.entry((action, outcome)).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts how long a stage of a failover took, in milliseconds.
    pub fn stage_took(&mut self, stage: Stage, ms: u64) {
        self.stages.entry(stage).or_default().add(ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::ids::{GatewayId, InstanceId};

    #[test]
    fn a_value_falls_into_one_bucket_and_a_bound_belongs_to_its_own() {
        let mut histogram = Histogram::default();
        for ms in [0, 5, 6, 10_000, 10_001, 99_999] {
            histogram.add(ms);
        }
        assert_eq!(histogram.buckets[..2], [2, 1]);
        assert_eq!(histogram.buckets[12..], [1, 2]);
        assert_eq!(histogram.buckets.iter().sum::<u64>(), 6);
        assert_eq!(histogram.sum_ms, 120_011);
    }

    #[test]
    fn every_end_of_every_action_is_counted_under_its_own_name() {
        let (gateway, instance) = (GatewayId::from("g"), InstanceId::from("i"));
        let stop = Action::Stop { gateway: gateway.clone(), instance: instance.clone(), force: true };
        let start = Action::Start { gateway, instance };
        let silence = Outcome::NoAnswer { message: String::new() };
        let mut tally = Tally::default();
        tally.call_ended(&stop, &silence);
        tally.call_ended(&stop, &silence);
        tally.call_ended(&start, &Outcome::Done);
        let known = |tally: &Tally| {
            let of = |action| Tally::OUTCOMES.map(|outcome| tally.calls(action, outcome));
            Tally::ACTIONS.map(of)
        };
        assert_eq!(known(&tally), [[0, 0, 0, 0], [0, 0, 2, 0], [1, 0, 0, 0]]);
    }
}
