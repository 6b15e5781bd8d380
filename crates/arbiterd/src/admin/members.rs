//! Changes of the cluster's members. They are no decisions of the loop: they go straight to Raft, and must work while the
//! loop has no quorum of reports.

use super::{AdminService, operation, unavailable};
use arbiter_control::Look;
use arbiter_core::command::{Applied, Command, EntryId, MemberStep, Proposal, Refusal};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{NodePolicy, Policy};
use arbiter_core::state::ClusterState;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation as Wire;
use arbiter_raft::{MemberError, ProposeError, RaftNode};
use std::time::Duration;
use tonic::{Response, Status};

/// How long an entry may take to be committed.
const PROPOSE: Duration = Duration::from_secs(3);

/// What is asked for.
enum Change {
    /// A node's next disk is admitted.
    Readmit(NodeId),
    /// A step, and where a node that is added is reached.
    Step(NodeId, MemberStep, String),
}

/// Whether it is one of these.
pub(super) const fn is_change(operation: Option<&Wire>) -> bool {
    matches!(
        operation,
        Some(Wire::Readmit(_) | Wire::AddMember(_) | Wire::PromoteMember(_) | Wire::RemoveMember(_))
    )
}

impl AdminService {
    pub(super) async fn change_members(
        &self,
        operation: Option<Wire>,
        by: String,
    ) -> Result<Response<v1::OperateReply>, Status> {
        let look = self.control.look().await.map_err(unavailable)?;
        let (at, applied) = match read(&look, operation)? {
            Ok(Change::Readmit(node)) => self.readmit(&look, node, by).await?,
            Ok(Change::Step(node, step, address)) => self.step(&look, node, step, &address, &by).await?,
            Err(refusal) => (EntryId::default(), Applied::Refused(Refusal::Other(refusal))),
        };
        Ok(Response::new(self.operated(look.wall_ms.0, at.index.0, at.index.0, &applied)))
    }

    async fn readmit(&self, look: &Look, node: NodeId, by: String) -> Result<(EntryId, Applied), Status> {
        self.propose(look, Command::Readmit { node, incarnation: None, by }).await
    }

    /// Gets a command into the log that is no operation.
    pub(super) async fn propose(&self, look: &Look, command: Command) -> Result<(EntryId, Applied), Status> {
        let proposal = Proposal { wall_ms: look.wall_ms, command };
        self.raft.propose(proposal, PROPOSE).await.map_err(|error| match error {
            ProposeError::NotLeader { .. } => self.no_leader(),
            ProposeError::Unknown(_) => Status::deadline_exceeded(error.to_string()),
            other => Status::unavailable(other.to_string()),
        })
    }

    async fn step(
        &self,
        look: &Look,
        node: NodeId,
        step: MemberStep,
        address: &str,
        by: &str,
    ) -> Result<(EntryId, Applied), Status> {
        let changed = match step {
            MemberStep::Add => self.raft.add_learner(node, address, by).await,
            MemberStep::Promote => self.raft.promote(node, by).await,
            MemberStep::Remove | MemberStep::Removed => self.raft.remove(node, by).await,
        };
        let name = |node| look.state.policy.node_name(node);
        match changed {
            Ok(at) => Ok((at, Applied::Accepted)),
            Err(MemberError::NotLeader { .. }) => Err(self.no_leader()),
            Err(error @ (MemberError::NoQuorum(_) | MemberError::HandingOver)) => {
                Err(Status::unavailable(error.words(&name)))
            }
            Err(error @ MemberError::Doubt(_)) => Err(Status::deadline_exceeded(error.words(&name))),
            Err(error) => Ok((EntryId::default(), Applied::Refused(Refusal::Other(error.words(&name))))),
        }
    }
}

/// What would come of it: the same judgement, and the same `apply` on a copy.
pub(super) fn preview(
    look: &Look,
    raft: &RaftNode,
    operation: Option<Wire>,
) -> Result<v1::PreviewReply, Status> {
    let refused = |refusal| v1::PreviewReply { refusal, ..v1::PreviewReply::default() };
    let change = match read(look, operation)? {
        Ok(change) => change,
        Err(refusal) => return Ok(refused(refusal)),
    };
    let name = |node| look.state.policy.node_name(node);
    let judged = match &change {
        Change::Step(node, step, _) => raft.may_change(*node, *step).map_err(|error| error.words(&name)),
        Change::Readmit(_) => Ok(()),
    };
    let by = String::new();
    let command = match &change {
        Change::Readmit(node) => Command::Readmit { node: *node, incarnation: None, by },
        Change::Step(node, step, _) => Command::Member { node: *node, step: *step, by },
    };
    let applied = ClusterState::clone(&look.state)
        .apply(look.state.applied, &Proposal { wall_ms: look.wall_ms, command });
    let refusal = match (judged, applied) {
        (Err(words), _) => words,
        (_, Applied::Refused(refusal)) => refusal.to_string(),
        _ => String::new(),
    };
    let accepted = refusal.is_empty();
    let cautions = if accepted { cautions(look, &change) } else { Vec::new() };
    Ok(v1::PreviewReply { accepted, refusal, cautions, ..v1::PreviewReply::default() })
}

