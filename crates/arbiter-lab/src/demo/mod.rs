//! The demo: Route Arbiter at work on one machine, without root and without an AWS account, and looked at closely.
//!
//! Three real `arbiterd` processes, real Raft over gRPC, real probes, the real AWS SDK over HTTP. What is not real is
//! what stands behind: the EC2 API is the lab's endpoint, and hosts, lines and tunnels are stand-ins on loopback,
//! which fall silent as real ones do ([`lines`], [`targets`]). Nothing is taken for granted: each step ends well only
//! if what it promises was *seen*, in the endpoint's route tables, in its call log, and in what the nodes report.
//!
//! ```text
//!  outcome ◄── steps ──► stage ──► processes (arbiterd × 3)
//!               │ │        ├─────► lines, targets   ◄── trouble: what is silent now
//!               │ └► scene ┴─────► endpoint, watch (what the nodes say)
//!               └──► referee: who wrote, by the call log
//! ```

mod cluster;
mod folder;
mod keep;
mod lines;
mod old_way;
mod outcome;
mod processes;
mod referee;
mod scene;
mod screen;
mod show;
mod stage;
mod steps;
mod summary;
mod table;
mod targets;
mod times;
mod trouble;
mod watch;

pub use outcome::{DemoOutcome, NoFault, Step, StepOutcome};

use anyhow::Context;
use clap::Args;
use folder::Folder;
use screen::Screen;
use show::Show;
use stage::Stage;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// How often the table is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(250);

/// What the shell gives to a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// What the demo can be told.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// End with one line of JSON on standard output; all else goes to standard error.
    #[arg(long)]
    json: bool,
    /// Leave out what is done to the cluster in this step (may be given several times). The step then sees nothing of
    /// what it promises, and the demo must fail: proof that it looks.
    #[arg(long, value_name = "STEP")]
    skip_fault: Vec<Step>,
    /// Leave the cluster running at the end, and say what to try with it, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Where `arbiterd` and `arbiterctl` are; by default where this program is.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

/// Plays the demo. The exit code is 0 only if everything was observed.
///
/// # Errors
/// It can't even begin: a program is missing, or no port or folder is to be had.
pub async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let screen = Screen::new(args.json);
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be caught")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be caught")?;
    let mut folder = Folder::new()?;
    let outcome = tokio::select! {
        outcome = perform(&args, &screen, &mut folder) => outcome?,
        _ = interrupt.recv() => return Ok(ExitCode::from(INTERRUPTED)),
        _ = terminate.recv() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    if !outcome.ok {
        folder.keep();
        screen.say(&format!(
            "The logs of all nodes, and of all calls to EC2, are in {}",
            folder.path().display()
        ));
    }
    if args.json {
        print_json(&outcome)?;
    }
    Ok(if outcome.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stdout, reason = "the line that --json promises on standard output")]
fn print_json(outcome: &DemoOutcome) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(outcome)?);
    Ok(())
}

/// Sets the stage, plays all steps, and stays if it shall.
async fn perform(args: &DemoArgs, screen: &Screen, folder: &mut Folder) -> anyhow::Result<DemoOutcome> {
    let bin_dir = match &args.bin_dir {
        Some(dir) => dir.clone(),
        None => {
            let own = std::env::current_exe().context("this program doesn't know where it is")?;
            own.parent().context("this program is in no folder")?.to_owned()
        }
    };
    let stage = Stage::set_up(&bin_dir, folder.path()).await?;
    screen.say(&summary::opening(&stage));
    let heading = Mutex::new("setting up".to_owned());
    let changes = stage.endpoint.changes();
    let acts = async {
        let outcome = play_all(args, &stage, screen, &heading).await;
        screen.draw(Vec::new());
        screen.say(&summary::closing(&outcome));
        if args.keep {
            screen.say(&keep::words(&stage, &bin_dir));
            *heading.lock().unwrap_or_else(PoisonError::into_inner) = "running until Ctrl-C".to_owned();
            std::future::pending::<()>().await;
        }
        outcome
    };
    tokio::select! {
        outcome = acts => Ok(outcome),
        followed = stage.hosts_follow(changes) => Err(followed.err().unwrap_or_else(|| anyhow::anyhow!("no host follows EC2 any more"))),
        () = draw(&stage, screen, &heading) => Err(anyhow::anyhow!("the table is not drawn any more")),
    }
}

async fn play_all(args: &DemoArgs, stage: &Stage, screen: &Screen, heading: &Mutex<String>) -> DemoOutcome {
    let show = Show::new(stage, screen);
    let mut steps: Vec<StepOutcome> = Vec::new();
    for (i, step) in Step::ALL.into_iter().enumerate() {
        let number = format!("{}/{} {}", i + 1, Step::ALL.len(), step.name());
        *heading.lock().unwrap_or_else(PoisonError::into_inner) = number.clone();
        let fault = !args.skip_fault.contains(&step);
        screen.say(&format!(
            "\n{number}: {}{}",
            summary::promise(step),
            if fault { "" } else { " [its fault is left out]" }
        ));
        let began = Instant::now();
        let unmet = step.needs().iter().find(|needed| !steps.iter().any(|it| it.name == **needed && it.ok));
        let result = match unmet {
            Some(needed) => Err(anyhow::anyhow!("not played: `{}` was not observed", needed.name())),
            None => steps::play(&show, step, fault).await,
        };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(()) => screen.say(&format!("    OBSERVED ({ms} ms)")),
            Err(error) => screen.say(&format!("    NOT OBSERVED ({ms} ms): {error:#}")),
        }
        let ok = result.is_ok();
        steps.push(StepOutcome { name: step, ok, ms });
        if !ok {
            write_down(stage, step);
            if let Err(error) = stage.restore().await {
                screen.say(&format!("    what was broken can't be mended: {error:#}"));
            }
            show.forget();
        }
    }
    DemoOutcome::of(steps)
}

/// What every node says at the end of a step that failed goes to a file beside the logs.
fn write_down(stage: &Stage, step: Step) {
    let path = stage.processes.log_named(&format!("failed-{}", step.name()));
    let written = stage.look(0).and_then(|scene| {
        let said: Vec<_> = scene.views.iter().map(|(node, view)| (node, &view.status)).collect();
        Ok(std::fs::write(&path, format!("{said:#?}\n\n{:#?}\n", scene.mutations))?)
    });
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "it can't be written");
    }
}

/// Draws the table again and again; nothing where there is no terminal. Never ends.
async fn draw(stage: &Stage, screen: &Screen, heading: &Mutex<String>) {
    if !screen.is_live() {
        std::future::pending::<()>().await;
    }
    loop {
        let text = heading.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Ok(scene) = stage.look(0) {
            screen.draw(table::rows(&scene, &text));
        }
        sleep(DRAW_EVERY).await;
    }
}
