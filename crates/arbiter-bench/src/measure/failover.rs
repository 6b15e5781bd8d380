//! From the lost packet to the moved route, stage by stage, through three processes and an EC2 that takes 150 ms.
//!
//! The tunnel is a listener that falls silent. When exactly the first probe was lost is known from the probe itself:
//! the one after its last answer. The leader tells how long its own stages took, and the call log says when the call
//! came; all clocks are one host's, read to the millisecond.

use super::Run;
use crate::nodes::Cluster;
use crate::reference::{Case, NEAR, Watched};
use crate::sheet::{Sheet, median};
use anyhow::Context;
use arbiter_lab::calllog::CallRecord;
use arbiter_lab::fast;
use arbiter_lab::targets::Target;
use arbiter_proto::v1;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A set of settings, and the figures that it fills.
pub(crate) struct Profile {
    /// The group of its figures.
    pub name: &'static str,
    interval_ms: u64,
    fall: u64,
    /// What each probe says.
    patience: &'static str,
    /// What `[timing]` says of reports.
    reports: &'static str,
}

/// Everything on the way is at its default.
pub(crate) const DEFAULTS: Profile =
    Profile { name: "default", interval_ms: 100, fall: 2, patience: "", reports: "" };

/// For lines that are known to be clean.
pub(crate) const FAST: Profile =
    Profile { name: "fast", interval_ms: 40, fall: 2, patience: fast::PROBES, reports: fast::REPORTS };

/// Not on the way from the fault to the call: how soon the route comes home, so that it can be cut again.
const SOON_HOME: &str = "failback_after = \"500ms\"\nfailback_max = \"500ms\"\nfreeze_moves = 1000";

/// How long a failover may take before the run gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The stages of one failover, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stages {
    down: f64,
    planned: f64,
    committed: f64,
    dispatched: f64,
    acknowledged: f64,
}

/// One of them, or their sum.
type Pick = fn(&Stages) -> f64;

impl Stages {
    pub fn total(&self) -> f64 {
        self.down + self.planned + self.committed + self.dispatched + self.acknowledged
    }
}

pub(crate) async fn measure(run: &Run, profile: Profile, sheet: &mut Sheet) -> anyhow::Result<()> {
    let runs = if run.quick { 1 } else { 24 };
    let mut place = Place::open(run, &profile).await?;
    let all = place.repeat(runs, &profile).await?;
    place.cluster.end().await?;
    fill(sheet, &profile, &all)
}

/// A cluster whose tunnels can be cut.
pub(super) struct Place {
    pub cluster: Cluster,
    tunnels: [Target; 2],
    _host: Target,
}

impl Place {
    pub async fn open(run: &Run, profile: &Profile) -> anyhow::Result<Self> {
        let tunnels = [Target::start()?, Target::start()?];
        let host = Target::start()?;
        let tcp = |target: &Target| Watched::Tcp(target.addr());
        let case = Case {
            tunnels: [tcp(&tunnels[0]), tcp(&tunnels[1])],
            hosts: [tcp(&host), tcp(&host)],
            patience: profile.patience,
            reports: profile.reports,
            timing: SOON_HOME,
            ..Case::at_rest(tcp(&host))
        };
        let cluster = Cluster::start(case, &run.bin_dir, &run.scratch).await?;
        Ok(Self { cluster, tunnels, _host: host })
    }

    /// So many failovers, one after the other.
    pub async fn repeat(&mut self, runs: usize, profile: &Profile) -> anyhow::Result<Vec<Stages>> {
        let mut all = Vec::new();
        for _ in 0..runs {
            self.cluster.until_well().await?;
            all.push(one(&mut self.cluster, &self.tunnels[0], profile).await?);
            self.tunnels[0].set_silent(false).await?;
        }
        Ok(all)
    }
}

