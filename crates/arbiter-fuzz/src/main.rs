//! Feeds every decoder of foreign bytes with mutated seeds, on the stable toolchain: `scripts/fuzz`.

use anyhow::Context;
use arbiter_fuzz::driver::watch::{Settings, watch};
use arbiter_fuzz::driver::{Budget, Watched, child};
use arbiter_fuzz::targets::{TARGETS, named};
use arbiter_fuzz::{Seen, Target};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Feeds every decoder of foreign bytes with mutated seeds.
#[derive(Debug, Parser)]
#[command(name = "arbiter-fuzz", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run targets, each in a process of its own
    Run(RunArgs),
    /// Feed one target one input, from a file
    Once {
        /// The target
        #[arg(value_parser = target)]
        target: &'static Target,
        /// The input
        input: PathBuf,
    },
    /// The targets
    List,
    /// One target's process, as `run` starts it
    #[command(hide = true)]
    Child(ChildArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Only this target; can be repeated. Default: all
    #[arg(long, value_name = "NAME", value_parser = target)]
    target: Vec<&'static Target>,
    /// From which all inputs follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many rounds of each target; slow ones get fewer
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// For so long, all targets together
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// A single input may take so many seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
    /// Where inputs that break something are written
    #[arg(long, default_value = "target/fuzz")]
    out: PathBuf,
    /// One line of JSON on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ChildArgs {
    #[arg(value_parser = target)]
    target: &'static Target,
    progress: PathBuf,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    rounds: Option<u64>,
    #[arg(long, default_value_t = 0)]
    milliseconds: u64,
}

/// What came of a run, for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    ok: bool,
    seed: u64,
    targets: &'a [Watched],
}

fn target(name: &str) -> Result<&'static Target, String> {
    let known = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    named(name).ok_or_else(|| format!("there are {}", known()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Run(args) => run(args).await,
        Command::Once { target, input } => {
            let bytes =
                std::fs::read(&input).with_context(|| format!("{} can't be read", input.display()))?;
            // Not on a thread of the runtime: targets have runtimes of their own.
            let seen = on_own_thread(move || child::run_once(target, &bytes)).await?;
            println!("{}", if seen == Seen::Taken { "taken" } else { "refused" });
            Ok(ExitCode::SUCCESS)
        }
        Command::List => {
            for target in TARGETS {
                println!("{}", target.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Child(args) => {
            let budget = match args.rounds {
                Some(rounds) => Budget::Rounds(rounds),
                None => Budget::Time(Duration::from_millis(args.milliseconds)),
            };
            let done =
                on_own_thread(move || child::run(args.target, args.seed, budget, &args.progress)).await?;
            println!("{}", serde_json::to_string(&done)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the target is broken")?
}

async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let targets: Vec<&'static Target> =
        if args.target.is_empty() { TARGETS.iter().collect() } else { args.target };
    let settings = Settings {
        program: std::env::current_exe().context("this program is not found")?,
        seed: args.seed,
        patience: Duration::from_secs(args.patience),
        out: args.out,
    };
    let share = Duration::from_secs(args.seconds) / u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let mut all = Vec::new();
    for target in targets {
        let budget = match args.rounds {
            Some(rounds) => Budget::Rounds((rounds / target.cost).max(1)),
            None => Budget::Time(share),
        };
        let watched = watch(target, budget, &settings).await?;
        say(&watched, args.seed)?;
        all.push(watched);
    }
    let ok = all.iter().all(|watched| watched.crash.is_none());
    if args.json {
        println!("{}", serde_json::to_string(&Report { ok, seed: args.seed, targets: &all })?);
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// For people, on standard error.
fn say(watched: &Watched, seed: u64) -> std::io::Result<()> {
    let Watched { name, rounds, taken, crash } = watched;
    let mut err = std::io::stderr().lock();
    match crash {
        None => writeln!(err, "fuzz: {name}: {rounds} inputs, {taken} of them taken"),
        Some(crash) => writeln!(
            err,
            "fuzz: {name}: BROKEN by round {} of seed {seed}: {}\nfuzz: the input is {}; again: scripts/fuzz once {name} {}",
            crash.round,
            crash.why,
            crash.input.display(),
            crash.input.display()
        ),
    }
}
