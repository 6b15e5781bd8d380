//! `history`: what happened.

use crate::cli::HistoryArgs;
use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::HistoryView;
use arbiter_proto::v1;

pub(crate) async fn run(args: &HistoryArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let view = ask(args, "history", session).await?;
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}

/// Asks what happened, on behalf of the command of that name.
pub(crate) async fn ask(
    args: &HistoryArgs,
    name: &str,
    session: &mut Session<'_, '_>,
) -> Result<HistoryView, Failure> {
    let request = v1::HistoryRequest {
        asking: session.asking(),
        after: args.after,
        limit: args.limit,
        subject: args.subject.clone().unwrap_or_default(),
    };
    let send = async |admin: &mut Admin, request| admin.history(request).await;
    Ok(session.call(name, Kind::Read, request, send).await?.into())
}
