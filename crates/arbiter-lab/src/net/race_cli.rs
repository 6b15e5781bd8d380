//! `arbiter-lab net race`: one peer, one fault, so many runs, in a lab that ends with them.

use super::cluster::Pace;
use super::lab::{Harm, Settings};
use super::peers::Peer;
use super::race::{RaceFault, RaceOrder};
use super::sandbox::{self, Rights};
use super::serve;
use super::site::SiteSide;
use crate::demo::cluster::Node;
use crate::programs;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How often the routers' own tracking looks, as in the article.
const TRACKING_EVERY: Duration = Duration::from_secs(5);

/// What is to be run.
#[derive(Debug, Clone, Args)]
pub(super) struct RaceArgs {
    /// Who guards the routes.
    #[arg(long, value_enum)]
    peer: Peer,
    /// What happens.
    #[arg(long, value_enum)]
    fault: RaceFault,
    /// How often.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Leave the fault out. The run must then fail: proof that it looks.
    #[arg(long)]
    skip_faults: bool,
    /// Where `arbiterd` is; by default where this program is.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

impl RaceArgs {
    fn settings(&self, folder: &Path) -> anyhow::Result<Settings> {
        anyhow::ensure!(
            self.fault.is_for(self.peer),
            "{} means nothing to {}",
            word(&self.fault),
            word(&self.peer)
        );
        for program in self.peer.programs() {
            anyhow::ensure!(
                Path::new(program).is_file(),
                "{program} is not there; `scripts/lab packages --peers` installs it"
            );
        }
        let arbiterd = match self.peer.pace() {
            Some(_) => Some(programs::folder(self.bin_dir.as_deref())?.join("arbiterd")),
            None => None,
        };
        if let Some(program) = &arbiterd {
            anyhow::ensure!(
                program.is_file(),
                "{} is not there; `scripts/bench` builds it",
                program.display()
            );
        }
        Ok(Settings {
            folder: folder.to_owned(),
            arbiterd,
            nodes: &Node::ALL,
            peer: Some(self.peer),
            pace: self.peer.pace().unwrap_or(Pace::Default),
            site: SiteSide::IpSla,
            sla_every: TRACKING_EVERY,
            harm: Harm::default(),
        })
    }

    fn order(&self) -> RaceOrder {
        RaceOrder { peer: self.peer, fault: self.fault, runs: self.runs, faults: !self.skip_faults }
    }
}

fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Becomes the lab that races.
pub(super) fn start(race: &RaceArgs) -> anyhow::Result<ExitCode> {
    race.settings(Path::new("/"))?;
    let rights = Rights::of_this_machine()?;
    let folder = sandbox::new_folder_of_own()?;
    let words = ["net", "inside-race", "--folder"].map(str::to_owned).into_iter();
    let mut words: Vec<_> = words.chain([folder.display().to_string()]).collect();
    let runs = race.runs.to_string();
    let (peer, fault) = (word(&race.peer), word(&race.fault));
    words.extend(["--peer", &peer, "--fault", &fault, "--runs", &runs].map(str::to_owned));
    words.extend(race.skip_faults.then(|| "--skip-faults".to_owned()));
    if let Some(dir) = &race.bin_dir {
        let dir = dir.canonicalize().with_context(|| format!("{} is not there", dir.display()))?;
        words.extend(["--bin-dir".to_owned(), dir.display().to_string()]);
    }
    Err(rights.become_inside(&words))
}

/// Races, inside the lab's namespaces.
pub(super) async fn inside(folder: PathBuf, race: &RaceArgs) -> anyhow::Result<ExitCode> {
    serve::race(race.settings(&folder)?, race.order()).await
}
