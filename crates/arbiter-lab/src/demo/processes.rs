//! The `arbiterd` processes: started, killed, and noticed when they end by themselves.

use super::cluster::Node;
use crate::bound::{Starter, bound};
use crate::programs;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::process::Child;

/// How much of a log is shown when its process has ended, in lines.
const TAIL_LINES: usize = 6;

/// Three processes at most. They are killed when this is dropped, and when this program ends in whatever way.
#[derive(Debug)]
pub struct Processes {
    program: PathBuf,
    folder: PathBuf,
    endpoint_url: String,
    starter: Starter,
    running: Mutex<BTreeMap<Node, Child>>,
}

impl Processes {
    /// For `arbiterd` in `bin_dir`, with `cluster.toml`, data and logs in `folder`.
    ///
    /// # Errors
    /// The program is not there, or something can't be made.
    pub fn new(bin_dir: &Path, folder: &Path, endpoint_url: String) -> anyhow::Result<Self> {
        let program = bin_dir.join("arbiterd");
        anyhow::ensure!(
            program.is_file(),
            "{} is not there; `scripts/demo` builds it, or `cargo build -p arbiterd`",
            program.display()
        );
        let home = folder.join("home");
        std::fs::create_dir(&home).with_context(|| format!("{} can't be made", home.display()))?;
        let (starter, running) = (Starter::new()?, Mutex::default());
        Ok(Self { program, folder: folder.to_owned(), endpoint_url, starter, running })
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Node, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log of a node.
    pub fn log(&self, node: Node) -> PathBuf {
        self.log_named(node.name())
    }

    /// A log of another name, beside those of the nodes.
    pub fn log_named(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Starts a node, as a booting host does. One that runs is left alone.
    ///
    /// # Errors
    /// Its process can't be started, or its log not be written.
    pub fn start(&self, node: Node) -> anyhow::Result<()> {
        let mut running = self.running();
        if running.contains_key(&node) {
            return Ok(());
        }
        let path = self.log(node);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("{} can't be written", path.display()))?;
        let mut command = bound(&self.program);
        let (home, config) = (self.folder.join("home"), self.folder.join("cluster.toml"));
        programs::be_node(&mut command, node, &home, &self.endpoint_url, &config);
        if let Some(filter) = std::env::var_os("RUST_LOG") {
            command.env("RUST_LOG", filter);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = self.starter.spawn(command);
        let child = child.with_context(|| format!("{} can't be started", self.program.display()))?;
        running.insert(node, child);
        Ok(())
    }

    /// Kills a node without warning (SIGKILL). Returns when it is gone.
    ///
    /// # Errors
    /// The system does not say that it is gone.
    pub async fn kill(&self, node: Node) -> anyhow::Result<()> {
        let child = self.running().remove(&node);
        let Some(mut child) = child else { return Ok(()) };
        child.kill().await.with_context(|| format!("arbiterd of {node} can't be killed"))
    }

    /// Kills all that run, for the end.
    pub async fn kill_all(&self) {
        for node in Node::ALL {
            if let Err(error) = self.kill(node).await {
                tracing::error!(%error, "a process may be left behind");
            }
        }
    }

    /// Fails if a process has ended that nobody killed.
    ///
    /// # Errors
    /// One has, and how its log ends.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        for (node, child) in running.iter_mut() {
            if let Some(status) = child.try_wait()? {
                let tail = tail(&self.log(*node));
                anyhow::bail!(
                    "arbiterd of {node} has ended by itself ({status}). The end of its log:\n{tail}"
                );
            }
        }
        Ok(())
    }
}

fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
