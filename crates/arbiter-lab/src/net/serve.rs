//! The lab's own process, inside its namespaces.

use super::cluster;
use super::control;
use super::lab::{Lab, Settings};
use super::partition::{self, Order};
use super::race::{self, RaceOrder};
use super::sandbox;
use super::scenarios::{self, Case, Watch};
use super::small_disk;
use crate::signals::{INTERRUPTED, Signals};
use anyhow::Context;
use serde::Serialize;
use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Builds a lab and answers until it is told to end.
pub(super) async fn stay(settings: Settings) -> anyhow::Result<()> {
    // It answers for ever: what ends it is a signal, or something that fails.
    let _interrupted: Option<Infallible> = live(settings, control::serve).await?;
    Ok(())
}

/// Builds a lab, races, and clears its folder away; it is kept, if a race could not be run.
pub(super) async fn race(settings: Settings, order: RaceOrder) -> anyhow::Result<ExitCode> {
    let folder = settings.folder.clone();
    let result = live(settings, async |lab: &Lab| race::perform(lab, order, &say, &print_json).await).await;
    clear_away(&folder, result.is_ok() || !order.faults)?;
    Ok(match result? {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::from(INTERRUPTED),
    })
}

/// Builds a lab, lets trouble come over it, and clears its folder away; it is kept, if that could not be done.
pub(super) async fn partition(settings: Settings, order: &Order) -> anyhow::Result<ExitCode> {
    let (folder, nodes) = (settings.folder.clone(), settings.nodes);
    let result = live(settings, async |lab: &Lab| partition::perform(lab, order, &say).await).await;
    for node in nodes {
        small_disk::unmount(&folder.join("hosts").join(cluster::host_of(*node).name())).await?;
    }
    clear_away(&folder, result.is_ok())?;
    Ok(match result? {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::from(INTERRUPTED),
    })
}

/// Clears a lab's folder away, or says where it is kept.
fn clear_away(folder: &Path, well: bool) -> anyhow::Result<()> {
    if well {
        return std::fs::remove_dir_all(folder)
            .with_context(|| format!("{} can't be removed", folder.display()));
    }
    let kept = sandbox::keep(folder)?;
    say(&format!("The logs of all hosts, and of all calls to EC2, are in {}", kept.display()));
    Ok(())
}

/// Builds a lab and lets it live while something is done in it. Gives nothing if it was interrupted: the kernel clears
/// away what is left.
async fn live<T>(
    settings: Settings,
    what: impl AsyncFnOnce(&Lab) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let mut ended = Signals::new()?;
    let lab = Lab::build(settings).await?;
    let changes = lab.endpoint.changes();
    tokio::select! {
        Err(error) = lab.follow(changes) => Err(error.context("the hosts can't follow what EC2 does")),
        Err(error) = lab.run_site() => Err(error.context("the data centre's side has ended")),
        done = what(&lab) => done.map(Some),
        () = ended.wait() => Ok(None),
    }
}

/// What to play in a lab that ends with the play.
#[derive(Debug)]
pub(super) struct Run {
    pub cases: Vec<Case>,
    /// Otherwise all faults are left out.
    pub faults: bool,
    /// Watch the one case of loss for long.
    pub watch: Option<Watch>,
    /// End with one line of JSON on standard output; all else goes to standard error.
    pub json: bool,
}

/// Builds a lab, plays, and clears its folder away; it is kept, if something was not seen.
pub(super) async fn play(settings: Settings, run: &Run) -> anyhow::Result<ExitCode> {
    let folder = settings.folder.clone();
    let perform = async |lab: &Lab| Ok(scenarios::perform(lab, run, &say).await);
    let result = live(settings, perform).await;
    let well = matches!(&result, Ok(Some(outcome)) if outcome.ok || !run.faults);
    // Nobody asked for what an interrupted play has left, or one that was meant to fail.
    clear_away(&folder, well || matches!(result, Ok(None)))?;
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

/// Whoever reads may have gone (`| head`): the play goes on, its exit code still tells.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[expect(clippy::print_stdout, reason = "the line that --json promises on standard output")]
fn print_json(outcome: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(outcome)?);
    Ok(())
}
