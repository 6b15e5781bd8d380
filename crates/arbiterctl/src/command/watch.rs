//! One look at everything, or one after the other until Ctrl-C.

use crate::cli::WatchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Readable;
use crate::session::Session;
use arbiter_proto::v1;
use std::cell::Cell;
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// Shows a view of everything at one moment; `exit` is what it says by its exit code.
pub(super) async fn look<V: Readable + From<v1::StatusReply>>(
    name: &str,
    args: WatchArgs,
    session: &mut Session<'_, '_>,
    exit: impl Fn(&V, &Session<'_, '_>) -> Exit,
) -> Result<Exit, Failure> {
    let Some(every) = args.watch else {
        let view = V::from(session.status(name).await?);
        session.show(&view)?;
        return Ok(exit(&view, session));
    };
    let last = Cell::new(Exit::Ok);
    let looking = async {
        loop {
            session.renew();
            match session.status(name).await.map(V::from) {
                Ok(view) => {
                    last.set(exit(&view, session));
                    if !session.redraw(&view)? {
                        return Ok(last.get());
                    }
                }
                // Who watches wants to see it come back.
                Err(failure) => {
                    last.set(failure.exit);
                    session.complain(&failure);
                }
            }
            tokio::time::sleep(every).await;
        }
    };
    until_interrupted(looking, || last.get()).await
}

/// Runs it until it ends or Ctrl-C is typed: that is how such commands are meant to end, and no failure.
pub(super) async fn until_interrupted(
    running: impl Future<Output = Result<Exit, Failure>>,
    exit: impl Fn() -> Exit,
) -> Result<Exit, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|error| Failure::new(Exit::Failed, format!("can't listen for Ctrl-C: {error}")))?;
    tokio::select! {
        ended = running => ended,
        _ = interrupt.recv() => Ok(exit()),
    }
}
