//! A whole node on the folders of released versions, and one that meets what a later version says.

use crate::contents::{CLUSTER, NODE};
use crate::stores::{folder_of, versions};
use arbiter_core::command::{Applied, Command, Proposal, Stamp};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::state::RULES_VERSION;
use arbiter_core::time::UnixMs;
use arbiter_proto::v1::{PeerHeader, PeerRequest};
use arbiter_raft::gate::PROTOCOL;
use arbiter_raft::network::{Call, WireError};
use arbiter_raft::{LogBounds, MemberSettings, OpenError, RaftNode, Settings, Timings};
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span;

/// Nothing here takes this long, even on a machine with much else to do.
const DEADLINE: Duration = Duration::from_secs(30);

pub fn settings(folder: &Path) -> Settings {
    Settings {
        node: NODE,
        cluster_name: CLUSTER.to_owned(),
        data_dir: folder.to_owned(),
        members: vec![MemberSettings {
            id: NODE,
            name: "witness".to_owned(),
            address: "127.0.0.1:9".to_owned(),
        }],
        seed_policy: Policy { cluster: CLUSTER.to_owned(), ..Policy::default() },
        seed_mode: arbiter_core::command::Mode::Act,
        timings: Timings {
            heartbeat_interval_ms: 150,
            election_timeout_min_ms: 500,
            election_timeout_max_ms: 900,
            snapshot_timeout_ms: 3_000,
        },
        bounds: LogBounds::default(),
        elections: true,
    }
}

/// An error with all that is behind it.
pub fn chain(error: &OpenError) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = format!("{words}: {error}");
        source = error.source();
    }
    words
}

async fn until_it_leads(node: &RaftNode) {
    let mut view = node.view();
    let leads = view.wait_for(|view| view.leads());
    tokio::time::timeout(DEADLINE, leads).await.expect("it leads alone").unwrap();
}

async fn propose(node: &RaftNode, command: Command) -> Result<Applied, String> {
    let proposal = Proposal { wall_ms: UnixMs(1), command };
    node.propose(proposal, DEADLINE).await.map(|(_, applied)| applied).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_node_starts_on_each_released_versions_folder_and_leads_on() {
    for version in versions("stores") {
        let folder = folder_of(&version, "recovered");
        for admitted in [50, 51] {
            let node = RaftNode::open(settings(folder.path())).await.unwrap();
            until_it_leads(&node).await;
            let command =
                Command::Admit { node: NodeId(admitted), incarnation: arbiter_core::ids::Incarnation(7) };
            assert_eq!(propose(&node, command).await, Ok(Applied::Accepted), "{version}");
            node.confirm_leadership(DEADLINE).await.unwrap();
            let state = node.state().borrow().clone();
            let there: Vec<u64> = (50..=51).filter(|id| state.members.contains_key(&NodeId(*id))).collect();
            assert_eq!(there, (50..=admitted).collect::<Vec<_>>(), "{version}");
            assert_eq!(state.unsettled.len(), 1, "a doubt outlives versions");
            node.shutdown().await;
        }
        // A member of three can't lead alone; it opens, and knows what was committed.
        let folder = folder_of(&version, "member");
        let node = RaftNode::open(settings(folder.path())).await.unwrap();
        let mut view = node.view();
        let knows = view.wait_for(|view| view.applied.0 > 0 && view.applied == view.last_log);
        let view = tokio::time::timeout(DEADLINE, knows).await.expect("it applies its log").unwrap().clone();
        assert_eq!((view.voters.len(), view.learners.len()), (3, 1), "{version}");
        node.shutdown().await;
    }
}

#[tokio::test]
async fn rules_that_this_program_does_not_know_stop_the_node() {
    let folder = folder_of("0.1.0", "recovered");
    let node = RaftNode::open(settings(folder.path())).await.unwrap();
    until_it_leads(&node).await;
    propose(&node, Command::BeginEpoch { node: NODE }).await.unwrap();
    let before = node.state().borrow().clone();
    let stamp = Stamp { epoch: before.office.epoch, elapsed_ms: 1 };
    let (version, supported_by) = (RULES_VERSION + 1, before.remaining().collect());
    let later = propose(&node, Command::RaiseRules { stamp, version, supported_by }).await;
    assert!(later.is_err(), "{later:?}");
    let fatal = tokio::time::timeout(DEADLINE, node.fatal()).await.expect("it says that it must end");
    let says = |words: &str| {
        for word in
            ["the log follows rules version 2", "up to version 1", "install the version of the program"]
        {
            assert!(words.contains(word), "`{word}` in: {words}");
        }
    };
    says(&fatal);
    assert_eq!(*node.state().borrow(), before, "nobody sees a state that this program can't judge");
    node.shutdown().await;
    // And it does not start again, however often it is tried.
    for _ in 0..2 {
        let error = RaftNode::open(settings(folder.path())).await.err().expect("it can't apply its log");
        says(&chain(&error));
    }
}

/// Counts warnings that hold these words.
struct Heard(&'static str, Arc<AtomicUsize>);

struct Words(Mutex<String>);

impl Visit for Words {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.get_mut().unwrap().push_str(&format!("{value:?} "));
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut words = Words(Mutex::default());
        event.record(&mut words);
        if words.0.get_mut().unwrap().contains(self.0) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_later_protocol_is_refused_with_words_and_said_once() {
    let folder = folder_of("0.1.0", "member");
    let said = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Heard("speaks protocol version 2", said.clone()));
    let node = RaftNode::open(settings(folder.path())).await.unwrap();
    let header = PeerHeader {
        version: PROTOCOL + 1,
        cluster_id: "c-1".to_owned(),
        sender: 2,
        target: NODE.0,
        incarnation: 1_022,
        admitted_at: 0,
        cluster_name: CLUSTER.to_owned(),
    };
    let before = node.view().borrow().clone();
    for _ in 0..3 {
        for call in [Call::AppendEntries, Call::Vote, Call::InstallSnapshot] {
            let request = PeerRequest { header: Some(header.clone()), payload: vec![7], data: vec![] };
            let Err(WireError::Refused(words)) = node.peer_service().answer(call(request)).await else {
                panic!("not refused");
            };
            for word in ["node 2 speaks protocol version 2", "speaks version 1", "install the same version"] {
                assert!(words.contains(word), "`{word}` in: {words}");
            }
        }
    }
    assert_eq!(said.load(Ordering::SeqCst), 1, "it is said once");
    let after = node.view().borrow().clone();
    assert_eq!((after.term, after.last_log), (before.term, before.last_log), "and nothing was taken");
    node.shutdown().await;
}
