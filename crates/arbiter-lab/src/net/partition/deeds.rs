//! What a nemesis has done: how it is mended, and whether it had an effect at all.

use super::ground::{Ground, put};
use super::nemesis::Victims;
use super::operators;
use crate::demo::cluster::Node;
use crate::history::Truth;
use crate::net::cluster::host_of;
use crate::net::faults::instance_of;
use crate::net::machine::Service;
use crate::net::scenarios::counted;
use crate::net::topology::Host;
use crate::net::{small_disk, wall_clock};
use crate::seeing::LOOK_EVERY;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A node with an empty disk is refused within this: its gateway's boot, and a leader who knows of its old disk.
const REFUSED_WITHIN: Duration = Duration::from_secs(45);
/// A node whose clock was set says so within this: it is asked ten times a second.
const SEEN_WITHIN: Duration = Duration::from_secs(1);
/// A node writes something within this: operators ask for something every few seconds, and each request is an entry of the log.
const WRITES_WITHIN: Duration = Duration::from_secs(15);

/// What was done, to be undone.
pub(super) enum Deed {
    /// Rules of nftables on a host, in a table of this name; they count what they drop.
    Rules { host: Host, table: String, cuts: Vec<(Node, Node)>, lossy: bool },
    /// Processes that stand still.
    Still { node: Node, pid: u32 },
    /// Processes that were killed.
    Dead { nodes: Vec<Node> },
    /// Faults of the endpoint.
    Ec2 { faults: Vec<u64> },
    /// A node with a wrong wall clock.
    Clock { node: Node, ahead_ms: i64 },
    /// A node without room on its disk.
    Full { node: Node },
    /// A node with an empty disk.
    Lost { node: Node },
    /// A gateway without power.
    Off { node: Node },
    /// Nothing to undo; how often it was done.
    Done { landed: u64 },
}

/// Undoes a deed, and says how often it had an effect.
pub(super) async fn mend(ground: &Ground<'_>, victims: &Victims, deed: Deed) -> anyhow::Result<u64> {
    match deed {
        Deed::Done { landed } => Ok(landed),
        Deed::Rules { host, table, cuts, lossy } => {
            let landed = take_away(ground, host, &table).await?;
            ground.change(|truth| {
                truth.cuts.retain(|there| !cuts.iter().any(|cut| pair(cut) == *there));
                if lossy {
                    truth.loss_percent = 0;
                }
            })?;
            Ok(landed)
        }
        Deed::Still { node, pid } => {
            let landed = u64::from(stands(pid));
            signal(pid, rustix::process::Signal::CONT);
            ground.change(|truth| runs_again(truth, &[node]))?;
            Ok(landed)
        }
        Deed::Dead { nodes } => {
            let mut inner = ground.lab.lock().await;
            for node in &nodes {
                if inner.machines.contains_key(&host_of(*node)) {
                    ground.lab.start_services(&mut inner, host_of(*node)).await?;
                }
            }
            drop(inner);
            // Those that were not killed, because their host was off, have been written down as well.
            ground.change(|truth| runs_again(truth, &victims.nodes))?;
            Ok(nodes.len() as u64)
        }
        Deed::Ec2 { faults } => {
            let all = ground.lab.endpoint.faults();
            let met = all.list().iter().filter(|set| faults.contains(&set.id)).map(|set| set.met).sum();
            for id in faults {
                all.remove(id);
            }
            Ok(met)
        }
        Deed::Clock { node, ahead_ms } => {
            let landed = shows(ground, node, ahead_ms).await;
            wall_clock::set(&ground.lab.folder_of(host_of(node)), 0)?;
            Ok(u64::from(landed))
        }
        Deed::Full { node } => give_room(ground, node).await,
        Deed::Lost { node } => {
            let landed = waits_to_be_let_in(ground, node).await;
            ground.change(|truth| put(&mut truth.disks_lost, node.name(), false))?;
            operators::readmit(ground, node).await?;
            ground.leave_the_place();
            Ok(u64::from(landed))
        }
        Deed::Off { node } => {
            let host = host_of(node);
            let mut inner = ground.lab.lock().await;
            let powered = ground.lab.is_powered(host);
            // Otherwise somebody has it stopped or started meanwhile: EC2 boots it.
            if powered {
                ground.lab.edit(|world| world.set_impaired(instance_of(host), Some(false), Some(false)))?;
                ground.lab.boot(&mut inner, host).await?;
            }
            ground.leave_the_place();
            Ok(1)
        }
    }
}

