//! `arbiter-sim`: runs the proofs. `scripts/sim` builds it and starts it.

#[cfg(feature = "cluster")]
mod seeds;

use anyhow::Context;
use arbiter_sim::model::clause::CLAUSES;
use arbiter_sim::model::report::{Report, leave_out};
use arbiter_sim::model::sound::Size;
use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

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
    #[cfg(feature = "cluster")]
    Seeds(seeds::SeedsArgs),
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
        #[cfg(feature = "cluster")]
        Command::Seeds(args) => seeds::run(&args),
    }
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
