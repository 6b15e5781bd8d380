//! The operators' seat: any node answers, and asks the leader where that is needed.

mod doctor;
pub(crate) mod events;
mod following;
pub(crate) mod forward;
mod members;
mod operation;
mod preview;
pub(crate) mod status;

use crate::admin::forward::Peers;
use crate::admin::operation::NAME_LIMIT;
pub(crate) use crate::admin::operation::read as read_operation;
use crate::examination::Examination;
use crate::policy_file::PolicyFile;
use crate::rights::{author, by_people, named};
use crate::trust::Trust;
use arbiter_config::LocalConfig;
use arbiter_control::{AskError, Control, Look};
use arbiter_core::command::{Applied, Command};
use arbiter_core::ids::{LogIndex, NodeId};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_server::Admin;
use arbiter_raft::{NotConfirmed, RaftNode, Standing};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Request, Response, Status};

/// How long a quorum may take to confirm the leadership for a read: a few round trips.
const CONFIRM: Duration = Duration::from_millis(800);

/// Looks until the loop has taken up what was confirmed: the next one has, unless much else waits to be answered.
const LOOKS_MOST: usize = 16;

/// Events in one answer at most.
const EVENTS_LIMIT: usize = 1_000;

/// Events in one answer where the asker does not say.
const EVENTS_DEFAULT: usize = 100;

pub(crate) struct AdminService {
    me: String,
    control: Control,
    raft: RaftNode,
    peers: Peers,
    file: Arc<PolicyFile>,
    examination: Arc<Examination>,
    trust: Trust,
}

impl AdminService {
    pub fn new(
        local: &LocalConfig,
        control: Control,
        raft: RaftNode,
        peers: Peers,
        file: Arc<PolicyFile>,
        examination: Arc<Examination>,
        trust: Trust,
    ) -> Self {
        Self { me: local.name.clone(), control, raft, peers, file, examination, trust }
    }

