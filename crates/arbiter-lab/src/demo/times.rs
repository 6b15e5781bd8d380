//! How long each stage of a failover took: seen, reported, committed, called, done.

use super::cluster::Node;
use super::scene::{Scene, probe};
use super::stage::Stage;
use crate::calllog::CallRecord;
use arbiter_proto::v1::{MoveStages, Verdict};

/// Milliseconds since the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// The last of the probes that had to be lost was Down.
    seen: Option<u64>,
    /// The leader had heard of it and proposed the move: it does both at once.
    reported: u64,
    /// The move was agreed on.
    committed: u64,
    /// The call was sent.
    called: u64,
    /// The call was answered.
    done: u64,
}

/// Since when a node's own probe is Down, by the endpoint's clock; `None` if it is not.
pub(super) fn down_since_ms(stage: &Stage, scene: &Scene, observer: Node, name: &str) -> Option<u64> {
    let view = scene.views.get(&observer)?;
    let probe = probe(&view.status, name).ok().filter(|probe| probe.state() == Verdict::Down)?;
    let ago_ms = u64::try_from(view.at.elapsed().as_millis()).ok()?;
    let held_ms = ago_ms + probe.report_age_ms.unwrap_or(0) + probe.for_ms;
    Some(stage.endpoint.now_ms().saturating_sub(held_ms))
}

/// The stages of the move that a call belongs to, as the leader that made it tells them.
pub(super) fn stages_of<'a>(scene: &'a Scene, call: &CallRecord) -> Option<&'a MoveStages> {
    let tag = call.tag.as_ref()?;
    let intent = format!("{}.{}", tag.epoch, tag.intent);
    let mut all = scene.views.values().flat_map(|view| &view.status.stages);
    all.find(|stages| stages.intent == intent && stages.done_ms.is_some())
}

impl Times {
    /// Puts the endpoint's clock and the leader's together at the one moment that both know: the call.
    pub fn of(fault_ms: u64, seen_ms: Option<u64>, call: &CallRecord, stages: &MoveStages) -> Option<Self> {
        let (committed_ms, called_ms, done_ms) = (stages.committed_ms?, stages.called_ms?, stages.done_ms?);
        let reported = call.arrived_ms.saturating_sub(called_ms).saturating_sub(fault_ms);
        Some(Self {
            // The two clocks meet to a few milliseconds; nothing is reported before it is seen.
            seen: seen_ms.map(|ms| ms.saturating_sub(fault_ms).min(reported)),
            reported,
            committed: reported + committed_ms,
            called: reported + called_ms,
            done: reported + done_ms,
        })
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("fault")?;
        if let Some(seen) = self.seen {
            write!(f, " → seen {seen} ms")?;
        }
        let Self { reported, committed, called, done, .. } = self;
        write!(f, " → reported {reported} → committed {committed} → called {called} → done {done} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calllog::tests::record;

    #[test]
    fn both_clocks_meet_at_the_call() {
        let call = CallRecord { arrived_ms: 10_500, ..record("ReplaceRoute", true) };
        let stages = MoveStages {
            committed_ms: Some(8),
            called_ms: Some(10),
            done_ms: Some(170),
            ..MoveStages::default()
        };
        let times = Times::of(10_000, Some(10_480), &call, &stages).unwrap();
        assert_eq!(
            times.to_string(),
            "fault → seen 480 ms → reported 490 → committed 498 → called 500 → done 660 ms"
        );
        let unfinished = MoveStages { done_ms: None, ..stages };
        assert_eq!(Times::of(10_000, None, &call, &unfinished), None);
    }
}
