//! Races: one peer meets one fault, again and again, and each run is measured and judged in the same way.
//!
//! What packets saw comes from the meter, what was done from the endpoint's call log. Nothing is asked of the peers.

mod fault;
mod judge;
mod order;
mod run;

pub(super) use fault::RaceFault;

use super::lab::Lab;
use super::peers::Peer;
use crate::demo::scene::{Not, Scene};
use run::Race;
use serde::Serialize;

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RaceOrder {
    pub peer: Peer,
    pub fault: RaceFault,
    pub runs: u32,
    /// Otherwise the fault is left out, and each run must fail.
    pub faults: bool,
}

/// One run, as a line of JSON says it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RunResult {
    pub peer: Peer,
    pub fault: RaceFault,
    /// The longest interruption of packets from a private subnet to the data centre, in milliseconds.
    pub to_site_ms: u64,
    /// It had not ended when the run was over.
    pub to_site_open: bool,
    /// The same for the way back, which the routers' own tracking moves, whoever guards the cloud's side.
    pub to_vpc_ms: u64,
    /// The same.
    pub to_vpc_open: bool,
    /// From the fault to the arrival of the first call that moves a route; none without one.
    pub called_after_ms: Option<u64>,
    /// From the fault to when that call took effect.
    pub moved_after_ms: Option<u64>,
    pub wrong_moves: usize,
    pub healthy_stopped: usize,
    pub writers_at_once: usize,
    /// Routes that were not at home at the end.
    pub away_at_end: usize,
    /// Every call that changes something, in words.
    pub calls: Vec<String>,
}

/// Runs as often as is wanted; each result is handed over as soon as it is there.
pub(super) async fn perform(
    lab: &Lab,
    order: RaceOrder,
    say: &(dyn Fn(&str) + Sync),
    result: &(dyn Fn(&RunResult) -> anyhow::Result<()> + Sync),
) -> anyhow::Result<()> {
    for run in 1..=order.runs {
        say(&format!("run {run} of {}", order.runs));
        result(&Race { lab, order, say }.run().await?)?;
    }
    Ok(())
}

/// Everything is mended, every route is at home, whoever guards them has started and settled.
pub(super) async fn put_in_order(
    lab: &Lab,
    order: RaceOrder,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    Race { lab, order, say }.put_in_order().await
}

/// Fails unless every route is at home.
pub(super) fn is_home(scene: &Scene) -> Result<(), Not> {
    order::wanted_home(scene)
}
