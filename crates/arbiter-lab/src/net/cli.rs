//! `arbiter-lab net …`: what `scripts/lab` passes on.

use super::cluster::Pace;
use super::control::{self, Answer, Request};
use super::faults::{FaultName, FaultOrder, Zone};
use super::lab::{Harm, Settings};
use super::partition_cli::{self, PartitionArgs};
use super::race_cli::{self, RaceArgs};
use super::sandbox::{self, LOG, Rights};
use super::scenarios::{Case, Watch};
use super::serve::{self, Run};
use super::site::SiteSide;
use super::topology::Host;
use crate::demo::cluster::Node;
use crate::programs;
use anyhow::Context;
use clap::{Args, Subcommand};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A lab is up in some seconds; on a busy machine in some tens.
const UP_LIMIT: Duration = Duration::from_secs(90);
/// The kernel takes a moment to end everything.
const DOWN_LIMIT: Duration = Duration::from_secs(30);
/// Time between two looks whether it has come to pass.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The reference topology in network namespaces: real strongSwan, real packets.
#[derive(Debug, Clone, Args)]
pub struct NetArgs {
    #[command(subcommand)]
    command: NetCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum NetCommand {
    /// Build the lab and leave it running.
    Up(BuildArgs),
    /// End it and clear everything away, whatever state it is in.
    Down,
    /// Say how it is.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a fault.
    Fault {
        /// Which.
        name: FaultName,
        /// On which side: a (strongswan-1, router-1, private-1) or b.
        #[arg(long, default_value = "a")]
        zone: Zone,
        /// How many packets of a hundred are lost; for `loss`.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
        percent: u8,
    },
    /// Mend all faults.
    Heal,
    /// Open a shell on a host, or run a program there.
    Shell {
        /// Which: vpc, private-1, private-2, strongswan-1, strongswan-2, witness, internet, router-1, router-2, core,
        /// on-premises.
        #[arg(value_parser = host_named)]
        host: Host,
        /// What to run; a shell, if nothing is given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<String>,
    },
    /// Play a scenario in a lab of its own, which ends with it. The exit code is 0 only if all was seen.
    Run {
        /// `goals` (the five goals and all other cases), `slice` (the five goals and the cut line), `following` (how the
        /// data centre's own cluster follows), or one case.
        #[arg(value_parser = scenario_named)]
        scenario: String,
        #[command(flatten)]
        how: RunArgs,
        #[command(flatten)]
        build: BuildArgs,
    },
    /// Let one peer (ours, or what others do) meet one fault, again and again, in a lab of its own; a line of JSON for each
    /// run. `scripts/bench outage` runs all of them and judges.
    Race(RaceArgs),
    /// A race's own process, inside its namespaces.
    #[command(hide = true)]
    InsideRace {
        #[arg(long)]
        folder: PathBuf,
        #[command(flatten)]
        race: RaceArgs,
    },
    /// Harm the cluster in every way that has a name, while operators work, in a lab of its own, and write down what happened.
    /// `scripts/partition-test` runs and judges it.
    Partition(PartitionArgs),
    /// A partition test's own process, inside its namespaces.
    #[command(hide = true)]
    InsidePartition {
        #[arg(long)]
        folder: PathBuf,
        #[command(flatten)]
        partition: PartitionArgs,
    },
    /// The lab's own process, inside its namespaces.
    #[command(hide = true)]
    Inside {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        scenario: Option<String>,
        #[command(flatten)]
        how: RunArgs,
        #[command(flatten)]
        build: BuildArgs,
    },
}

/// How a scenario is to be played.
#[derive(Debug, Clone, Args)]
struct RunArgs {
    /// End with one line of JSON on standard output; all else goes to standard error.
    #[arg(long)]
    json: bool,
    /// Leave all faults out. Every case that makes one must then fail: proof that it looks.
    #[arg(long)]
    skip_faults: bool,
    /// Watch `loss` for so many minutes instead of some seconds, and count moves and changes of probes.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=60))]
    minutes: Option<u8>,
    /// How many packets of a hundred are lost each way meanwhile; by default as many as the case has it.
    #[arg(long, requires = "minutes", value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: Option<u8>,
}

impl RunArgs {
    /// What `--minutes` asks for, of these cases.
    fn watch(&self, cases: &[Case]) -> anyhow::Result<Option<Watch>> {
        let Some(minutes) = self.minutes else { return Ok(None) };
        anyhow::ensure!(cases == [Case::Loss], "`--minutes` is for the case {} alone", Case::Loss.name());
        let percent = self.percent.or(Case::Loss.fault().map(|fault| fault.percent)).unwrap_or_default();
        Ok(Some(Watch { minutes, percent }))
    }
}

fn scenario_named(name: &str) -> Result<String, String> {
    Case::scenario(name).map(|_| name.to_owned())
}

/// How the lab is to be.
#[derive(Debug, Clone, Args)]
struct BuildArgs {
    /// Where `arbiterd` and `arbiterctl` are; by default where this program is.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// No cluster: hosts, tunnels and the endpoint alone.
    #[arg(long)]
    no_cluster: bool,
    /// How fast the cluster is to judge: as by default, or with patience, for a small and busy machine.
    #[arg(long, value_enum, default_value_t)]
    pace: Pace,
    /// Who decides about the way back: the routers' reachability tracking, the data centre's own cluster, or nobody. By
    /// default the tracking, or whatever the scenario is about.
    #[arg(long, value_enum)]
    site: Option<SiteSide>,
    /// How often the routers' tracking looks, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(500..=60_000))]
    sla_every_ms: u64,
}

fn host_named(name: &str) -> Result<Host, String> {
    Host::named(name).ok_or_else(|| {
        let names: Vec<_> = Host::ALL.into_iter().map(Host::name).collect();
        format!("there is no host `{name}`; there are {}", names.join(", "))
    })
}

impl BuildArgs {
    fn bin_dir(&self) -> anyhow::Result<PathBuf> {
        let folder = programs::folder(self.bin_dir.as_deref())?;
        std::path::absolute(folder).context("where the programs are can't be told")
    }

