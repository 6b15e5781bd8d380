//! `probes`: every probe of every observer.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::ProbesView;

pub(crate) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let view = ProbesView::from(session.status("probes").await?);
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}
