//! `arbiter-sim`: runs the proofs. `scripts/sim` builds it and starts it.

use anyhow::Context;
use arbiter_sim::cluster::{Campaign, NEMESES, Plan, Run, Shape, Summary};
use arbiter_sim::model::clause::CLAUSES;
use arbiter_sim::model::report::{Report, leave_out};
use arbiter_sim::model::sound::Size;
use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;
use std::time::Duration;

/// Proves the rules of acting.
#[derive(Debug, Parser)]
#[command(name = "arbiter-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Explores every interleaving of small worlds, with all clauses of the rules and with each left out.
    Model(ModelArgs),
    /// Runs whole clusters under virtual time, one for each seed.
    Seeds(SeedsArgs),
}

#[derive(Debug, Args)]
struct SeedsArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Begin no new run after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Only this kind of trouble; can be repeated. `list` shows all.
    #[arg(long, value_name = "NAME")]
    nemesis: Vec<String>,
    /// How long the trouble of each run lasts, in virtual seconds.
    #[arg(long, default_value_t = Shape::default().trouble_s)]
    trouble: u64,
    /// Run each seed twice: both must give the same trace.
    #[arg(long)]
    twice: bool,
    /// Show what happened in each run, also in good ones.
    #[arg(long)]
    timeline: bool,
    /// End with one line of JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ModelArgs {
    /// End with one line of JSON on standard output.
    #[arg(long)]
    json: bool,
    /// How large the worlds are.
    #[arg(long, value_enum, default_value_t = Size::Slice)]
    size: Size,
    /// Leave out this clause only, and show the whole counterexample.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["json", "size"])]
    clause: Option<String>,
    /// Show the clauses, and what each says.
    #[arg(long, conflicts_with_all = ["json", "size", "clause"])]
    list: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Model(args) => model(&args),
        Command::Seeds(args) => seeds(&args),
    }
}

fn seeds(args: &SeedsArgs) -> anyhow::Result<ExitCode> {
    if args.nemesis.iter().any(|name| name == "list") {
        print(&NEMESES.iter().map(|nemesis| nemesis.name).collect::<Vec<_>>().join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let known = |name: &String| NEMESES.iter().map(|nemesis| nemesis.name).find(|known| known == name);
    let mut nemeses = Vec::new();
    for name in &args.nemesis {
        nemeses.push(known(name).with_context(|| {
            format!("there is no nemesis `{name}`: `scripts/sim --seeds 1 --nemesis list` shows those that there are")
        })?);
    }
    let plan = Plan {
        from: args.from,
        seeds: args.seeds,
        limit: args.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        twice: args.twice,
        shape: Shape { trouble_s: args.trouble, nemeses },
    };
    let began = tokio::time::Instant::now();
    let summary = Campaign::new(plan).go(|| began.elapsed(), |run| tell(run, args.timeline))?;
    if args.json {
        print(&serde_json::to_string(&summary)?);
    } else {
        print(&in_words(&summary));
    }
    Ok(ExitCode::from(u8::from(!summary.ok)))
}

/// Says how a run went; all of it, if it went wrong.
fn tell(run: &Run, timeline: bool) {
    if timeline || !run.violations.is_empty() {
        for (ms, line) in &run.timeline {
            eprintln!("{:>4}.{:03} {line}", ms / 1_000, ms % 1_000);
        }
    }
    eprintln!(
        "seed {}: {} virtual s, {} epochs, {} decisions, {} calls, {} violations, trace {:016x}",
        run.seed,
        run.virtual_ms / 1_000,
        run.epochs,
        run.decisions,
        run.calls,
        run.violations.len(),
        run.digest
    );
}

fn in_words(summary: &Summary) -> String {
    let mut lines: Vec<String> =
        summary.landed.iter().map(|(kind, count)| format!("{kind:24} {count}")).collect();
    lines.extend(summary.never_landed.iter().map(|kind| format!("{kind:24} NEVER LANDED")));
    lines.extend(summary.violations.iter().map(|failure| {
        format!("seed {}: {}: {}\n  {}", failure.seed, failure.invariant, failure.says, failure.repeat)
    }));
    lines.push(format!(
        "{} seeds, {} virtual hours, {} decisions, {} violations, {} seeds/s",
        summary.seeds,
        summary.virtual_hours,
        summary.decisions,
        summary.violations.len(),
        summary.seeds_per_second
    ));
    lines.join("\n")
}

fn model(args: &ModelArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        let lines = CLAUSES.iter().map(|clause| format!("{:42} {}", clause.name, clause.says));
        print(&lines.collect::<Vec<_>>().join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &args.clause {
        return show_clause(name);
    }
    let report = Report::make(args.size, |line| eprintln!("{line}"));
    if args.json {
        eprintln!("{}", report.summary());
        print(&serde_json::to_string(&report)?);
    } else {
        for missed in &report.clauses {
            print(&format!("{}\n", missed.story()));
        }
        print(&report.summary());
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}

fn show_clause(name: &str) -> anyhow::Result<ExitCode> {
    let clause = CLAUSES.iter().find(|clause| clause.name == name);
    let clause = clause.with_context(|| {
        format!("there is no clause `{name}`: `scripts/sim --model --list` shows those that there are")
    })?;
    let missed = leave_out(clause);
    print(&missed.story());
    Ok(ExitCode::from(u8::from(missed.counterexample_steps.is_none())))
}

#[expect(clippy::print_stdout, reason = "what the command is asked for")]
fn print(text: &str) {
    println!("{text}");
}