    /// The same arguments, for ourselves inside.
    fn words(&self) -> anyhow::Result<Vec<String>> {
        let bin_dir = self.bin_dir()?.display().to_string();
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map_or_else(String::new, |it| it.get_name().to_owned())
        };
        use clap::ValueEnum;
        let mut words = vec!["--bin-dir".to_owned(), bin_dir];
        words.extend(["--pace".to_owned(), name(self.pace.to_possible_value())]);
        let site = self.site.and_then(|site| site.to_possible_value());
        words.extend(site.into_iter().flat_map(|site| ["--site".to_owned(), site.get_name().to_owned()]));
        words.extend(["--sla-every-ms".to_owned(), self.sla_every_ms.to_string()]);
        if self.no_cluster {
            words.push("--no-cluster".to_owned());
        }
        Ok(words)
    }

    /// For these cases; for none, a lab to look around in.
    fn settings(&self, folder: &Path, cases: &[Case]) -> anyhow::Result<Settings> {
        let follows = cases.iter().find(|case| case.is_of_the_site_cluster());
        let default = if follows.is_some() { SiteSide::Cluster } else { SiteSide::default() };
        let site = self.site.unwrap_or(default);
        if let Some(case) = follows.filter(|_| site != SiteSide::Cluster) {
            anyhow::bail!("{} is about the data centre's own cluster: `--site cluster`", case.name());
        }
        let arbiterd = if self.no_cluster { None } else { Some(self.bin_dir()?.join("arbiterd")) };
        if let Some(program) = &arbiterd {
            anyhow::ensure!(program.is_file(), "{} is not there; `scripts/lab` builds it", program.display());
        }
        Ok(Settings {
            folder: folder.to_owned(),
            arbiterd,
            nodes: &Node::ALL,
            peer: None,
            pace: self.pace,
            site,
            sla_every: Duration::from_millis(self.sla_every_ms),
            harm: Harm::default(),
        })
    }
}

/// Does what the command line says.
///
/// # Errors
/// It can't be done; the error says why, and what to do.
pub async fn run(args: NetArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        NetCommand::Up(build) => up(&build).await,
        NetCommand::Down => down().await,
        NetCommand::Status { json } => status(json).await,
        NetCommand::Fault { name, zone, percent } => {
            let percent = if name == FaultName::Loss { percent } else { 0 };
            order(&Request::Fault(FaultOrder { name, zone, percent })).await
        }
        NetCommand::Heal => order(&Request::Heal).await,
        NetCommand::Shell { host, program } => shell(host, &program).await,
        NetCommand::Run { scenario, how, build } => play(&scenario, &how, &build),
        NetCommand::Race(race) => race_cli::start(&race),
        NetCommand::InsideRace { folder, race } => race_cli::inside(folder, &race).await,
        NetCommand::Partition(partition) => partition_cli::start(&partition),
        NetCommand::InsidePartition { folder, partition } => partition_cli::inside(folder, &partition).await,
        NetCommand::Inside { folder, scenario: None, build, .. } => {
            serve::stay(build.settings(&folder, &[])?).await.map(|()| ExitCode::SUCCESS)
        }
        NetCommand::Inside { folder, scenario: Some(scenario), how, build } => {
            let cases = Case::scenario(&scenario).map_err(anyhow::Error::msg)?;
            let settings = build.settings(&folder, &cases)?;
            let watch = how.watch(&cases)?;
            let run = Run { cases, faults: !how.skip_faults, watch, json: how.json };
            serve::play(settings, &run).await
        }
    }
}

#[expect(clippy::print_stdout, reason = "what a command line tool has to say")]
fn say(text: &str) {
    println!("{}", text.trim_end());
}

