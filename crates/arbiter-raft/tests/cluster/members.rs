//! Members come and go.

use crate::harness::{Cluster, DEADLINE, remember, remembers};
use arbiter_core::command::{Applied, Command, MemberStep, Proposal, Refusal};
use arbiter_core::ids::NodeId;
use arbiter_core::state::Event;
use arbiter_core::time::UnixMs;
use arbiter_raft::{MemberError, RaftNode, Standing};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Proposes one after the other to whoever leads, and keeps the numbers that were acknowledged.
struct Load {
    nodes: Arc<Mutex<Vec<RaftNode>>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<u64>>,
}

impl Load {
    fn begin(nodes: Vec<RaftNode>) -> Self {
        let (nodes, stop) = (Arc::new(Mutex::new(nodes)), Arc::new(AtomicBool::new(false)));
        let (all, ends) = (Arc::clone(&nodes), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 1.. {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let leading = |node: &&RaftNode| node.view().borrow().leads();
                let leader = all.lock().unwrap().iter().rev().find(leading).cloned();
                let Some(leader) = leader else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                if let Ok((_, Applied::Accepted)) =
                    leader.propose(remember(number), Duration::from_secs(2)).await
                {
                    acknowledged.push(number);
                }
            }
            acknowledged
        });
        Self { nodes, stop, task }
    }

    fn knows(&self, node: RaftNode) {
        self.nodes.lock().unwrap().push(node);
    }

    async fn end(self) -> Vec<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}

/// Adds a node, starts it, and lets it vote once it may.
async fn grow(cluster: &mut Cluster, id: u64) {
    let address = cluster.address(id);
    let leader = cluster.until_leader().await;
    cluster.node(leader).add_learner(NodeId(id), &address, "ops").await.unwrap();
    cluster.start(id).await;
    cluster.until("the learner has joined", |cluster| cluster.is_member(id)).await;
    promote(cluster, id).await;
}

