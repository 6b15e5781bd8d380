//! `--dry-run` of every command that changes something: what the leader says would come of it.

use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::PreviewView;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::preview_request::Change;

/// Asks and shows. A refusal is what was asked for, and still no success.
pub(super) async fn operation(
    command: &'static str,
    name: &str,
    does: String,
    operation: Operation,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let view = ask(command, name, does, change(operation, session), session).await?;
    session.show(&view)?;
    Ok(exit(&view))
}

/// The wire's form of an operation that is only tried on.
pub(super) fn change(operation: Operation, session: &Session<'_, '_>) -> Change {
    Change::Operate(v1::OperateRequest {
        by: session.by().to_owned(),
        operation: Some(operation),
        ..v1::OperateRequest::default()
    })
}

pub(super) async fn ask(
    command: &'static str,
    name: &str,
    does: String,
    change: Change,
    session: &mut Session<'_, '_>,
) -> Result<PreviewView, Failure> {
    let request = v1::PreviewRequest { asking: session.asking(), change: Some(change) };
    let send = async |admin: &mut Admin, request| admin.preview(request).await;
    let reply: v1::PreviewReply = session.call(name, Kind::Read, request, send).await?;
    let view = PreviewView::from(reply);
    // Only a pause is asked how quiet it would be.
    let quiet = view.quiet.filter(|_| command == "pause" && view.accepted);
    Ok(PreviewView { command: command.to_owned(), does, quiet, ..view })
}

pub(super) const fn exit(view: &PreviewView) -> Exit {
    if view.accepted { Exit::Ok } else { Exit::Failed }
}
