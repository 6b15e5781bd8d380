//! What comes from outside and does not belong: nodes of another cluster, messages that are too long.

use crate::cluster::{Cluster, ONE, Plan, Process, TWO, WITNESS};
use arbiter_core::bad_days::bad_day;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::raft_peer_client::RaftPeerClient;
use arbiter_proto::v1::reports_client::ReportsClient;
use rustix::process::Signal;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_is_refused_by_both_sides_with_both_names() {
    bad_day("peer-of-another-cluster");
    let mut cluster = Cluster::start(&Plan::default()).await;
    let before = cluster.until_well().await;
    cluster.kill(TWO).await;
    // Somebody copied the file for a second cluster, and changed its name and nothing else.
    let text = std::fs::read_to_string(cluster.folder().join("cluster.toml")).unwrap();
    let copy = cluster.folder().join("copy.toml");
    let other = text
        .replace("cluster.name = \"test\"", "cluster.name = \"other\"")
        .replace("data_dir = \"strongswan-2\"", "data_dir = \"other-2\"");
    std::fs::write(&copy, other).unwrap();
    let log = cluster.folder().join("stranger.log");
    let mut stranger = Process::start(&mut cluster.command_with(TWO, &copy), &log);

    // Each of both sides, when it asks and when it is asked.
    let says = |text: &str, what: &str, theirs: &str, ours: &str| {
        let names =
            format!("is of the cluster `{theirs}`, this node is of `{ours}`: check the nodes' addresses");
        text.lines().any(|line| line.contains(what) && line.contains(&names))
    };
    cluster
        .until("the stranger says why", async |_| {
            let text = std::fs::read_to_string(&log).unwrap();
            let asking = says(&text, "a configured member refuses us", "other", "test");
            let asked = says(&text, "a peer's message is refused", "test", "other");
            (asking && asked).then_some(())
        })
        .await;
    cluster
        .until("the members say why", async |cluster| {
            let asked = says(&cluster.log(ONE), "a peer's message is refused", "other", "test");
            let asking = says(&cluster.log(WITNESS), "a peer refuses us", "test", "other");
            (asking && asked).then_some(())
        })
        .await;

    // Nobody takes anything of the other, and the two that are left carry on.
    cluster.tunnels[ONE.index()].fall_silent().await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    let two_left = |status: &v1::StatusReply| (status.voters_heard, status.epoch) == (2, before.epoch);
    cluster.until_status(ONE, "two left, in the same epoch", two_left).await;
    cluster.tunnels[ONE.index()].answer();
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(
        text.matches("a configured member refuses us").count(),
        1,
        "not each time that it asks: {text}"
    );
    stranger.signal(Signal::TERM);
    assert!(stranger.end().await.success());
    cluster.start_node(TWO);
    cluster.until_well().await;
    cluster.judge().await;
}

/// Refused with its size and the bound.
fn too_long(what: &str, answer: Result<(), Status>, bytes: usize, most: usize) {
    let error = answer.expect_err(what);
    assert_eq!(error.code(), Code::OutOfRange, "{what}: {error}");
    let words = error.message();
    let found = words.split(|c: char| !c.is_ascii_digit()).find_map(|number| number.parse::<usize>().ok());
    assert!(found.is_some_and(|found| (bytes..bytes + 1_000).contains(&found)), "{what}: {words}");
    assert!(words.contains(&format!("the limit is: {most} bytes")), "{what}: {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_bound_is_refused_with_its_size_and_nothing_else_suffers() {
    bad_day("oversized-message");
    const MIB: usize = 1024 * 1024;
    let mut cluster = Cluster::start(&Plan::default()).await;
    let before = cluster.until_well().await;
    let (_, policy) = cluster.policy(ONE).await;

    // To the leader itself, over one connection that is used for other things as well.
    let address = format!("http://{}", cluster.addresses.nodes[WITNESS.index()]);
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let (mut peer, mut reports) = (RaftPeerClient::new(channel.clone()), ReportsClient::new(channel));
    for _ in 0..3 {
        let toml = format!("{policy}\n# {}", "x".repeat(9 * MIB));
        let apply = Operation::ApplyPolicy(v1::ApplyPolicy { version: 2, toml });
        let answer = cluster.operate(WITNESS, apply).await.map(drop);
        too_long("a policy", answer, 9 * MIB + policy.len(), 8 * MIB);
        let entries = v1::PeerRequest { payload: vec![b'x'; 9 * MIB], ..v1::PeerRequest::default() };
        too_long("entries", peer.append_entries(entries).await.map(drop), 9 * MIB, 8 * MIB);
        let parcel = v1::Parcel { cluster_id: "x".repeat(5 * MIB), ..v1::Parcel::default() };
        let answer = reports.exchange(futures::stream::iter([parcel])).await.map(drop);
        too_long("a report", answer, 5 * MIB, 4 * MIB);
    }
    let error = peer.vote(v1::PeerRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition, "the connection serves: {error}");

    let status = cluster.until_well().await;
    assert_eq!((status.leader, status.epoch), (before.leader, before.epoch));
    assert_eq!(cluster.policy(ONE).await, (1, policy));
    cluster.tunnels[ONE.index()].fall_silent().await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    cluster.judge().await;
}
