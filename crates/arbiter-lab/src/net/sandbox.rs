//! Where a lab lives: namespaces of its own, so that nothing of it is left when it ends, however it ends.
//!
//! The lab runs as the first process of a process namespace, in a mount and a network namespace of its own; without root,
//! also in a user namespace. When that process ends, also by SIGKILL, the kernel kills every process of the lab, and with
//! the last of them go all hosts and cables. What stays is its folder; the next lab, or `down`, clears that away.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Whoever makes a folder for a lab of its own holds this file meanwhile; `sweep` spares it.
const LOCK: &str = "lock.kept";
/// The file that says whose folder it is.
const OWNER: &str = "owner.json";
/// The folder of the lab that `up` leaves running.
const UP: &str = "up";
/// The folder of the last run that failed.
const LAST_KEPT: &str = "failed.kept";
/// The log of the lab itself.
pub(super) const LOG: &str = "lab.log";

/// A process, told from a later one with the same number by when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub pid: u32,
    /// In the kernel's ticks since the machine booted.
    pub began: u64,
}

impl Process {
    /// That process, if it lives.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, began) = state_and_began(&stat)?;
        (state != 'Z').then_some(Self { pid, began })
    }

    /// Whether it still lives.
    pub fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Kills it, if it is still that one.
    pub fn kill(self) {
        if self.lives()
            && let Some(pid) = rustix::process::Pid::from_raw(self.pid.cast_signed())
        {
            // It may have ended by itself between the look and this.
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }

    /// The first process inside: the only child of the one that made the namespaces.
    pub fn inside(self) -> Option<Self> {
        let entries = fs::read_dir("/proc").ok()?;
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| parent(*pid) == Some(self.pid)).find_map(Self::of)
    }
}

/// A process's state and when it began, out of its `stat`. The name in parentheses may contain anything.
fn state_and_began(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // The state is the third field, the beginning the twenty-second.
    Some((state, fields.nth(18)?.parse().ok()?))
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The folder of all labs of this user; for nobody else's eyes.
fn base() -> anyhow::Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let base = std::env::temp_dir().join(format!("route-arbiter-lab-{user}"));
    match DirBuilder::new().mode(0o700).create(&base) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let owner = rustix::fs::stat(&base).map(|stat| stat.st_uid);
            anyhow::ensure!(owner == Ok(user), "{} belongs to somebody else; set TMPDIR", base.display());
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{} can't be made; set TMPDIR", base.display()));
        }
    }
    Ok(base)
}

/// The folder of the lab that `up` leaves running, whether it runs or not.
pub(super) fn folder_of_up() -> anyhow::Result<PathBuf> {
    Ok(base()?.join(UP))
}

/// Who owns a folder, if that process lives.
pub(super) fn owner(folder: &Path) -> Option<Process> {
    let text = fs::read(folder.join(OWNER)).ok()?;
    serde_json::from_slice::<Process>(&text).ok().filter(|owner| owner.lives())
}

/// Makes an empty folder that belongs to this process from its beginning, after clearing away those of labs that live no
/// more: labs that start side by side clear away what belongs to nobody.
fn new_folder(name: &str) -> anyhow::Result<PathBuf> {
    let path = base()?.join(LOCK);
    let lock = File::create(&path).with_context(|| format!("{} can't be made", path.display()))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    sweep()?;
    let folder = base()?.join(name);
    DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("{} can't be made", folder.display()))?;
    own(&folder, std::process::id())?;
    Ok(folder)
}

/// The folder of a lab that ends with this process.
pub(super) fn new_folder_of_own() -> anyhow::Result<PathBuf> {
    new_folder(&format!("run-{}", std::process::id()))
}

/// The same for the lab that stays. It is this process's until it is given to another.
pub(super) fn new_folder_of_up() -> anyhow::Result<PathBuf> {
    new_folder(UP)
}

/// Writes down whose folder it is.
pub(super) fn own(folder: &Path, pid: u32) -> anyhow::Result<()> {
    let process = Process::of(pid).context("the process has ended already")?;
    let path = folder.join(OWNER);
    fs::write(&path, serde_json::to_vec(&process)?)
        .with_context(|| format!("{} can't be written", path.display()))
}

/// Removes the folders of labs whose process is gone. One that was kept for somebody to look into has another name.
pub(super) fn sweep() -> anyhow::Result<()> {
    for entry in fs::read_dir(base()?)? {
        let folder = entry?.path();
        let kept = folder.extension().is_some_and(|extension| extension == "kept");
        if !kept && owner(&folder).is_none() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} can't be removed", folder.display()))?;
        }
    }
    Ok(())
}

