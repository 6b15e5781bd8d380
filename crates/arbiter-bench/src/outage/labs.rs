//! The labs: programs of their own, some side by side, each with a few runs of one cell.

use super::cells::Cell;
use super::results::{self, Results, Run};
use anyhow::Context;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Runs of one lab. Few, so that every cell has some early on; and enough that building labs is not most of the time.
const AT_ONCE: u32 = 5;
/// A run takes half a minute at most, and a lab on a busy machine as long to be built.
const LIMIT_FOR_LAB: Duration = Duration::from_secs(120);
const LIMIT_FOR_RUN: Duration = Duration::from_secs(150);
/// A cell whose labs fail this often is given up: then something is wrong that a further try does not mend.
const FAILURES: u32 = 3;

/// How races are to be run.
#[derive(Debug)]
pub(super) struct How {
    pub bin_dir: PathBuf,
    pub labs: u8,
    pub skip_faults: bool,
    pub file: PathBuf,
}

/// Some runs of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    cell: Cell,
    runs: u32,
    failures: u32,
}

/// What is missing until each cell has so many runs, in rounds over all cells.
pub(super) fn missing(results: &Results, cells: &[Cell], runs: u32) -> VecDeque<Job> {
    let mut left: Vec<_> = cells
        .iter()
        .map(|cell| (*cell, runs.saturating_sub(u32::try_from(results.of(cell).len()).unwrap_or(u32::MAX))))
        .collect();
    let mut jobs = VecDeque::new();
    while left.iter().any(|(_, runs)| *runs > 0) {
        for (cell, runs) in left.iter_mut().filter(|(_, runs)| *runs > 0) {
            let now = AT_ONCE.min(*runs);
            jobs.push_back(Job { cell: *cell, runs: now, failures: 0 });
            *runs -= now;
        }
    }
    jobs
}

/// Runs all of it.
pub(super) async fn run(how: &How, jobs: VecDeque<Job>) -> anyhow::Result<()> {
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let again = |job| jobs.lock().unwrap_or_else(PoisonError::into_inner).push_back(job);
    let worker = async || {
        let mut given_up = Vec::new();
        while let Some(job) = next() {
            let (done, result) = one(how, &job).await;
            let Err(error) = result else { continue };
            let Job { cell, runs, failures } = job;
            eprintln!("bench: {} / {}: {error:#}", cell.peer.name, cell.fault.name);
            if how.skip_faults || failures + 1 >= FAILURES {
                given_up.push(format!("{} / {}", cell.peer.name, cell.fault.name));
            } else {
                again(Job { cell, runs: runs.saturating_sub(done).max(1), failures: failures + 1 });
            }
        }
        given_up
    };
    let given_up: Vec<_> = futures::future::join_all((0..how.labs.max(1)).map(|_| worker())).await.concat();
    anyhow::ensure!(given_up.is_empty(), "given up: {}", given_up.join(", "));
    Ok(())
}

/// One lab. Gives how many runs it has finished, also when it failed.
async fn one(how: &How, job: &Job) -> (u32, anyhow::Result<()>) {
    let mut done = 0;
    let limit = LIMIT_FOR_LAB + LIMIT_FOR_RUN * job.runs;
    let result = match timeout(limit, races(how, job, &mut done)).await {
        Ok(result) => result,
        Err(_) => Err(anyhow::anyhow!("the lab hangs: it is ended after {limit:?}")),
    };
    (done, result)
}

async fn races(how: &How, job: &Job, done: &mut u32) -> anyhow::Result<()> {
    let (peer, fault) = (job.cell.peer.name, job.cell.fault.name);
    let program = how.bin_dir.join("arbiter-lab");
    let mut command = Command::new(&program);
    command
        .args(["net", "race", "--peer", peer, "--fault", fault, "--runs", &job.runs.to_string()])
        .args(how.skip_faults.then_some("--skip-faults"))
        .arg("--bin-dir")
        .arg(&how.bin_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // When it is dropped its namespaces end with it, and so does all that runs in them.
        .kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{} can't be started", program.display()))?;
    let out = child.stdout.take().context("a pipe was asked for")?;
    let mut lines = BufReader::new(out).lines();
    while let Some(line) = lines.next_line().await? {
        let run: Run = serde_json::from_str(&line).with_context(|| format!("this is no result: {line}"))?;
        anyhow::ensure!(run.peer == peer && run.fault == fault, "this was not asked for: {line}");
        eprintln!("bench: {peer} / {fault}: {} ms", run.to_site_ms);
        results::append(&how.file, &Run { labs: how.labs, ..run })?;
        *done += 1;
    }
    let status = child.wait().await?;
    anyhow::ensure!(status.success(), "the lab has ended with {status}");
    anyhow::ensure!(*done == job.runs, "the lab has made {done} runs of {}", job.runs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cells::chosen;
    use super::super::results::example;
    use super::*;

    #[test]
    fn what_is_in_the_file_counts_and_every_cell_has_its_turn() {
        let cells = chosen(&["ours", "mutual-pings"], &["tunnel-cut"]);
        let results = Results(vec![example("ours", "tunnel-cut", 400); 3]);
        let jobs = missing(&results, &cells, 10);
        let seen: Vec<_> = jobs.iter().map(|job| (job.cell.peer.name, job.runs)).collect();
        assert_eq!(seen, [("ours", 5), ("mutual-pings", 5), ("ours", 2), ("mutual-pings", 5)]);
        assert!(missing(&results, &cells[..1], 3).is_empty());
    }
}
