//! The demo: Route Arbiter at work on one machine, without root and without an AWS account, and looked at closely.
//!
//! Three real `arbiterd` processes, real Raft over gRPC, real probes, the real AWS SDK over HTTP. What is not real is
//! what stands behind: the EC2 API is the lab's endpoint, and hosts, lines and tunnels are stand-ins on loopback,
//! which fall silent as real ones do ([`lines`], [`crate::targets`]). Nothing is taken for granted: each step ends well only
//! if what it promises was *seen*, in the endpoint's route tables, in its call log, and in what the nodes report.
//!
//! ```text
//!  outcome ◄── steps ──► stage ──► processes (arbiterd × 3)
//!               │ │        ├─────► lines, targets   ◄── trouble: what is silent now
//!               │ └► scene ┴─────► endpoint, watch (what the nodes say)
//!               ├──► referee: who wrote, by the call log
//!               └──► desk: what an operator reads in it
//! ```

pub mod cluster;
mod desk;
mod folder;
mod keep;
mod lines;
mod old_way;
mod outcome;
pub mod processes;
mod redact;
pub(crate) mod referee;
pub(crate) mod scene;
mod screen;
mod show;
mod stage;
mod steps;
mod summary;
mod table;
mod times;
mod trouble;
pub(crate) mod watch;

pub use outcome::{DemoOutcome, NoFault, Permissions, Step, StepOutcome};

use crate::programs;
use crate::signals::{INTERRUPTED, Signals};
use clap::Args;
use folder::Folder;
use screen::Screen;
use show::Show;
use stage::Stage;
use std::cell::OnceCell;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the table is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(250);

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
    /// Write what `arbiterctl` says in each step to this folder, instead of holding it against what is known.
    #[arg(long, value_name = "DIR")]
    bless: Option<PathBuf>,
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
    let mut ended = Signals::new()?;
    let mut folder = Folder::new()?;
    let bin_dir = programs::folder(args.bin_dir.as_deref())?;
    let stage = Stage::set_up(&bin_dir, folder.path(), args.bless.clone()).await?;
    let play = Play {
        args: &args,
        stage: &stage,
        screen: &screen,
        heading: Mutex::default(),
        code: OnceCell::new(),
    };
    let code = tokio::select! {
        code = play.perform(&bin_dir, &mut folder) => code,
        () = ended.wait() => Ok(play.code.get().copied().unwrap_or(INTERRUPTED)),
    };
    stage.processes.kill_all().await;
    code.map(ExitCode::from)
}

#[expect(clippy::print_stdout, reason = "the line that --json promises on standard output")]
fn print_json(outcome: &DemoOutcome) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(outcome)?);
    Ok(())
}

/// A demo under way.
struct Play<'a> {
    args: &'a DemoArgs,
    stage: &'a Stage,
    screen: &'a Screen,
    /// What is played, for the table.
    heading: Mutex<String>,
    /// How it ended, once it has: with `--keep`, Ctrl-C comes later.
    code: OnceCell<u8>,
}

impl Play<'_> {
    /// Plays all steps, tells how they ended, and stays if it shall.
    async fn perform(&self, bin_dir: &Path, folder: &mut Folder) -> anyhow::Result<u8> {
        self.screen.say(&summary::opening(self.stage));
        let changes = self.stage.endpoint.changes();
        tokio::select! {
            code = self.perform_in_front(bin_dir, folder) => code,
            Err(error) = self.stage.hosts_follow(changes) => Err(error),
            never = self.draw() => match never {},
        }
    }

    async fn perform_in_front(&self, bin_dir: &Path, folder: &mut Folder) -> anyhow::Result<u8> {
        let outcome = self.play_all().await;
        self.screen.draw(Vec::new());
        self.screen.say(&summary::closing(&outcome));
        if !outcome.ok {
            folder.keep();
            let path = folder.path().display();
            self.screen.say(&format!("The logs of all nodes, and of all calls to EC2, are in {path}"));
        }
        if self.args.json {
            print_json(&outcome)?;
        }
        let code = *self.code.get_or_init(|| u8::from(!outcome.ok));
        if self.args.keep {
            self.screen.say(&keep::words(self.stage, bin_dir));
            self.set_heading("running until Ctrl-C".to_owned());
            std::future::pending::<()>().await;
        }
        Ok(code)
    }

    async fn play_all(&self) -> DemoOutcome {
        let show = Show::new(self.stage, self.screen);
        let mut steps: Vec<StepOutcome> = Vec::new();
        for (i, step) in Step::ALL.into_iter().enumerate() {
            let number = format!("{}/{} {}", i + 1, Step::ALL.len(), step.name());
            self.set_heading(number.clone());
            let fault = !self.args.skip_fault.contains(&step);
            let left_out = if fault { "" } else { " [its fault is left out]" };
            self.screen.say(&format!("\n{number}: {}{left_out}", summary::promise(step)));
            let began = Instant::now();
            let unmet =
                step.needs().iter().find(|needed| !steps.iter().any(|it| it.name == **needed && it.ok));
            let result = match unmet {
                Some(needed) => Err(anyhow::anyhow!("not played: `{}` was not observed", needed.name())),
                None => steps::play(&show, step, fault).await,
            };
            let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            steps.push(StepOutcome { name: step, ok: result.is_ok(), ms });
            match result {
                Ok(()) => show.say(&format!("OBSERVED ({ms} ms)")),
                Err(error) => {
                    show.say(&format!("NOT OBSERVED ({ms} ms): {error:#}"));
                    self.clear_up(step, &show).await;
                }
            }
        }
        DemoOutcome::of(steps, self.stage.permissions())
    }

    /// After a step that failed: keeps what can be looked into, and lets the next begin well.
    async fn clear_up(&self, failed: Step, show: &Show<'_>) {
        write_down(self.stage, failed);
        if let Err(error) = self.stage.restore().await {
            show.say(&format!("what was broken can't be mended: {error:#}"));
        }
        show.forget();
    }

    fn set_heading(&self, text: String) {
        *self.heading.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Draws the table again and again; nothing where there is no terminal.
    async fn draw(&self) -> Infallible {
        if !self.screen.is_live() {
            return std::future::pending().await;
        }
        loop {
            let text = self.heading.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Ok(scene) = self.stage.look(0) {
                self.screen.draw(table::rows(&scene, &text));
            }
            sleep(DRAW_EVERY).await;
        }
    }
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
