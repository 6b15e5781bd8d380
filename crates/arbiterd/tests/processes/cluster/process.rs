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
