//! What a change would do, as the wire shows it.

use super::events::{action_subject, action_words};
use super::{members, operation, status};
use arbiter_control::Look;
use arbiter_core::command::Applied;
use arbiter_core::ids::{NodeId, PathId};
use arbiter_core::plan::{Preview, Step};
use arbiter_core::policy::Policy;
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use arbiter_proto::v1::preview_request::Change;
use arbiter_raft::RaftNode;
use members::node_of;
use tonic::Status;

/// What this change would do. Whose answer it is the caller adds.
pub(super) async fn reply(
    look: Look,
    raft: &RaftNode,
    change: Option<Change>,
) -> Result<v1::PreviewReply, Status> {
    match change {
        Some(Change::HandOver(request)) => hand_over(&look, &request.to),
        Some(Change::Operate(request)) if members::is_change(request.operation.as_ref()) => {
            members::preview(&look, raft, request.operation)
        }
        Some(Change::Operate(request)) => {
            let operation = operation::read(request.operation)?;
            // With a thousand routes it takes as long as some tens of plans.
            let played = tokio::task::spawn_blocking(move || {
                let preview = look.preview(&request.by, operation);
                words(&look.state.policy, preview)
            });
            played.await.map_err(|error| Status::internal(format!("the preview broke off: {error}")))
        }
        None => Err(Status::invalid_argument("no change, or one that this version does not know")),
    }
}

fn words(policy: &Policy, preview: Preview) -> v1::PreviewReply {
    let step = |step: Step| v1::PreviewStep {
        subject: action_subject(&step.action),
        action: action_words(policy, &step.action),
        from: name(step.from),
        cause: step.cause.to_string(),
        reasons: step.reasons,
    };
    let refusal = match preview.answer {
        Applied::Refused(refusal) => refusal.to_string(),
        _ => String::new(),
    };
    let route = |(id, view): (arbiter_core::ids::RouteId, arbiter_core::plan::RouteView)| v1::PreviewRoute {
        id: id.0,
        committed: name(view.committed),
        desired: name(view.desired),
        why: view.why,
    };
    v1::PreviewReply {
        accepted: refusal.is_empty(),
        refusal,
        follows: preview.follows.into_iter().map(step).collect(),
        prevents: preview.prevents.into_iter().map(step).collect(),
        routes: preview.routes.into_iter().map(route).collect(),
        quiet: preview.quiet,
        start_to_come: preview.start_to_come.map(|gateway| gateway.0).unwrap_or_default(),
        ..v1::PreviewReply::default()
    }
}

fn name(path: Option<PathId>) -> String {
    path.map(|path| path.0).unwrap_or_default()
}

fn hand_over(look: &Look, name: &str) -> Result<v1::PreviewReply, Status> {
    let node = node_of(&look.state.policy, name)?;
    if look.view.leader == Some(node.id) {
        let cautions = vec![format!("{name} leads already: that changes nothing")];
        return Ok(v1::PreviewReply { accepted: true, cautions, ..v1::PreviewReply::default() });
    }
    let refusal = match look.view.voters.contains(&node.id) {
        true => String::new(),
        false => format!("{name} is not another voter"),
    };
    let accepted = refusal.is_empty();
    let cautions = if accepted { doubts(look, node.id, name) } else { Vec::new() };
    Ok(v1::PreviewReply { accepted, refusal, cautions, ..v1::PreviewReply::default() })
}

/// Why the node may not take the leadership, or not be good at it.
fn doubts(look: &Look, node: NodeId, name: &str) -> Vec<String> {
    let mut doubts = Vec::new();
    if !status::is_fresh(look, node) {
        doubts.push(format!("{name} is not heard: the leadership would most likely stay where it is"));
    }
    let held = look.reports.iter().find(|(report, _)| report.node == node);
    let limit_ms = look.state.policy.timing.observation_stale_after_ms();
    match held.and_then(|(report, _)| report.describe_ok_age_ms) {
        Some(age_ms) if age_ms <= limit_ms => {}
        Some(age_ms) => doubts.push(format!("{name} last read EC2 {} ago", HumanMs(age_ms))),
        None => doubts.push(format!("{name} has never read EC2")),
    }
    if !look.state.unsettled.is_empty() {
        doubts.push("calls are under way: the new leader may have to wait until they are settled".to_owned());
    }
    doubts
}
