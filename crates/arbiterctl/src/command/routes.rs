//! `routes`: every route.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::RoutesView;

pub(crate) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let view = RoutesView::from(session.status("routes").await?);
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}
