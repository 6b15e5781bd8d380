//! How a cluster is formed, once, and how a disk joins one.
//!
//! ```text
//!               nobody formed, majority empty,
//!               first configured node
//!   new disk ───────────────────────────────► founding ──── Form committed ───► member
//!      │  ▲                                     ▲  founding record, stored           ▲
//!      │  │ nobody knows anything               │  durably by each founder           │
//!      │  └── ask again                  Found ─┘                                    │
//!      │                                                                             │
//!      └── somebody formed: Admit at the leader ── same or none recorded ────────────┘
//!                                               └─ another disk recorded: refused, until replaced
//! ```
//!
//! The founding record (the cluster's id and the founding disks) is fixed by the first configured node before
//! it tells anybody, and never changed. Every founder stores it before it votes, and whichever founder leads
//! first commits exactly this record. So every disk that ever votes is recorded, and a disk that was wiped at
//! any moment, even halfway through the formation, is known to be another one.

use crate::gate::PROTOCOL;
use crate::members::complete;
use crate::network::{Answer, Call, WireError};
use crate::node::Inner;
use crate::propose::propose_on;
use crate::settings::QUESTION_TIMEOUT;
use crate::silence::stand_if_nobody_leads;
use crate::succession::{ask_for_successor, left_behind, take_leave};
use crate::view::Standing;
use arbiter_core::command::{Command, Proposal};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use arbiter_proto::v1::{
    Admission, AdmitReply, AdmitRequest, FormationReply, FormationRequest, FormationState, FoundRequest,
    Founder,
};
use futures::future::join_all;
use openraft::{BasicNode, ServerState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Weak;
use std::time::Duration;
use tokio::time::Instant;

/// How often the peers are asked while the disk is new.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How often a step of the founding is tried again.
const FOUND_EVERY: Duration = Duration::from_millis(100);
/// How often a refused disk asks whether an operator has decided.
const REFUSED_EVERY: Duration = Duration::from_secs(1);
/// A member that has heard no leader for this long asks whether it was removed, and one that waits for the entry that
/// admitted it whether it still counts: longer than any election takes.
pub(crate) const ASK_AFTER_SILENCE: Duration = Duration::from_secs(5);
/// How often a member looks whether its disk was replaced.
pub(crate) const MEMBER_EVERY: Duration = Duration::from_secs(1);

/// Forms or joins a cluster, and goes on watching whether this disk is still the recorded one.
pub(crate) async fn run(node: Weak<Inner>) {
    let mut news = News::default();
    loop {
        let Some(inner) = node.upgrade() else { return };
        let pause = step(&inner, &mut news).await;
        drop(inner);
        tokio::time::sleep(pause).await;
    }
}

/// How far the log has come, and since when it has come no further.
#[derive(Default)]
struct News {
    applied: u64,
    none_since: Option<Instant>,
}

impl News {
    /// Whether nothing has been applied for [`ASK_AFTER_SILENCE`]; true once in that time.
    fn are_missing(&mut self, applied: u64) -> bool {
        let now = Instant::now();
        let none_since = *self.none_since.get_or_insert(now);
        let missing = applied == self.applied && now.duration_since(none_since) >= ASK_AFTER_SILENCE;
        if missing || applied != self.applied {
            (self.applied, self.none_since) = (applied, Some(now));
        }
        missing
    }
}

async fn step(node: &Inner, news: &mut News) -> Duration {
    let identity = node.gate.identity();
    let (formed, recorded, applied, was_removed) = {
        let state = node.state.borrow();
        let recorded = state.members.get(&identity.node).and_then(|member| member.incarnation);
        let was_removed = state.was_removed(identity.node);
        (state.cluster_id.is_some(), recorded, state.applied.index.0, was_removed)
    };
    if identity.cluster.is_none() {
        return ask_around(node).await;
    }
    if let Some(successor) = &identity.succeeded_by {
        left_behind(node, successor);
        return MEMBER_EVERY;
    }
    if node.gate.must_ask() {
        if formed && recorded == Some(identity.incarnation) && !was_removed {
            // As far as it knows; its gate stays closed until it has asked.
            node.set_standing(Standing::Member);
        }
        if let Some(successor) = ask_for_successor(node).await {
            return take_leave(node, successor).await;
        }
        node.gate.asked();
    }
    if !formed && !identity.founders.is_empty() {
        node.set_standing(Standing::Founding);
        return found(node, &identity.founders).await;
    }
    if node.gate.is_shut() || was_removed {
        stand_still(node);
        return MEMBER_EVERY;
    }
    if news.are_missing(applied) && applied < identity.admitted_at {
        return ask_what_is_recorded(node).await;
    }
    if formed && recorded.is_none() && applied >= identity.admitted_at {
        return ask_again(node).await;
    }
    if formed && recorded != Some(identity.incarnation) && applied >= identity.admitted_at {
        let name = node.settings.name_of(identity.node);
        node.set_standing(Standing::Refused {
            reason: format!(
                "node {name} was admitted with another disk since: use that one, or move this data folder away, \
                 start with an empty one and run `arbiterctl member replace {name}`"
            ),
        });
    } else {
        node.set_standing(Standing::Member);
        complete(node).await;
        if leader_says_removed(node).await {
            stand_still(node);
        } else {
            stand_if_nobody_leads(node).await;
        }
    }
    MEMBER_EVERY
}

/// An operator has let this node come back with whichever disk it shows next, but its disk is here: it was thought lost,
/// or the operator has asked twice, and this one came in between. It shows itself. It has forgotten nothing, or no more
/// than an empty disk has.
async fn ask_again(node: &Inner) -> Duration {
    let name = node.settings.name_of(node.settings.node);
    let reason =
        format!("node {name} may come back with another disk: this one asks whether it may be that one");
    node.set_standing(Standing::Refused { reason });
    match ask_members(node).await {
        Some(reply) if reply.admission() == Admission::Admitted => enter(node, &reply).await,
        // What was recorded instead is in the log, and is judged when it is applied here.
        _ => ASK_EVERY,
    }
}

/// The entry that admitted this disk does not come, and nothing before it. An operator who has asked twice has let another
/// disk in before it was sent: since then the leader takes no answer of this one, and so it will never be sent.
async fn ask_what_is_recorded(node: &Inner) -> Duration {
    let Some(reply) = ask_members(node).await else { return ASK_EVERY };
    match reply.admission() {
        Admission::Admitted => return enter(node, &reply).await,
        Admission::Removed => stand_still(node),
        Admission::OtherDisk => node.set_standing(Standing::Refused { reason: other_disk(node) }),
        Admission::Foreign | Admission::AskLeader | Admission::Unspecified => {}
    }
    MEMBER_EVERY
}

fn other_disk(node: &Inner) -> String {
    let name = node.settings.name_of(node.settings.node);
    format!(
        "the cluster has recorded another disk for node {name}: restore its data folder, or, if it is lost, run \
         `arbiterctl member replace {name}` on another node"
    )
}

/// This node was removed, for good: nothing comes in or goes out any more.
fn stand_still(node: &Inner) {
    node.gate.shut();
    let name = node.settings.name_of(node.settings.node);
    let reason = format!(
        "node {name} was removed from the cluster: stop `arbiterd` here; to let the machine come back, give it a new \
         id and an empty data folder, and run `arbiterctl member add`"
    );
    node.set_standing(Standing::Refused { reason });
}

/// A node that was removed is not told: nobody sends it anything any more. So one that has not heard a leader for a while
/// asks.
async fn leader_says_removed(node: &Inner) -> bool {
    let leads = node.raft.metrics().borrow().state == ServerState::Leader;
    if leads || node.leader_heard().is_some_and(|ago| ago < ASK_AFTER_SILENCE) {
        return false;
    }
    let reply = ask_members(node).await;
    reply.is_some_and(|reply| reply.admission() == Admission::Removed)
}

/// Asks the leader of the cluster that this disk belongs to, by way of any member: of those in the log, and of those in the
/// file, for the log may be empty.
async fn ask_members(node: &Inner) -> Option<AdmitReply> {
    let mut to_ask: VecDeque<NodeId> = node.view().borrow().addresses.keys().copied().collect();
    to_ask.extend(node.settings.members.iter().map(|member| member.id));
    ask_leader(node, to_ask).await
}

/// The disk is new: is there a cluster to join, or one to form?
async fn ask_around(node: &Inner) -> Duration {
    let answers = ask_peers(node).await;
    let mut empty = BTreeMap::from([(node.settings.node, node.gate.identity().incarnation)]);
    let mut formed = BTreeMap::new();
    let mut knows_of_one = false;
    for (peer, reply) in answers {
        let header = reply.header.clone().unwrap_or_default();
        match reply.state() {
            FormationState::Empty => drop(empty.insert(peer, Incarnation(header.incarnation))),
            FormationState::Formed => drop(formed.insert(peer, (header.cluster_id, NodeId(reply.leader)))),
            FormationState::Refused => knows_of_one = true,
            FormationState::Unspecified => {}
        }
    }
    if !formed.is_empty() {
        return join(node, &formed).await;
    }
    if matches!(*node.standing.borrow(), Standing::Refused { .. }) {
        return REFUSED_EVERY;
    }
    let needed = node.settings.majority();
    let first = node.settings.members.first().map(|member| member.id);
    if first == Some(node.settings.node) && empty.len() >= needed && !knows_of_one {
        return fix_founding_record(node, empty).await;
    }
    node.set_standing(Standing::Waiting { reached: empty.len(), needed });
    ASK_EVERY
}

/// What the other configured members' disks hold, of those who answer.
async fn ask_peers(node: &Inner) -> Vec<(NodeId, FormationReply)> {
    let others = node.settings.members.iter().filter(|member| member.id != node.settings.node);
    let questions = others.map(|member| async move {
        match ask_what_it_holds(node, member.id).await {
            Ok(reply) => reply.map(|reply| (member.id, reply)),
            Err(WireError::Refused(reason)) => {
                node.gate.say_refused("a configured member refuses us", &reason);
                None
            }
            Err(_) => None,
        }
    });
    join_all(questions).await.into_iter().flatten().collect()
}

/// Asks one peer what its disk holds. Nothing, if somebody else answers at its address.
pub(crate) async fn ask_what_it_holds(
    node: &Inner,
    peer: NodeId,
) -> Result<Option<FormationReply>, WireError> {
    let request = FormationRequest { header: Some(node.gate.header_to(peer)) };
    let address = node.address_of(peer);
    match node.wire.call(peer, address.as_deref(), Call::Formation(request), QUESTION_TIMEOUT).await? {
        Answer::Formation(reply) if is_from(peer, node, &reply) => Ok(Some(reply)),
        _ => Ok(None),
    }
}

fn is_from(peer: NodeId, node: &Inner, reply: &FormationReply) -> bool {
    let right = node.gate.check_envelope(reply.header.as_ref()).is_ok_and(|header| header.sender == peer.0);
    if !right {
        tracing::warn!(node = %peer, protocol = PROTOCOL, "the answer is not this node's: check its address");
    }
    right
}

/// Fixes the founding record, before anybody else hears of it.
async fn fix_founding_record(node: &Inner, founders: BTreeMap<NodeId, Incarnation>) -> Duration {
    let _change = node.identity_change.lock().await;
    let mut identity = node.gate.identity();
    if identity.cluster.is_some() {
        return Duration::ZERO;
    }
    identity.cluster = Some(ClusterId(format!("{:016x}{:016x}", (node.draw)(), (node.draw)())));
    identity.founders = founders;
    let written = match node.disk() {
        Ok((disk, _)) => identity.write(&disk).await,
        Err(error) => Err(error),
    };
    match written {
        Ok(()) => {
            tracing::info!(cluster = ?identity.cluster, founders = ?identity.founders, "forming a new cluster");
            node.gate.set_identity(identity);
            node.set_standing(Standing::Founding);
            Duration::ZERO
        }
        Err(error) => {
            tracing::error!(%error, "the founding record can't be stored");
            ASK_EVERY
        }
    }
}

/// One step of a founding disk towards a formed cluster.
async fn found(node: &Inner, founders: &BTreeMap<NodeId, Incarnation>) -> Duration {
    let Ok(initialized) = node.raft.is_initialized().await else { return MEMBER_EVERY };
    let first = node.settings.members.first().map(|member| member.id);
    if !initialized && first == Some(node.settings.node) {
        let accepted = tell_founders(node, founders).await;
        if accepted >= node.settings.majority() {
            let address =
                |member: &crate::settings::MemberSettings| BasicNode { addr: member.address.clone() };
            let members: BTreeMap<u64, BasicNode> =
                node.settings.members.iter().map(|member| (member.id.0, address(member))).collect();
            if let Err(error) = node.raft.initialize(members).await {
                tracing::warn!(%error, "the first membership was not accepted");
            }
        }
    } else if node.raft.metrics().borrow().state == ServerState::Leader {
        commit_founding_record(node, founders).await;
    }
    FOUND_EVERY
}

/// Gives the founding record to the other founders. Returns how many have stored it, this node included.
async fn tell_founders(node: &Inner, founders: &BTreeMap<NodeId, Incarnation>) -> usize {
    let record: Vec<Founder> =
        founders.iter().map(|(id, disk)| Founder { node: id.0, incarnation: disk.0 }).collect();
    let others = founders.keys().filter(|id| **id != node.settings.node);
    let calls = others.map(|id| {
        let founders = record.clone();
        async move {
            let request = FoundRequest { header: Some(node.gate.header_to(*id)), founders };
            match node.wire.call(*id, None, Call::Found(request), QUESTION_TIMEOUT).await {
                Ok(Answer::Found(reply)) if reply.accepted => true,
                Ok(Answer::Found(reply)) => {
                    tracing::warn!(node = %id, reason = reply.reason, "the founding record was not accepted");
                    false
                }
                _ => false,
            }
        }
    });
    1 + join_all(calls).await.into_iter().filter(|accepted| *accepted).count()
}

/// The cluster's first command. A second one, by another leader, is refused by `apply` and changes nothing.
async fn commit_founding_record(node: &Inner, founders: &BTreeMap<NodeId, Incarnation>) {
    let Ok(cluster_id) = node.gate.cluster() else { return };
    let command = Command::Form {
        cluster_id,
        policy: Box::new(node.settings.seed_policy.clone()),
        members: founders.iter().map(|(id, disk)| (*id, *disk)).collect(),
        mode: node.settings.seed_mode,
    };
    let proposal = Proposal { wall_ms: (node.wall_ms)(), command };
    match propose_on(&node.raft, &node.proposals, proposal, QUESTION_TIMEOUT).await {
        Ok((at, _)) => tracing::info!(index = at.index.0, "the cluster is formed"),
        Err(error) => tracing::info!(%error, "the cluster is not formed yet"),
    }
}

/// Asks the leader of a formed cluster for admission.
async fn join(node: &Inner, formed: &BTreeMap<NodeId, (String, NodeId)>) -> Duration {
    let clusters: BTreeSet<&String> = formed.values().map(|(cluster, _)| cluster).collect();
    if clusters.len() > 1 {
        node.set_standing(Standing::Refused {
            reason: format!("the configured members belong to different clusters: {clusters:?}"),
        });
        return REFUSED_EVERY;
    }
    // Whom the peers call their leader first, then the peers themselves.
    let mut to_ask: VecDeque<NodeId> = formed.values().map(|(_, leader)| *leader).collect();
    to_ask.extend(formed.keys());
    let Some(reply) = ask_leader(node, to_ask).await else { return ASK_EVERY };
    let reason = match reply.admission() {
        Admission::Admitted => return enter(node, &reply).await,
        Admission::OtherDisk => other_disk(node),
        _ => reply.reason,
    };
    node.set_standing(Standing::Refused { reason });
    REFUSED_EVERY
}

/// Asks for admission whoever may be or know the leader, until one decides.
async fn ask_leader(node: &Inner, mut to_ask: VecDeque<NodeId>) -> Option<AdmitReply> {
    let mut asked = BTreeSet::from([NodeId(0), node.settings.node]);
    while let Some(peer) = to_ask.pop_front() {
        if !asked.insert(peer) {
            continue;
        }
        let Some(reply) = ask_admission(node, peer).await else { continue };
        match reply.admission() {
            Admission::AskLeader | Admission::Unspecified => to_ask.push_front(NodeId(reply.leader)),
            _ => return Some(reply),
        }
    }
    None
}

async fn ask_admission(node: &Inner, peer: NodeId) -> Option<AdmitReply> {
    let address = node.address_of(peer);
    let request = AdmitRequest { header: Some(node.gate.header_to(peer)) };
    match node.wire.call(peer, address.as_deref(), Call::Admit(request), QUESTION_TIMEOUT).await {
        Ok(Answer::Admit(reply)) => {
            let header = node.gate.check_envelope(reply.header.as_ref()).ok()?;
            (header.sender == peer.0).then_some(reply)
        }
        _ => None,
    }
}

/// The admission is committed: the disk takes part from now on.
async fn enter(node: &Inner, reply: &AdmitReply) -> Duration {
    let _change = node.identity_change.lock().await;
    let mut identity = node.gate.identity();
    let cluster = reply.header.as_ref().map(|header| header.cluster_id.clone()).unwrap_or_default();
    if cluster.is_empty() || identity.cluster.as_ref().is_some_and(|known| known.0 != cluster) {
        return Duration::ZERO;
    }
    identity.cluster = Some(ClusterId(cluster));
    identity.admitted_at = reply.admitted_at;
    let written = match node.disk() {
        Ok((disk, _)) => identity.write(&disk).await,
        Err(error) => Err(error),
    };
    match written {
        Ok(()) => {
            tracing::info!(cluster = ?identity.cluster, at = identity.admitted_at, "admitted to the cluster");
            node.gate.set_identity(identity);
            node.set_standing(Standing::Member);
        }
        Err(error) => tracing::error!(%error, "the admission can't be stored"),
    }
    ASK_EVERY
}
