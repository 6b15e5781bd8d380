//! `status`: its exit code says what its first lines say.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::StatusView;

pub(crate) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let view = StatusView::from(session.status("status").await?);
    session.show(&view)?;
    if view.leader.is_none() || !view.quorum.reached {
        return Ok(Exit::NoQuorum);
    }
    Ok(match session.exit_of(&view.answered) {
        Exit::Ok if !view.is_sound() => Exit::Degraded,
        exit => exit,
    })
}
