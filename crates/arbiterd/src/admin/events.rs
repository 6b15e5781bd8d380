//! History, as the wire shows it: one line for people, the fields for programs.

use arbiter_core::command::{Action, Cause, MemberStep, Mode, Operation, Outcome, SlotEnding};
use arbiter_core::ids::Epoch;
use arbiter_core::policy::Policy;
use arbiter_core::state::{ClusterState, Entry, Event};
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use prost::Message;

/// All events of one answer, in bytes. With their evidence, a thousand may have several MiB, and clients take four by
/// default.
const ANSWER_BYTES: usize = 3 * 1024 * 1024;

/// The newest events about `subject` after a log index, oldest first. Fewer than `limit`, if they are very long.
pub(crate) fn newest(state: &ClusterState, after: u64, limit: usize, subject: &str) -> Vec<v1::Event> {
    let wanted = |event: &v1::Event| subject.is_empty() || event.subject == subject;
    let events = state.history.iter().rev().take_while(|entry| entry.index.0 > after);
    let mut bytes = 0;
    let fits = |event: &v1::Event| {
        bytes += event.encoded_len();
        bytes <= ANSWER_BYTES
    };
    let events = events.map(|entry| event(state, entry)).filter(wanted);
    let mut newest: Vec<_> = events.take(limit).take_while(fits).collect();
    newest.reverse();
    newest
}

/// What an action does, in words.
pub(super) fn action_words(policy: &Policy, action: &Action) -> String {
    match action {
        Action::SetRoute { route, before, path, after } => {
            let name = |target| {
                let path = policy.route(route).and_then(|route| policy.path_by_target(route, target));
                path.map_or_else(|| target.to_string(), |path| path.id.to_string())
            };
            let from = before.as_ref().map_or_else(|| "?".to_owned(), name);
            format!("{route}: {from} → {path} ({after})")
        }
        Action::Stop { gateway, instance, force: false } => format!("stop {gateway} ({instance})"),
        Action::Stop { gateway, instance, force: true } => format!("force-stop {gateway} ({instance})"),
        Action::Start { gateway, instance } => format!("start {gateway} ({instance})"),
    }
}

/// What an action is about, by name.
pub(super) fn action_subject(action: &Action) -> String {
    match action {
        Action::SetRoute { route, .. } => route.0.clone(),
        Action::Stop { gateway, .. } | Action::Start { gateway, .. } => gateway.0.clone(),
    }
}

/// The parts of an event that differ by kind.
#[derive(Default)]
struct Parts {
    kind: &'static str,
    subject: String,
    summary: String,
    cause: Option<Cause>,
    actor: Option<String>,
    intent: String,
    reasons: Vec<String>,
    evidence_json: String,
    outcome: &'static str,
}

/// The name of the node that was in office, as far back as the history tells.
fn leader_at(state: &ClusterState, epoch: Epoch) -> Option<String> {
    let policy = &state.policy;
    if epoch == Epoch(0) {
        return None;
    }
    if epoch == state.office.epoch {
        return Some(policy.node_name(state.office.node));
    }
    // An epoch is named by the index of the entry that began it, and the history is in the order of indices.
    let at = state.history.partition_point(|entry| entry.index.0 < epoch.0);
    state.history.iter().skip(at).take_while(|entry| entry.index.0 == epoch.0).find_map(|entry| {
        let Event::EpochBegan { node } = &entry.event else { return None };
        Some(policy.node_name(*node))
    })
}

fn event(state: &ClusterState, entry: &Entry) -> v1::Event {
    let parts = parts(&state.policy, &entry.event);
    let leader = || leader_at(state, entry.epoch).unwrap_or_else(|| "leader".to_owned());
    v1::Event {
        index: entry.index.0,
        epoch: entry.epoch.0,
        wall_ms: entry.wall_ms.0,
        log_ms: entry.at.0,
        kind: parts.kind.to_owned(),
        subject: parts.subject,
        summary: parts.summary,
        cause: parts.cause.map(|cause| cause.to_string()).unwrap_or_default(),
        actor: parts.actor.unwrap_or_else(leader),
        intent: parts.intent,
        reasons: parts.reasons,
        evidence_json: parts.evidence_json,
        outcome: parts.outcome.to_owned(),
    }
}

