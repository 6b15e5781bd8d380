//! The lab's own process, inside its namespaces.

use super::control;
use super::lab::{Lab, Settings};
use super::sandbox;
use super::scenarios::{self, Case, RunOutcome};
use anyhow::Context;
use std::io::Write;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the shell gives to a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Builds a lab and answers until it is told to end.
pub(super) async fn stay(settings: Settings) -> anyhow::Result<()> {
    let mut ended = Ended::new()?;
    let lab = Lab::build(settings).await?;
    let changes = lab.endpoint.changes();
    tokio::select! {
        Err(error) = lab.follow(changes) => Err(error.context("the hosts can't follow what EC2 does")),
        Err(error) = lab.run_site() => Err(error.context("the data centre's side has ended")),
        Err(error) = control::serve(&lab) => Err(error),
        () = ended.wait() => Ok(()),
    }
}

/// What to play in a lab that ends with the play.
#[derive(Debug)]
pub(super) struct Run {
    pub cases: Vec<Case>,
    /// Otherwise all faults are left out.
    pub faults: bool,
    /// End with one line of JSON on standard output; all else goes to standard error.
    pub json: bool,
}

/// Builds a lab, plays, and clears its folder away; it is kept, if something was not seen.
pub(super) async fn play(settings: Settings, run: &Run) -> anyhow::Result<ExitCode> {
    let folder = settings.folder.clone();
    let result = play_in(settings, run).await;
    let well = matches!(&result, Ok(Some(outcome)) if outcome.ok);
    // Nobody asked for what an interrupted play has left.
    if well || matches!(result, Ok(None)) {
        std::fs::remove_dir_all(&folder).with_context(|| format!("{} can't be removed", folder.display()))?;
    } else {
        let kept = sandbox::keep(&folder)?;
        say(&format!("The logs of all hosts, and of all calls to EC2, are in {}", kept.display()));
    }
    match result? {
        Some(outcome) => {
            if run.json {
                print_json(&outcome)?;
            }
            Ok(ExitCode::from(u8::from(!outcome.ok)))
        }
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// Gives nothing if it was interrupted.
async fn play_in(settings: Settings, run: &Run) -> anyhow::Result<Option<RunOutcome>> {
    let mut ended = Ended::new()?;
    let lab = Lab::build(settings).await?;
    let changes = lab.endpoint.changes();
    tokio::select! {
        Err(error) = lab.follow(changes) => Err(error.context("the hosts can't follow what EC2 does")),
        Err(error) = lab.run_site() => Err(error.context("the data centre's side has ended")),
        outcome = scenarios::perform(&lab, &run.cases, run.faults, &say) => Ok(Some(outcome)),
        () = ended.wait() => Ok(None),
    }
}

/// Whoever reads may have gone (`| head`): the play goes on, its exit code still tells.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[expect(clippy::print_stdout, reason = "the line that --json promises on standard output")]
fn print_json(outcome: &RunOutcome) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(outcome)?);
    Ok(())
}

/// What ends a lab: Ctrl-C, `kill`, or the end of the terminal. The kernel does the rest.
#[derive(Debug)]
pub(super) struct Ended([Signal; 3]);

impl Ended {
    pub fn new() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("signals can't be caught");
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(catch);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    pub async fn wait(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}
