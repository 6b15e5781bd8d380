//! `arbiter-sim seeds`: campaigns of whole clusters.

use crate::print;
use anyhow::Context;
use arbiter_sim::cluster::{
    Campaign, Found, Hunt, NEMESES, Nodes, PLANTED, Plan, Planted, Run, Shape, Summary, hunt, processors,
};
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
    /// How many nodes each run has: 3, or 5. By the seed, if not said: every fourth has five.
    #[arg(long, value_name = "N")]
    nodes: Option<u64>,
    /// How long the trouble of each run lasts, in virtual seconds.
    #[arg(long, default_value_t = Shape::default().trouble_s)]
    trouble: u64,
    /// Plant this bug (`all`: one after the other), and look for the seed that finds it; `list` shows them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["seeds", "twice", "minutes"])]
    planted: Vec<String>,
    /// How many runs at once; as many as there are processors, if not said.
    #[arg(long)]
    jobs: Option<usize>,
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
    let jobs = args.jobs.unwrap_or_else(processors);
    let known =
        |count| Nodes::from_count(count).with_context(|| format!("a run has 3 nodes or 5, not {count}"));
    let nodes = args.nodes.map(known).transpose()?;
    let shape = Shape { trouble_s: args.trouble, nodes, nemeses, planted: None };
    if !args.planted.is_empty() {
        return look_for(args, &shape, jobs);
    }
    let plan = Plan {
        from: args.from,
        seeds: args.seeds,
        limit: args.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        twice: args.twice,
        jobs,
        shape,
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

/// Plants bugs, and looks for what finds them.
fn look_for(args: &SeedsArgs, shape: &Shape, jobs: usize) -> anyhow::Result<ExitCode> {
    if args.planted.iter().any(|name| name == "list") {
        let lines = PLANTED.iter().map(|bug| format!("{:24} {}", bug.name, bug.says));
        print(&lines.collect::<Vec<_>>().join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut bugs: Vec<&'static Planted> = Vec::new();
    for name in &args.planted {
        let named: Vec<_> = PLANTED.iter().filter(|bug| name == "all" || bug.name == name).collect();
        if named.is_empty() {
            anyhow::bail!(
                "there is no bug `{name}`: `scripts/sim --planted list` shows those that there are"
            );
        }
        bugs.extend(named);
    }
    let result = hunt(&bugs, args.from, shape, jobs, |found| eprintln!("{}", story(found)))?;
    if args.json {
        print(&serde_json::to_string(&result)?);
    } else {
        print(&hunted(&result));
    }
    Ok(ExitCode::from(u8::from(!result.ok)))
}

fn story(found: &Found) -> String {
    match (found.seed, found.broke, &found.says) {
        (Some(seed), Some(broke), Some(says)) => {
            format!("{}: seed {seed} breaks {broke} ({} tried): {says}", found.name, found.seeds_tried)
        }
        _ => format!("{}: NOT FOUND by {} seeds", found.name, found.seeds_tried),
    }
}

fn hunted(result: &Hunt) -> String {
    let found = result.planted.iter().filter(|found| found.seed.is_some()).count();
    let mut lines = result.clean_violations.clone();
    lines.push(format!(
        "{found} of {} bugs found; the same {} seeds without them break {} promises",
        result.planted.len(),
        result.clean_seeds,
        result.clean_violations.len()
    ));
    lines.join("\n")
}

/// Says how a run went; all of it, if it went wrong.
fn tell(run: &Run, timeline: bool) {
    if timeline || !run.violations.is_empty() {
        for (ms, line) in &run.timeline {
            eprintln!("{:>4}.{:03} {line}", ms / 1_000, ms % 1_000);
        }
    }
    eprintln!(
        "seed {}: {} nodes, {} virtual s, {} epochs, {} decisions, {} calls, {} violations, trace {:016x}",
        run.seed,
        run.nodes,
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
        "{} seeds, {} of them with five nodes, {} virtual hours, {} decisions, {} violations, {} seeds/s",
        summary.seeds,
        summary.of_five_nodes,
        summary.virtual_hours,
        summary.decisions,
        summary.violations.len(),
        summary.seeds_per_second
    ));
    lines.join("\n")
}
