//! One node of the cluster: what the rest of the program uses of Raft.

use crate::disk::Disk;
use crate::formation;
use crate::gate::Gate;
use crate::identity::{Identity, IdentityError};
use crate::log_store::LogStore;
use crate::machine::StateMachine;
use crate::network::{Dial, GrpcService, GrpcWire, Heard, Network, PeerService, Wire, plain};
use crate::propose::{NotConfirmed, PROPOSALS_LIMIT, confirm_on};
use crate::settings::{Environment, Settings, system_random, system_wall_ms};
use crate::store::{OpenStoreError, SledStore, StoreError};
use crate::types::{LogId, Raft};
use crate::view::{RaftView, Standing, view_of};
use arbiter_core::ids::{LogIndex, NodeId};
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;
use arbiter_proto::v1::raft_peer_server::RaftPeerServer;
use openraft::SnapshotPolicy;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// How long Raft gets to end; it has nothing to finish that a crash would not leave unfinished too.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// How many entries go in one message at most. The store bounds them by bytes as well.
const ENTRIES_PER_MESSAGE: u64 = 64;

/// How long a chunk of a snapshot is, in bytes: one of them fits in a message many times.
const SNAPSHOT_CHUNK_BYTES: u64 = 256 * 1024;

/// Why a node can't start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder can't be opened.
    #[error(transparent)]
    Folder(#[from] OpenStoreError),
    /// The data folder is not this node's.
    #[error("the data folder {folder} can't be used")]
    Identity {
        /// Which folder.
        folder: PathBuf,
        /// Whose it is.
        #[source]
        source: IdentityError,
    },
    /// What is in the data folder can't be used.
    #[error("the data folder {folder} can't be used")]
    Store {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
    /// This node is not among the configured members.
    #[error("node {0} is not among the configured members: add it, or correct `--node`")]
    NotConfigured(NodeId),
    /// The timings contradict each other.
    #[error("the Raft timings can't be used: {0}")]
    Timings(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers (/dev/urandom)")]
    Random(#[source] std::io::Error),
    /// Raft did not start.
    #[error("Raft did not start: {0}")]
    Raft(String),
}

/// What a node consists of.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) wire: Arc<dyn Wire>,
    pub(crate) draw: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) wall_ms: Arc<dyn Fn() -> UnixMs + Send + Sync>,
    pub(crate) gate: Gate,
    pub(crate) raft: Raft,
    /// The last entry that was in its log when this process began.
    pub(crate) found: Option<LogId>,
    pub(crate) state: watch::Receiver<Arc<ClusterState>>,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) proposals: Arc<Semaphore>,
    /// One place: who changes the members holds it.
    pub(crate) member_change: Arc<Semaphore>,
    /// When each peer last answered one of Raft's messages.
    pub(crate) heard: Heard,
    /// No proposals: the leadership is being handed over.
    pub(crate) quiesced: AtomicBool,
    /// Held while the identity changes, so that founding and admission can't overtake each other.
    pub(crate) identity_change: tokio::sync::Mutex<()>,
    /// Taken away at the end, so that the folder is free for the next start.
    disk: Mutex<Option<(Disk, LogStore)>>,
    elections: AtomicBool,
    /// When a leader's message was last taken in. openraft 0.9 knows it, and does not tell.
    leader_heard: Mutex<Option<tokio::time::Instant>>,
    /// When this process began.
    pub(crate) began: tokio::time::Instant,
    /// When it last stood because nobody led.
    pub(crate) stood: Mutex<Option<tokio::time::Instant>>,
    view: watch::Receiver<RaftView>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Inner {
    /// The disk and the log, while the node runs.
    pub(crate) fn disk(&self) -> Result<(Disk, LogStore), StoreError> {
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        disk.clone().ok_or(StoreError::Stopped)
    }

    /// This node's part in Raft.
    pub(crate) fn view(&self) -> &watch::Receiver<RaftView> {
        &self.view
    }

    /// How long ago a leader was last heard.
    pub(crate) fn leader_heard(&self) -> Option<Duration> {
        let heard = *self.leader_heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|at| at.elapsed())
    }

    /// Where a peer is: as our own file says, or else the membership.
    pub(crate) fn address_of(&self, peer: NodeId) -> Option<String> {
        let configured = self.settings.member(peer).map(|member| member.address.clone());
        configured.or_else(|| self.view.borrow().addresses.get(&peer).cloned())
    }

    /// Notes that a leader has spoken to us just now.
    pub(crate) fn heard_leader(&self) {
        *self.leader_heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::time::Instant::now());
    }

    /// Elections are on if the control loop says so, or as long as the cluster is being formed: before that
    /// there is no control loop that could decide.
    pub(crate) fn switch_elections(&self) {
        let founding = *self.standing.borrow() == Standing::Founding;
        let on = founding || self.elections.load(Ordering::Acquire);
        self.raft.runtime_config().elect(on && !self.gate.is_shut());
    }

    /// Changes the standing and says so once.
    pub(crate) fn set_standing(&self, standing: Standing) {
        let changed = self.standing.send_if_modified(|current| {
            let changed = *current != standing;
            if changed {
                *current = standing.clone();
            }
            changed
        });
        if changed {
            match &standing {
                Standing::Refused { reason } => tracing::error!(reason, "this disk may not take part"),
                Standing::Waiting { reached, needed } => {
                    tracing::info!(reached, needed, "waiting for the configured members");
                }
                other => tracing::info!(standing = ?other, "standing of this disk"),
            }
        }
        self.switch_elections();
    }
}

