//! The operators' seat: any node answers, and asks the leader where that is needed.

mod events;
mod forward;
mod status;

use crate::admin::forward::Peers;
use arbiter_config::LocalConfig;
use arbiter_control::{AskError, Control, Look};
use arbiter_core::command::{Applied, Command, Mode, Operation, Proposal};
use arbiter_core::ids::{GatewayId, InstanceId, NodeId, PathId, PolicyVersion, RouteId};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_server::Admin;
use arbiter_raft::{RaftNode, Standing};
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long a quorum may take to confirm the leadership for a read: a few round trips.
const CONFIRM: Duration = Duration::from_millis(800);

/// How long a readmission may take to be committed.
const PROPOSE: Duration = Duration::from_secs(3);

/// Events in one answer at most.
const EVENTS_LIMIT: usize = 1_000;

/// Events in one answer where the asker does not say.
const EVENTS_DEFAULT: usize = 100;

/// Request ids and names longer than this are no ids and names.
const TEXT_LIMIT: usize = 200;

pub(crate) struct AdminService {
    me: String,
    control: Control,
    raft: RaftNode,
    peers: Peers,
}

impl AdminService {
    pub fn new(
        local: &LocalConfig,
        control: Control,
        raft: RaftNode,
    ) -> Result<Self, tonic::transport::Error> {
        Ok(Self { me: local.name.clone(), control, raft, peers: Peers::new(&local.peers)? })
    }

    /// The leader, if it is another node and this question may be passed on.
    fn elsewhere(&self, asking: &v1::Asking) -> Option<NodeId> {
        let view = self.raft.view();
        let view = view.borrow();
        if asking.stale || asking.forwarded || view.leads() {
            return None;
        }
        view.leader.filter(|leader| *leader != view.id)
    }

    /// This node's own view, and how good it is.
    async fn look(
        &self,
        asking: &v1::Asking,
        not_asked: Option<String>,
    ) -> Result<(Look, v1::Answered), Status> {
        let confirmed = if asking.stale {
            Err("asked for the node's own view".to_owned())
        } else {
            self.raft.confirm_leadership(CONFIRM).await.map_err(|error| error.to_string())
        };
        let look = self.control.look().await.map_err(unavailable)?;
        let because = self.standing().or(not_asked).or_else(|| confirmed.as_ref().err().cloned());
        let answered = v1::Answered {
            by: self.me.clone(),
            linearizable: confirmed.is_ok(),
            stale_because: if confirmed.is_ok() { String::new() } else { because.unwrap_or_default() },
            wall_ms: look.wall_ms.0,
            applied: look.state.applied.index.0,
        };
        Ok((look, answered))
    }

    /// What keeps this node from taking part, in words.
    fn standing(&self) -> Option<String> {
        match &self.raft.view().borrow().standing {
            Standing::Member => None,
            Standing::Waiting { reached, needed } => Some(format!(
                "the cluster is not formed: {reached} of the {needed} nodes that it takes are here"
            )),
            Standing::Founding => Some("the cluster is being formed".to_owned()),
            Standing::Refused { reason } => Some(reason.clone()),
        }
    }

    /// Lets a node come back with a new disk. It goes straight into the log: it is no decision of the loop, and
    /// must work while the loop has no quorum of reports.
    async fn readmit(&self, name: &str, by: String) -> Result<Response<v1::OperateReply>, Status> {
        let look = self.control.look().await.map_err(unavailable)?;
        let policy = &look.state.policy;
        let node = policy.nodes.iter().find(|node| node.name == name).ok_or_else(|| {
            let known: Vec<_> = policy.nodes.iter().map(|node| node.name.as_str()).collect();
            Status::not_found(format!("no node `{name}`; the policy has: {}", known.join(", ")))
        })?;
        let command = Command::Readmit { node: node.id, incarnation: None, by };
        let proposal = Proposal { wall_ms: look.wall_ms, command };
        let (entry, applied) = self.raft.propose(proposal, PROPOSE).await.map_err(|error| match error {
            arbiter_raft::ProposeError::NotLeader { .. } => self.no_leader(),
            arbiter_raft::ProposeError::Unknown(_) => Status::deadline_exceeded(error.to_string()),
            other => Status::unavailable(other.to_string()),
        })?;
        Ok(Response::new(self.operated(entry.index.0, &applied)))
    }