async fn promote(cluster: &Cluster, id: u64) {
    let promoted = tokio::time::timeout(DEADLINE, async {
        loop {
            let leader = cluster.until_leader().await;
            match cluster.node(leader).promote(NodeId(id), "ops").await {
                Ok(_) | Err(MemberError::There { votes: true, .. }) => return,
                Err(MemberError::Unknown(node)) => panic!("{node} is no learner"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    promoted.await.unwrap();
}

/// Waits until a node has not answered the leader for longer than two of the tests' election timeouts.
async fn until_silent(cluster: &Cluster, leader: u64, id: u64) {
    let long_ago = |ago: Duration| ago > Duration::from_millis(2_000);
    cluster.until("it is silent", |c| c.node(leader).heard_from(NodeId(id)).is_some_and(long_ago)).await;
}

fn votes(cluster: &Cluster, at: u64, ids: &[u64]) -> bool {
    let view = cluster.view(at);
    !view.joint && view.voters == ids.iter().copied().map(NodeId).collect()
}

fn step_of(event: &Event) -> Option<(NodeId, MemberStep, &str)> {
    match event {
        Event::MemberChanged { by, node, step } => Some((*node, *step, by)),
        _ => None,
    }
}

fn was_removed(cluster: &Cluster, id: u64) -> bool {
    matches!(cluster.view(id).standing, Standing::Refused { reason } if reason.contains("was removed"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_become_five_and_three_again_under_load_with_a_leader_killed_in_the_middle() {
    let (mut cluster, first) = Cluster::growing(5).await;
    let load = Load::begin((1..=3).map(|id| cluster.node(id).clone()).collect());
    grow(&mut cluster, 4).await;
    load.knows(cluster.node(4).clone());

    // The leader is killed while it lets the fifth one vote.
    let address = cluster.address(5);
    cluster.node(first).add_learner(NodeId(5), &address, "ops").await.unwrap();
    cluster.start(5).await;
    cluster.until("the fifth one has joined", |cluster| cluster.is_member(5)).await;
    load.knows(cluster.node(5).clone());
    let (killed, dying) = (cluster.node(first).clone(), cluster.view(first).last_log);
    let promoting = tokio::spawn(async move { killed.promote(NodeId(5), "ops").await });
    cluster.until("the promotion has begun", |cluster| cluster.view(first).last_log > dying).await;
    cluster.stop(first).await;
    drop(promoting.await.unwrap());
    cluster.elections(true);
    cluster.until_leader().await;
    promote(&cluster, 5).await;
    let next = cluster.until_leader().await;
    cluster.until("five vote", |cluster| votes(cluster, next, &[1, 2, 3, 4, 5])).await;
    cluster.start(first).await;
    cluster.elections(true);
    cluster.until("the first one is back", |cluster| votes(cluster, first, &[1, 2, 3, 4, 5])).await;

    // Back to three: whoever leads stays, the lowest two others go.
    let mut left: BTreeSet<u64> = (1..=5).collect();
    for _ in 0..2 {
        let leader = cluster.until_leader().await;
        let leaving = left.iter().copied().find(|id| *id != leader).unwrap();
        let removed = tokio::time::timeout(DEADLINE, async {
            loop {
                match cluster.node(leader).remove(NodeId(leaving), "ops").await {
                    Ok(_) => return,
                    Err(MemberError::Refused(Refusal::Removed { .. })) => return,
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        removed.await.unwrap();
        left.remove(&leaving);
        cluster.until("the removed one says so", |cluster| was_removed(cluster, leaving)).await;
        assert!(!cluster.view(leaving).leads());
    }
    let leader = cluster.until_leader().await;
    let stayed: Vec<u64> = left.iter().copied().collect();
    cluster.until("three vote", |cluster| votes(cluster, leader, &stayed)).await;

    let acknowledged = load.end().await;
    assert!(acknowledged.len() > 20, "there was load: {}", acknowledged.len());
    for id in &stayed {
        cluster
            .until("nothing acknowledged is lost", |cluster| {
                acknowledged.iter().all(|number| remembers(&cluster.state(*id), *number))
            })
            .await;
    }
    // Two of the three suffice again, and nobody else counts.
    let victim = stayed.iter().copied().find(|id| *id != leader).unwrap();
    cluster.stop(victim).await;
    let leader = cluster.until_leader().await;
    cluster.remember(leader, 1_000_000).await.unwrap();
    let gone = (1..=5).find(|id| !left.contains(id)).unwrap();
    let again = cluster.node(leader).add_learner(NodeId(gone), "127.0.0.1:1", "ops").await.unwrap_err();
    assert_eq!(again, MemberError::Refused(Refusal::Removed { node: NodeId(gone) }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_removed_while_it_was_down_says_so_and_stands_still() {
    let (mut cluster, leader) = Cluster::growing(3).await;
    let victim = if leader == 3 { 2 } else { 3 };
    cluster.stop(victim).await;
    cluster.node(leader).remove(NodeId(victim), "ops").await.unwrap();
    let state = cluster.state(leader);
    let steps: Vec<_> = state.history.iter().filter_map(|entry| step_of(&entry.event)).collect();
    let asked = |step| (NodeId(victim), step, "ops");
    assert_eq!(steps, [asked(MemberStep::Remove), asked(MemberStep::Removed)], "the history says who asked");
    cluster.start(victim).await;
    cluster.elections(true);
    cluster.until("it says so", |cluster| was_removed(cluster, victim)).await;
    let term = cluster.view(victim).term;
    cluster.node(victim).trigger_election().await.unwrap();
    cluster.remember(leader, 1).await.unwrap();
    assert_eq!(cluster.view(victim).term, term, "it stands for no election");
    assert!(cluster.view(leader).leads());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_that_can_not_be_is_refused_with_its_reason() {
    let (mut cluster, leader) = Cluster::growing(5).await;
    let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let at = |id: u64| cluster.node(id).clone();
    cluster.until("it knows the leader", |cluster| cluster.view(others[0]).leader.is_some()).await;
    let follower = at(others[0]).remove(NodeId(others[1]), "ops").await.unwrap_err();
    assert_eq!(follower, MemberError::NotLeader { leader: Some(NodeId(leader)) });
    let node = at(leader);
    assert_eq!(node.promote(NodeId(4), "ops").await.unwrap_err(), MemberError::Unknown(NodeId(4)));
    assert_eq!(node.remove(NodeId(leader), "ops").await.unwrap_err(), MemberError::Leads(NodeId(leader)));

    // Two at once: one of them has to wait.
    let (four, five) = (cluster.address(4), cluster.address(5));
    let both =
        tokio::join!(node.add_learner(NodeId(4), &four, "ops"), node.add_learner(NodeId(5), &five, "ops"));
    assert!(both.0.is_ok(), "{both:?}");
    assert_eq!(both.1.unwrap_err(), MemberError::UnderWay);
    let again = node.add_learner(NodeId(4), &four, "ops").await.unwrap_err();
    assert_eq!(again, MemberError::There { node: NodeId(4), votes: false });
    assert_eq!(node.promote(NodeId(4), "ops").await.unwrap_err(), MemberError::NoDisk(NodeId(4)));

    // It joins, and is cut off: it may not vote then.
    cluster.start(4).await;
    cluster.until("it has joined", |cluster| cluster.is_member(4)).await;
    cluster.lines.isolate(4, &[1, 2, 3]);
    until_silent(&cluster, leader, 4).await;
    assert_eq!(node.promote(NodeId(4), "ops").await.unwrap_err(), MemberError::Silent(NodeId(4)));
    cluster.lines.heal();

    // One of three is gone: the other one must stay.
    cluster.stop(others[1]).await;
    until_silent(&cluster, leader, others[1]).await;
    let lost = cluster.node(leader).remove(NodeId(others[0]), "ops").await.unwrap_err();
    assert_eq!(lost, MemberError::Quorum { voters: 2, needed: 2, silent: vec![NodeId(others[1])] });
    // But the dead one may go.
    cluster.node(leader).remove(NodeId(others[1]), "ops").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_a_leader_left_halfway_is_completed() {
    let (cluster, leader) = Cluster::growing(3).await;
    let step = |step| {
        let command = Command::Member { node: NodeId(7), step, by: "ops".to_owned() };
        cluster.node(leader).propose(Proposal { wall_ms: UnixMs(1), command }, DEADLINE)
    };
    assert_eq!(step(MemberStep::Add).await.unwrap().1, Applied::Accepted);
    assert!(!cluster.state(leader).was_removed(NodeId(7)));
    // Asked for, and Raft does not list it: the rest follows.
    assert_eq!(step(MemberStep::Remove).await.unwrap().1, Applied::Accepted);
    cluster.until("its id is used up", |cluster| cluster.state(leader).was_removed(NodeId(7))).await;
}