/// One node of the cluster. Clones share it.
#[derive(Clone)]
pub struct RaftNode {
    inner: Arc<Inner>,
}

impl RaftNode {
    /// Opens the data folder and starts the node, with gRPC to its peers. It returns at once: forming or joining
    /// the cluster goes on behind, and [`RaftNode::service`] must be mounted for it.
    ///
    /// # Errors
    /// [`OpenError`], each with what to do.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        Self::open_dialing(settings, plain()).await
    }

    /// The same with connections of the caller's own kind.
    ///
    /// # Errors
    /// [`OpenError`], each with what to do.
    pub async fn open_dialing(settings: Settings, dial: Dial) -> Result<Self, OpenError> {
        check(&settings)?;
        let folder = settings.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || SledStore::open(&folder)).await;
        let store = opened.map_err(|error| OpenError::Raft(error.to_string()))??;
        // Drawn here, where an error can be told; two are all that a node ever needs.
        let seed = system_random().map_err(OpenError::Random)?;
        let book = settings.members.iter().map(|member| (member.id, member.address.clone())).collect();
        let environment = Environment {
            store: Arc::new(store),
            wire: Arc::new(GrpcWire::new(book, dial)),
            draw: Arc::new(move || system_random().unwrap_or(seed)),
            wall_ms: Arc::new(system_wall_ms),
        };
        Self::open_in(settings, environment).await
    }

    /// Starts the node in another world: a simulated disk, wire, clock.
    ///
    /// # Errors
    /// [`OpenError`], each with what to do.
    pub async fn open_in(settings: Settings, environment: Environment) -> Result<Self, OpenError> {
        let config = check(&settings)?;
        let Environment { store, wire, draw, wall_ms } = environment;
        let disk = Disk::start(store).map_err(unusable(&settings))?;
        let released = disk.released();
        let built = Self::build(settings, config, disk, wire, draw, wall_ms).await;
        if built.is_err() {
            // The caller may correct its settings and try again at once: the folder shall be free then.
            freed(released).await;
        }
        built
    }

    async fn build(
        settings: Settings,
        config: openraft::Config,
        disk: Disk,
        wire: Arc<dyn Wire>,
        draw: Arc<dyn Fn() -> u64 + Send + Sync>,
        wall_ms: Arc<dyn Fn() -> UnixMs + Send + Sync>,
    ) -> Result<Self, OpenError> {
        let identity = Identity::open(&disk, settings.node, &settings.cluster_name, || draw())
            .await
            .map_err(|source| OpenError::Identity { folder: settings.data_dir.clone(), source })?;
        let (readers, state) = watch::channel(Arc::new(ClusterState::default()));
        let log = LogStore::open(disk.clone()).map_err(unusable(&settings))?;
        let machine = StateMachine::open(disk.clone(), readers).map_err(unusable(&settings))?;
        log.check_covered().map_err(unusable(&settings))?;
        let in_a_cluster = identity.cluster.is_some();
        let gate = Gate::new(identity, state.clone());
        if in_a_cluster {
            gate.ask_first();
        }
        let found = log.last();
        let heard = Heard::default();
        let network = Network::new(wire.clone(), gate.clone(), heard.clone());
        let raft = Raft::new(settings.node.0, Arc::new(config), network, log.clone(), machine)
            .await
            .map_err(|fatal| OpenError::Raft(fatal.to_string()))?;
        let needed = settings.majority();
        let (standing, standings) = watch::channel(Standing::Waiting { reached: 0, needed });
        let failures = Failures { folder: settings.data_dir.clone(), disk: disk.failed() };
        let (views, view_task) = watch_view(&raft, &gate, standings, failures, log.committed());
        let slow_disk_task = tokio::spawn(disk.tries_while_slow());
        let inner = Arc::new(Inner {
            elections: AtomicBool::new(settings.elections),
            leader_heard: Mutex::new(None),
            began: tokio::time::Instant::now(),
            stood: Mutex::new(None),
            settings,
            wire,
            draw,
            wall_ms,
            gate,
            raft,
            found,
            state,
            standing,
            proposals: Arc::new(Semaphore::new(PROPOSALS_LIMIT)),
            member_change: Arc::new(Semaphore::new(1)),
            heard,
            quiesced: AtomicBool::new(false),
            identity_change: tokio::sync::Mutex::new(()),
            disk: Mutex::new(Some((disk, log))),
            view: views,
            tasks: Mutex::new(vec![view_task, slow_disk_task]),
        });
        inner.switch_elections();
        let forming = tokio::spawn(formation::run(Arc::downgrade(&inner)));
        inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(forming);
        Ok(Self { inner })
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Arc<Inner> {
        Arc::clone(&self.inner)
    }

    /// The replicated state as applied here; it changes after each batch of entries, before their proposers
    /// are answered.
    pub fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.inner.state.clone()
    }

    /// This node's part in Raft.
    pub fn view(&self) -> watch::Receiver<RaftView> {
        self.inner.view.clone()
    }

    /// How long ago a leader was last heard, by Raft's own messages; `None` if none was since the start.
    pub fn leader_heard(&self) -> Option<Duration> {
        self.inner.leader_heard()
    }

    /// How long the slowest write to this node's disk took of late, or has taken so far; `None` if all were quick.
    pub fn disk_slow(&self) -> Option<Duration> {
        self.inner.disk().ok()?.0.slow()
    }

    /// Whether this node may stand for election by itself when it hears no leader. Off unless the settings say
    /// otherwise; on in any case while the cluster is being formed.
    pub fn elections(&self, on: bool) {
        self.inner.elections.store(on, Ordering::Release);
        self.inner.switch_elections();
    }

    /// Whether this node, as leader, sends heartbeats. They are off only in a handover.
    pub fn heartbeats(&self, on: bool) {
        self.inner.raft.runtime_config().heartbeat(on);
    }

    /// Stands for election at once, whatever [`RaftNode::elections`] says. Nothing happens on a leader, on a
    /// learner, on a node that was removed, and while the peers still hold a leader's lease.
    ///
    /// # Errors
    /// The node has ended.
    pub async fn trigger_election(&self) -> Result<(), StoreError> {
        if self.inner.gate.is_shut() {
            return Ok(());
        }
        self.inner.raft.trigger().elect().await.map_err(|_| StoreError::Stopped)
    }

    /// Asks a majority whether this node still leads, and waits until everything that was committed before the
    /// question is applied here. A read of [`RaftNode::state`] after this is linearizable. Returns the index up
    /// to which it is applied at least.
    ///
    /// # Errors
    /// It does not lead, or no majority answered in time.
    pub async fn confirm_leadership(&self, timeout: Duration) -> Result<LogIndex, NotConfirmed> {
        if self.inner.gate.is_shut() {
            return Err(NotConfirmed::NotLeader { leader: None });
        }
        confirm_on(&self.inner.raft, self.inner.found, timeout).await
    }

    /// Takes a snapshot soon, without waiting for the usual number of entries.
    ///
    /// # Errors
    /// The node has ended.
    pub async fn trigger_snapshot(&self) -> Result<(), StoreError> {
        self.inner.raft.trigger().snapshot().await.map_err(|_| StoreError::Stopped)
    }

    /// Returns when this process has to end, with the reason: a write failed, and nothing is acknowledged any
    /// more. Never returns otherwise.
    pub async fn fatal(&self) -> String {
        let mut view = self.view();
        loop {
            if let Some(reason) = view.borrow_and_update().fatal.clone() {
                return reason;
            }
            if view.changed().await.is_err() {
                // The node has ended in good order.
                return std::future::pending().await;
            }
        }
    }

    /// The service that peers call, to be mounted in a gRPC server.
    pub fn service(&self) -> RaftPeerServer<GrpcService> {
        GrpcService::mount(self.peer_service())
    }

    /// The same without gRPC.
    pub fn peer_service(&self) -> PeerService {
        PeerService::new(Arc::downgrade(&self.inner))
    }

    /// Ends the node within a few seconds, and frees its data folder. Nothing is lost by not calling it.
    pub async fn shutdown(&self) {
        let inner = &self.inner;
        let tasks = std::mem::take(&mut *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, inner.raft.shutdown()).await.is_err() {
            tracing::warn!("Raft did not end within {SHUTDOWN_TIMEOUT:?}");
        }
        for task in tasks {
            task.abort();
        }
        let disk = inner.disk.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((disk, log)) = disk {
            let released = disk.released();
            drop((disk, log));
            freed(released).await;
        }
    }
}

