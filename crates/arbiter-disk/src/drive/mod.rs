//! What is traced: three nodes on real disks that agree over loopback, elect, forget, restart.

mod parts;
mod programs;

use arbiter_lab::demo::cluster::Node;
use clap::ValueEnum;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything may take to come about, on a busy machine and under `strace`.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recorded {
    /// Three processes of `arbiterd`.
    Programs,
    /// One process of the parts of `arbiterd` that have to do with the disk. Its log turns over every few entries, which no
    /// configuration lets `arbiterd` do.
    Parts,
}

impl Recorded {
    /// As the command line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Parts => "parts",
        }
    }

    /// The folders of the nodes.
    pub fn folders(self, home: &Path) -> BTreeMap<u64, PathBuf> {
        match self {
            Self::Programs => {
                Node::ALL.into_iter().map(|node| (node.number(), home.join(node.name()))).collect()
            }
            Self::Parts => (1..=parts::NODES).map(|node| (node, parts::folder_of(home, node))).collect(),
        }
    }
}

/// Lives through `rounds` of entries and misfortunes, below `home`.
///
/// # Errors
/// Something did not come about in time.
pub(crate) async fn drive(recorded: Recorded, home: &Path, rounds: u64) -> anyhow::Result<()> {
    // `strace` is its parent. Without it nobody would judge what comes.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match recorded {
        Recorded::Programs => programs::drive(home, rounds).await,
        Recorded::Parts => parts::drive(home, rounds).await,
    }
}
