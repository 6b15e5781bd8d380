//! `routes`: every route.

use super::watch;
use crate::cli::WatchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::RoutesView;

pub(crate) async fn run(args: WatchArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    watch::look("routes", args, session, |view: &RoutesView, session| session.exit_of(&view.answered)).await
}