    /// The leader, if it is another node and this question may be passed on.
    fn elsewhere(&self, asking: &v1::Asking) -> Option<NodeId> {
        let view = self.raft.view();
        let view = view.borrow();
        if asking.stale || asking.forwarded || view.leads() || self.raft.is_left_behind() {
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
        let mut look = self.look_at_least(confirmed.as_ref().map_or(LogIndex(0), |index| *index)).await?;
        self.file.warn_in(&mut look);
        self.trust.warn_in(&mut look);
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

    /// The loop's own view, not older than `index`: the loop takes up what is applied a moment after Raft has
    /// applied it, and what was confirmed in between must not be missing.
    async fn look_at_least(&self, index: LogIndex) -> Result<Look, Status> {
        let mut look = self.control.look().await.map_err(unavailable)?;
        for _ in 0..LOOKS_MOST {
            if look.state.applied.index >= index {
                return Ok(look);
            }
            look = self.control.look().await.map_err(unavailable)?;
        }
        Err(Status::unavailable("the control loop does not keep up with the log"))
    }

    /// Fails, with nothing done, unless a majority confirms this leader: a command that is only in its own log
    /// would be neither done nor not done.
    async fn must_be_backed(&self) -> Result<(), Status> {
        self.raft.confirm_leadership(CONFIRM).await.map(drop).map_err(|error| match error {
            NotConfirmed::NotLeader { .. } => self.no_leader(),
            NotConfirmed::NoQuorum(_) => Status::unavailable(format!("{error}; nothing was done")),
        })
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

    /// `index` is where the command stands in the log, 0 if it does not.
    fn operated(&self, wall_ms: u64, known: u64, index: u64, applied: &Applied) -> v1::OperateReply {
        let refusal = match applied {
            Applied::Refused(refusal) => refusal.to_string(),
            _ => String::new(),
        };
        v1::OperateReply {
            answered: Some(v1::Answered {
                by: self.me.clone(),
                linearizable: true,
                stale_because: String::new(),
                wall_ms,
                applied: known,
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
        AskError::Refused(message) => Status::failed_precondition(message),
        other => Status::unavailable(other.to_string()),
    }
}

fn forwarded(asking: Option<v1::Asking>) -> Option<v1::Asking> {
    Some(v1::Asking { forwarded: true, ..asking.unwrap_or_default() })
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn status(&self, request: Request<v1::StatusRequest>) -> Result<Response<v1::StatusReply>, Status> {
        let request = by_people(request, |it| it.asking)?;
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::StatusRequest { asking: forwarded(request.asking) };
            match self.peers.client(leader)?.status(forward::in_time(passed_on)).await {
                Ok(reply) => return Ok(reply),
                Err(error) => not_asked = Some(forward::why(&error)),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        Ok(Response::new(status::reply(&look, answered)))
    }

    async fn history(
        &self,
        request: Request<v1::HistoryRequest>,
    ) -> Result<Response<v1::HistoryReply>, Status> {
        let request = by_people(request, |it| it.asking)?;
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::HistoryRequest { asking: forwarded(request.asking), ..request.clone() };
            match self.peers.client(leader)?.history(forward::in_time(passed_on)).await {
                Ok(reply) => return Ok(reply),
                Err(error) => not_asked = Some(forward::why(&error)),
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
        let request = by_people(request, |it| it.asking)?;
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::ExplainRequest { asking: forwarded(request.asking), ..request.clone() };
            match self.peers.client(leader)?.explain(forward::in_time(passed_on)).await {
                Ok(reply) => return Ok(reply),
                Err(error) if error.code() == Code::NotFound => return Err(error),
                Err(error) => not_asked = Some(forward::why(&error)),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        let whole = status::reply(&look, answered.clone());
        let known = || whole.routes.iter().map(|route| &*route.id);
        let route = whole.routes.iter().find(|route| route.id == request.route).cloned();
        let route = route.ok_or_else(|| operation::unknown("route", &request.route, known()))?;
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
        let by = author(&request)?;
        let request = v1::OperateRequest { by, ..by_people(request, |it| it.asking)? };
        let asking = v1::Asking { stale: false, ..request.asking.unwrap_or_default() };
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::OperateRequest { asking: forwarded(request.asking), ..request };
            return self.peers.client(leader)?.operate(passed_on).await.map_err(forward::written);
        }
        let (id, by) = (request.request_id, request.by);
        if id.is_empty() || id.len() > NAME_LIMIT || by.len() > NAME_LIMIT {
            return Err(Status::invalid_argument(format!(
                "request_id and by must be given, and no longer than {NAME_LIMIT} bytes"
            )));
        }
        if members::is_change(request.operation.as_ref()) {
            self.must_be_backed().await?;
            return self.change_members(request.operation, by).await;
        }
        let operation = operation::read(request.operation)?;
        self.must_be_backed().await?;
        let answer = match self.control.operate(id, by, operation).await {
            Ok(answer) => answer,
            Err(AskError::NotLeader { .. }) => return Err(self.no_leader()),
            Err(other) => return Err(unavailable(other)),
        };
        // Only for people: what came of the command does not depend on it.
        let looked = self.control.look().await;
        let (wall_ms, known) = looked.map_or((0, 0), |look| (look.wall_ms.0, look.state.applied.index.0));
        let index = answer.entry.map_or(0, |entry| entry.index.0);
        let reply = self.operated(wall_ms, known.max(index), index, &answer.applied);
        Ok(Response::new(v1::OperateReply {
            quiet: answer.quiet,
            start_to_come: answer.start_to_come.map(|gateway| gateway.0).unwrap_or_default(),
            ..reply
        }))
    }

    async fn preview(
        &self,
        request: Request<v1::PreviewRequest>,
    ) -> Result<Response<v1::PreviewReply>, Status> {
        let request = by_people(request, |it| it.asking)?;
        let asking = v1::Asking { stale: false, ..request.asking.unwrap_or_default() };
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::PreviewRequest { asking: forwarded(request.asking), ..request };
            let asked = self.peers.client(leader)?.preview(forward::in_time(passed_on)).await;
            return asked.map_err(|error| match error.code() {
                Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition => error,
                _ => Status::unavailable(forward::why(&error)),
            });
        }
        self.must_be_backed().await?;
        let (look, answered) = self.look(&asking, None).await?;
        let reply = preview::reply(look, &self.raft, request.change).await?;
        Ok(Response::new(v1::PreviewReply { answered: Some(answered), ..reply }))
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyReply>, Status> {
        let request = by_people(request, |it| it.asking)?;
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::GetPolicyRequest { asking: forwarded(request.asking) };
            match self.peers.client(leader)?.get_policy(forward::in_time(passed_on)).await {
                Ok(reply) => return Ok(reply),
                Err(error) => not_asked = Some(forward::why(&error)),
            }
        }
        let (look, answered) = self.look(&asking, not_asked).await?;
        Ok(Response::new(v1::GetPolicyReply {
            answered: Some(answered),
            version: look.state.policy_version.0,
            toml: arbiter_config::render_policy(&look.state.policy),
        }))
    }

    async fn doctor(&self, request: Request<v1::DoctorRequest>) -> Result<Response<v1::DoctorReply>, Status> {
        self.examine(by_people(request, |it| it.asking)?).await.map(Response::new)
    }

    async fn hand_over(
        &self,
        request: Request<v1::HandOverRequest>,
    ) -> Result<Response<v1::HandOverReply>, Status> {
        let by = named(&request, |it| &it.by);
        let request = v1::HandOverRequest { by, ..by_people(request, |it| it.asking)? };
        let asking = v1::Asking { stale: false, ..request.asking.unwrap_or_default() };
        if request.by.len() > NAME_LIMIT {
            return Err(Status::invalid_argument(format!("by must be no longer than {NAME_LIMIT} bytes")));
        }
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::HandOverRequest { asking: forwarded(request.asking), ..request };
            return self.peers.client(leader)?.hand_over(passed_on).await.map_err(forward::written);
        }
        let look = self.control.look().await.map_err(unavailable)?;
        let policy = &look.state.policy;
        let to = members::node_of(policy, &request.to)?;
        if to.id != look.me || look.view.leader != Some(look.me) {
            self.must_be_backed().await?;
            self.propose(&look, Command::HandOver { to: to.id, by: request.by }).await?;
            match self.control.hand_over(to.id).await {
                Ok(()) => {}
                Err(AskError::NotLeader { .. }) => return Err(self.no_leader()),
                Err(other) => return Err(unavailable(other)),
            }
        }
        let answered = v1::Answered {
            by: self.me.clone(),
            linearizable: false,
            stale_because: "it gives the leadership away, and is asked to confirm nothing more".to_owned(),
            wall_ms: look.wall_ms.0,
            applied: look.state.applied.index.0,
        };
        Ok(Response::new(v1::HandOverReply { answered: Some(answered) }))
    }
}
