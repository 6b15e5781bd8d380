//! A disk that is full at a test's word: a small tmpfs in a mount namespace of its own, seen by nobody else.

use super::{PATIENCE, started_by};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Room for a store, its newest snapshot and what sled needs to start.
const SIZE: &str = "size=6m";

/// A process that does nothing but hold the namespace; it ends with this value, or with its standard input.
pub struct SmallDisk {
    _holder: Child,
    holder_pid: u32,
    folder: PathBuf,
    enter: &'static [&'static str],
}

impl SmallDisk {
    /// Mounts it over `folder`, as root or as root of a user namespace; `None` where neither may mount.
    pub async fn over(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let ways: [(&[&str], &[&str]); 2] = [
            (&["--mount"], &["--mount"]),
            (&["--user", "--map-root-user", "--mount"], &["--user", "--preserve-credentials", "--mount"]),
        ];
        for (unshare, enter) in ways {
            if let Some(disk) = Self::mounted(folder, unshare, enter).await {
                return Some(disk);
            }
        }
        eprintln!("not tested here: a small disk needs `unshare`, `nsenter` and the right to mount a tmpfs");
        None
    }

    async fn mounted(folder: &Path, unshare: &[&str], enter: &'static [&'static str]) -> Option<Self> {
        let script = format!("mount -t tmpfs -o {SIZE} small \"$0\" && echo mounted && exec cat");
        let mut command = Command::new("unshare");
        command.args(unshare).args(["sh", "-c", &script]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut holder = command.spawn().ok()?;
        let mut said = String::new();
        let mut output = BufReader::new(holder.stdout.take().unwrap());
        tokio::time::timeout(PATIENCE, output.read_line(&mut said)).await.unwrap().unwrap();
        let holder_pid = holder.id()?;
        let folder = folder.to_owned();
        (said == "mounted\n").then_some(Self { _holder: holder, holder_pid, folder, enter })
    }

    /// The same command, on this disk.
    pub fn on(&self, command: &Command) -> Command {
        let holder = self.holder_pid.to_string();
        started_by("nsenter", &[&["--target", &holder], self.enter, &["--"]].concat(), command)
    }

    /// Where this process sees its files.
    pub fn files(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder_pid));
        root.join(self.folder.strip_prefix("/").unwrap())
    }

    /// Makes it read-only (`ro`), or writable again (`rw`). Nobody may have a file of it open for writing.
    pub async fn remount(&self, how: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{how}")]).arg(&self.folder);
        let output = self.on(&command).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn filler(&self) -> PathBuf {
        self.files().join("filler")
    }

    /// Takes all of its room, to the last byte.
    pub fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for block in [[0; 4_096].as_slice(), &[0]] {
            let full = loop {
                if let Err(error) = filler.write_all(block) {
                    break error;
                }
            };
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
        }
    }

    /// Gives the room back.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}