fn parts(policy: &Policy, event: &Event) -> Parts {
    match event {
        Event::Intended { .. }
        | Event::Refused { .. }
        | Event::Ended { .. }
        | Event::Settled { .. }
        | Event::Advised { .. } => mutation(policy, event),
        Event::Operated { .. }
        | Event::PolicyApplied { .. }
        | Event::ModeSet { .. }
        | Event::Readmitted { .. }
        | Event::HandoverAsked { .. }
        | Event::Recovered { .. }
        | Event::MemberChanged { .. } => operators(policy, event),
        other => happening(policy, other),
    }
}

fn mutation(policy: &Policy, event: &Event) -> Parts {
    match event {
        Event::Intended { id, action, from, cause, reasons, evidence } => {
            let left = from.as_ref().map(|from| format!(", leaving {from}")).unwrap_or_default();
            Parts {
                kind: "intended",
                subject: action_subject(action),
                summary: format!("{}{left}", action_words(policy, action)),
                cause: Some(*cause),
                intent: id.to_string(),
                reasons: reasons.clone(),
                evidence_json: evidence
                    .as_ref()
                    .and_then(|evidence| serde_json::to_string(evidence).ok())
                    .unwrap_or_default(),
                ..Parts::default()
            }
        }
        Event::Refused { id, action, cause, refusal, .. } => Parts {
            kind: "refused",
            subject: action_subject(action),
            summary: format!("{}: refused: {refusal}", action_words(policy, action)),
            cause: Some(*cause),
            intent: id.to_string(),
            ..Parts::default()
        },
        Event::Ended { id, action, outcome } => Parts {
            kind: "ended",
            subject: action_subject(action),
            summary: ended_words(policy, action, outcome),
            intent: id.to_string(),
            outcome: match outcome {
                Outcome::Done => "done",
                Outcome::Failed { .. } => "failed",
                Outcome::NoAnswer { .. } => "no-answer",
                Outcome::NotSent { .. } => "not-sent",
            },
            ..Parts::default()
        },
        Event::Settled { id, action } => Parts {
            kind: "settled",
            subject: action_subject(action),
            summary: format!("{}: nobody knows how it ended; its time is over", action_words(policy, action)),
            intent: id.to_string(),
            ..Parts::default()
        },
        Event::Advised { action, cause, reasons } => Parts {
            kind: "advised",
            subject: action_subject(action),
            summary: format!("would have done: {}", action_words(policy, action)),
            cause: Some(*cause),
            reasons: reasons.clone(),
            ..Parts::default()
        },
        _ => Parts::default(),
    }
}

fn ended_words(policy: &Policy, action: &Action, outcome: &Outcome) -> String {
    format!("{}: {outcome}", action_words(policy, action))
}

