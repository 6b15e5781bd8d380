//! `members`: every node.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::MembersView;

pub(crate) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let view = MembersView::from(session.status("members").await?);
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}
