//! The measurements, each of which fills some figures.

mod commit;
mod failover;
mod flood;
mod many;
mod rest;
mod routes;
mod sizes;

use crate::reference::Watched;
use crate::sheet::Sheet;
use arbiter_lab::targets::Target;
use std::path::PathBuf;

/// How to run.
#[derive(Debug)]
pub(crate) struct Run {
    /// Few and small.
    pub quick: bool,
    /// Where the programs are.
    pub bin_dir: PathBuf,
    /// Where data may be written: on the disk that is measured.
    pub scratch: PathBuf,
    /// Whether ICMP may be sent.
    pub icmp: bool,
}

impl Run {
    /// What probes watch where nothing will be cut: as in the reference case where that is allowed.
    fn watched(&self, stand_in: &Target) -> Watched {
        if self.icmp { Watched::Icmp } else { Watched::Tcp(stand_in.addr()) }
    }
}

/// All of them, one after the other, so that none disturbs another.
pub(crate) async fn all(run: &Run) -> anyhow::Result<Sheet> {
    let mut sheet = Sheet::default();
    let say = |what: &str| eprintln!("bench: {what}");
    sizes::measure(run, &mut sheet)?;
    say("1,000 routes: plan, check, apply");
    routes::measure(run, &mut sheet)?;
    say("a durable commit");
    commit::measure(run, &mut sheet).await?;
    say("nodes at rest");
    rest::measure(run, &mut sheet).await?;
    say("failovers at the defaults");
    failover::measure(run, failover::DEFAULTS, &mut sheet).await?;
    say("failovers with the fast profile");
    failover::measure(run, failover::FAST, &mut sheet).await?;
    say("failovers while a client floods the leader");
    flood::measure(run, &mut sheet).await?;
    say("1,000 routes move, at EC2's pace: three minutes");
    many::measure(run, &mut sheet).await?;
    Ok(sheet)
}
