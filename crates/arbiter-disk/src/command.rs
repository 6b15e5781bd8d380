//! The command line.

use crate::drive;
use crate::record::Recording;
use crate::report::Report;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// What a node acknowledges is on its disk.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Records three nodes, and judges the recording. The exit code is 1 if anything that was acknowledged could be lost,
    /// or if a planted bug was not found.
    Judge(JudgeArgs),
    /// What is recorded: three nodes, for `judge` to trace.
    #[command(hide = true)]
    Drive(DriveArgs),
}

#[derive(Debug, Args)]
struct JudgeArgs {
    /// One line of JSON on standard output, for programs; all else goes to standard error.
    #[arg(long)]
    json: bool,
    /// So many rounds of entries, elections, restarts.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    rounds: u64,
    /// Cut the power at every so many moments only; at those with much unsynced in any case.
    #[arg(long, default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000))]
    every: usize,
}

#[derive(Debug, Args)]
struct DriveArgs {
    home: PathBuf,
    #[arg(long)]
    rounds: u64,
}

pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.what {
        What::Drive(args) => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(drive::drive(&args.home, args.rounds))?;
            Ok(ExitCode::SUCCESS)
        }
        What::Judge(args) => judge(&args),
    }
}

#[expect(clippy::print_stdout, reason = "the findings are what this program is for")]
fn judge(args: &JudgeArgs) -> anyhow::Result<ExitCode> {
    let home = tempfile::tempdir().context("no folder can be made for the nodes")?;
    let recording = Recording::make(home.path(), args.rounds)?;
    let report = Report::make(&recording, args.every)?;
    if args.json {
        eprintln!("{}", report.text());
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{}", report.text());
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}
