//! A rolling restart: what an upgrade of all nodes is, while traffic flows and whatever else comes over the world.

use super::deeds::{Deed, End, end_within, signal};
use super::ground::{Ground, put};
use super::nemesis::{Victims, place_with_all_there};
use crate::demo::cluster::Node;
use crate::net::cluster::host_of;
use crate::net::machine::Service;
use crate::seeing::LOOK_EVERY;
use anyhow::Context;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A node that is asked to end does so within this: systemd's unit gives it as long (`TimeoutStopSec`).
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// A node that was started is back within this: an election on a busy machine on top of its start.
const BACK_WITHIN: Duration = Duration::from_secs(45);

/// Asks one node after the other to end, and starts it again: each when the one before has caught up, as an operator does it.
/// No gateway loses its power meanwhile, for nobody upgrades then; a tunnel may be cut. It landed if every node was restarted.
///
/// # Errors
/// If a node that was asked to end does not, or not with success, or does not come back: nothing else that comes over nodes
/// comes at the same time, so that is a defect.
pub(super) async fn restart_all(ground: &Ground<'_>, victims: &Victims) -> anyhow::Result<(String, Deed)> {
    if !place_with_all_there(ground).await? {
        return Ok((String::new(), Deed::Done { landed: 0 }));
    }
    let mut restarted = Vec::new();
    for node in &victims.nodes {
        if restart(ground, *node).await.with_context(|| format!("a rolling restart, {node}"))? {
            restarted.push(node.to_string());
        }
    }
    ground.leave_the_place();
    let all = restarted.len() == victims.nodes.len();
    Ok((restarted.join(", "), Deed::Done { landed: u64::from(all) }))
}

/// False if its host is off: EC2 may have stopped a gateway that was thought dead a moment before.
async fn restart(ground: &Ground<'_>, node: Node) -> anyhow::Result<bool> {
    // Nobody restarts a node that is not there yet: its host may have been powered on a moment ago.
    if !is_back(ground, node, all_entries(ground)).await? {
        return Ok(false);
    }
    let host = host_of(node);
    let entries = all_entries(ground);
    ground.change(|truth| put(&mut truth.processes_still, node.name(), true))?;
    let mut inner = ground.lab.lock().await;
    let pid = inner.machines.get(&host).and_then(|machine| machine.pid_of(Service::Arbiterd));
    if let Some(pid) = pid {
        inner.may_end.insert(host);
        signal(pid, rustix::process::Signal::TERM);
    }
    drop(inner);
    let ended = match pid {
        Some(_) => ends(ground, node).await?,
        None => false,
    };
    let mut inner = ground.lab.lock().await;
    inner.may_end.remove(&host);
    if inner.machines.contains_key(&host) {
        ground.lab.start_services(&mut inner, host).await?;
    }
    drop(inner);
    let came_back = ended && is_back(ground, node, entries).await?;
    ground.change(|truth| put(&mut truth.processes_still, node.name(), false))?;
    Ok(came_back)
}

/// Waits until it has ended. False if its host went off first.
async fn ends(ground: &Ground<'_>, node: Node) -> anyhow::Result<bool> {
    match end_within(ground, host_of(node), ENDS_WITHIN).await? {
        End::Ended(status) => {
            anyhow::ensure!(status.success(), "it was asked to end, and has ended with {status}");
            Ok(true)
        }
        End::Gone => Ok(false),
        End::Runs => anyhow::bail!("it was asked to end, and still runs after {ENDS_WITHIN:?}"),
    }
}

/// Waits until it answers, hears a leader, and has applied so many entries. False if its host is off meanwhile.
async fn is_back(ground: &Ground<'_>, node: Node, entries: u64) -> anyhow::Result<bool> {
    let started = Instant::now();
    loop {
        let views = ground.lab.watch.views();
        let back = views.get(&node).filter(|view| view.at > started).is_some_and(|view| {
            let applied = view.status.answered.as_ref().map_or(0, |answered| answered.applied);
            applied >= entries && !view.status.leader.is_empty()
        });
        if back || !ground.lab.is_powered(host_of(node)) {
            return Ok(back);
        }
        anyhow::ensure!(
            started.elapsed() < BACK_WITHIN,
            "it runs, and has not caught up with {entries} entries after {BACK_WITHIN:?}"
        );
        sleep(LOOK_EVERY).await;
    }
}

/// How many entries the node that knows most has applied.
fn all_entries(ground: &Ground<'_>) -> u64 {
    let views = ground.lab.watch.views();
    let applied = views.values().filter_map(|view| view.status.answered.as_ref()).map(|it| it.applied);
    applied.max().unwrap_or_default()
}
