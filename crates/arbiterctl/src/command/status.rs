//! `status`: its exit code says what its first lines say.

use super::watch;
use crate::cli::WatchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::StatusView;

pub(crate) async fn run(args: WatchArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    watch::look("status", args, session, exit_of).await
}

/// No quorum, degraded, or ok.
pub(super) fn exit_of(view: &StatusView, session: &Session<'_, '_>) -> Exit {
    if view.leader.is_none() || !view.quorum.reached {
        return Exit::NoQuorum;
    }
    match session.exit_of(&view.answered) {
        Exit::Ok if !view.is_sound() => Exit::Degraded,
        exit => exit,
    }
}
