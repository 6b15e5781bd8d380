//! Races in the lab's network: Route Arbiter and its peers meet the same faults, and packets tell how long each outage was.
//!
//! Each race is a program of its own (`arbiter-lab net race`), in a lab of its own; several run side by side. Every result
//! is kept in a file, so that a long study can be interrupted and gone on with.

mod bounds;
mod cells;
mod labs;
mod results;
mod table;

use crate::document;
use anyhow::Context;
use arbiter_lab::programs;
use clap::Args;
use results::Results;
use std::path::PathBuf;
use std::process::ExitCode;

/// The version of the JSON. Raised when a field changes its meaning or goes.
const FORMAT: u32 = 1;
/// What a quick run shows: ours and one peer, one fault.
const QUICK_PEERS: [&str; 2] = ["ours", "keepalived-best"];
const QUICK_FAULT: &str = "tunnel-cut";

/// What the suite `outage` can be told.
#[derive(Debug, Args)]
pub(crate) struct OutageArgs {
    /// Runs of each peer with each fault; those that are in the file count.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Only this peer (may be given several times).
    #[arg(long, value_name = "PEER", value_parser = cells::peer)]
    peer: Vec<&'static str>,
    /// Only this fault (may be given several times).
    #[arg(long, value_name = "FAULT", value_parser = cells::fault)]
    fault: Vec<&'static str>,
    /// Labs that run side by side. Most of a run is waiting; too many on a small machine make every peer look slow.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    labs: u8,
    /// Ours and one peer, one fault, one run: shows that it can be measured. Neither kept nor judged by speed.
    #[arg(long)]
    quick: bool,
    /// Leave the faults out. Every run must then fail: proof that they look.
    #[arg(long)]
    skip_faults: bool,
    /// One line of JSON on standard output instead of the tables.
    #[arg(long)]
    json: bool,
    /// Put the medians into this document, between its marks.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The file that gets each run as a line of JSON; by default `outage.jsonl` where this program is.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Run nothing: show and judge what the file has.
    #[arg(long)]
    no_runs: bool,
    /// Where `arbiter-lab` and `arbiterd` are; by default where this program is.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

/// Runs what is missing, shows and judges. The exit code is 0 only if ours is ahead, within what
/// is promised, and has moved nothing wrongly, and every cell has its runs.
///
/// # Errors
/// A race could not be run; or the file, or the document, can't be read or written.
#[expect(clippy::print_stdout, reason = "the results are what this program is for")]
pub(crate) async fn outage(args: &OutageArgs) -> anyhow::Result<ExitCode> {
    let bin_dir = programs::folder(args.bin_dir.as_deref())?;
    anyhow::ensure!(!(args.quick && args.write.is_some()), "a quick run's figures are no results");
    let scratch = tempfile::tempdir()?;
    // What is quick, or without its fault, is kept nowhere.
    let file = match &args.results {
        _ if args.quick || args.skip_faults => scratch.path().join("outage.jsonl"),
        Some(file) => file.clone(),
        None => bin_dir.join("outage.jsonl"),
    };
    let (mut peers, mut faults, mut runs) = (args.peer.clone(), args.fault.clone(), args.runs);
    if args.quick {
        peers = if peers.is_empty() { QUICK_PEERS.to_vec() } else { peers };
        faults = if faults.is_empty() { vec![QUICK_FAULT] } else { faults };
        runs = 1;
    }
    let cells = cells::chosen(&peers, &faults);
    if !args.no_runs {
        let labs = if args.quick { 2 } else { args.labs };
        let how = labs::How { bin_dir, labs, skip_faults: args.skip_faults, file: file.clone() };
        let missing = labs::missing(&Results::read(&file)?, &cells, runs);
        labs::run(&how, missing).await.context("not every race could be run")?;
    }
    let results = Results::read(&file)?;
    let report = table::Report::of(&results, &cells, usize::try_from(runs)?, !args.quick);
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.markdown());
    }
    eprintln!("bench: {}", report.summary());
    if let Some(path) = &args.write {
        document::put(path, "outage", &report.page())?;
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The published tables come from the published runs, and from nothing else: to write them again changes nothing.
    #[test]
    fn the_document_shows_what_the_runs_beside_it_come_to() {
        let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
        let results = Results::read(&docs.join("outage.jsonl")).unwrap();
        let report = table::Report::of(&results, &cells::chosen(&[], &[]), 20, true);
        let folder = tempfile::tempdir().unwrap();
        let again = folder.path().join("benchmarks.md");
        std::fs::copy(docs.join("benchmarks.md"), &again).unwrap();
        document::put(&again, "outage", &report.page()).unwrap();
        let [published, written] =
            [docs.join("benchmarks.md"), again].map(|path| std::fs::read_to_string(path).unwrap());
        assert_eq!(published, written, "write it anew: see docs/benchmarks.md, \"Outages\"");
    }
}