async fn up(build: &BuildArgs) -> anyhow::Result<ExitCode> {
    let up = sandbox::folder_of_up()?;
    anyhow::ensure!(sandbox::owner(&up).is_none(), "the lab is up already; `scripts/lab down` ends it");
    build.settings(&up, &[])?;
    let rights = Rights::of_this_machine()?;
    let folder = sandbox::new_folder_of_up()?;
    let mut words = inside(&folder);
    words.extend(build.words()?);
    let mut child = rights.start_apart(&folder, &words)?;
    sandbox::own(&folder, child.id())?;
    let deadline = Instant::now() + UP_LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
            anyhow::bail!("the lab has ended ({status}):\n{log}");
        }
        if let Ok(Answer::Status(status)) = control::ask(&folder, &Request::Status).await
            && status.tunnels.values().all(|up| *up)
        {
            say(&format!("{status}\nthe lab is up; its folder is {}", folder.display()));
            return Ok(ExitCode::SUCCESS);
        }
        if Instant::now() >= deadline {
            anyhow::bail!(
                "the tunnels are not up after {UP_LIMIT:?}; see the logs in {}, and `scripts/lab down`",
                folder.display()
            );
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Becomes the lab that plays: whoever waits for us waits for it, and a signal for us reaches it.
fn play(scenario: &str, how: &RunArgs, build: &BuildArgs) -> anyhow::Result<ExitCode> {
    let cases = Case::scenario(scenario).map_err(anyhow::Error::msg)?;
    build.settings(Path::new("/"), &cases)?;
    let watch = how.watch(&cases)?;
    anyhow::ensure!(!build.no_cluster, "a scenario is about the cluster: leave --no-cluster out");
    let rights = Rights::of_this_machine()?;
    // The process keeps its number when it becomes another program.
    let folder = sandbox::new_folder_of_own()?;
    let mut words = inside(&folder);
    words.extend(build.words()?);
    words.extend(["--scenario".to_owned(), scenario.to_owned()]);
    words.extend(how.json.then(|| "--json".to_owned()));
    words.extend(how.skip_faults.then(|| "--skip-faults".to_owned()));
    if let Some(Watch { minutes, percent }) = watch {
        words.extend([format!("--minutes={minutes}"), format!("--percent={percent}")]);
    }
    Err(rights.become_inside(&words))
}

fn inside(folder: &Path) -> Vec<String> {
    ["net", "inside", "--folder"]
        .map(str::to_owned)
        .into_iter()
        .chain([folder.display().to_string()])
        .collect()
}

async fn down() -> anyhow::Result<ExitCode> {
    let folder = sandbox::folder_of_up()?;
    if let Some(owner) = sandbox::owner(&folder) {
        let first = owner.inside();
        // The death of the first process inside is the end of all; the other would only wait for it.
        first.unwrap_or(owner).kill();
        let deadline = Instant::now() + DOWN_LIMIT;
        while owner.lives() || first.is_some_and(sandbox::Process::lives) {
            anyhow::ensure!(Instant::now() < deadline, "the lab (process {}) can't be ended", owner.pid);
            sleep(LOOK_EVERY).await;
        }
    }
    sandbox::sweep()?;
    say("the lab is down");
    Ok(ExitCode::SUCCESS)
}

async fn ask(request: &Request) -> anyhow::Result<Answer> {
    let folder = sandbox::folder_of_up()?;
    anyhow::ensure!(sandbox::owner(&folder).is_some(), "the lab is not up; `scripts/lab up` builds it");
    match control::ask(&folder, request).await? {
        Answer::Failed(why) => anyhow::bail!(why),
        answer => Ok(answer),
    }
}

async fn status(json: bool) -> anyhow::Result<ExitCode> {
    let Answer::Status(status) = ask(&Request::Status).await? else {
        anyhow::bail!("the lab gave no status")
    };
    say(&if json { serde_json::to_string(&status)? } else { status.to_string() });
    Ok(ExitCode::SUCCESS)
}

async fn order(request: &Request) -> anyhow::Result<ExitCode> {
    ask(request).await?;
    say("done");
    Ok(ExitCode::SUCCESS)
}

async fn shell(host: Host, program: &[String]) -> anyhow::Result<ExitCode> {
    let Answer::Status(status) = ask(&Request::Status).await? else {
        anyhow::bail!("the lab gave no status")
    };
    let holder = status.hosts.get(host.name()).with_context(|| format!("{host} is off"))?;
    let owner = sandbox::owner(&sandbox::folder_of_up()?).context("the lab has just ended")?;
    let first = owner.inside().context("the lab has just ended")?;
    let mut words = sandbox::enter(first)?;
    let holder = holder.to_string();
    words.extend(["nsenter", "--target", &holder, "--net", "--mount", "--uts", "--"].map(str::to_owned));
    if program.is_empty() {
        words.push(std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned()));
    } else {
        words.extend_from_slice(program);
    }
    let (nsenter, rest) = words.split_first().context("nsenter comes first")?;
    Err(anyhow::Error::from(Command::new(nsenter).args(rest).exec()).context("`nsenter` can't be started"))
}