    fn operated(&self, index: u64, applied: &Applied) -> v1::OperateReply {
        let refusal = match applied {
            Applied::Refused(refusal) => refusal.to_string(),
            _ => String::new(),
        };
        v1::OperateReply {
            answered: Some(v1::Answered {
                by: self.me.clone(),
                linearizable: true,
                applied: index,
                ..v1::Answered::default()
            }),
            index,
            accepted: refusal.is_empty(),
            refusal,
            ..v1::OperateReply::default()
        }
    }

    /// Why nobody could be asked.
    fn no_leader(&self) -> Status {
        let reason = self.standing().unwrap_or_else(|| {
            "no leader is known: a majority of the nodes must run and reach each other".to_owned()
        });
        Status::unavailable(reason)
    }
}

fn unavailable(error: AskError) -> Status {
    match error {
        AskError::Unknown(message) => Status::deadline_exceeded(message),
        other => Status::unavailable(other.to_string()),
    }
}

fn forwarded(asking: Option<v1::Asking>) -> Option<v1::Asking> {
    Some(v1::Asking { forwarded: true, ..asking.unwrap_or_default() })
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn status(&self, request: Request<v1::StatusRequest>) -> Result<Response<v1::StatusReply>, Status> {
        let request = request.into_inner();
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::StatusRequest { asking: forwarded(request.asking) };
            match self.peers.client(leader)?.status(passed_on).await {
                Ok(reply) => return Ok(reply),
                Err(error) => not_asked = Some(format!("the leader does not answer: {}", error.message())),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        Ok(Response::new(status::reply(&look, answered)))
    }

    async fn history(
        &self,
        request: Request<v1::HistoryRequest>,
    ) -> Result<Response<v1::HistoryReply>, Status> {
        let request = request.into_inner();
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::HistoryRequest { asking: forwarded(request.asking), ..request.clone() };
            match self.peers.client(leader)?.history(passed_on).await {
                Ok(reply) => return Ok(reply),
                Err(error) => not_asked = Some(format!("the leader does not answer: {}", error.message())),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        let limit = match usize::try_from(request.limit).unwrap_or(EVENTS_LIMIT) {
            0 => EVENTS_DEFAULT,
            limit => limit.min(EVENTS_LIMIT),
        };
        let events = events::newest(&look.state, request.after, limit, &request.subject);
        Ok(Response::new(v1::HistoryReply { answered: Some(answered), events }))
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainReply>, Status> {
        let request = request.into_inner();
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::ExplainRequest { asking: forwarded(request.asking), ..request.clone() };
            match self.peers.client(leader)?.explain(passed_on).await {
                Ok(reply) => return Ok(reply),
                Err(error) if error.code() == tonic::Code::NotFound => return Err(error),
                Err(error) => not_asked = Some(format!("the leader does not answer: {}", error.message())),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        let whole = status::reply(&look, answered.clone());
        let known: Vec<_> = whole.routes.iter().map(|route| route.id.clone()).collect();
        let route = whole.routes.into_iter().find(|route| route.id == request.route).ok_or_else(|| {
            Status::not_found(format!("no route `{}`; the policy has: {}", request.route, known.join(", ")))
        })?;
        let subjects: Vec<&str> = route.paths.iter().flat_map(|path| [&*path.id, &*path.gateway]).collect();
        let about = |alarm: &v1::Alarm| alarm.subject == route.id || subjects.contains(&&*alarm.subject);
        let alarms = whole.alarms.into_iter().filter(about).collect();
        let events = events::newest(&look.state, 0, EVENTS_DEFAULT, &route.id);
        Ok(Response::new(v1::ExplainReply { answered: Some(answered), route: Some(route), events, alarms }))
    }

    async fn operate(
        &self,
        request: Request<v1::OperateRequest>,
    ) -> Result<Response<v1::OperateReply>, Status> {
        let request = request.into_inner();
        let asking = v1::Asking { stale: false, ..request.asking.unwrap_or_default() };
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::OperateRequest { asking: forwarded(request.asking), ..request };
            return self.peers.client(leader)?.operate(passed_on).await;
        }
        let (id, by) = (request.request_id, request.by);
        if id.is_empty() || id.len() > TEXT_LIMIT || by.len() > TEXT_LIMIT {
            return Err(Status::invalid_argument(format!(
                "request_id and by must be given, and no longer than {TEXT_LIMIT} bytes"
            )));
        }
        if let Some(v1::operate_request::Operation::Readmit(readmit)) = &request.operation {
            return self.readmit(&readmit.node, by).await;
        }
        let operation = operation(request.operation)?;
        let answer = match self.control.operate(id, by, operation).await {
            Ok(answer) => answer,
            Err(AskError::NotLeader { .. }) => return Err(self.no_leader()),
            Err(other) => return Err(unavailable(other)),
        };
        let reply = self.operated(answer.entry.index.0, &answer.applied);
        Ok(Response::new(v1::OperateReply {
            quiet: answer.quiet,
            start_to_come: answer.start_to_come.map(|gateway| gateway.0).unwrap_or_default(),
            ..reply
        }))
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyReply>, Status> {
        let request = request.into_inner();
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::GetPolicyRequest { asking: forwarded(request.asking) };
            match self.peers.client(leader)?.get_policy(passed_on).await {
                Ok(reply) => return Ok(reply),
                Err(error) => not_asked = Some(format!("the leader does not answer: {}", error.message())),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        Ok(Response::new(v1::GetPolicyReply {
            answered: Some(answered),
            version: look.state.policy_version.0,
            toml: arbiter_config::render_policy(&look.state.policy),
        }))
    }

    async fn hand_over(
        &self,
        request: Request<v1::HandOverRequest>,
    ) -> Result<Response<v1::HandOverReply>, Status> {
        let request = request.into_inner();
        let asking = v1::Asking { stale: false, ..request.asking.unwrap_or_default() };
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::HandOverRequest { asking: forwarded(request.asking), ..request };
            return self.peers.client(leader)?.hand_over(passed_on).await;
        }
        let look = self.control.look().await.map_err(unavailable)?;
        let policy = &look.state.policy;
        let to = policy.nodes.iter().find(|node| node.name == request.to).ok_or_else(|| {
            let known: Vec<_> = policy.nodes.iter().map(|node| node.name.as_str()).collect();
            Status::not_found(format!("no node `{}`; the policy has: {}", request.to, known.join(", ")))
        })?;
        if to.id != look.me || look.view.leader != Some(look.me) {
            match self.control.hand_over(to.id).await {
                Ok(()) => {}
                Err(AskError::NotLeader { .. }) => return Err(self.no_leader()),
                Err(other) => return Err(unavailable(other)),
            }
        }
        let answered = v1::Answered { by: self.me.clone(), ..v1::Answered::default() };
        Ok(Response::new(v1::HandOverReply { answered: Some(answered) }))
    }
}

fn operation(operation: Option<v1::operate_request::Operation>) -> Result<Operation, Status> {
    use v1::operate_request::Operation as Wire;
    Ok(match operation {
        Some(Wire::Switchover(v1::Switchover { route, path })) => {
            Operation::Switchover { route: RouteId(route), path: PathId(path) }
        }
        Some(Wire::Pause(v1::PauseCluster { reason, for_ms })) => {
            Operation::Pause { reason: given("a pause", reason)?, for_ms }
        }
        Some(Wire::Resume(_)) => Operation::Resume,
        Some(Wire::SetMode(mode)) => Operation::SetMode(if mode.observe { Mode::Observe } else { Mode::Act }),
        Some(Wire::Drain(v1::Drain { gateway, reason })) => {
            Operation::Drain { gateway: GatewayId(gateway), reason: given("a drain", reason)? }
        }
        Some(Wire::Undrain(undrain)) => Operation::Undrain { gateway: GatewayId(undrain.gateway) },
        Some(Wire::Pin(v1::Pin { route, path })) => {
            Operation::Pin { route: RouteId(route), path: PathId(path) }
        }
        Some(Wire::Unpin(unpin)) => Operation::Unpin { route: RouteId(unpin.route) },
        Some(Wire::ReplaceGateway(v1::ReplaceGateway { gateway, instance, interface })) => {
            Operation::ReplaceGateway {
                gateway: GatewayId(gateway),
                instance: InstanceId(instance),
                interface,
            }
        }
        Some(Wire::ApplyPolicy(v1::ApplyPolicy { version, toml })) => {
            let file = std::path::Path::new("the policy that was sent");
            let (policy, _) = arbiter_config::parse_policy(file, &toml)
                .map_err(|refused| Status::invalid_argument(refused.to_string()))?;
            Operation::ApplyPolicy { version: PolicyVersion(version), policy: Box::new(policy) }
        }
        Some(Wire::Readmit(_)) => return Err(Status::internal("a readmission is no operation of the loop")),
        None => {
            return Err(Status::invalid_argument("no operation, or one that this version does not know"));
        }
    })
}

/// A reason, which must be given: it is shown to everybody.
fn given(what: &str, reason: String) -> Result<String, Status> {
    if reason.trim().is_empty() {
        return Err(Status::invalid_argument(format!("{what} needs a reason: it is shown to everybody")));
    }
    Ok(reason)
}
