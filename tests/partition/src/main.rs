//! `partition-judge`: reads histories of partition tests and says which promises were not kept.

mod coverage;
mod promises;
mod report;
mod run;

use anyhow::Context;
use clap::Parser;
use report::Report;
use run::Run;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Judges histories of partition tests.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// The histories: lines of JSON, as `arbiter-lab net partition` writes them.
    #[arg(required = true)]
    histories: Vec<PathBuf>,
    /// End with one line of JSON on standard output; all else goes to standard error.
    #[arg(long)]
    json: bool,
    /// Kinds of nemeses need not all have had an effect: for a run that was too short for it.
    #[arg(long)]
    any_coverage: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let reports: Vec<_> = cli.histories.iter().map(|path| judge(path)).collect::<Result<_, _>>()?;
    for report in &reports {
        eprint!("{}", report.words(!cli.any_coverage));
    }
    let ok = reports.iter().all(|report| report.is_well(!cli.any_coverage));
    if cli.json {
        print_json(&serde_json::json!({ "ok": ok, "runs": reports }));
    }
    Ok(ExitCode::from(u8::from(!ok)))
}

#[expect(clippy::print_stdout, reason = "the line that --json promises on standard output")]
fn print_json(value: &serde_json::Value) {
    println!("{value}");
}

fn judge(path: &Path) -> anyhow::Result<Report> {
    let lines = arbiter_lab::history::read(path).context("the history can't be read")?;
    let run = Run::of(lines).with_context(|| format!("{} is no whole history", path.display()))?;
    Ok(Report::of(&run))
}
