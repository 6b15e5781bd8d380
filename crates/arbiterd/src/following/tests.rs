//! Hearing a cluster over the wire: what it says, how fast, and whom not to believe.

use super::FollowEar;
use crate::assignments::AssignmentsService;
use crate::trust::Trust;
use arbiter_config::FollowConfig;
use arbiter_control::consensus::{Consensus, ProposeError, Role, View};
use arbiter_control::ear::Ear;
use arbiter_core::command::{Applied, EntryId, Proposal};
use arbiter_core::ids::{ClusterId, Epoch, LogIndex, NodeId};
use arbiter_core::policy::{Policy, Target};
use arbiter_core::rules::proves;
use arbiter_core::state::{Assignment, ClusterState};
use arbiter_pki::{Folder, Validity};
use arbiter_probe::BoottimeClock;
use arbiter_proto::v1::assignments_server::AssignmentsServer;
use arbiter_tls::{Bounds, Credentials, Files, Holder, Identity, incoming};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Generous: what is waited for takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A log that was committed elsewhere.
struct Committed(watch::Sender<Arc<ClusterState>>);

#[async_trait]
impl Consensus for Committed {
    async fn propose(&self, _: Proposal, timeout_ms: u64) -> Result<(EntryId, Applied), ProposeError> {
        Err(ProposeError::Unknown(timeout_ms))
    }

    fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.0.subscribe()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    fn view(&self) -> View {
        View { role: Role::Follower, leader_heard_ms: Some(70), ..View::default() }
    }

    fn campaign(&self) {}

    async fn hand_over(&self, _: NodeId) -> Result<(), String> {
        Err("nobody leads here".to_owned())
    }
}

/// A node of the followed cluster.
struct Cloud {
    log: Arc<Committed>,
    address: SocketAddr,
    /// A runtime of its own, so that all of it can be ended at once, connections included.
    runtime: Option<Runtime>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.runtime.take().map(Runtime::shutdown_background).unwrap_or_default();
    }
}

fn state(cluster: &str, path: &str, index: u64) -> Arc<ClusterState> {
    let policy = Policy { cluster: cluster.to_owned(), ..Policy::default() };
    let mut state = ClusterState {
        cluster_id: Some(ClusterId(format!("{cluster}-id"))),
        policy: Arc::new(policy),
        ..ClusterState::default()
    };
    for (route, at) in [("private-1", index), ("unasked", 1)] {
        let assignment: Assignment = serde_json::from_value(serde_json::json!({
            "path": path, "target": Target::Interface("eni-1".to_owned()), "since": 0, "wall_ms": 0, "cause": null,
            "moves": [], "flaps": 0, "flapped": 0, "repairs": [], "own": [], "index": at, "epoch": 3
        }))
        .expect("an assignment");
        state.assignments.insert(route.into(), assignment);
    }
    Arc::new(state)
}

impl Cloud {
    fn start(at: &str, state: Arc<ClusterState>) -> Self {
        Self::start_with(at, state, None)
    }

    fn start_with(at: &str, state: Arc<ClusterState>, credentials: Option<Credentials>) -> Self {
        let log = Arc::new(Committed(watch::Sender::new(state)));
        let service = AssignmentsService::new("witness", Arc::clone(&log) as _);
        let listener = std::net::TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inside = runtime.enter();
        let listener = TcpListener::from_std(listener).unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(AssignmentsServer::new(service))
            .serve_with_incoming(incoming(listener, credentials, Bounds::USUAL, Arc::new(|_| false)));
        tokio::spawn(async move { server.await.unwrap() });
        drop(inside);
        Self { log, address, runtime: Some(runtime) }
    }

    fn says(&self, state: Arc<ClusterState>) {
        self.log.0.send_replace(state);
    }
}

fn ear(nodes: &[&Cloud]) -> FollowEar {
    ear_with(nodes, &Trust::none("site"))
}

fn ear_with(nodes: &[&Cloud], trust: &Trust) -> FollowEar {
    let nodes = nodes.iter().map(|cloud| cloud.address.to_string()).collect();
    let follow = FollowConfig { cluster: "vpn".to_owned(), nodes };
    let ear = FollowEar::start("core", &follow, Arc::new(BoottimeClock), trust).unwrap();
    ear.listen_for(BTreeSet::from(["private-1".into()]));
    ear
}

