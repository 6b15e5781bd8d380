//! `arbiterd recover`: the way out when the majority of the nodes is lost for good.
//!
//! ```text
//!  hold the folder ─► read it ─► look for the others ─► show ─► confirmed? ─► copy it ─► change it, in one step
//!                                EC2, and their ports             │ no
//!                                                                 └─► nothing was changed
//! ```
//!
//! Nothing in the folder is changed before somebody has answered for each node that EC2 does not show stopped. What the
//! change is, and why it is safe against a crash, is said at [`arbiter_raft::recovery`].

mod backup;
mod others;
mod show;

use anyhow::Context;
use arbiter_config::Config;
use arbiter_core::ids::NodeId;
use arbiter_raft::recovery::{Decision, Survivor};
use arbiter_raft::store::{Folder, SledStore};
use clap::Args;
use others::Other;
use std::io::{BufRead, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How to recover.
#[derive(Debug, Clone, Args)]
pub struct RecoverOptions {
    /// Show what would be done, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Who decides it, for the history; the user's name otherwise.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Answer for the nodes that EC2 does not show stopped: exactly the phrase that is asked for.
    #[arg(long, value_name = "PHRASE")]
    pub confirm: Option<String>,
    /// Where the data folder is copied to before it is changed; a new folder in it otherwise.
    #[arg(long, value_name = "FOLDER")]
    pub backup: Option<PathBuf>,
}

/// How it ended, where it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// The node is a cluster of its own.
    Yes,
    /// It was only shown.
    Shown,
    /// Nobody answered for the others: nothing was changed.
    NotConfirmed,
    /// The disk failed while it was changed: it is the old or the new cluster's.
    InDoubt,
}

impl Recovered {
    /// The exit code. 1 is a failure that changed nothing, 2 a wrong command line.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Yes | Self::Shown => 0,
            Self::NotConfirmed => 3,
            Self::InDoubt => 5,
        }
    }
}

/// Recovers this node's data folder. `person` is asked, if there is one.
///
/// # Errors
/// It can't be done; nothing was changed.
pub fn recover(
    config: &Config,
    options: &RecoverOptions,
    runtime: &tokio::runtime::Runtime,
    out: &mut dyn Write,
    person: Option<&mut dyn BufRead>,
) -> anyhow::Result<Recovered> {
    let (local, cluster) = (&config.local, &config.policy.cluster);
    let path = &local.data_dir;
    must_be_ours(path)?;
    let folder = Folder::hold(path)?;
    let survivor = examine(path, local.id, cluster)?;
    let others = runtime.block_on(others::look(local, &survivor));
    show::found(out, path, &survivor, &others)?;
    if options.dry_run {
        if let Some(phrase) = phrase(cluster, &others) {
            writeln!(out, "\nTo go on without them, it would ask for exactly this phrase:\n\n    {phrase}")?;
        }
        writeln!(out, "\nNothing was changed.")?;
        return Ok(Recovered::Shown);
    }
    if let Some(phrase) = phrase(cluster, &others)
        && !confirmed(&phrase, options.confirm.as_deref(), out, person)?
    {
        writeln!(out, "\nNot confirmed. Nothing was changed.")?;
        return Ok(Recovered::NotConfirmed);
    }
    let by = options.by.clone().unwrap_or_else(user);
    let decision = Decision::draw(&by, &local.address).context("the system gives no random numbers")?;
    let copy = backup::place(path, options.backup.as_deref(), decision.wall_ms);
    backup::copy(path, &copy)?;
    writeln!(out, "\nThe data folder as it was: {}", copy.display())?;
    change(&folder, survivor, &decision, out)
}

/// Reads the folder, which is held. On a copy, since opening a store rewrites parts of it; the copy is gone afterwards.
fn examine(path: &Path, node: NodeId, cluster: &str) -> anyhow::Result<Survivor> {
    let copy = backup::Passing::copy(path)?;
    let examined = SledStore::open(copy.path())
        .map_err(anyhow::Error::from)
        .and_then(|store| Ok(Survivor::examine(&store, node, cluster)?));
    examined.with_context(|| format!("the data folder {} can't be recovered", path.display()))
}