/// Keeps the folder of a run that failed, under a name that `sweep` spares: the last one's only, some megabytes. Gives
/// its new place.
pub(super) fn keep(folder: &Path) -> anyhow::Result<PathBuf> {
    let kept = base()?.join(LAST_KEPT);
    if kept.exists() {
        fs::remove_dir_all(&kept).with_context(|| format!("{} can't be removed", kept.display()))?;
    }
    fs::rename(folder, &kept).with_context(|| format!("{} can't be renamed", folder.display()))?;
    Ok(kept)
}

/// How namespaces are to be had here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// By being root.
    Root,
    /// In a user namespace.
    UserNamespace,
}

impl Rights {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Root => &[],
            Self::UserNamespace => &["--user", "--map-root-user"],
        }
    }

    /// What this machine permits: tried out, not guessed.
    ///
    /// # Errors
    /// It permits neither; with what was tried and what it said.
    pub fn of_this_machine() -> anyhow::Result<Self> {
        let mut said = Vec::new();
        let root = rustix::process::geteuid().is_root();
        let ways = if root { &[Self::Root, Self::UserNamespace][..] } else { &[Self::UserNamespace][..] };
        for way in ways {
            match way.try_out() {
                Ok(()) => return Ok(*way),
                Err(error) => said.push(format!("{error:#}")),
            }
        }
        anyhow::bail!(
            "network namespaces are not permitted here: {}. Run it as root, or have user namespaces and /dev/net/tun \
             permitted (in a container: --privileged)",
            said.join("; ")
        )
    }

    /// Makes namespaces, a cable and a TUN device in them, and lets them go.
    fn try_out(self) -> anyhow::Result<()> {
        let test = "ip link add name a type veth peer name b && ip tuntap add mode tun name t";
        let output = self.unshare().args(["sh", "-ec", test]).stdin(Stdio::null()).output();
        let output = output.context("`unshare` can't be started; it is in the package util-linux")?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr).trim().replace('\n', ", ")
        );
        Ok(())
    }

    /// The command that makes the namespaces; what follows it runs inside.
    fn unshare(self) -> Command {
        let mut command = Command::new("unshare");
        command.args(self.words()).args([
            "--net",
            "--mount",
            "--pid",
            "--mount-proc",
            "--propagation",
            "private",
        ]);
        command.args(["--fork", "--kill-child=SIGKILL", "--"]);
        command
    }

    /// Starts ourselves inside, with these arguments, apart from this terminal; what it says goes to the folder's log.
    pub fn start_apart(self, folder: &Path, arguments: &[String]) -> anyhow::Result<Child> {
        let log = File::create(folder.join(LOG)).context("the log can't be made")?;
        let mut command = self.unshare();
        command.arg(std::env::current_exe()?).args(arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        command.spawn().context("`unshare` can't be started")
    }

    /// Becomes ourselves inside, with these arguments. Returns only if that fails.
    pub fn become_inside(self, arguments: &[String]) -> anyhow::Error {
        let own = match std::env::current_exe() {
            Ok(own) => own,
            Err(error) => return error.into(),
        };
        anyhow::Error::from(self.unshare().arg(own).args(arguments).exec())
            .context("`unshare` can't be started")
    }
}

/// The words that enter a lab from outside, before a program and its arguments.
pub(super) fn enter(first: Process) -> anyhow::Result<Vec<String>> {
    let of_user = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/user"));
    let pid = first.pid.to_string();
    let mut words = vec!["nsenter".to_owned(), "--target".to_owned(), pid.clone()];
    if of_user(&pid)? != of_user("self")? {
        words.push("--user".to_owned());
        words.push("--preserve-credentials".to_owned());
    }
    words.extend(["--net", "--mount", "--pid", "--"].map(str::to_owned));
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_when_it_began() {
        let own = Process::of(std::process::id()).unwrap();
        assert!(own.lives());
        assert!(!Process { began: own.began + 1, ..own }.lives(), "another process with its number");
        assert_eq!(
            state_and_began("7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0"),
            Some(('S', 4711))
        );
        assert_eq!(state_and_began("nonsense"), None);
    }

    #[test]
    fn a_folder_belongs_to_whoever_lives() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(owner(folder.path()), None);
        own(folder.path(), std::process::id()).unwrap();
        assert_eq!(owner(folder.path()).map(|it| it.pid), Some(std::process::id()));
        let dead = Process { pid: std::process::id(), began: 1 };
        fs::write(folder.path().join(OWNER), serde_json::to_vec(&dead).unwrap()).unwrap();
        assert_eq!(owner(folder.path()), None);
    }
}