/// Waits until the route is heard on that path, and says after how long.
async fn until(ear: &FollowEar, path: &str) -> Duration {
    let began = Instant::now();
    loop {
        let heard = ear.heard();
        let at = heard.as_ref().and_then(|heard| heard.routes.get(&"private-1".into()));
        if at.is_some_and(|at| at.path.as_str() == path) {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "{heard:?}");
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_assigned_is_heard_with_its_place_in_the_log_and_each_change_at_once() {
    proves("follow.at-once");
    let cloud = Cloud::start("127.0.0.1:0", state("vpn", "tunnel-1", 7));
    let ear = ear(&[&cloud]);
    until(&ear, "tunnel-1").await;
    let heard = ear.heard().unwrap();
    assert_eq!((heard.cluster.0.as_str(), heard.from.as_str(), heard.routes.len()), ("vpn-id", "witness", 1));
    let route = &heard.routes[&"private-1".into()];
    assert_eq!((route.epoch, route.index), (Epoch(3), LogIndex(7)));
    assert!(heard.age_ms >= 70, "its own knowledge was 70 ms old: {}", heard.age_ms);
    let mut changes = ear.changes();
    changes.mark_unchanged();
    cloud.says(state("vpn", "tunnel-2", 9));
    let took = until(&ear, "tunnel-2").await;
    assert!(took < Duration::from_millis(700), "not only when it speaks anyway: {took:?}");
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    sleep(Duration::from_millis(1_500)).await;
    assert!(!changes.has_changed().unwrap(), "the same again wakes nobody");
    assert!(ear.heard().unwrap().age_ms < 1_500, "but it is heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_of_several_nodes_counts_and_another_cluster_is_not_believed() {
    proves("follow.never-older");
    proves("follow.other-cluster");
    let old = Cloud::start("127.0.0.1:0", state("vpn", "tunnel-1", 7));
    let new = Cloud::start("127.0.0.1:0", state("vpn", "tunnel-2", 9));
    let stranger = Cloud::start("127.0.0.1:0", state("other", "tunnel-3", 99));
    let ear = ear(&[&old, &new, &stranger]);
    until(&ear, "tunnel-2").await;
    old.says(state("vpn", "tunnel-1", 8));
    sleep(Duration::from_millis(1_200)).await;
    let heard = ear.heard().unwrap();
    assert_eq!(heard.routes[&"private-1".into()].path.as_str(), "tunnel-2");
    assert_eq!(heard.cluster.0, "vpn-id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_makes_it_old_and_what_comes_back_is_heard_again() {
    proves("follow.keeps-the-last");
    let cloud = Cloud::start("127.0.0.1:0", state("vpn", "tunnel-1", 7));
    let ear = ear(&[&cloud]);
    until(&ear, "tunnel-1").await;
    let address = cloud.address.to_string();
    drop(cloud);
    sleep(Duration::from_millis(2_000)).await;
    let heard = ear.heard().expect("what was heard last is kept");
    assert!(heard.age_ms >= 1_900, "{}", heard.age_ms);
    let _again = Cloud::start(&address, state("vpn", "tunnel-2", 9));
    until(&ear, "tunnel-2").await;
}

#[tokio::test]
async fn a_cluster_that_may_follow_hears_by_certificates_and_another_hears_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Folder::at(folder.path());
    pki.init("vpn", Validity::days(3)).unwrap();
    let node = |cluster: &str, id: u64, followers: &[&str]| {
        let identity = Identity::node(cluster, NodeId(id));
        // Of two clusters under one authority the files are named by the id alone.
        let paths = pki.issue(&identity, Validity::days(2)).unwrap();
        let ca = pki.authority().certificate;
        let files = Files { ca, certificate: paths.certificate, key: paths.key };
        let holder = Holder::Node { cluster: cluster.to_owned(), id: NodeId(id) };
        Credentials::open(files, holder, followers.iter().map(|it| (*it).to_owned()).collect()).unwrap()
    };
    let cloud =
        Cloud::start_with("127.0.0.1:0", state("vpn", "tunnel-2", 7), Some(node("vpn", 1, &["site"])));
    let stranger = ear_with(&[&cloud], &Trust::by(node("other", 12, &[])));
    let plain = ear(&[&cloud]);
    let follower = ear_with(&[&cloud], &Trust::by(node("site", 11, &[])));
    until(&follower, "tunnel-2").await;
    cloud.says(state("vpn", "tunnel-1", 8));
    until(&follower, "tunnel-1").await;
    assert!(stranger.heard().is_none() && plain.heard().is_none());
}
