//! The command line: measures, judges, shows.

use crate::explanations;
use crate::figures;
use crate::judge::{self, Tightened};
use crate::machine::Machine;
use crate::measure::{self, Run};
use crate::outage::{OutageArgs, outage};
use crate::results::{FORMAT, Results, Verdict};
use crate::sheet::Sheet;
use crate::{document, loss, reference, render};
use anyhow::Context;
use arbiter_lab::programs;
use clap::{Args, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What Route Arbiter costs, measured on this machine.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// Decisions, commits, nodes at rest, program sizes, and the stages of a failover. The exit code is 1 if a figure
    /// misses its bound and crates/arbiter-bench/explanations.toml does not explain it. `scripts/bench` builds what is
    /// needed and starts it.
    Core(CoreArgs),
    /// False alarms: how often lines that lose packets, but work, are called Down; by the defaults, by other settings, and
    /// by three pings. In virtual time, through the real probe machine; the same every time. The exit code is 1 if the
    /// defaults raise one where they must not.
    Loss(LossArgs),
    /// Outages as packets see them, in the lab's network: Route Arbiter's and others', with the same faults. The exit code is
    /// 1 if ours is not ahead of every peer, or has moved anything wrongly.
    Outage(OutageArgs),
}

/// What the suite `loss` can be told.
#[derive(Debug, Args)]
struct LossArgs {
    /// One line of JSON on standard output instead of the tables.
    #[arg(long)]
    json: bool,
    /// Virtual hours for each line and setting.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    hours: u64,
    /// Put the results into this document, between its marks.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What the suite `core` can be told.
#[derive(Debug, Args)]
struct CoreArgs {
    /// One line of JSON on standard output instead of the table.
    #[arg(long)]
    json: bool,
    /// Few and small runs: shows that everything can be measured. No figure is judged.
    #[arg(long)]
    quick: bool,
    /// Put the results into this document, between its marks.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Measure nothing: judge and show what an earlier run printed with --json. Whether that was a quick one it says
    /// itself.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Another bound for one figure, without an explanation; for seeing a miss (may be given several times).
    #[arg(long, value_name = "FIGURE=BOUND", value_parser = tightened)]
    bound: Vec<(String, f64)>,
    /// Where `arbiterd` and `arbiterctl` are; by default where this program is. Data are written there too, in a folder
    /// that is removed at the end, so it must be on the disk that is to be measured.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

fn tightened(text: &str) -> Result<(String, f64), String> {
    let (figure, bound) = text.split_once('=').ok_or("write FIGURE=BOUND, such as rest.memory=18")?;
    let known = figures::find(figure).ok_or_else(|| format!("`{figure}` is no figure"))?;
    let bound = bound.parse::<f64>().map_err(|error| format!("`{bound}`: {error}"))?;
    Ok((known.id.to_owned(), bound))
}

/// Runs a suite. The exit code is 0 only if nothing missed its bound unexplained.
///
/// # Errors
/// Something could not be measured, read or written.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.suite {
        Suite::Core(args) => core(&args).await,
        Suite::Loss(args) => loss(&args),
        Suite::Outage(args) => outage(&args).await,
    }
}

#[expect(clippy::print_stdout, reason = "the results are what this program is for")]
fn loss(args: &LossArgs) -> anyhow::Result<ExitCode> {
    let study = loss::study(args.hours);
    if args.json {
        println!("{}", serde_json::to_string(&study)?);
    } else {
        print!("{}", study.markdown());
    }
    eprintln!("bench: {}", study.summary());
    if let Some(path) = &args.write {
        document::put(path, "loss", &format!("{}\n{}.", study.markdown(), study.summary()))?;
    }
    Ok(if study.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "the results are what this program is for")]
