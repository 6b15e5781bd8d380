//! `build`: how the parts of one node are put together.
//!
//! ```text
//!  config ─► Trust: certificates, for all connections
//!  config ─► RaftNode ─► RaftConsensus ─┐
//!            Side: Ec2, or Linux ───────┤
//!            SocketProber ──────────────┼─► control loop ─► Control ─┬─► ReportService
//!            ReportSender ──────────────┤                            └─► AdminService
//!            Examination ───────────────┤
//!            FollowEar ─────────────────┤        RaftConsensus ─► AssignmentsService
//!            BoottimeClock ─────────────┘        RaftNode ─► RaftPeer service
//!                                        AdminService, Control ─► status port (HTTP)
//! ```

use crate::admin::AdminService;
use crate::admin::forward::Peers;
use crate::assignments::AssignmentsService;
use crate::book::Book;
use crate::examination::Examination;
use crate::following::FollowEar;
use crate::http;
use crate::joining::say_when_ready;
use crate::limits::{self, Limits};
use crate::neighbours::Neighbours;
use crate::policy_file::PolicyFile;
use crate::reports::{ReportSender, ReportService};
use crate::rights::Judge;
use crate::shutdown::{Reason, Signals};
use crate::side::Side;
use crate::trust::Trust;
use anyhow::Context;
use arbiter_config::{Config, LocalConfig};
use arbiter_control::clock::Clock;
use arbiter_control::ear::{Deaf, Ear};
use arbiter_control::{Control, Parts, RaftConsensus};
use arbiter_core::evidence::Ending;
use arbiter_core::health::Urgency;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_probe::{BoottimeClock, SocketProber};
use arbiter_proto::v1::admin_server::AdminServer;
use arbiter_proto::v1::assignments_server::AssignmentsServer;
use arbiter_proto::v1::hand_server::HandServer;
use arbiter_proto::v1::reports_server::ReportsServer;
use arbiter_raft::{MemberSettings, RaftNode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

/// Streams and calls of one connection at once: a peer needs five, a person one.
const STREAMS_PER_CONNECTION: u32 = 64;

/// The longest question, in bytes: a policy of two thousand routes has about 1 MiB, and Raft takes 4 MiB.
const QUESTION_BYTES: usize = 8 * 1024 * 1024;

/// The longest parcel, in bytes: nine reports with five thousand probes each have about as much.
const PARCEL_BYTES: usize = 4 * 1024 * 1024;

/// A peer that vanished without a word is noticed by the server after this and the timeout together.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(2);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long open calls get at the end. Streams of reports never end by themselves.
const DRAIN: Duration = Duration::from_millis(500);

/// How long giving the leadership away may hold up the end: a lease and an election. Whoever told the process to end
/// may not wait longer than five seconds for all of it.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long Raft's reason may come after the end of the control loop: a task needs its turn, no more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running node.
pub struct Node {
    address: SocketAddr,
    raft: RaftNode,
    control: Control,
    control_loop: JoinHandle<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    stop: CancellationToken,
}

/// Puts a node together and starts it.
///
/// # Errors
/// What keeps it from starting, with what to do.
pub async fn build(config: Config) -> anyhow::Result<Node> {
    let Config { local, raft: timing, policy, seed } = config;
    let cluster = policy.cluster.clone();
    let trust = Trust::open(&local, &cluster)?;
    // The port first: a second process on this node must fail before it touches the data folder.
    let listener = TcpListener::bind(local.listen).await.with_context(|| {
        format!("{} can't be listened on: is arbiterd running already? (`ss -ltnp`)", local.listen)
    })?;
    let address = listener.local_addr()?;
    let http = http::listen(local.http).await?;
    let clock: Arc<dyn Clock> = Arc::new(BoottimeClock);
    let side = Arc::new(Side::open(&local, &policy).await?);
    let book = Book::new(&local.peers);
    let peers = Peers::new(&book, &trust)?;
    let file = Arc::new(PolicyFile::new(policy.clone()));
    let examination =
        Examination::new(local.id, Arc::clone(&side), peers.clone(), Arc::clone(&file), trust.clone());
    let examination = Arc::new(examination);
    tokio::spawn(preflight(Arc::clone(&examination), policy.clone()));
    let raft = RaftNode::open_dialing(raft_settings(&local, &timing, &policy, seed), trust.dial()).await?;
    book.follow(raft.view());
    let lease_ms = timing.election_timeout_max_ms;
    tokio::spawn(say_when_ready(raft.clone(), lease_ms));
    tokio::spawn(Arc::clone(&file).watch(raft.state()));
    let consensus = Arc::new(RaftConsensus::new(raft.clone(), lease_ms));
    let parts = Parts {
        consensus: Arc::clone(&consensus) as _,
        provider: side.provider(local.id, &peers, &raft.state()),
        // On a thread of its own: no other work may delay a probe.
        prober: Arc::new(SocketProber::start_on_own_thread(Arc::clone(&clock))?),
        transport: Arc::new(ReportSender::start(&book, &raft.state(), &trust)?),
        ear: ear(&local, &clock, &trust)?,
        examiner: Arc::clone(&examination) as _,
        clock,
    };
    let settings = arbiter_control::Settings { me: local.id, boot: draw_boot()?, lease_ms, file: policy };
    let (control, control_loop) = arbiter_control::start(settings, parts);
    let stop = CancellationToken::new();
    let (seat, of_raft) = (control.clone(), raft.clone());
    let admin = Arc::new(AdminService::new(
        &local,
        seat,
        of_raft,
        peers,
        Arc::clone(&file),
        examination,
        trust.clone(),
    ));
    if let Some(http) = http {
        let seat =
            http::Seat { admin: Arc::clone(&admin), control: control.clone(), file, trust: trust.clone() };
        http::start(http, Arc::new(seat), lease_ms, stop.clone());
    }
    let reports = ReportService::new(control.clone(), raft.state());
    let assignments = AssignmentsService::new(&local.name, consensus);
    let neighbours = Neighbours::at(local.peers.values().map(String::as_str));
    tokio::spawn(neighbours.clone().follow(raft.view()));
    let hand = side.service(raft.state()).map(HandServer::new);
    let server = Server::builder()
        .layer(Limits::new(limits::Bounds::USUAL))
        .layer(Judge::of(&cluster))
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(raft.service())
        .add_service(ReportsServer::new(reports).max_decoding_message_size(PARCEL_BYTES))
        .add_service(AssignmentsServer::new(assignments))
        .add_optional_service(hand)
        .add_service(AdminServer::from_arc(admin).max_decoding_message_size(QUESTION_BYTES))
        .serve_with_incoming_shutdown(trust.incoming(listener, neighbours), stop.clone().cancelled_owned());
    Ok(Node { address, raft, control, control_loop, server: tokio::spawn(server), stop })
}

impl Node {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until a signal, or until something that it can't go on without has ended.
    ///
    /// # Errors
    /// It did not end because somebody wanted it to.
    pub(crate) async fn until_ended(mut self, mut signals: Signals) -> anyhow::Result<()> {
        let result = tokio::select! {
            reason = signals.reason() => {
                self.say_goodbye(reason).await;
                Ok(())
            }
            fatal = self.raft.fatal() => Err(broken(&fatal)),
            // It ends when Raft does, and may be seen to have ended before Raft has said why.
            ended = &mut self.control_loop => Err(match tokio::time::timeout(LAST_WORDS, self.raft.fatal()).await {
                Ok(fatal) => broken(&fatal),
                Err(_) => anyhow::anyhow!("the control loop has ended: {ended:?}"),
            }),
            ended = &mut self.server => Err(anyhow::anyhow!("the gRPC server has ended: {ended:?}")),
        };
        self.stop.cancel();
        if tokio::time::timeout(DRAIN, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.raft.shutdown().await;
        result
    }

    /// Tells the peers what ends, and gives the leadership away in good order.
    async fn say_goodbye(&self, reason: Reason) {
        tracing::info!(?reason, "ending");
        if let Err(error) = self.control.announce(reason.ending()).await {
            tracing::warn!(%error, "the peers could not be told");
        }
        let Some(heir) = self.heir().await else { return };
        match tokio::time::timeout(FAREWELL, self.control.hand_over(heir)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the leadership could not be handed over; the others will elect");
            }
            Err(_) => tracing::warn!("the leadership was not handed over in time; the others will elect"),
        }
    }

    /// Who shall lead, if this node does: one that is heard and stays, the witness first, for it stands first anyhow.
    async fn heir(&self) -> Option<NodeId> {
        let look = self.control.look().await.ok()?;
        let view = self.raft.view();
        let view = view.borrow();
        let policy = &look.state.policy;
        let stays = |node: NodeId| {
            let report = look.reports.iter().find(|(report, _)| report.node == node);
            report.is_some_and(|(report, age_ms)| {
                let fresh = age_ms.is_some_and(|age_ms| age_ms <= policy.timing.report_stale_after_ms);
                fresh && report.ending == Ending::None
            })
        };
        let lag = |node: NodeId| view.lag.get(&node).copied().flatten();
        let others = view.voters.iter().copied().filter(|voter| *voter != view.id && stays(*voter));
        let heir = others
            .filter(|voter| lag(*voter).is_some())
            .min_by_key(|voter| (!policy.is_witness(*voter), lag(*voter)));
        heir.filter(|_| view.leads())
    }
}

fn broken(fatal: &str) -> anyhow::Error {
    anyhow::anyhow!("this node ends, since it could no longer keep what it promises: {fatal}")
}

fn raft_settings(
    local: &LocalConfig,
    timing: &arbiter_config::RaftTiming,
    policy: &Policy,
    seed: arbiter_config::Seed,
) -> arbiter_raft::Settings {
    let address = |id: NodeId| {
        if id == local.id { local.address.clone() } else { local.peers.get(&id).cloned().unwrap_or_default() }
    };
    let member = |node: &arbiter_core::policy::NodePolicy| MemberSettings {
        id: node.id,
        name: node.name.clone(),
        address: address(node.id),
    };
    arbiter_raft::Settings {
        node: local.id,
        cluster_name: policy.cluster.clone(),
        data_dir: local.data_dir.clone(),
        members: policy.nodes.iter().map(member).collect(),
        seed_policy: policy.clone(),
        seed_mode: seed.mode,
        timings: arbiter_raft::Timings {
            heartbeat_interval_ms: timing.heartbeat_interval_ms,
            election_timeout_min_ms: timing.election_timeout_min_ms,
            election_timeout_max_ms: timing.election_timeout_max_ms,
            ..arbiter_raft::Timings::default()
        },
        bounds: arbiter_raft::LogBounds::default(),
        elections: false,
    }
}

/// Who hears the cluster that is followed, if one is.
fn ear(local: &LocalConfig, clock: &Arc<dyn Clock>, trust: &Trust) -> anyhow::Result<Arc<dyn Ear>> {
    Ok(match &local.follow {
        Some(follow) => Arc::new(FollowEar::start(&local.name, follow, Arc::clone(clock), trust)?),
        None => Arc::new(Deaf::new()),
    })
}

/// What would keep a failover or a remediation from working, said at the start and not when it is needed.
async fn preflight(examination: Arc<Examination>, policy: Policy) {
    for finding in examination.of_this_node(&policy).await {
        let (code, subject, remedy) = (finding.code.name(), &finding.subject, finding.remedy());
        let (title, detail) = (finding.code.title(), &finding.detail);
        if finding.code.urgency() == Urgency::Critical {
            tracing::error!(code, %subject, remedy, "{title}: {detail}");
        } else {
            tracing::warn!(code, %subject, remedy, "{title}: {detail}");
        }
    }
}

/// Which run of this process: a number that no other run has.
fn draw_boot() -> anyhow::Result<u64> {
    use std::io::Read;
    let mut bytes = [0; 8];
    let mut source = std::fs::File::open("/dev/urandom").context("/dev/urandom can't be opened")?;
    source.read_exact(&mut bytes).context("/dev/urandom can't be read")?;
    Ok(u64::from_ne_bytes(bytes))
}
