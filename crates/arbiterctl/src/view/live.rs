//! The live screen: everything at one moment, and what was done last.

use super::{EventView, HistoryView, PathView, StatusView, View};
use serde::Serialize;

/// The live screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveView {
    /// Everything at one moment.
    pub status: StatusView,
    /// The newest moves and operators' commands, newest last.
    pub moves: Vec<MoveView>,
    /// Why the newest question has no answer: what is shown is older then; `null` if it has one.
    pub trouble: Option<String>,
}

impl View for LiveView {
    const KIND: &'static str = "watch";
}

/// Something that was done, or asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MoveView {
    /// The log index of the entry that made it.
    pub index: u64,
    /// The proposer's wall clock, in milliseconds since 1970.
    pub wall_ms: u64,
    /// What.
    pub summary: String,
    /// The rule; `null` for an operator's command.
    pub cause: Option<String>,
    /// Who, if it was an operator.
    pub by: Option<String>,
    /// How its call ended: `done`, `failed`, `no-answer`, `not-sent` or `settled`; `null` while it has not, and for an
    /// operator's command.
    pub outcome: Option<String>,
}

/// One path with its verdict, of whichever route it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathLine<'a> {
    /// The path.
    pub path: &'a PathView,
    /// Routes that are committed to it.
    pub carries: usize,
}

impl LiveView {
    /// The screen of these answers.
    pub fn new(status: StatusView, history: &HistoryView) -> Self {
        let moves = history.events.iter().filter_map(|event| done(event, history)).collect();
        Self { status, moves, trouble: None }
    }

    /// Every path once, in the order in which routes name them.
    pub fn paths(&self) -> Vec<PathLine<'_>> {
        let mut lines: Vec<PathLine<'_>> = Vec::new();
        for route in &self.status.routes {
            for path in &route.paths {
                let carries = usize::from(route.committed.as_ref() == Some(&path.id));
                match lines.iter_mut().find(|line| line.path.id == path.id) {
                    Some(line) => line.carries += carries,
                    None => lines.push(PathLine { path, carries }),
                }
            }
        }
        lines
    }

    /// What is different when this differs. What only grows older is left out.
    pub fn essence(&self) -> String {
        let status = &self.status;
        let mut words = vec![
            format!("{:?} {:?} {:?} {:?}", status.traffic, status.leader, status.epoch, status.quorum),
            format!("{} {} {:?}", status.answered.linearizable, status.mode, self.trouble),
            format!("{:?}", status.pause.as_ref().map(|pause| (&pause.reason, &pause.by))),
        ];
        for route in &status.routes {
            words.push(format!("{} {} {:?} {:?}", route.id, route.right, route.committed, route.observed));
        }
        words.extend(self.paths().iter().map(|line| format!("{} {}", line.path.id, line.path.verdict)));
        for gateway in &status.gateways {
            let waits = gateway.restart.as_ref().map(|asked| &asked.waits_for);
            let (state, drained) = (&gateway.state, &gateway.drained);
            words.push(format!("{} {} {state:?} {drained:?} {waits:?}", gateway.id, gateway.verdict));
            words.push(gateway.remediating.to_string());
        }
        words.extend(status.unsettled.iter().map(|doubt| doubt.intent.clone()));
        words.extend(status.alarms.iter().map(|alarm| format!("{} {}", alarm.code, alarm.subject)));
        words.extend(self.moves.iter().map(|one| format!("{} {:?}", one.index, one.outcome)));
        words.join("\n")
    }
}

/// A move with its ending, or an operator's command; `None` for what is neither.
fn done(event: &EventView, history: &HistoryView) -> Option<MoveView> {
    let ends = |other: &&EventView| {
        let same = other.intent.is_some() && other.intent == event.intent;
        same && matches!(other.kind.as_str(), "ended" | "settled")
    };
    let ended = || history.events.iter().rfind(ends);
    let (cause, by, outcome) = match event.kind.as_str() {
        "intended" => {
            let outcome = ended().map(|end| end.outcome.clone().unwrap_or_else(|| "settled".to_owned()));
            (event.cause.clone(), None, outcome)
        }
        "operated" | "mode-set" | "policy-applied" | "readmitted" | "handover" => {
            (None, event.actor.clone(), None)
        }
        _ => return None,
    };
    Some(MoveView {
        index: event.index,
        wall_ms: event.wall_ms,
        summary: event.summary.clone(),
        cause,
        by,
        outcome,
    })
}
