//! Nobody has heard a leader for long: the voters are asked one by one, and this node stands if a majority hears nobody.
//!
//! As a rule the application decides who stands, by reports (`arbiter_core::leadership`): only when fresh reports of a
//! majority say that the leader is silent. But a report goes to those whom its author knows. A voter that was away while
//! members came and went knows the old ones alone; the new ones never hear from it, and may lack just its word for a
//! majority. A question, unlike a report, asks nothing of who answers but to be there.
//!
//! It disturbs no cluster that is well: a leader that leads is heard by a majority, and any two majorities have a member in
//! common, who would say so. Only votes count that this node can get: of voters whose log is no longer than its own. So who
//! has the longest log is not kept from winning by others who stand and can't.

use crate::formation::{ASK_AFTER_SILENCE, ask_what_it_holds};
use crate::node::Inner;
use crate::types::LogId;
use arbiter_core::ids::NodeId;
use arbiter_proto::v1::FormationReply;
use futures::future::join_all;
use openraft::{CommittedLeaderId, ServerState};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two times at which a node stands; each waits for so much longer as it has voters before it.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
const LATER_BY_PLACE: Duration = Duration::from_millis(500);

/// The first election may be in a term that others are past already: only its answers say so. Soon after it comes the second.
const SECOND_AFTER: Duration = Duration::from_millis(200);

/// Whether this node has heard no leader for so long that something must be done. It leads nobody itself.
pub(crate) fn hears_no_leader(node: &Inner) -> bool {
    let leads = node.raft.metrics().borrow().state == ServerState::Leader;
    let ago = node.leader_heard().unwrap_or_else(|| node.began.elapsed());
    // Who takes part in nothing any more can't say.
    !leads && ago >= ASK_AFTER_SILENCE && node.gate.cluster().is_ok()
}

/// Stands for election, if a majority of the voters says that it hears no leader either.
pub(crate) async fn stand_if_nobody_leads(node: &Inner) {
    if !hears_no_leader(node) || !is_our_turn(node) {
        return;
    }
    let configs = node.raft.metrics().borrow().membership_config.membership().get_joint_config().clone();
    let me = node.settings.node.0;
    let voters: BTreeSet<u64> = configs.iter().flatten().copied().collect();
    if !voters.contains(&me) {
        return;
    }
    let Ok((_, log)) = node.disk() else { return };
    let last = log.last();
    let others = voters.iter().copied().filter(|voter| *voter != me).map(NodeId);
    let asked = others.map(|voter| async move { Some((voter.0, ask(node, voter).await?)) });
    let answers: Vec<(u64, FormationReply)> = join_all(asked).await.into_iter().flatten().collect();
    // One that hears a leader is enough: what we know of the voters may be old.
    if answers.iter().any(|(_, reply)| !reply.hears_no_leader) {
        return;
    }
    let shorter = answers.iter().filter(|(_, reply)| last_of(reply) <= last).map(|(voter, _)| *voter);
    let with_us: BTreeSet<u64> = shorter.chain([me]).collect();
    let majority = |config: &BTreeSet<u64>| config.intersection(&with_us).count() > config.len() / 2;
    if !configs.iter().all(majority) || !hears_no_leader(node) {
        return;
    }
    tracing::warn!(
        ?with_us,
        "no leader for {ASK_AFTER_SILENCE:?}, as a majority says when asked: standing for election"
    );
    *node.stood.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    for _ in 0..2 {
        if node.raft.trigger().elect().await.is_err() {
            return;
        }
        sleep(SECOND_AFTER).await;
        if !hears_no_leader(node) {
            return;
        }
    }
}

fn is_our_turn(node: &Inner) -> bool {
    let before_us = node.view().borrow().voters.range(..node.settings.node).count();
    let wait = AGAIN_AFTER + LATER_BY_PLACE * u32::try_from(before_us).unwrap_or(u32::MAX);
    let stood = *node.stood.lock().unwrap_or_else(PoisonError::into_inner);
    stood.is_none_or(|at| at.elapsed() >= wait)
}

/// What a voter of our cluster holds, if it answers.
async fn ask(node: &Inner, voter: NodeId) -> Option<FormationReply> {
    let reply = ask_what_it_holds(node, voter).await.ok()??;
    let theirs = &reply.header.as_ref()?.cluster_id;
    (node.gate.identity().cluster?.0 == *theirs).then_some(reply)
}

fn last_of(reply: &FormationReply) -> Option<LogId> {
    let of = reply.last.as_ref()?;
    Some(LogId::new(CommittedLeaderId::new(of.term, of.leader), of.index))
}
