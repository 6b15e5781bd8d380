//! Power cuts on simulated disks: what was acknowledged is there afterwards (S6).
//!
//! The nodes run in one process, with disks and lines in memory: the same seams as the simulation uses.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use arbiter_core::command::{Command, Mode, Proposal};
use arbiter_core::ids::{Incarnation, NodeId};
use arbiter_core::policy::Policy;
use arbiter_core::time::UnixMs;
use arbiter_raft::network::{Answer, Call, PeerService, Wire, WireError};
use arbiter_raft::store::MemStore;
use arbiter_raft::{Environment, LogBounds, MemberSettings, ProposeError, RaftNode, Settings, Timings};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

/// The lines between nodes that share a process.
#[derive(Clone, Default)]
struct Switchboard(Arc<Mutex<BTreeMap<NodeId, PeerService>>>, Arc<AtomicBool>);

impl Switchboard {
    /// Entries take a while from now on; heartbeats don't.
    fn slow_entries(&self, slow: bool) {
        self.1.store(slow, Ordering::SeqCst);
    }

    async fn delay(&self, call: &Call) {
        let Call::AppendEntries(request) = call else { return };
        let heartbeat = br#""entries":[]"#;
        let is_heartbeat = request.payload.windows(heartbeat.len()).any(|part| part == heartbeat);
        if self.1.load(Ordering::SeqCst) && !is_heartbeat {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

#[async_trait]
impl Wire for Switchboard {
    async fn call(
        &self,
        to: NodeId,
        _address: Option<&str>,
        call: Call,
        deadline: Duration,
    ) -> Result<Answer, WireError> {
        let peer = self.0.lock().unwrap().get(&to).cloned();
        let Some(peer) = peer else { return Err(WireError::Unreachable("nobody there".to_owned())) };
        self.delay(&call).await;
        let answer = tokio::time::timeout(deadline, peer.answer(call)).await;
        answer.unwrap_or(Err(WireError::Timeout(deadline)))
    }
}

static DRAWN: AtomicU64 = AtomicU64::new(1);

fn settings(node: u64, size: u64) -> Settings {
    let member = |id| MemberSettings { id: NodeId(id), name: format!("node-{id}"), address: String::new() };
    Settings {
        node: NodeId(node),
        cluster_name: "test".to_owned(),
        data_dir: PathBuf::new(),
        members: (1..=size).map(member).collect(),
        seed_policy: Policy::default(),
        seed_mode: Mode::Act,
        timings: Timings {
            heartbeat_interval_ms: 50,
            election_timeout_min_ms: 200,
            election_timeout_max_ms: 400,
            snapshot_timeout_ms: 2_000,
        },
        // Small, so that the cuts also fall into snapshots and purges.
        bounds: LogBounds { snapshot_every: 25, keep: 5 },
        elections: true,
    }
}

async fn start(node: u64, size: u64, store: &MemStore, lines: &Switchboard) -> RaftNode {
    let environment = Environment {
        store: Arc::new(store.clone()),
        wire: Arc::new(lines.clone()),
        draw: Arc::new(|| DRAWN.fetch_add(1, Ordering::SeqCst) * 0x9e37_79b9),
        wall_ms: Arc::new(|| UnixMs(1)),
    };
    let raft = RaftNode::open_in(settings(node, size), environment).await.unwrap();
    lines.0.lock().unwrap().insert(NodeId(node), raft.peer_service());
    raft
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain until {what}");
}

fn remembers(node: &RaftNode, number: u64) -> bool {
    node.state().borrow().members.contains_key(&NodeId(1_000 + number))
}

async fn propose(node: &RaftNode, number: u64) -> Result<(), ProposeError> {
    let command = Command::Admit { node: NodeId(1_000 + number), incarnation: Incarnation(number) };
    let proposal = Proposal { wall_ms: UnixMs(1), command };
    node.propose(proposal, Duration::from_secs(5)).await.map(drop)
}

/// Cuts the power of three nodes again and again while they commit; returns what was acknowledged and lost.
async fn lost_in_power_cuts(rounds: u64, lying_disks: bool) -> Vec<u64> {
    let lines = Switchboard::default();
    let mut disks: Vec<MemStore> = (0..3).map(|_| MemStore::new()).collect();
    let mut acknowledged = Vec::new();
    let mut next = 0;
    for round in 0..rounds {
        let mut nodes = Vec::new();
        for (index, disk) in disks.iter().enumerate() {
            disk.drop_syncs(lying_disks);
            disk.set_sync_latency(Duration::from_millis(1));
            nodes.push(start(index as u64 + 1, 3, disk, &lines).await);
        }
        until("somebody leads a formed cluster", || {
            nodes
                .iter()
                .any(|node| node.view().borrow().leads() && node.state().borrow().cluster_id.is_some())
        })
        .await;
        let cut_after = 7 + round * 5 % 23;
        let mut done = 0;
        while done < cut_after {
            let leader = nodes.iter().find(|node| node.view().borrow().leads());
            let Some(leader) = leader else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            next += 1;
            if propose(leader, next).await.is_ok() {
                acknowledged.push(next);
                done += 1;
            }
        }
        // One more is under way when the power goes; of what is not synced, a few writes survive.
        next += 1;
        let under_way = nodes.iter().find(|node| node.view().borrow().leads()).cloned().map(|leader| {
            let number = next;
            tokio::spawn(async move { propose(&leader, number).await })
        });
        tokio::task::yield_now().await;
        for (index, disk) in disks.iter_mut().enumerate() {
            *disk = disk.crash((round as usize + index) % 3);
        }
        for node in nodes {
            node.shutdown().await;
        }
        if let Some(under_way) = under_way {
            let _ = under_way.await;
        }
    }
    let mut nodes = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        nodes.push(start(index as u64 + 1, 3, disk, &lines).await);
    }
    let found = |number: &u64| nodes.iter().all(|node| remembers(node, *number));
    let complete = async {
        while !acknowledged.iter().all(found) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let patience = if lying_disks { Duration::from_secs(3) } else { DEADLINE };
    let _ = tokio::time::timeout(patience, complete).await;
    let lost = acknowledged.iter().copied().filter(|number| !found(number)).collect();
    for node in nodes {
        node.shutdown().await;
    }
    lost
}

#[tokio::test]
async fn s6_what_was_acknowledged_survives_power_cuts() {
    assert_eq!(lost_in_power_cuts(12, false).await, Vec::<u64>::new());
}

#[tokio::test]
async fn the_check_above_notices_disks_that_lie() {
    assert!(!lost_in_power_cuts(1, true).await.is_empty());
}

/// A leader's power is cut right after it has acknowledged a command, and it comes back before anybody has missed it: it goes
/// on leading, knowing less than it had told.
#[tokio::test]
async fn s6_a_leader_that_resumes_its_term_reads_what_it_had_acknowledged() {
    let lines = Switchboard::default();
    let mut disks: Vec<MemStore> = (0..3).map(|_| MemStore::new()).collect();
    let mut nodes = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        nodes.push(start(index as u64 + 1, 3, disk, &lines).await);
    }
    let leads = |node: &RaftNode| node.view().borrow().leads() && node.state().borrow().cluster_id.is_some();
    let mut resumed = 0;
    for number in 1..=40 {
        until("somebody leads a formed cluster", || nodes.iter().any(leads)).await;
        let Some(index) = nodes.iter().position(leads) else { continue };
        if propose(&nodes[index], number).await.is_err() {
            continue;
        }
        let term = nodes[index].view().borrow().term;
        disks[index] = disks[index].crash(0);
        nodes[index].shutdown().await;
        lines.slow_entries(true);
        nodes[index] = start(index as u64 + 1, 3, &disks[index], &lines).await;
        let confirmed = nodes[index].confirm_leadership(Duration::from_secs(5)).await;
        if confirmed.is_ok() {
            assert!(remembers(&nodes[index], number), "{number} was acknowledged, and is not read");
            resumed += usize::from(nodes[index].view().borrow().term == term);
        }
        lines.slow_entries(false);
        if resumed >= 3 {
            break;
        }
    }
    assert!(resumed >= 3, "it never went on leading: nothing was shown");
    for node in nodes {
        node.shutdown().await;
    }
}

#[tokio::test]
async fn after_a_failed_barrier_a_node_acknowledges_nothing_and_asks_to_be_ended() {
    let disk = MemStore::new();
    let node = start(1, 1, &disk, &Switchboard::default()).await;
    until("it leads", || node.view().borrow().leads() && node.state().borrow().cluster_id.is_some()).await;
    propose(&node, 1).await.unwrap();
    disk.fail_syncs("the disk is gone");
    let error = propose(&node, 2).await.unwrap_err();
    assert!(matches!(error, ProposeError::Unknown(_)), "{error}");
    let reason = tokio::time::timeout(DEADLINE, node.fatal()).await.unwrap();
    assert!(reason.contains("the disk is gone"), "{reason}");
    assert!(!node.view().borrow().leads());
    assert!(propose(&node, 3).await.is_err());
    assert!(!remembers(&node, 2));
}
