//! What ends a program of the lab early: Ctrl-C, `kill`, or the end of the terminal.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the shell gives to a program that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// The signals that end it.
#[derive(Debug)]
pub struct Signals([Signal; 3]);

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// The system does not let them be caught.
    pub fn new() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("signals can't be caught");
        let [interrupt, terminate, hang_up] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(catch);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    /// Returns when one has come.
    pub async fn wait(&mut self) {
        let Self([interrupt, terminate, hang_up]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}
