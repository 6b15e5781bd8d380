//! `history`: what happened.

use crate::cli::HistoryArgs;
use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::HistoryView;
use arbiter_proto::v1;

pub(crate) async fn run(args: &HistoryArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let request = v1::HistoryRequest {
        asking: session.asking(),
        after: args.after,
        limit: args.limit,
        subject: args.subject.clone().unwrap_or_default(),
    };
    let send = async |admin: &mut Admin, request| admin.history(request).await;
    let view = HistoryView::from(session.call("history", Kind::Read, request, send).await?);
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}
