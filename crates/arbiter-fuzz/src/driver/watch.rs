//! Starts a target's process, and finds out what became of it.

use super::child::Done;
use super::{Budget, seeds};
use crate::Target;
use crate::mutator::input;
use anyhow::Context;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How often it is looked whether a process still gets on.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Lines of a process' last words that are shown.
const WORDS_SHOWN: usize = 12;

/// What became of one target.
#[derive(Debug, Serialize)]
pub struct Watched {
    /// Which.
    pub name: &'static str,
    /// Inputs that went well.
    pub rounds: u64,
    /// How many of them were taken; unknown after a crash.
    pub taken: u64,
    /// The input that broke it.
    pub crash: Option<Crash>,
}

/// An input that broke a target.
#[derive(Debug, Serialize)]
pub struct Crash {
    /// Its round.
    pub round: u64,
    /// What happened.
    pub why: String,
    /// Where the input is.
    pub input: PathBuf,
}

/// How targets are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This program.
    pub program: PathBuf,
    /// From which all inputs follow.
    pub seed: u64,
    /// A single input may take so long.
    pub patience: Duration,
    /// Where inputs that break something are written.
    pub out: PathBuf,
}

/// Runs one target to the end of its budget, or to the first input that breaks it.
///
/// # Errors
/// The process can't be started, or files can't be written.
pub async fn watch(target: &'static Target, budget: Budget, settings: &Settings) -> anyhow::Result<Watched> {
    let out = &settings.out;
    std::fs::create_dir_all(out).with_context(|| format!("{} can't be made", out.display()))?;
    // Of this process, so that two runs do not write into each other's.
    let progress = out.join(format!("{}.{}.round", target.name, std::process::id()));
    let mut command = Command::new(&settings.program);
    // Its last words are what broke, not how it got there.
    command.env("RUST_BACKTRACE", "0");
    command.arg("child").arg(target.name).arg(&progress).args(["--seed", &settings.seed.to_string()]);
    match budget {
        Budget::Rounds(rounds) => command.args(["--rounds", &rounds.to_string()]),
        Budget::Time(time) => command.args(["--milliseconds", &time.as_millis().to_string()]),
    };
    let (ended, hangs) = to_the_end(&mut command, &progress, settings.patience).await?;
    let round = round_of(&progress).unwrap_or(0);
    // It was of use for as long as the process lived.
    let _ = std::fs::remove_file(&progress);
    if ended.status.success() && !hangs {
        let done: Done = serde_json::from_slice(&ended.stdout)
            .with_context(|| format!("{} has not said what it did", target.name))?;
        return Ok(Watched { name: target.name, rounds: done.rounds, taken: done.taken, crash: None });
    }
    let file = out.join(format!("{}-{}-{round}", target.name, settings.seed));
    let bytes = input(settings.seed, round, &seeds(target)?, target.shape, target.words);
    std::fs::write(&file, bytes).with_context(|| format!("{} can't be written", file.display()))?;
    let why = if hangs {
        format!("it has not come to an end within {} s", settings.patience.as_secs())
    } else {
        format!("{}\n{}", ended.status, last_words(&ended.stderr))
    };
    Ok(Watched { name: target.name, rounds: round, taken: 0, crash: Some(Crash { round, why, input: file }) })
}

/// Waits for the process, and ends it when it does not get on. Says whether it had to.
async fn to_the_end(
    command: &mut Command,
    progress: &Path,
    patience: Duration,
) -> anyhow::Result<(Output, bool)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child: Child = command.spawn().context("the target's process can't be started")?;
    let pid = child.id();
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let (mut last, mut still_for, mut hangs) = (None, Duration::ZERO, false);
    loop {
        tokio::select! {
            ended = &mut ended => return Ok((ended.context("the target's process is lost")?, hangs)),
            () = tokio::time::sleep(LOOK_EVERY) => {
                let round = round_of(progress);
                still_for = if round == last { still_for + LOOK_EVERY } else { Duration::ZERO };
                last = round;
                if still_for >= patience && !hangs {
                    hangs = true;
                    end(pid)?;
                }
            }
        }
    }
}

fn end(pid: Option<u32>) -> anyhow::Result<()> {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    let pid = pid.context("the target's process has no number")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).context("it can't be ended")
}

fn round_of(progress: &Path) -> Option<u64> {
    let bytes = std::fs::read(progress).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(WORDS_SHOWN)..].join("\n")
}
