//! A thousand routes in real processes: what the leader costs while they rest, how often it plans while they move, and
//! whether anything but EC2's pace holds them back.

use super::rest::busiest;
use super::{Run, routes};
use crate::nodes::Cluster;
use crate::process_facts::processor_seconds;
use crate::reference::{Case, LEADER, Watched};
use crate::sheet::Sheet;
use anyhow::Context;
use arbiter_lab::calllog::{CallRecord, Outcome};
use arbiter_lab::targets::Target;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What the leader counts of its plans.
const PLANS: &str = "arbiter_plans_total";

/// EC2's bucket for `ReplaceRoute`, and how fast it fills.
const BUCKET: f64 = 50.0;
const REFILL_PER_SECOND: f64 = 5.0;

/// The time that EC2's pace needs is allowed so many times over before the run gives up.
const GIVE_UP_AFTER: f64 = 3.0;

pub(crate) async fn measure(run: &Run, sheet: &mut Sheet) -> anyhow::Result<()> {
    let routes = if run.quick { 60 } else { routes::MANY };
    let tunnel = Target::start()?;
    let other = Target::start()?;
    let case = Case {
        tunnels: [Watched::Tcp(tunnel.addr()), Watched::Tcp(other.addr())],
        hosts: [Watched::Tcp(other.addr()); 2],
        routes,
        status_ports: true,
        ..Case::at_rest(Watched::Tcp(other.addr()))
    };
    let mut cluster = Cluster::start(case, &run.bin_dir, &run.scratch).await?;
    cluster.until_well().await?;
    at_rest(run, &cluster, sheet).await?;
    moving(&cluster, &tunnel, routes, sheet).await?;
    cluster.end().await
}

async fn at_rest(run: &Run, cluster: &Cluster, sheet: &mut Sheet) -> anyhow::Result<()> {
    let window = Duration::from_secs(if run.quick { 1 } else { 20 });
    let pid = cluster.pid(LEADER)?;
    let (start, plans) = (Instant::now(), cluster.counted(LEADER, PLANS).await?);
    let cpu = busiest(&[pid], window).await?;
    let plans = cluster.counted(LEADER, PLANS).await? - plans;
    let how = format!("over {} s", window.as_secs());
    sheet.put("many.plans-at-rest", plans / start.elapsed().as_secs_f64(), &how);
    sheet.put("many.rest-cpu", cpu, how);
    Ok(())
}

async fn moving(cluster: &Cluster, tunnel: &Target, routes: usize, sheet: &mut Sheet) -> anyhow::Result<()> {
    let needed = (f64::from(u32::try_from(routes)?) - BUCKET) / REFILL_PER_SECOND;
    let pid = cluster.pid(LEADER)?;
    tunnel.set_silent(true).await?;
    let deadline = Instant::now() + Duration::from_secs_f64(10.0 + needed * GIVE_UP_AFTER);
    // The first call is the beginning: what comes before it is another figure's business.
    while cluster.mutations_since(0)?.is_empty() {
        anyhow::ensure!(Instant::now() < deadline, "no route was moved");
        sleep(Duration::from_millis(20)).await;
    }
    let (start, spent, plans) =
        (Instant::now(), processor_seconds(pid)?, cluster.counted(LEADER, PLANS).await?);
    let calls = loop {
        let calls = cluster.mutations_since(0)?;
        if moved(&calls).len() == routes {
            break calls;
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "{} of {routes} routes moved in time",
            moved(&calls).len()
        );
        sleep(Duration::from_millis(200)).await;
    };
    let elapsed = start.elapsed().as_secs_f64();
    let spent = processor_seconds(pid)? - spent;
    let plans = cluster.counted(LEADER, PLANS).await? - plans;
    let (first, last) = (calls.first().context("there are calls")?, calls.last().context("there are calls")?);
    let took = Duration::from_millis(last.arrived_ms - first.arrived_ms).as_secs_f64();
    let how = format!("over {elapsed:.0} s in which {routes} routes moved, by {} calls", calls.len());
    sheet.put("many.plans-moving", plans / elapsed, &how);
    sheet.put("many.moving-cpu", 100.0 * spent / elapsed, &how);
    sheet.put("many.pace", took / needed, format!("{took:.1} s against {needed:.1} s"));
    Ok(())
}

/// The tables whose route has been replaced.
fn moved(calls: &[CallRecord]) -> BTreeSet<&str> {
    let done = calls.iter().filter(|call| call.outcome == Outcome::Ok && call.applied_ms.is_some());
    done.filter_map(|call| call.param("RouteTableId")).collect()
}
