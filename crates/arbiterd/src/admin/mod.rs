//! The operators' seat: any node answers, and asks the leader where that is needed.

mod events;
mod forward;
mod status;

use crate::admin::forward::Peers;
use arbiter_config::LocalConfig;
use arbiter_control::{AskError, Control, Look};
use arbiter_core::command::{Applied, Operation};
use arbiter_core::ids::{NodeId, PathId, RouteId};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_server::Admin;
use arbiter_raft::{RaftNode, Standing};
use std::time::Duration;
use tonic::{Request, Response, Status};

/// How long a quorum may take to confirm the leadership for a read: a few round trips.
const CONFIRM: Duration = Duration::from_millis(800);

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
        let operation = operation(request.operation)?;
        let answer = match self.control.operate(id, by, operation).await {
            Ok(answer) => answer,
            Err(AskError::NotLeader { .. }) => return Err(self.no_leader()),
            Err(other) => return Err(unavailable(other)),
        };
        let refusal = match &answer.applied {
            Applied::Refused(refusal) => refusal.to_string(),
            _ => String::new(),
        };
        Ok(Response::new(v1::OperateReply {
            answered: Some(v1::Answered {
                by: self.me.clone(),
                linearizable: true,
                applied: answer.entry.index.0,
                ..v1::Answered::default()
            }),
            index: answer.entry.index.0,
            accepted: refusal.is_empty(),
            refusal,
            quiet: answer.quiet,
            start_to_come: answer.start_to_come.map(|gateway| gateway.0).unwrap_or_default(),
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
    match operation {
        Some(Wire::Switchover(switchover)) => {
            Ok(Operation::Switchover { route: RouteId(switchover.route), path: PathId(switchover.path) })
        }
        Some(Wire::Pause(pause)) if pause.reason.trim().is_empty() => {
            Err(Status::invalid_argument("a pause needs a reason: it is shown to everybody"))
        }
        Some(Wire::Pause(pause)) => Ok(Operation::Pause { reason: pause.reason, for_ms: pause.for_ms }),
        Some(Wire::Resume(_)) => Ok(Operation::Resume),
        None => Err(Status::invalid_argument("no operation, or one that this version does not know")),
    }
}