fn operators(policy: &Policy, event: &Event) -> Parts {
    match event {
        Event::Operated { by, operation } => {
            let (subject, summary) = operation_words(operation);
            Parts { kind: "operated", subject, summary, actor: Some(by.clone()), ..Parts::default() }
        }
        Event::PolicyApplied { by, version } => Parts {
            kind: "policy-applied",
            summary: format!("policy version {version}"),
            actor: Some(by.clone()),
            ..Parts::default()
        },
        Event::ModeSet { by, mode } => Parts {
            kind: "mode-set",
            summary: match mode {
                Mode::Act => "the cluster acts".to_owned(),
                Mode::Observe => "the cluster only observes".to_owned(),
            },
            actor: Some(by.clone()),
            ..Parts::default()
        },
        Event::MemberChanged { by, node, step } => Parts {
            kind: "member-changed",
            subject: policy.node_name(*node),
            summary: match step {
                MemberStep::Add => format!("is to join as a learner, as node {node}"),
                MemberStep::Promote => "is to vote".to_owned(),
                MemberStep::Remove => "is to leave".to_owned(),
                MemberStep::Removed => format!("has left, and the id {node} is used up"),
            },
            // What a leader completes by itself that another one left halfway.
            actor: Some(by.clone()).filter(|by| !by.is_empty()),
            ..Parts::default()
        },
        Event::Recovered { by, node, cluster_id, predecessor, last, without } => {
            let left: Vec<_> = without.iter().map(|id| policy.node_name(*id)).collect();
            let name = policy.node_name(*node);
            let summary = format!(
                "the majority was lost for good: {name} goes on alone after entry {last}, as the cluster {cluster_id} in the \
                 place of {predecessor}, without {}",
                left.join(", ")
            );
            Parts { kind: "recovered", subject: name, summary, actor: Some(by.clone()), ..Parts::default() }
        }
        Event::Readmitted { by, node } => Parts {
            kind: "readmitted",
            subject: policy.node_name(*node),
            summary: "may come back with a new disk".to_owned(),
            actor: Some(by.clone()),
            ..Parts::default()
        },
        Event::HandoverAsked { by, to } => Parts {
            kind: "handover",
            subject: policy.node_name(*to),
            summary: "is asked to take the leadership".to_owned(),
            actor: Some(by.clone()).filter(|by| !by.is_empty()),
            ..Parts::default()
        },
        _ => Parts::default(),
    }
}

fn operation_words(operation: &Operation) -> (String, String) {
    match operation {
        Operation::Switchover { route, path } => (route.0.clone(), format!("switch over to {path}")),
        Operation::Pause { reason, for_ms } => {
            let until = for_ms.map(|ms| format!(" for {}", HumanMs(ms))).unwrap_or_default();
            (String::new(), format!("pause{until}: {reason}"))
        }
        Operation::Resume => (String::new(), "resume".to_owned()),
        Operation::SetMode(_) => (String::new(), "set the mode".to_owned()),
        Operation::Drain { gateway, reason } => (gateway.0.clone(), format!("drain: {reason}")),
        Operation::Undrain { gateway } => (gateway.0.clone(), "end the drain".to_owned()),
        Operation::Pin { route, path } => (route.0.clone(), format!("pin to {path}")),
        Operation::Unpin { route } => (route.0.clone(), "unpin".to_owned()),
        Operation::ReplaceGateway { gateway, instance, interface } => {
            (gateway.0.clone(), format!("replace by {instance} with {interface}"))
        }
        Operation::RestartGateway { gateway, reason, force } => {
            let how = if *force { "restart, by force" } else { "restart" };
            (gateway.0.clone(), format!("{how}: {reason}"))
        }
        Operation::CancelRestart { gateway } => (gateway.0.clone(), "withdraw the restart".to_owned()),
        Operation::ApplyPolicy { version, .. } => (String::new(), format!("apply policy version {version}")),
    }
}