async fn core(args: &CoreArgs) -> anyhow::Result<ExitCode> {
    let explanations = explanations::of_the_project()?;
    let bounds: Tightened = args.bound.iter().cloned().collect();
    let (quick, machine, sheet) = match &args.from {
        Some(file) => earlier(file)?,
        None => measured(args).await?,
    };
    let rows = judge::rows(&sheet, &explanations, quick, &bounds)?;
    let results = Results::new(quick, machine, rows);
    if args.json {
        println!("{}", serde_json::to_string(&results)?);
        eprintln!("bench: {}", render::summary(&results));
    } else {
        print!("{}", render::table(&results));
    }
    for row in results.figures.iter().filter(|row| row.verdict == Verdict::Missed) {
        eprintln!("bench: {} misses its bound: {:.3} {} ({})", row.id, row.value, row.unit, row.how);
    }
    if let Some(path) = &args.write {
        document::write(path, &results)?;
    }
    Ok(if results.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measured(args: &CoreArgs) -> anyhow::Result<(bool, Machine, Sheet)> {
    let bin_dir = programs::folder(args.bin_dir.as_deref())?;
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(&bin_dir);
    let scratch = scratch.with_context(|| format!("no folder can be made in {}", bin_dir.display()))?;
    let icmp = reference::icmp_is_allowed();
    let probes = if icmp { "ICMP at rest, TCP in the failovers" } else { "TCP (no permission to send ICMP)" };
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let mut machine = Machine::look(scratch.path(), build, probes);
    let run = Run { quick: args.quick, bin_dir, scratch: scratch.path().to_owned(), icmp };
    let sheet = measure::all(&run).await?;
    machine.look_again();
    Ok((args.quick, machine, sheet))
}

/// What an earlier run measured; its verdicts are not taken over.
fn earlier(file: &Path) -> anyhow::Result<(bool, Machine, Sheet)> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let results: Results = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what a run printed with --json", file.display()))?;
    anyhow::ensure!(
        results.format == FORMAT,
        "{} has format {}, not {FORMAT}",
        file.display(),
        results.format
    );
    let mut sheet = Sheet::default();
    for row in results.figures {
        let figure = figures::find(&row.id).with_context(|| format!("`{}` is no figure any more", row.id))?;
        sheet.put(figure.id, row.value, row.how);
    }
    Ok((results.quick, results.machine, sheet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::FIGURES;

    fn file(quick: bool) -> tempfile::NamedTempFile {
        let mut sheet = Sheet::default();
        for figure in FIGURES {
            sheet.put(figure.id, 0.5, "made up");
        }
        let rows = judge::rows(&sheet, &[], quick, &Tightened::new()).unwrap();
        let machine = Machine::look(Path::new("/"), "debug", "ICMP");
        let results = Results::new(quick, machine, rows);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_string(&results).unwrap()).unwrap();
        file
    }

    #[tokio::test]
    async fn the_study_of_false_alarms_can_be_run() {
        let cli = |arguments: &[&str]| Cli::try_parse_from([&["arbiter-bench", "loss"], arguments].concat());
        assert_eq!(run(cli(&["--json", "--hours", "1"]).unwrap()).await.unwrap(), ExitCode::SUCCESS);
        assert!(cli(&["--hours", "0"]).is_err());
    }

    async fn ends(arguments: &[&str]) -> bool {
        let cli = Cli::try_parse_from([&["arbiter-bench", "core"], arguments].concat()).unwrap();
        run(cli).await.unwrap() == ExitCode::SUCCESS
    }

    #[tokio::test]
    async fn an_earlier_run_is_judged_anew() {
        for quick in [false, true] {
            let file = file(quick);
            let from = file.path().to_str().unwrap();
            assert!(ends(&["--json", "--from", from]).await);
            assert!(!ends(&["--json", "--from", from, "--bound", "rest.memory=0.4"]).await);
            assert!(ends(&["--from", from, "--bound", "rest.memory=0.5"]).await);
        }
    }

    #[test]
    fn a_bound_names_a_figure_and_a_number() {
        assert_eq!(tightened("rest.cpu=0.5"), Ok(("rest.cpu".to_owned(), 0.5)));
        for bad in ["rest.cpu", "rest.moral=1", "rest.cpu=little"] {
            assert!(tightened(bad).is_err(), "{bad}");
        }
    }
}
