//! `watch`: a live screen. It survives the loss of the node that it talks to by asking the others, and says so while
//! nobody answers. Its terminal is given back however it ends.

use super::{history, status};
use crate::cli::{HistoryArgs, Output, ScreenArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Readable, live_page};
use crate::session::{Session, Tty, no_json, write_out};
use crate::view::{LiveView, StatusView};
use arbiter_core::time::HumanMs;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Between two looks. What has changed is on the screen this much later at most; a node doesn't notice it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Events that are asked for: the newest moves with their endings are among them.
const EVENTS: u32 = 60;

/// Moves that are shown at most, where nothing has to fit.
const MOVES: usize = 10;

const NAME: &str = "watch";

pub(crate) async fn run(args: ScreenArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut ends = Ends::listen()?;
    let mut resized = listen(SignalKind::window_change())?;
    // The first look is made before the screen is taken: what is wrong with it stays readable.
    let mut live = Live::begin(args, session).await?;
    let output = session.output();
    let tty = session.terminal().tty.filter(|_| output != Output::Json);
    // Its end gives the screen back.
    let mut screen = tty.map(Taken::take).transpose()?;
    live.tty = tty;
    ends.keys = screen.as_mut().and_then(|screen| screen.keys.take());
    loop {
        if !live.draw(session)? {
            return Ok(Exit::Ok);
        }
        tokio::select! {
            () = ends.come() => return Ok(live.exit),
            _ = resized.recv() => live.drawn = None,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        // Whoever wants to leave does not wait for a node that is silent.
        tokio::select! {
            () = ends.come() => return Ok(live.exit),
            () = live.look(session) => {}
        }
    }
}

/// A screen that was taken. It is given back at the end of this, also by a panic.
struct Taken<'a> {
    tty: &'a dyn Tty,
    keys: Option<mpsc::Receiver<u8>>,
}

impl<'a> Taken<'a> {
    fn take(tty: &'a dyn Tty) -> Result<Self, Failure> {
        // Before anything can go wrong half-way: what was not taken is not given back.
        let mut taken = Self { tty, keys: None };
        let failed = |error| Failure::new(Exit::Failed, format!("can't take the terminal: {error}"));
        taken.keys = Some(tty.take().map_err(failed)?);
        Ok(taken)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.tty.give_back();
    }
}

/// All that ends it.
struct Ends {
    keys: Option<mpsc::Receiver<u8>>,
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl Ends {
    fn listen() -> Result<Self, Failure> {
        Ok(Self {
            keys: None,
            interrupted: listen(SignalKind::interrupt())?,
            terminated: listen(SignalKind::terminate())?,
            hung_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    async fn come(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupted.recv() => return,
                _ = self.terminated.recv() => return,
                _ = self.hung_up.recv() => return,
                key = next(&mut self.keys) => match key {
                    Some(b'q' | b'Q') => return,
                    Some(_) => {}
                    // Nobody types any more: the signals still count.
                    None => self.keys = None,
                }
            }
        }
    }
}

/// The next key; never where there are none.
async fn next(keys: &mut Option<mpsc::Receiver<u8>>) -> Option<u8> {
    match keys {
        Some(keys) => keys.recv().await,
        None => std::future::pending().await,
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(Exit::Failed, format!("can't listen for signals: {error}")))
}

/// What is on the screen.
struct Live<'a> {
    every: Duration,
    tty: Option<&'a dyn Tty>,
    view: LiveView,
    /// When the view was answered.
    answered: Instant,
    /// As `status` would end.
    exit: Exit,
    /// What was drawn, and when.
    drawn: Option<(String, Instant)>,
}

impl Live<'_> {
    async fn begin(args: ScreenArgs, session: &mut Session<'_, '_>) -> Result<Self, Failure> {
        let (view, exit) = ask(session).await?;
        let answered = Instant::now();
        Ok(Self { every: args.interval, tty: None, view, answered, exit, drawn: None })
    }

    async fn look(&mut self, session: &mut Session<'_, '_>) {
        match ask(session).await {
            Ok((view, exit)) => (self.view, self.exit, self.answered) = (view, exit, Instant::now()),
            Err(failure) => {
                let ms = u64::try_from(self.answered.elapsed().as_millis()).unwrap_or(u64::MAX);
                let places: Vec<String> =
                    failure.places.iter().map(|place| format!("{}: {}", place.address, place.why)).collect();
                self.view.trouble =
                    Some(format!("for {}: {} ({})", HumanMs(ms), failure.what, places.join("; ")));
                self.exit = failure.exit;
            }
        }
    }

    /// Draws what has changed, or what has not been drawn for long enough. `false` once nobody reads.
    fn draw(&mut self, session: &mut Session<'_, '_>) -> Result<bool, Failure> {
        let essence = self.view.essence();
        let due = |(drawn, at): &(String, Instant)| *drawn != essence || at.elapsed() >= self.every;
        if !self.drawn.as_ref().is_none_or(due) {
            return Ok(true);
        }
        let first = self.drawn.is_none();
        let output = session.output();
        let terminal = session.terminal();
        let colour = terminal.colour;
        let text = match (output, self.tty) {
            (Output::Json, _) => render::json_line(&self.view).map_err(no_json)?,
            (_, Some(tty)) => over(&live_page(&self.view, Some(tty.size())).text(colour)),
            (_, None) if first => self.view.page().text(colour),
            (_, None) => format!("\n{}", self.view.page().text(colour)),
        };
        self.drawn = Some((essence, Instant::now()));
        write_out(terminal, text.as_bytes())
    }
}

/// Each line over the one that stands there, and nothing below the last: a screen that is cleared first would flicker.
fn over(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{line}\x1b[K")).collect();
    format!("\x1b[H{}\x1b[J", lines.join("\r\n"))
}

async fn ask(session: &mut Session<'_, '_>) -> Result<(LiveView, Exit), Failure> {
    session.renew();
    let now = StatusView::from(session.status(NAME).await?);
    let newest = HistoryArgs { limit: EVENTS, ..HistoryArgs::default() };
    let history = history::ask(&newest, NAME, session).await?;
    let exit = status::exit_of(&now, session);
    let mut view = LiveView::new(now, &history);
    let surplus = view.moves.len().saturating_sub(MOVES);
    view.moves.drain(..surplus);
    Ok((view, exit))
}
