//! The command line.

use crate::drive::{self, Recorded};
use crate::record::Recording;
use crate::replay::{Place, Scope};
use crate::report::{Judged, Report};
use anyhow::Context;
use arbiter_lab::bound::{BoundArgs, become_bound};
use arbiter_lab::signals::{INTERRUPTED, Signals};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A process that was killed is gone within this, and makes no file any more.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Between two tries to take a folder away.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// What a node acknowledges is on its disk.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Records three processes of `arbiterd`, and one of its parts, and judges the recordings. The exit code is 1 if anything
    /// that was acknowledged could be lost, or if a planted bug was not found.
    Judge(JudgeArgs),
    /// What is recorded: three nodes, for `judge` to trace.
    #[command(hide = true)]
    Drive(DriveArgs),
    /// Become another program, which ends with the process that starts this.
    #[command(hide = true)]
    Bound(BoundArgs),
}

#[derive(Debug, Clone, Args)]
struct JudgeArgs {
    /// One line of JSON on standard output, for programs; all else goes to standard error.
    #[arg(long)]
    json: bool,
    /// So many rounds of entries, elections, restarts of the parts. Four of these are one round of `arbiterd`.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    rounds: u64,
    /// Cut the power at every so many moments only; of the parts at those with much unsynced in any case.
    #[arg(long, default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    every: usize,
}

#[derive(Debug, Args)]
struct DriveArgs {
    what: Recorded,
    home: PathBuf,
    #[arg(long)]
    rounds: u64,
}

pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.what {
        What::Drive(args) => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(drive::drive(args.what, &args.home, args.rounds))?;
            Ok(ExitCode::SUCCESS)
        }
        What::Judge(args) => judge(&args),
        What::Bound(args) => become_bound(&args).map(|never| match never {}),
    }
}

/// Where recordings are made, and disks anew.
struct Scratch {
    homes: TempDir,
    place: Arc<Place>,
}

#[expect(clippy::print_stdout, reason = "the findings are what this program is for")]
fn judge(args: &JudgeArgs) -> anyhow::Result<ExitCode> {
    let homes = tempfile::tempdir().context("no folder can be made for the nodes")?;
    let scratch = Scratch { homes, place: Arc::new(Place::make()?) };
    // What is started here ends with this thread: there are no others that start anything.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let mut ended = Signals::new()?;
        tokio::select! {
            report = record_and_judge(args, &scratch) => report.map(Some),
            () = ended.wait() => Ok(None),
        }
    });
    runtime.block_on(scratch.clear());
    // A disk may still be opened in another thread: nobody waits for it.
    runtime.shutdown_background();
    let Some(report) = report? else { return Ok(ExitCode::from(INTERRUPTED)) };
    if args.json {
        eprintln!("{}", report.text());
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", report.text());
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}

/// The processes mostly wait while they are recorded; meanwhile their parts are judged.
async fn record_and_judge(args: &JudgeArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let parts_scope = Scope { stride: args.every, stride_of_many: 1 };
    // A recording of the processes has several times as many moments, and each disk holds more.
    let programs_scope = Scope { stride: args.every * 4, stride_of_many: 4 };
    let home = |recorded: Recorded| {
        let home = scratch.homes.path().join(recorded.name());
        std::fs::create_dir(&home).context("no folder can be made for the nodes")?;
        anyhow::Ok(home)
    };
    let judged = async |recording: Recording, scope: Scope| {
        let place = Arc::clone(&scratch.place);
        tokio::task::spawn_blocking(move || Judged::make(&recording, &place, scope)).await?
    };
    let (parts_home, programs_home) = (home(Recorded::Parts)?, home(Recorded::Programs)?);
    let parts = async {
        let recording = Recording::make(Recorded::Parts, &parts_home, args.rounds).await?;
        judged(recording, parts_scope).await
    };
    let programs = Recording::make(Recorded::Programs, &programs_home, args.rounds.div_ceil(4));
    let (parts, programs) = tokio::try_join!(parts, programs)?;
    Ok(Report::of(parts, judged(programs, programs_scope).await?))
}

impl Scratch {
    /// Takes away all that was made, also while what was killed is still ending.
    async fn clear(self) {
        let deadline = Instant::now() + GONE_WITHIN;
        for folder in [self.homes.path(), self.place.path()] {
            while let Err(error) = std::fs::remove_dir_all(folder) {
                if error.kind() == std::io::ErrorKind::NotFound {
                    break;
                }
                if Instant::now() >= deadline {
                    eprintln!("disk: {} is left, take it away: {error}", folder.display());
                    break;
                }
                sleep(TRY_EVERY).await;
            }
        }
    }
}
