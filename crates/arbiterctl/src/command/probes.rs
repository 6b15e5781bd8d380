//! `probes`: every probe of every observer.

use super::watch;
use crate::cli::WatchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::ProbesView;

pub(crate) async fn run(args: WatchArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    watch::look("probes", args, session, |view: &ProbesView, session| session.exit_of(&view.answered)).await
}
