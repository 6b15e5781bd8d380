//! Certificates on all connections: a cluster of real processes that works by them, and who gets in and who doesn't.

use crate::cluster::{ALL, Cluster, ONE, Plan, TWO, WITNESS, has_alarm, last_words, output};
use arbiter_core::ids::NodeId;
use arbiter_pki::{Authority, Validity};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::raft_peer_client::RaftPeerClient;
use arbiter_proto::v1::reports_client::ReportsClient;
use arbiter_tls::{Credentials, Line, Meant};
use std::time::Duration;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

fn plan() -> Plan {
    Plan { tls: true, ..Plan::default() }
}

/// A connection to a node, by whoever this is.
fn channel(cluster: &Cluster, to: crate::cluster::Member, credentials: Option<&Credentials>) -> Channel {
    let address = format!("http://{}", cluster.addresses.nodes[to.index()]);
    let meant = Meant { cluster: "test".to_owned(), node: Some(NodeId(to.number().into())) };
    Line::new(Endpoint::from_shared(address).unwrap(), Duration::from_secs(10), credentials, meant)
        .connect_lazy()
}

async fn asked(channel: Channel) -> Result<(), Status> {
    AdminClient::new(channel).status(v1::StatusRequest::default()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_forms_fails_over_and_is_operated_by_certificates_alone() {
    let mut cluster = Cluster::start(&plan()).await;
    cluster.until_well().await;
    // Reports and Raft went over it; now what is passed on to the leader, and a failover.
    let operation = Operation::Pause(v1::PauseCluster { reason: "a look".to_owned(), for_ms: None });
    cluster.accepted(ONE, operation).await;
    cluster.accepted(TWO, Operation::Resume(v1::ResumeCluster {})).await;
    assert_eq!(cluster.doctor(ONE, false).await.unwrap().nodes.len(), 3);
    cluster.tunnels[ONE.index()].fall_silent().await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.tunnels[ONE.index()].answer();
    cluster.until_well().await;
    cluster.kill(TWO).await;
    cluster.start_node(TWO);
    cluster.until_well().await;
    // Nobody who did not belong was met on the way.
    for member in ALL {
        let log = cluster.log(member);
        assert!(!log.contains("a connection is refused"), "{log}");
    }
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_belong_is_refused_by_a_real_node_that_says_which_and_why() {
    let mut cluster = Cluster::start(&plan()).await;
    let pki = cluster.pki.as_ref().unwrap();
    let (other, _) = Authority::found("test", Validity::days(2)).unwrap();
    let node_2 = "arbiter://test/node/2".parse().unwrap();
    let now = arbiter_tls::wall_seconds();
    let over = Validity { not_before: now - 9 * 86_400, not_after: now - 3 * 86_400 };
    let cases = [
        (Some(pki.by(&other, &node_2, Validity::days(2))), "no certificate authority"),
        (
            Some(pki.as_node("other", 2, Validity::days(2))),
            "it is of the cluster `other`, and `test` is meant",
        ),
        (Some(pki.as_node("test", 2, over)), "it expired 3 days ago"),
        (None, "it does not speak TLS"),
    ];
    for (credentials, why) in cases {
        asked(channel(&cluster, WITNESS, credentials.as_ref())).await.expect_err(why);
        cluster.until_logged(WITNESS, why).await;
        let log = cluster.log(WITNESS);
        let line = log.lines().find(|line| line.contains(why)).unwrap();
        assert!(line.contains("WARN") && line.contains("a connection is refused"), "{line}");
        assert_eq!(log.matches(why).count(), 1, "{log}");
    }
    // A node that holds its own certificate speaks for itself alone.
    let pki = cluster.pki.as_ref().unwrap();
    let two = pki.as_node("test", 2, Validity::days(2));
    let mut peer = RaftPeerClient::new(channel(&cluster, WITNESS, Some(&two)));
    let header = v1::PeerHeader { sender: 1, ..v1::PeerHeader::default() };
    let error = peer.vote(v1::PeerRequest { header: Some(header), ..Default::default() }).await.unwrap_err();
    assert!(
        error.message().contains("it says that it is node 1, and its certificate is node 2's"),
        "{error}"
    );
    cluster.until_logged(WITNESS, "its certificate is node 2's").await;
    let mut reports = ReportsClient::new(channel(&cluster, WITNESS, Some(&two)));
    let own = v1::Report { node: 1, ..v1::Report::default() };
    let parcel = v1::Parcel { version: 1, own: Some(own), ..v1::Parcel::default() };
    let error = reports.exchange(futures::stream::iter([parcel])).await.unwrap_err();
    assert!(error.message().contains("the report is node 1's, and the certificate is node 2's"), "{error}");
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let mut cluster = Cluster::start(&plan()).await;
    let pki = cluster.pki.as_ref().unwrap();
    let paths = pki.node(ONE);
    let good = std::fs::read_to_string(&paths.certificate).unwrap();
    std::fs::write(&paths.certificate, "half of i").unwrap();
    cluster.until_logged(ONE, "the new certificates can't be used; the old ones still count").await;
    std::fs::write(&paths.certificate, good).unwrap();
    let pki = cluster.pki.as_ref().unwrap();
    pki.authority.renew(&"arbiter://test/node/1".parse().unwrap(), Validity::days(60)).unwrap();
    cluster.until_logged(ONE, "new certificates are used from now on").await;
    cluster.kill(WITNESS).await;
    cluster.start_node(WITNESS);
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_ends_is_an_alarm_of_its_node_and_the_leader_finds_it_too() {
    let mut cluster = Cluster::start(&plan()).await;
    let renew = |cluster: &Cluster, days| {
        let own = "arbiter://test/node/1".parse().unwrap();
        cluster.pki.as_ref().unwrap().authority.renew(&own, Validity::days(days)).unwrap();
    };
    for (days, code) in [(10, "certificate-ends"), (2, "certificate-over")] {
        renew(&cluster, days);
        let own = async |cluster: &mut Cluster| {
            let status = cluster.status(ONE, true).await.ok()?;
            has_alarm(&status, code, "strongswan-1").then_some(status)
        };
        let status = cluster.until("its own alarm", own).await;
        let alarm = status.alarms.iter().find(|alarm| alarm.code == code).unwrap();
        assert!(alarm.detail.starts_with("its own certificate ends in "), "{alarm:?}");
        // What a round has found stands for some seconds.
        let leads = async |cluster: &mut Cluster| {
            let doctor = cluster.doctor(WITNESS, false).await.ok()?;
            let mut found = doctor.findings.into_iter().filter_map(|finding| finding.alarm);
            found.any(|alarm| alarm.code == code && alarm.subject == "strongswan-1").then_some(())
        };
        cluster.until("the leader's finding", leads).await;
        let status = cluster.status(WITNESS, false).await.unwrap();
        assert!(has_alarm(&status, code, "strongswan-1"), "{:?}", status.alarms);
    }
    renew(&cluster, 60);
    let none = async |cluster: &mut Cluster| {
        let status = cluster.status(ONE, true).await.ok()?;
        (!status.alarms.iter().any(|alarm| alarm.code.starts_with("certificate-"))).then_some(())
    };
    cluster.until("no alarm", none).await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_certificates_a_node_speaks_with_its_own_host_alone() {
    let cluster = Cluster::prepare(&Plan::default()).await;
    let own = cluster.addresses.nodes[ONE.index()].to_string();
    let other = cluster.addresses.nodes[TWO.index()].to_string();
    let cases = [
        // Where it listens, and whom it would speak with. No host has these addresses.
        (own.clone(), format!("{own}\"\nlisten = \"192.0.2.6:7400"), "192.0.2.6:7400"),
        (other, "192.0.2.7:7400".to_owned(), "192.0.2.7:7400"),
    ];
    for (from, to, open) in cases {
        let (code, text) = output(cluster.changed(ONE, |text| text.replacen(&from, &to, 1))).await;
        let says = last_words(&text);
        assert_eq!(code, Some(1), "{text}");
        for words in
            ["without certificates only loopback addresses are taken", open, "insecure_without_tls = true"]
        {
            assert!(says.contains(words), "{words}: {says}");
        }
        let insecure = |text: String| text.replacen(&from, &to, 1) + "\n[tls]\ninsecure_without_tls = true\n";
        let mut command = cluster.changed(ONE, insecure);
        let log = cluster.folder().join("insecure.log");
        let mut process = crate::cluster::Process::start(&mut command, &log);
        let deadline = tokio::time::Instant::now() + crate::cluster::PATIENCE;
        let said = || std::fs::read_to_string(&log).unwrap();
        while !said().contains("insecure_without_tls: whoever reaches this node may do everything") {
            assert!(tokio::time::Instant::now() < deadline, "{}", said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        process.signal(rustix::process::Signal::KILL);
        process.end().await;
        std::fs::remove_file(&log).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_does_not_start_with_files_that_it_should_not_use() {
    let cluster = Cluster::prepare(&plan()).await;
    let pki = cluster.pki.as_ref().unwrap();
    let key = pki.node(ONE).key;
    let mode =
        |mode| std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o644);
    let (code, text) = output(cluster.command(ONE)).await;
    let says = last_words(&text);
    assert_eq!(code, Some(1), "{text}");
    for words in
        ["node strongswan-1 can't start: the certificates can't be used", "its mode is 644", "chmod 600"]
    {
        assert!(says.contains(words), "{words}: {says}");
    }
    assert!(!cluster.data_dir(ONE).exists(), "nothing was touched");
    mode(0o600);
    // Another node's certificate.
    std::fs::copy(pki.node(TWO).certificate, pki.node(ONE).certificate).unwrap();
    std::fs::copy(pki.node(TWO).key, &key).unwrap();
    let (code, text) = output(cluster.command(ONE)).await;
    let says = last_words(&text);
    assert!(
        code == Some(1) && says.contains("arbiter://test/node/2") && says.contains("arbiter://test/node/1"),
        "{text}"
    );
}
