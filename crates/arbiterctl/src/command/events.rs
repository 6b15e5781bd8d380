//! `events`: one line for each, and with `--follow` those to come.

use super::{history, watch};
use crate::cli::{EventsArgs, HistoryArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::HistoryView;
use std::time::Duration;

/// Events are read by people: a second later is early enough, and each look is confirmed by a quorum.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// More can't be asked for at once, and won't have happened since the last look.
const NEW_MOST: u32 = 1_000;

pub(crate) async fn run(args: &EventsArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut ask = HistoryArgs { limit: args.limit, subject: args.subject.clone(), ..HistoryArgs::default() };
    let first = history::ask(&ask, "events", session).await?;
    let exit = session.exit_of(&first.answered);
    if !show(&first, &mut ask, session)? || !args.follow {
        return Ok(exit);
    }
    ask.limit = NEW_MOST;
    watch::until_interrupted(follow(ask, session), || Exit::Ok).await
}

async fn follow(mut ask: HistoryArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut silent = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        session.renew();
        match history::ask(&ask, "events --follow", session).await {
            Ok(news) => {
                silent = false;
                if !show(&news, &mut ask, session)? {
                    return Ok(Exit::Ok);
                }
            }
            // Once is enough: it goes on asking, and what was missed comes later.
            Err(failure) => {
                if !silent {
                    session.complain(&failure);
                }
                silent = true;
            }
        }
    }
}

/// Writes them, and remembers up to where; `false` once nobody reads them any more.
fn show(news: &HistoryView, ask: &mut HistoryArgs, session: &mut Session<'_, '_>) -> Result<bool, Failure> {
    for event in &news.events {
        // Entries are applied as a whole, so that no later answer has more events of the same index.
        ask.after = ask.after.max(event.index);
        if !session.line(event)? {
            return Ok(false);
        }
    }
    Ok(true)
}