/// What should be known before.
fn cautions(look: &Look, change: &Change) -> Vec<String> {
    let voters = look.view.voters.len();
    let even = |voters: usize, advice: &str| {
        let words = || format!("{voters} voters survive no more failures than {}: {advice}", voters - 1);
        (voters > 0 && voters.is_multiple_of(2)).then(words)
    };
    let name = |node: &NodeId| look.state.policy.node_name(*node);
    match change {
        Change::Readmit(node) => {
            let recorded = look.state.members.get(node).and_then(|member| member.incarnation);
            vec![match recorded {
                Some(_) => format!(
                    "the disk that is recorded for {0} would be struck out: it may never come back",
                    name(node)
                ),
                None => format!("no disk is recorded for {}: it may join as it is", name(node)),
            }]
        }
        Change::Step(_, MemberStep::Promote, _) => {
            even(voters + 1, "let another one vote, or remove one").into_iter().collect()
        }
        Change::Step(node, MemberStep::Remove | MemberStep::Removed, _) => {
            let used_up = format!("the id {node} is never used again, also not by the same machine");
            let votes = look.view.voters.contains(node);
            let even =
                even(voters.saturating_sub(1), "remove another one, or let one vote").filter(|_| votes);
            std::iter::once(used_up).chain(even).collect()
        }
        Change::Step(_, MemberStep::Add, _) => Vec::new(),
    }
}

/// What is asked for; or, in words, why that can't be.
fn read(look: &Look, operation: Option<Wire>) -> Result<Result<Change, String>, Status> {
    let policy = &look.state.policy;
    Ok(Ok(match operation {
        Some(Wire::Readmit(readmit)) => Change::Readmit(node_of(policy, &readmit.node)?.id),
        Some(Wire::AddMember(v1::AddMember { node, id, address })) => {
            let (node, address) = (operation::name("node", node)?, operation::name("address", address)?);
            match addable(policy, &node, NodeId(id)) {
                Ok(()) => Change::Step(NodeId(id), MemberStep::Add, address),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Some(Wire::PromoteMember(promote)) => {
            Change::Step(member_of(look, &promote.node)?, MemberStep::Promote, String::new())
        }
        Some(Wire::RemoveMember(remove)) => {
            Change::Step(member_of(look, &remove.node)?, MemberStep::Remove, String::new())
        }
        _ => return Err(Status::internal("no change of members")),
    }))
}

/// Only whom the policy names may join: its zone and its name are the policy's business.
fn addable(policy: &Policy, name: &str, id: NodeId) -> Result<(), String> {
    let by_name = policy.nodes.iter().find(|node| node.name == name);
    match (by_name, policy.node(id)) {
        (Some(node), _) if node.id == id => Ok(()),
        (Some(node), _) => Err(format!("the policy says that {name} is node {}", node.id)),
        (None, Some(node)) => Err(format!("the policy says that node {id} is {}", node.name)),
        (None, None) => Err(format!(
            "the policy in force knows no node {name}: apply one first that names it, with the id {id} and its zone \
             (`arbiterctl policy apply`)"
        )),
    }
}

/// A member by its name, or by its id where the policy does not name it.
fn member_of(look: &Look, name: &str) -> Result<NodeId, Status> {
    let by_id = name.parse().ok().map(NodeId).filter(|id| {
        look.view.voters.contains(id)
            || look.view.learners.contains(id)
            || look.state.members.contains_key(id)
    });
    match by_id {
        Some(id) => Ok(id),
        None => node_of(&look.state.policy, name).map(|node| node.id),
    }
}

/// A node of the policy.
pub(super) fn node_of<'a>(policy: &'a Policy, name: &str) -> Result<&'a NodePolicy, Status> {
    let known = || policy.nodes.iter().map(|node| &*node.name);
    let node = policy.nodes.iter().find(|node| node.name == name);
    node.ok_or_else(|| operation::unknown("node", name, known()))
}
