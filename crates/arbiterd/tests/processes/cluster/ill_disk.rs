//! A disk that falls ill at a test's word: `strace` answers the system calls of a process as a kernel does whose disk is ill.

use super::PATIENCE;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What a disk can have.
#[derive(Debug, Clone, Copy)]
pub enum Illness {
    /// Writes go into the kernel's memory, and don't reach the disk.
    SyncFails,
    /// The kernel has made the file system read-only, as it does after an error.
    ReadOnly,
    /// Each write takes so much longer to reach the disk.
    Slow(Duration),
}

impl Illness {
    /// Which calls fare otherwise, and how.
    fn injection(self) -> String {
        match self {
            Self::SyncFails => "fdatasync,fsync,sync_file_range:error=EIO".to_owned(),
            Self::ReadOnly => "pwrite64:error=EROFS".to_owned(),
            Self::Slow(by) => format!("fdatasync:delay_enter={}", by.as_micros()),
        }
    }
}

/// As long as it is kept, the disk is ill.
pub struct IllDisk {
    strace: Child,
}

impl IllDisk {
    /// From now on, for this process; `None` where a test may not do that and somebody said so.
    pub async fn of(pid: Pid, illness: Illness) -> Option<Self> {
        if std::env::var_os("ARBITER_TEST_WITHOUT_NAMESPACES").is_some() {
            eprintln!("not tested here, as asked: a disk that is ill");
            return None;
        }
        let injection = illness.injection();
        let (calls, _) = injection.split_once(':').unwrap();
        let mut strace = Command::new("strace")
            .args(["-f", "-p", &pid.as_raw_nonzero().to_string(), "-o", "/dev/null"])
            .args(["-e", &format!("trace={calls}"), "-e", &format!("inject={injection}")])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("`strace` is there: scripts/lab packages installs it");
        let mut said = String::new();
        let mut words = BufReader::new(strace.stderr.take().unwrap());
        tokio::time::timeout(PATIENCE, words.read_line(&mut said)).await.unwrap().unwrap();
        if said.contains("Operation not permitted") && !geteuid().is_root() {
            eprintln!("not tested here: a disk that is ill; root alone may touch a node's system calls");
            return None;
        }
        assert!(said.contains(" attached"), "{said}");
        // What it still has to say is nobody's; but who doesn't listen keeps it from working.
        tokio::spawn(async move { tokio::io::copy(&mut words, &mut tokio::io::sink()).await });
        Some(Self { strace })
    }

    /// From now on the disk is well.
    pub async fn heal(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.strace.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        tokio::time::timeout(PATIENCE, self.strace.wait()).await.expect("strace ends").unwrap();
    }
}