/// Says whose trouble it is.
fn unusable(settings: &Settings) -> impl FnOnce(StoreError) -> OpenError {
    let folder = settings.data_dir.clone();
    move |source| OpenError::Store { folder, source }
}

/// The first failed write, and where.
#[derive(Clone)]
struct Failures {
    folder: PathBuf,
    disk: watch::Receiver<Option<StoreError>>,
}

impl Failures {
    fn first(&self) -> Option<String> {
        let failure = self.disk.borrow();
        failure.as_ref().map(|error| format!("the data folder {} has failed: {error}", self.folder.display()))
    }
}

/// Waits until Raft's own tasks and the writer have let go of the disk.
async fn freed(mut released: watch::Receiver<()>) {
    let freed = async { while released.changed().await.is_ok() {} };
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, freed).await.is_err() {
        tracing::warn!("the data folder is still in use after {SHUTDOWN_TIMEOUT:?}");
    }
}

/// What can be told without touching the disk.
fn check(settings: &Settings) -> Result<openraft::Config, OpenError> {
    if settings.member(settings.node).is_none() {
        return Err(OpenError::NotConfigured(settings.node));
    }
    raft_config(settings)
}

fn raft_config(settings: &Settings) -> Result<openraft::Config, OpenError> {
    let timings = settings.timings;
    let config = openraft::Config {
        cluster_name: settings.cluster_name.clone(),
        heartbeat_interval: timings.heartbeat_interval_ms,
        election_timeout_min: timings.election_timeout_min_ms,
        election_timeout_max: timings.election_timeout_max_ms,
        install_snapshot_timeout: timings.snapshot_timeout_ms,
        max_payload_entries: ENTRIES_PER_MESSAGE,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(settings.bounds.snapshot_every),
        max_in_snapshot_log_to_keep: settings.bounds.keep,
        snapshot_max_chunk_size: SNAPSHOT_CHUNK_BYTES,
        // A follower that lags more than the log holds gets the snapshot.
        replication_lag_threshold: settings.bounds.snapshot_every + settings.bounds.keep,
        // Until `switch_elections` says otherwise.
        enable_elect: false,
        ..openraft::Config::default()
    };
    config.validate().map_err(|error| OpenError::Timings(error.to_string()))
}

/// Keeps the view up to date until Raft ends.
fn watch_view(
    raft: &Raft,
    gate: &Gate,
    mut standings: watch::Receiver<Standing>,
    mut failures: Failures,
    mut committed: watch::Receiver<LogIndex>,
) -> (watch::Receiver<RaftView>, JoinHandle<()>) {
    let incarnation = gate.identity().incarnation;
    let mut metrics = raft.metrics();
    let make = {
        let (metrics, standings) = (metrics.clone(), standings.clone());
        let (failures, committed) = (failures.clone(), committed.clone());
        move || {
            let standing = standings.borrow().clone();
            view_of(&metrics.borrow(), *committed.borrow(), incarnation, standing, failures.first())
        }
    };
    let (sender, views) = watch::channel(make());
    let task = tokio::spawn(async move {
        loop {
            let ended = tokio::select! {
                biased;
                changed = metrics.changed() => changed.is_err(),
                changed = standings.changed() => changed.is_err(),
                changed = failures.disk.changed() => changed.is_err(),
                changed = committed.changed() => changed.is_err(),
            };
            let view = make();
            sender.send_if_modified(|current| {
                let changed = *current != view;
                *current = view;
                changed
            });
            if ended {
                return;
            }
        }
    });
    (views, task)
}
