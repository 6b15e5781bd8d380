//! Saying what is assigned, to clusters that follow this one.

use arbiter_control::consensus::{Consensus, Role, View};
use arbiter_core::ids::RouteId;
use arbiter_core::policy::FOLLOWING_ROUTES_MAX;
use arbiter_core::state::ClusterState;
use arbiter_proto::v1;
use arbiter_proto::v1::assignments_server::Assignments;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// The version of what is said.
pub(crate) const ASSIGNED_VERSION: u32 = 1;

/// It is said again at least this often, so that silence means something.
pub(crate) const SAID_EVERY: Duration = Duration::from_secs(1);

/// A stream ends by itself after this long: one that nobody reads any more must not be kept for ever.
const STREAM_LIFE: Duration = Duration::from_secs(60);

/// Who listens at once: nine nodes of several clusters.
const LISTENERS: usize = 64;

/// Words that may wait for a listener who does not read; then its stream ends.
const UNREAD: usize = 4;

/// Not known for longer than anybody would ask.
const NEVER_MS: u64 = u32::MAX as u64;

/// What is assigned, for followers.
pub(crate) struct AssignmentsService {
    me: String,
    consensus: Arc<dyn Consensus>,
    state: watch::Receiver<Arc<ClusterState>>,
    listeners: Arc<Semaphore>,
}

impl AssignmentsService {
    pub fn new(me: &str, consensus: Arc<dyn Consensus>) -> Self {
        let state = consensus.state();
        Self { me: me.to_owned(), consensus, state, listeners: Arc::new(Semaphore::new(LISTENERS)) }
    }
}

#[tonic::async_trait]
impl Assignments for AssignmentsService {
    type WatchStream = ReceiverStream<Result<v1::Assigned, Status>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let v1::WatchRequest { follower, routes } = request.into_inner();
        if routes.len() > FOLLOWING_ROUTES_MAX {
            let why = format!("{} routes are too many: at most {FOLLOWING_ROUTES_MAX}", routes.len());
            return Err(Status::invalid_argument(why));
        }
        if self.state.borrow().cluster_id.is_none() {
            return Err(Status::unavailable("this node has not joined its cluster yet"));
        }
        let crowded = |_| Status::resource_exhausted(format!("{LISTENERS} listen already"));
        let seat = Arc::clone(&self.listeners).try_acquire_owned().map_err(crowded)?;
        tracing::debug!(follower, "somebody follows");
        let (words, stream) = mpsc::channel(UNREAD);
        let speaker = Speaker {
            me: self.me.clone(),
            consensus: Arc::clone(&self.consensus),
            routes: routes.into_iter().map(RouteId).collect(),
            words,
            _seat: seat,
        };
        tokio::spawn(speaker.speak(self.state.clone()));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// One stream.
struct Speaker {
    me: String,
    consensus: Arc<dyn Consensus>,
    routes: BTreeSet<RouteId>,
    words: mpsc::Sender<Result<v1::Assigned, Status>>,
    _seat: OwnedSemaphorePermit,
}

impl Speaker {
    async fn speak(self, mut state: watch::Receiver<Arc<ClusterState>>) {
        let ends = Instant::now() + STREAM_LIFE;
        let mut said = None;
        let mut due = Instant::now();
        while Instant::now() < ends {
            let now = state.borrow_and_update().clone();
            let word = assigned(&self.me, &now, &self.consensus.view(), &self.routes);
            if said.as_ref() != Some(&word.routes) || Instant::now() >= due {
                said = Some(word.routes.clone());
                due = Instant::now() + SAID_EVERY;
                // Whoever does not read is not waited for.
                if self.words.try_send(Ok(word)).is_err() {
                    return;
                }
            }
            tokio::select! {
                alive = state.changed() => if alive.is_err() { return },
                () = sleep_until(due) => {}
                () = self.words.closed() => return,
            }
        }
    }
}

/// What is said at one moment.
fn assigned(me: &str, state: &ClusterState, view: &View, routes: &BTreeSet<RouteId>) -> v1::Assigned {
    let since_ms = if view.role == Role::Leader { view.quorum_acked_ms } else { view.leader_heard_ms };
    let route = |(id, assignment): (&RouteId, &arbiter_core::state::Assignment)| v1::AssignedRoute {
        route: id.0.clone(),
        path: assignment.path.0.clone(),
        epoch: assignment.epoch.0,
        index: assignment.index.0,
    };
    v1::Assigned {
        version: ASSIGNED_VERSION,
        cluster_id: state.cluster_id.as_ref().map(|id| id.0.clone()).unwrap_or_default(),
        cluster: state.policy.cluster.clone(),
        node: me.to_owned(),
        as_of_ms: since_ms.unwrap_or(NEVER_MS),
        routes: state.assignments.iter().filter(|(id, _)| routes.contains(*id)).map(route).collect(),
    }
}