fn fill(sheet: &mut Sheet, profile: &Profile, all: &[Stages]) -> anyhow::Result<()> {
    let of = |stage: Pick| median(all.iter().map(stage).collect());
    let stages: [(&str, Pick); 6] = [
        ("down", |it| it.down),
        ("planned", |it| it.planned),
        ("committed", |it| it.committed),
        ("dispatched", |it| it.dispatched),
        ("acknowledged", |it| it.acknowledged),
        ("total", Stages::total),
    ];
    let how = format!("median of {}", all.len());
    for (stage, value) in stages {
        let id = format!("{}.{stage}", profile.name);
        let figure = crate::figures::find(&id).with_context(|| format!("no figure {id}"))?;
        sheet.put(figure.id, of(value), &how);
    }
    let id = format!("{}.ours", profile.name);
    let figure = crate::figures::find(&id).with_context(|| format!("no figure {id}"))?;
    let window_ms = to_f64(profile.interval_ms * profile.fall);
    let ratios = all.iter().map(|stages| stages.total() / (window_ms + stages.acknowledged));
    sheet.put(figure.id, median(ratios.collect()), &how);
    Ok(())
}

/// Cuts the tunnel, and follows what comes of it.
async fn one(cluster: &mut Cluster, tunnel: &Target, profile: &Profile) -> anyhow::Result<Stages> {
    let before = cluster.mutations_since(0)?.last().map_or(0, |call| call.seq);
    tunnel.set_silent(true).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The call log is in this process: to look at it disturbs no node.
        if let Some(call) = cluster.mutations_since(before)?.into_iter().find(CallRecord::is_settled) {
            return stages(cluster, &call, profile).await;
        }
        anyhow::ensure!(Instant::now() < deadline, "no route was moved within {PATIENCE:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn stages(cluster: &mut Cluster, call: &CallRecord, profile: &Profile) -> anyhow::Result<Stages> {
    let tag = call.tag.as_ref().context("a call without a tag")?;
    let intent = format!("{}.{}", tag.epoch, tag.intent);
    let is_ended = |stages: &v1::MoveStages| stages.intent == intent && !stages.outcome.is_empty();
    // The answer may be on its way still.
    let leader = cluster
        .until("the leader knows how its call ended", |status| status.stages.iter().any(is_ended))
        .await?;
    let own = leader.stages.iter().find(|stages| stages.intent == intent);
    let own = own.with_context(|| format!("the leader does not know its intent {intent}"))?;
    anyhow::ensure!(
        own.cause == "failover" && own.outcome == "done",
        "not a failover that was done: {own:?}"
    );
    let (Some(committed), Some(called), Some(done)) = (own.committed_ms, own.called_ms, own.done_ms) else {
        anyhow::bail!("a failover without stages: {own:?}");
    };
    let (lost, down) = lost_and_down(&cluster.status(NEAR).await?, profile)?;
    let planned = to_f64(call.arrived_wall_ms) - to_f64(called);
    Ok(Stages {
        down: down - lost,
        // The clocks are read to the millisecond: nothing is planned before it is seen.
        planned: (planned - down).max(0.0),
        committed: to_f64(committed),
        dispatched: to_f64(called.saturating_sub(committed)),
        acknowledged: to_f64(done.saturating_sub(called)),
    })
}

/// By the wall clock in milliseconds: when the first probe was sent that was lost, and when the probe was Down.
fn lost_and_down(status: &v1::StatusReply, profile: &Profile) -> anyhow::Result<(f64, f64)> {
    let probe = status.probes.iter().find(|probe| probe.id == "tunnel-1" && probe.observer == NEAR);
    let probe = probe.context("no probe of the tunnel")?;
    anyhow::ensure!(probe.state() == v1::Verdict::Down, "the tunnel's probe is not Down: {probe:?}");
    let now = status.answered.as_ref().map(|answered| to_f64(answered.wall_ms)).context("no clock")?;
    let answered = probe.answered_age_ms.context("a probe that was never answered")?;
    let down = now - to_f64(probe.report_age_ms.unwrap_or(0)) - to_f64(probe.for_ms);
    Ok((now - to_f64(answered) + to_f64(profile.interval_ms), down))
}

/// Exact for everything below 285,000 years.
fn to_f64(ms: u64) -> f64 {
    let (high, low) = (u32::try_from(ms >> 32).unwrap_or(u32::MAX), ms & u64::from(u32::MAX));
    f64::from(high) * 4_294_967_296.0 + f64::from(u32::try_from(low).unwrap_or(u32::MAX))
}
