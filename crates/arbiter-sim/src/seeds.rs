//! `arbiter-sim seeds`: campaigns of whole clusters.

use crate::print;
use anyhow::Context;
use arbiter_sim::cluster::{Campaign, NEMESES, Plan, Run, Shape, Summary};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct SeedsArgs {
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

pub(crate) fn run(args: &SeedsArgs) -> anyhow::Result<ExitCode> {
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
