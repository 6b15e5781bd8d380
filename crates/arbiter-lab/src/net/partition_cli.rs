//! `arbiter-lab net partition`: one partition test, in a lab that ends with it.

use super::cluster::Pace;
use super::lab::{Harm, Settings};
use super::partition::{Kind, Order};
use super::peers::Peer;
use super::sandbox::{self, Rights};
use super::serve;
use super::site::SiteSide;
use super::wall_clock;
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
pub(super) struct PartitionArgs {
    /// Who guards the routes.
    #[arg(long, value_enum, default_value_t = Peer::Ours)]
    who: Peer,
    /// How many nodes Route Arbiter has: 3, or 5.
    #[arg(long, default_value_t = 3, value_parser = nodes)]
    nodes: u8,
    /// For how long there is trouble.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// What all choices follow from; when things happen does not.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which nemeses come; by default all.
    #[arg(long, value_enum, value_name = "KIND")]
    nemesis: Vec<Kind>,
    /// Where the history goes.
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// How fast the cluster is to judge.
    #[arg(long, value_enum, default_value_t)]
    pace: Pace,
    /// Where `arbiterd` is; by default where this program is.
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
}

fn nodes(text: &str) -> Result<u8, String> {
    match text {
        "3" => Ok(3),
        "5" => Ok(5),
        _ => Err("3 or 5".to_owned()),
    }
}

impl PartitionArgs {
    fn settings(&self, folder: &Path) -> anyhow::Result<Settings> {
        for program in self.who.programs() {
            anyhow::ensure!(
                Path::new(program).is_file(),
                "{program} is not there; `scripts/lab packages --peers` installs it"
            );
        }
        let arbiterd = match self.who.pace() {
            Some(_) => Some(programs::folder(self.bin_dir.as_deref())?.join("arbiterd")),
            None => None,
        };
        if let Some(program) = &arbiterd {
            anyhow::ensure!(program.is_file(), "{} is not there; `scripts/lab` builds it", program.display());
        }
        Ok(Settings {
            folder: folder.to_owned(),
            arbiterd,
            nodes: if self.nodes == 5 { &Node::FIVE } else { &Node::ALL },
            peer: Some(self.who),
            pace: self.pace,
            site: SiteSide::IpSla,
            sla_every: TRACKING_EVERY,
            harm: self.harm()?,
        })
    }

    fn kinds(&self) -> Vec<Kind> {
        if self.nemesis.is_empty() { Kind::all() } else { self.nemesis.clone() }
    }

    /// What the nodes have to be prepared for; the others have no node.
    fn harm(&self) -> anyhow::Result<Harm> {
        let (ours, kinds) = (self.who.pace().is_some(), self.kinds());
        let clocks = ours && kinds.contains(&Kind::ClockJumps);
        Ok(Harm {
            clocks: clocks.then(wall_clock::library).transpose()?,
            small_disks: ours && kinds.contains(&Kind::DiskFull),
        })
    }

    fn order(&self) -> Order {
        let (kinds, history) = (self.kinds(), self.history.clone());
        Order { who: self.who, seed: self.seed, seconds: self.seconds, kinds, history }
    }

    /// The same arguments, for ourselves inside.
    fn words(&self) -> anyhow::Result<Vec<String>> {
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map_or_else(String::new, |it| it.get_name().to_owned())
        };
        let absolute = |path: &Path| std::path::absolute(path).map(|path| path.display().to_string());
        let mut words = vec![
            "--who".to_owned(),
            name(self.who.to_possible_value()),
            format!("--nodes={}", self.nodes),
            format!("--seconds={}", self.seconds),
            format!("--seed={}", self.seed),
            "--history".to_owned(),
            absolute(&self.history)?,
            "--pace".to_owned(),
            name(self.pace.to_possible_value()),
        ];
        for kind in &self.nemesis {
            words.extend(["--nemesis".to_owned(), kind.name()]);
        }
        if let Some(dir) = &self.bin_dir {
            words.extend(["--bin-dir".to_owned(), absolute(dir)?]);
        }
        Ok(words)
    }
}

/// Becomes the lab that it happens in.
pub(super) fn start(partition: &PartitionArgs) -> anyhow::Result<ExitCode> {
    partition.settings(Path::new("/"))?;
    let rights = Rights::of_this_machine()?;
    let folder = sandbox::new_folder_of_own()?;
    let words = ["net", "inside-partition", "--folder"].map(str::to_owned).into_iter();
    let words = words.chain([folder.display().to_string()]).chain(partition.words()?);
    Err(rights.become_inside(&words.collect::<Vec<_>>()))
}

/// Runs it, inside the lab's namespaces.
pub(super) async fn inside(folder: PathBuf, partition: &PartitionArgs) -> anyhow::Result<ExitCode> {
    let settings = partition.settings(&folder).context("what was there a moment ago")?;
    serve::partition(settings, &partition.order()).await
}
