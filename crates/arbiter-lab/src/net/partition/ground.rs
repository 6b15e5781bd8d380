//! What is really so, and the pen that writes everything down.

use crate::demo::cluster::GATEWAYS;
use crate::history::{Line, Truth, Writer};
use crate::net::cluster::host_of;
use crate::net::lab::Lab;
use anyhow::Context;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks at hosts and tunnels.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The truth and the history. Its clock is the EC2 endpoint's.
pub(super) struct Ground<'a> {
    pub lab: &'a Lab,
    writer: Writer,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    truth: Truth,
    requests: u64,
    /// A node is gone until somebody brings it back, and no other may go so.
    one_is_gone: bool,
}

impl<'a> Ground<'a> {
    /// All is well; the history is new.
    pub fn new(lab: &'a Lab, history: &Path) -> anyhow::Result<Self> {
        let writer =
            Writer::create(history).with_context(|| format!("{} can't be made", history.display()))?;
        Ok(Self { lab, writer, known: Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now_ms(&self) -> u64 {
        self.lab.endpoint.now_ms()
    }

    /// Writes a line.
    pub fn write(&self, line: &Line) -> anyhow::Result<()> {
        self.writer.write(line).context("the history can't be written")
    }

    /// Nothing is to follow.
    pub fn close(&self) -> anyhow::Result<()> {
        self.writer.flush().context("the history can't be written")
    }

    /// Changes what is so, and writes it down, if it is a change.
    pub fn change(&self, change: impl FnOnce(&mut Truth)) -> anyhow::Result<()> {
        let mut known = self.known();
        let before = known.truth.clone();
        change(&mut known.truth);
        if known.truth == before {
            return Ok(());
        }
        known.truth.at_ms = self.now_ms();
        // Written under the lock: lines are in the order of their times.
        self.write(&Line::Truth(known.truth.clone()))
    }

    /// Takes the one place for a node that is gone until somebody brings it back: a crashed gateway, a lost disk. Two of
    /// three are more than any cluster survives without a hand. False if it is taken.
    pub fn take_the_place(&self) -> bool {
        !std::mem::replace(&mut self.known().one_is_gone, true)
    }

    /// Gives that place back.
    pub fn leave_the_place(&self) {
        self.known().one_is_gone = false;
    }

    /// The number of a new request.
    pub fn next_request(&self) -> u64 {
        let mut known = self.known();
        known.requests += 1;
        known.requests
    }
}

/// Watches over hosts and tunnels, and writes down what is so. Goes on until something fails.
pub(super) async fn look_after(ground: &Ground<'_>) -> anyhow::Result<Infallible> {
    loop {
        for gateway in GATEWAYS {
            let (name, host) = (gateway.node.name(), host_of(gateway.node));
            let on = ground.lab.pids.of(host).is_some();
            let answers = on && ground.lab.tunnel_answers(host).await;
            ground.change(|truth| {
                put(&mut truth.hosts_off, name, !on);
                put(&mut truth.tunnels_silent, name, !answers);
            })?;
        }
        ground.lab.check().await?;
        sleep(LOOK_EVERY).await;
    }
}

pub(super) fn put(names: &mut BTreeSet<String>, name: &str, there: bool) {
    if there {
        names.insert(name.to_owned());
    } else {
        names.remove(name);
    }
}
