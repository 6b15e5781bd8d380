//! What nodes cost while nothing happens: memory and processor, of the reference case and with a thousand probes.

use super::Run;
use crate::nodes::Cluster;
use crate::process_facts::{processor_seconds, resident_bytes};
use crate::reference::{Case, NEAR, NODES};
use crate::sheet::{Sheet, best, mib, words};
use arbiter_lab::targets::Target;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(crate) async fn measure(run: &Run, sheet: &mut Sheet) -> anyhow::Result<()> {
    let stand_in = Target::start()?;
    let watched = run.watched(&stand_in);
    let reference = Case::at_rest(watched);
    let (memory, cpu) = observe(run, reference.clone(), &NODES).await?;
    let (_, rounds, window) = plan(run);
    let how = format!("{rounds} rounds of {} s", window.as_secs_f32());
    sheet.put("rest.memory", memory, format!("the largest of three nodes after {how}"));
    sheet.put("rest.cpu", best(&cpu), format!("the busiest of three nodes, best of {how}: {}", words(&cpu)));
    let more_probes = if run.quick { 50 } else { 1_000 };
    let (memory, cpu) = observe(run, Case { more_probes, ..reference }, &[NEAR]).await?;
    sheet.put("probes.memory", memory, format!("one node after {how}"));
    sheet.put("probes.cpu", best(&cpu), format!("one node, best of {how}: {}", words(&cpu)));
    Ok(())
}

/// How long to let it settle, and how often to look for how long.
fn plan(run: &Run) -> (Duration, usize, Duration) {
    if run.quick {
        (Duration::ZERO, 1, Duration::from_millis(500))
    } else {
        (Duration::from_secs(10), 3, Duration::from_secs(20))
    }
}

/// Of these nodes: the most resident memory at the end in MiB, and for each round the most of a core in percent.
async fn observe(run: &Run, case: Case, nodes: &[&str]) -> anyhow::Result<(f64, Vec<f64>)> {
    let (settle, rounds, window) = plan(run);
    let mut cluster = Cluster::start(case, &run.bin_dir, &run.scratch).await?;
    cluster.until_well().await?;
    sleep(settle).await;
    let pids = nodes.iter().map(|node| cluster.pid(node)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut cpu = Vec::new();
    for _ in 0..rounds {
        cpu.push(busiest(&pids, window).await?);
    }
    let mut memory: f64 = 0.0;
    for pid in &pids {
        memory = memory.max(mib(resident_bytes(*pid)?));
    }
    cluster.end().await?;
    Ok((memory, cpu))
}

/// The most of a core that one of them takes, in percent.
pub(super) async fn busiest(pids: &[u32], window: Duration) -> anyhow::Result<f64> {
    let spent = || pids.iter().map(|pid| processor_seconds(*pid)).collect::<anyhow::Result<Vec<_>>>();
    let (start, before) = (Instant::now(), spent()?);
    sleep(window).await;
    let (elapsed, after) = (start.elapsed().as_secs_f64(), spent()?);
    let shares = before.iter().zip(after).map(|(before, after)| 100.0 * (after - before) / elapsed);
    Ok(shares.fold(0.0, f64::max))
}