fn happening(policy: &Policy, event: &Event) -> Parts {
    let simple =
        |kind, subject: String, summary: String| Parts { kind, subject, summary, ..Parts::default() };
    match event {
        Event::Formed { cluster_id } => {
            simple("formed", String::new(), format!("the cluster is formed: {cluster_id}"))
        }
        Event::EpochBegan { node } => {
            let name = policy.node_name(*node);
            simple("epoch-began", name.clone(), format!("{name} takes office"))
        }
        Event::Adopted { route, path, reason } => {
            simple("adopted", route.0.clone(), format!("{route} is taken over on {path}: {reason}"))
        }
        Event::Followed { route, preference } => {
            simple("followed", route.0.clone(), format!("{route} follows: {}", preference.words()))
        }
        Event::SlotClosed { gateway, ending } => {
            let (outcome, how) = match ending {
                SlotEnding::Healthy => ("healthy", "it is healthy again"),
                SlotEnding::Failed => ("failed", "it did not come back, and its attempts are used up"),
                SlotEnding::Gone => ("gone", "its instance is gone"),
            };
            let summary = format!("the remediation of {gateway} ends: {how}");
            Parts { outcome, ..simple("remediation-ended", gateway.0.clone(), summary) }
        }
        Event::DriftSeen { route, seen } => {
            let seen = seen.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            simple("drift-seen", route.0.clone(), format!("{route} was seen pointing at {seen}"))
        }
        Event::PauseExpired { reason } => {
            simple("pause-expired", String::new(), format!("the pause has run out: {reason}"))
        }
        Event::RestartExpired { gateway, reason } => {
            let summary = format!("the restart by hand has run out before it could begin: {reason}");
            simple("restart-expired", gateway.0.clone(), summary)
        }
        Event::Admitted { node, .. } => {
            let name = policy.node_name(*node);
            simple("admitted", name.clone(), format!("{name}'s disk is admitted"))
        }
        Event::RulesRaised { version } => {
            simple("rules-raised", String::new(), format!("rules version {version}"))
        }
        _ => simple("other", String::new(), format!("{event:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::ids::{Epoch, LogIndex};
    use arbiter_core::time::{LogMs, UnixMs};
    use std::sync::Arc;

    #[test]
    fn the_leaders_events_name_who_was_in_office() {
        let entry = |index, epoch, event| {
            Arc::new(Entry {
                index: LogIndex(index),
                epoch: Epoch(epoch),
                at: LogMs(0),
                wall_ms: UnixMs(0),
                event,
            })
        };
        let drift = || Event::DriftSeen { route: arbiter_core::ids::RouteId("r".to_owned()), seen: None };
        let paused = Event::Operated { by: "anna".to_owned(), operation: Operation::Resume };
        let mut state = ClusterState::default();
        state.office.epoch = Epoch(20);
        state.office.node = arbiter_core::ids::NodeId(3);
        state.history = [
            entry(5, 0, drift()),
            entry(9, 7, drift()),
            entry(10, 10, Event::EpochBegan { node: arbiter_core::ids::NodeId(2) }),
            entry(11, 10, drift()),
            entry(12, 10, paused),
            entry(21, 20, drift()),
        ]
        .into();
        let name = |node| state.policy.node_name(arbiter_core::ids::NodeId(node));
        let actors: Vec<_> = newest(&state, 0, 10, "").into_iter().map(|event| event.actor).collect();
        // The beginning of epoch 7 is forgotten.
        let expected = ["leader", "leader", &name(2), &name(2), "anna", &name(3)].map(str::to_owned);
        assert_eq!(actors, expected);
        assert_ne!(name(2), name(3));
    }

    #[test]
    fn an_answer_has_the_newest_events_that_fit() {
        let operation =
            |i: u64| Operation::Pause { reason: format!("{i} {}", "x".repeat(10_000)), for_ms: None };
        let entry = |i| Entry {
            index: LogIndex(i),
            epoch: Epoch(1),
            at: LogMs(i),
            wall_ms: UnixMs(i),
            event: Event::Operated { by: "anna".to_owned(), operation: operation(i) },
        };
        let state = ClusterState {
            history: (1..=1_000).map(|i| Arc::new(entry(i))).collect(),
            ..ClusterState::default()
        };
        let events = newest(&state, 0, 1_000, "");
        let bytes: usize = events.iter().map(Message::encoded_len).sum();
        assert!((ANSWER_BYTES - 11_000..=ANSWER_BYTES).contains(&bytes), "{bytes}");
        assert_eq!(events.last().map(|event| event.index), Some(1_000), "the newest are kept");
        assert_eq!(newest(&state, 998, 1_000, "").len(), 2);
        assert_eq!(newest(&state, 0, 3, "").len(), 3);
        assert!(newest(&state, 0, 3, "private-1").is_empty());
    }
}