fn runs_again(truth: &mut Truth, nodes: &[Node]) {
    truth.processes_still.retain(|name| !nodes.iter().any(|node| node.name() == name));
}

/// Takes a table away; gives the packets that it dropped. It may have gone with its host.
async fn take_away(ground: &Ground<'_>, host: Host, table: &str) -> anyhow::Result<u64> {
    let inner = ground.lab.lock().await;
    let Some(machine) = inner.machines.get(&host) else { return Ok(0) };
    let Ok(rules) = machine.run(&["nft", "list", "table", "inet", table], "").await else { return Ok(0) };
    machine.nft(&format!("delete table inet {table}\n")).await?;
    Ok(counted(&rules))
}

/// Whether a process is stopped by a signal.
fn stands(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

/// A process may have ended with its host meanwhile: then there is nobody to be told.
pub(super) fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed()) {
        rustix::process::kill_process(pid, signal).ok();
    }
}

pub(super) fn pair((from, to): &(Node, Node)) -> (String, String) {
    (from.to_string(), to.to_string())
}

/// Whether a node's clock is so much off, by its own word.
async fn shows(ground: &Ground<'_>, node: Node, ahead_ms: i64) -> bool {
    let deadline = Instant::now() + SEEN_WITHIN;
    loop {
        let right_ms = ground.lab.endpoint.started_wall_ms() + ground.now_ms();
        let off = ground.lab.watch.views().get(&node).map(|view| {
            let since = i64::try_from(view.at.elapsed().as_millis()).unwrap_or(i64::MAX);
            view.status.answered.as_ref().map_or(0, |it| it.wall_ms).cast_signed() + since
                - right_ms.cast_signed()
        });
        // Half of it: what the answer took is no skew.
        let is_off =
            off.is_some_and(|off| off.signum() == ahead_ms.signum() && off.abs() > ahead_ms.abs() / 2);
        if is_off || Instant::now() >= deadline {
            return is_off;
        }
        sleep(SEEN_WITHIN / 20).await;
    }
}

/// Whether a node with an empty disk says that it takes no part, and what an operator has to do. Its host may have to boot
/// first, and it has to hear one of the others.
async fn waits_to_be_let_in(ground: &Ground<'_>, node: Node) -> bool {
    let deadline = Instant::now() + REFUSED_WITHIN;
    let hint = format!("arbiterctl member replace {node}");
    loop {
        let views = ground.lab.watch.views();
        let says = views.get(&node).and_then(|view| view.status.answered.as_ref());
        let waits = says.is_some_and(|says| says.stale_because.contains(&hint));
        if waits || Instant::now() >= deadline {
            return waits;
        }
        sleep(SEEN_WITHIN / 20).await;
    }
}

/// How a node that should end did.
pub(super) enum End {
    /// With this status.
    Ended(ExitStatus),
    /// Its host went off first, or what it ran was never asked to end.
    Gone,
    /// It still runs.
    Runs,
}

/// Waits until a node has ended by itself, its host is off, or the time is over.
pub(super) async fn end_within(ground: &Ground<'_>, host: Host, limit: Duration) -> anyhow::Result<End> {
    let deadline = Instant::now() + limit;
    loop {
        let mut inner = ground.lab.lock().await;
        let Some(machine) = inner.machines.get_mut(&host) else { return Ok(End::Gone) };
        if let Some(status) = machine.end_of(Service::Arbiterd)? {
            return Ok(End::Ended(status));
        }
        if !machine.runs(Service::Arbiterd) {
            return Ok(End::Gone);
        }
        drop(inner);
        if Instant::now() >= deadline {
            return Ok(End::Runs);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Gives a node its room back and starts it. It landed if the node had ended by itself.
async fn give_room(ground: &Ground<'_>, node: Node) -> anyhow::Result<u64> {
    let host = host_of(node);
    let ended = matches!(end_within(ground, host, WRITES_WITHIN).await?, End::Ended(_));
    small_disk::free(&ground.lab.folder_of(host))?;
    let mut inner = ground.lab.lock().await;
    if let Some(machine) = inner.machines.get_mut(&host) {
        // It may be about to end for a write that has failed already.
        machine.kill(Service::Arbiterd).await?;
        ground.lab.start_services(&mut inner, host).await?;
    }
    inner.may_end.remove(&host);
    drop(inner);
    ground.change(|truth| put(&mut truth.processes_still, node.name(), false))?;
    Ok(u64::from(ended))
}
