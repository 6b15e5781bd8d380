//! One `arbiterd` process: started in an environment of its own, signalled by its pid, killed when the test ends.

use super::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};

/// `arbiterd` in an environment that has nothing of the user's own: no keys, no proxies, no profiles.
pub fn arbiterd(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbiterd"));
    command
        .env_clear()
        // Where a test may put a `systemctl` of its own.
        .env("PATH", folder.join("bin"))
        .env("HOME", folder)
        .env("AWS_REGION", "cn-north-1")
        .env("AWS_SECRET_ACCESS_KEY", "of-the-test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The same command, started by another program that becomes it (`nsenter`, `setpriv`). It keeps its environment,
/// and its pid is the one that is started.
pub fn started_by(program: &str, args: &[&str], command: &Command) -> Command {
    let command = command.as_std();
    let mut outer = Command::new(program);
    outer.args(args).args(["env", "-i"]);
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        let mut pair = name.to_owned();
        pair.push("=");
        pair.push(value);
        outer.arg(pair);
    }
    outer.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null()).kill_on_drop(true);
    outer
}

/// Runs a process that ends by itself: its exit code, and what it says.
pub async fn output(mut command: Command) -> (Option<i32>, String) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Why a process ended: the whole of its last line, behind the time and the level.
pub fn last_words(text: &str) -> &str {
    let last = text.lines().last().and_then(|line| line.split_once(" ERROR arbiterd: "));
    last.unwrap_or_else(|| panic!("it does not say why it ends: {text}")).1
}

/// A process that runs, and its log.
pub struct Process {
    child: Child,
    pid: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts it; its standard error is appended to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        Self { child, pid, log: log.to_owned() }
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits until it has ended.
    pub async fn end(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{} has not ended", self.log.display())).unwrap()
    }

    /// Whether it has ended by itself, and how.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}