fn change(
    folder: &Folder,
    survivor: Survivor,
    decision: &Decision,
    out: &mut dyn Write,
) -> anyhow::Result<Recovered> {
    let store = SledStore::open_held(folder.clone())?;
    match survivor.recover(&store, decision) {
        Ok(state) => {
            show::done(out, &state)?;
            Ok(Recovered::Yes)
        }
        Err(error) => {
            writeln!(
                out,
                "\nThe data folder {} has failed: {error}\nIt is as it was, or wholly recovered. `arbiterd recover \
                 --dry-run` says which; the copy is as it was.",
                folder.path().display()
            )?;
            Ok(Recovered::InDoubt)
        }
    }
}

/// What another user would write here, `arbiterd` could not read.
fn must_be_ours(path: &Path) -> anyhow::Result<()> {
    let there = Folder::has_store(path);
    let folder = path.display();
    anyhow::ensure!(
        there,
        "there is no node's data in {folder}: correct `data_dir`, or `--config` and `--node`"
    );
    let owner = std::fs::metadata(path).with_context(|| format!("{folder} can't be looked at"))?.uid();
    let me = rustix::process::geteuid().as_raw();
    anyhow::ensure!(
        owner == me,
        "{folder} belongs to user {owner}, this is user {me}: run it as its owner (`sudo -u '#{owner}' arbiterd …`)"
    );
    Ok(())
}

/// What must be typed to answer for those that EC2 does not show stopped; nothing if it shows all of them stopped.
fn phrase(cluster: &str, others: &[Other]) -> Option<String> {
    let doubtful: Vec<String> = others.iter().filter_map(Other::doubt).collect();
    (!doubtful.is_empty()).then(|| format!("recover {cluster} without {}", doubtful.join(" and ")))
}

fn confirmed(
    phrase: &str,
    given: Option<&str>,
    out: &mut dyn Write,
    person: Option<&mut dyn BufRead>,
) -> anyhow::Result<bool> {
    if let Some(given) = given {
        if given != phrase {
            writeln!(out, "\n`--confirm` says `{given}`, and what is asked for now is:\n\n    {phrase}")?;
        }
        return Ok(given == phrase);
    }
    writeln!(
        out,
        "\nEC2 does not show all of them stopped. If one of them still runs, two clusters will move the same routes.\n\
         If you know that they are gone for good, and that nobody starts them with their old disks, type exactly:\n\n    \
         {phrase}\n"
    )?;
    let Some(person) = person else {
        writeln!(out, "There is no terminal to type it on: `--confirm` takes it too.")?;
        return Ok(false);
    };
    write!(out, "> ")?;
    out.flush()?;
    let mut typed = String::new();
    person.read_line(&mut typed).context("the terminal can't be read")?;
    Ok(typed.trim() == phrase)
}

/// Who sits there.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::evidence::InstanceState;
    use others::Seen;

    fn other(name: &str, seen: Seen) -> Other {
        Other { name: name.to_owned(), seen, knocked: None }
    }

    #[test]
    fn nobody_is_asked_to_answer_for_what_ec2_shows() {
        let stopped = other("two", Seen::Instance("i-2".to_owned(), InstanceState::Stopped));
        assert_eq!(phrase("vpn", std::slice::from_ref(&stopped)), None);
        let asked = phrase("vpn", &[stopped, other("witness", Seen::Unseen)]);
        assert_eq!(asked.as_deref(), Some("recover vpn without witness (not in EC2)"));
    }

    #[test]
    fn the_phrase_is_taken_from_a_person_or_the_command_line_and_only_whole() {
        let try_with = |given: Option<&str>, typed: Option<&str>| {
            let mut typed = typed.map(str::as_bytes);
            let person = typed.as_mut().map(|typed| typed as &mut dyn BufRead);
            confirmed("recover vpn", given, &mut Vec::new(), person).unwrap()
        };
        assert!(try_with(Some("recover vpn"), None) && try_with(None, Some("recover vpn\n")));
        for wrong in ["", "y", "yes", "recover", "RECOVER VPN", "recover vpn2"] {
            assert!(!try_with(Some(wrong), Some("recover vpn\n")), "{wrong}");
            assert!(!try_with(None, Some(wrong)), "{wrong}");
        }
        assert!(!try_with(None, None), "nobody is there");
    }
}
