//! `history`: what happened.

use crate::cli::HistoryArgs;
use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::{BackupView, EventView, HistoryView};
use arbiter_proto::v1;
use std::path::Path;

/// The newest so many events are looked through for some kinds: more are not kept.
pub(super) const EVENTS_KEPT: u32 = 1_000;

/// What says what would have been done, and what somebody else did.
const WOULD_HAVE: [&str; 4] = ["advised", "drift-seen", "adopted", "mode-set"];

pub(crate) async fn run(args: &HistoryArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    if let Some(file) = &args.backup {
        return of_backup(args, file, session);
    }
    let limit = if args.would_have { EVENTS_KEPT } else { args.limit };
    let wide = HistoryArgs { limit, subject: args.subject.clone(), backup: None, ..*args };
    let mut view = ask(&wide, "history", session).await?;
    if args.would_have {
        view.keep(args.limit, would_have);
    }
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}

fn would_have(event: &EventView) -> bool {
    WOULD_HAVE.contains(&event.kind.as_str())
}

/// The same questions, answered by a file.
fn of_backup(args: &HistoryArgs, file: &Path, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let BackupView { answered, events, .. } = super::backup::read(file)?;
    let mut view = HistoryView { answered, events };
    view.keep(args.limit, |event| {
        event.index > args.after
            && (args.subject.is_none() || args.subject == event.subject)
            && (!args.would_have || would_have(event))
    });
    session.show(&view)?;
    Ok(Exit::Ok)
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
