//! Another authority takes the place of one that is no longer trusted: while the cluster works, without a restart.

use crate::cluster::{ALL, Cluster, ONE, PATIENCE, Plan, TWO, WITNESS};
use arbiter_core::ids::NodeId;
use arbiter_pki::{Authority, Validity};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_tls::{Credentials, Identity, Line, Meant};
use std::path::Path;
use tonic::transport::{Channel, Endpoint};

/// An operator at the leader.
fn client(cluster: &Cluster, who: &Credentials) -> AdminClient<Channel> {
    let address = cluster.addresses.nodes[WITNESS.index()];
    let meant = Meant { cluster: "test".to_owned(), node: Some(NodeId(WITNESS.number().into())) };
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    AdminClient::new(Line::new(endpoint, PATIENCE, Some(who), meant).connect_lazy())
}

async fn asks(client: &mut AdminClient<Channel>) -> Option<v1::StatusReply> {
    Some(client.status(v1::StatusRequest::default()).await.ok()?.into_inner())
}

/// In one step, as a copy under another name that is renamed.
fn put(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_is_replaced_while_the_cluster_works_and_who_had_a_key_of_the_old_one_is_out() {
    let mut cluster = Cluster::start(&Plan { tls: true, ..Plan::default() }).await;
    let before = cluster.until_well().await;
    let pki = cluster.pki.as_ref().unwrap();
    let (new, issued) = Authority::found("test", Validity::days(60)).unwrap();
    let anna: Identity = "arbiter://test/admin/anna".parse().unwrap();
    // Somebody has her key, and a connection that is open.
    let thief = pki.person("arbiter://test/admin/anna");
    let mut stolen = client(&cluster, &thief);
    assert!(asks(&mut stolen).await.is_some());

    // First all nodes believe both.
    let ca = pki.authority.authority().certificate;
    let old_ca = std::fs::read_to_string(&ca).unwrap();
    put(&ca, &format!("{old_ca}{}", issued.certificate));
    let words = "new certificates are used from now on";
    let logged = |cluster: &Cluster, times: usize| {
        ALL.iter().all(|member| cluster.log(*member).matches(words).count() >= times).then_some(())
    };
    cluster.until("both are believed", async |cluster| logged(cluster, 1)).await;
    // Then each has a certificate of the new one.
    for member in ALL {
        let paths = cluster.pki.as_ref().unwrap().node(member);
        let identity = format!("arbiter://test/node/{}", member.number()).parse().unwrap();
        let own = new.issue(&identity, Validity::days(60)).unwrap();
        put(&paths.key, &own.key);
        put(&paths.certificate, &own.certificate);
    }
    cluster.until("each has its own", async |cluster| logged(cluster, 2)).await;
    cluster.until_well().await;
    // Then the old one is taken out.
    let pki = cluster.pki.as_ref().unwrap();
    let honest = pki.by(&new, &anna, Validity::days(2));
    put(&ca, &issued.certificate);
    cluster.until("the new one is believed alone", async |cluster| logged(cluster, 3)).await;
    let gone = async |_: &mut Cluster| asks(&mut stolen).await.is_none().then_some(());
    cluster.until("the thief's connection ends", gone).await;
    assert!(asks(&mut client(&cluster, &thief)).await.is_none(), "nor is there another");
    cluster
        .until_logged(WITNESS, "the certificate of `arbiter://test/admin/anna` is refused: no certificate")
        .await;

    // All connections between nodes are new, and nobody was elected for it.
    let mut operator = client(&cluster, &honest);
    let well = async |_: &mut Cluster| asks(&mut operator).await.filter(|status| status.voters_heard == 3);
    let after = cluster.until("three nodes heard", well).await;
    assert_eq!((after.leader, after.epoch), (before.leader, before.epoch));
    cluster.tunnels[ONE.index()].fall_silent().await;
    let moved = |status: &v1::StatusReply| status.routes.iter().all(|route| route.observed == "tunnel-2");
    let over = async |_: &mut Cluster| asks(&mut operator).await.filter(|status| moved(status)).map(drop);
    cluster.until("it fails over", over).await;
    assert!(ALL.iter().all(|member| !cluster.log(*member).contains("panicked")));
    assert!(!cluster.log(TWO).contains("stands for election"));
}
