//! Every call by everybody who may not make it: over real sockets, to a real node.

use crate::cluster::{Cluster, ONE, Plan, WITNESS, is_linearizable};
use arbiter_core::ids::NodeId;
use arbiter_pki::{Authority, Validity};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_tls::{Credentials, Holder, Line, Meant};
use std::time::Duration;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// An empty message, as gRPC frames it.
const EMPTY: [u8; 5] = [0; 5];

fn channel(cluster: &Cluster, credentials: Option<&Credentials>) -> Channel {
    let address = format!("http://{}", cluster.addresses.nodes[WITNESS.index()]);
    let meant = Meant { cluster: "test".to_owned(), node: Some(NodeId(WITNESS.number().into())) };
    Line::new(Endpoint::from_shared(address).unwrap(), Duration::from_secs(10), credentials, meant)
        .connect_lazy()
}

/// What comes of a call, whichever it is.
async fn call(mut channel: Channel, path: &str) -> Status {
    let body = Body::new(axum::body::Body::from(EMPTY.to_vec()));
    let request = http::Request::post(format!("http://node{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let answer = async {
        std::future::poll_fn(|context| channel.poll_ready(context)).await?;
        channel.call(request).await
    };
    match answer.await {
        Ok(answer) => Status::from_header_map(answer.headers()).unwrap_or_else(|| Status::ok("answered")),
        Err(error) => Status::from_error(Box::new(error)),
    }
}

/// Who may make a call, by another rule than the table that is tried: by its service, and by what changes something.
fn may(who: &str, path: &str) -> bool {
    let changes = path.ends_with("/Operate") || path.ends_with("/HandOver");
    match path.split(['.', '/']).nth(3).unwrap() {
        "Admin" => match who {
            "viewer" => !changes,
            "operator" | "admin" => true,
            _ => false,
        },
        "Assignments" => who == "node" || who == "follower",
        "RaftPeer" | "Reports" | "Hand" => who == "node",
        other => panic!("say here who may call {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_refused_to_everybody_who_may_not_make_it() {
    let mut cluster = Cluster::start(&Plan { tls: true, ..Plan::default() }).await;
    let before = cluster.until_well().await;
    let pki = cluster.pki.as_ref().unwrap();
    let known = [
        ("viewer", pki.person("arbiter://test/viewer/vera")),
        ("operator", pki.person("arbiter://test/operator/otto")),
        ("admin", pki.person("arbiter://test/admin/anna")),
        ("node", pki.as_node("test", 2, Validity::days(2))),
        ("follower", pki.as_node("site", 11, Validity::days(2))),
    ];
    let mut refused = 0;
    for (who, credentials) in &known {
        let channel = channel(&cluster, Some(credentials));
        for path in arbiter_proto::CALLS {
            let status = call(channel.clone(), path).await;
            if may(who, path) {
                assert_ne!(status.code(), Code::PermissionDenied, "{who} {path}: {status}");
            } else {
                assert_eq!(status.code(), Code::PermissionDenied, "{who} {path}: {status}");
                assert!(!status.message().is_empty());
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 61, "as many pairs as there are");

    // Those who get no connection get no call.
    let (other, _) = Authority::found("test", Validity::days(2)).unwrap();
    let now = arbiter_tls::wall_seconds();
    let over = Validity { not_before: now - 9 * 86_400, not_after: now - 3 * 86_400 };
    let pki = cluster.pki.as_ref().unwrap();
    let unknown = [
        Some(pki.by(&other, &"arbiter://test/admin/eve".parse().unwrap(), Validity::days(2))),
        Some(pki.as_node("other", 2, Validity::days(2))),
        Some(pki.as_node("test", 2, over)),
        None,
    ];
    for credentials in &unknown {
        for path in ["/arbiter.v1.Admin/Status", "/arbiter.v1.Admin/Operate", "/arbiter.v1.RaftPeer/Vote"] {
            let status = call(channel(&cluster, credentials.as_ref()), path).await;
            assert!(!matches!(status.code(), Code::Ok | Code::PermissionDenied), "{path}: {status}");
        }
    }
    let after = cluster.until_well().await;
    assert_eq!((before.leader, before.epoch), (after.leader, after.epoch), "nobody noticed");
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_take_roles_and_are_recorded_under_the_name_in_the_certificate() {
    let mut cluster = Cluster::start(&Plan { tls: true, ..Plan::default() }).await;
    cluster.until_well().await;
    let pki = cluster.pki.as_ref().unwrap();
    let admin = || Operation::SetMode(v1::SetMode { observe: false });
    let operator =
        |reason: &str| Operation::Pause(v1::PauseCluster { reason: reason.to_owned(), for_ms: None });
    let asked = std::cell::Cell::new(0);
    let operate = |who: &Credentials, operation| {
        asked.set(asked.get() + 1);
        let mut client = AdminClient::new(channel(&cluster, Some(who)));
        let request_id = format!("pair-{}", asked.get());
        let by = "somebody-else".to_owned();
        async move {
            let request = v1::OperateRequest { asking: None, request_id, by, operation: Some(operation) };
            client.operate(request).await.map(tonic::Response::into_inner)
        }
    };
    let otto = pki.person("arbiter://test/operator/otto%20b");
    for refused in [
        admin(),
        Operation::ApplyPolicy(v1::ApplyPolicy { version: 2, toml: String::new() }),
        Operation::Readmit(v1::Readmit { node: "witness".to_owned() }),
        Operation::ReplaceGateway(v1::ReplaceGateway::default()),
    ] {
        let error = operate(&otto, refused.clone()).await.unwrap_err();
        assert_eq!(error.code(), Code::PermissionDenied, "{refused:?}: {error}");
        assert!(error.message().contains("this takes the role `admin`"), "{error}");
    }
    assert!(operate(&otto, operator("a look")).await.unwrap().accepted);
    let anna = pki.person("arbiter://test/admin/anna");
    assert!(operate(&anna, Operation::Resume(v1::ResumeCluster {})).await.unwrap().accepted);
    // Also who asks for another leader, of a node that passes it on.
    let olga = pki.person("arbiter://test/operator/olga");
    let (asking, by) = (None, "somebody-else".to_owned());
    let handover = v1::HandOverRequest { asking, to: "strongswan-2".to_owned(), by };
    AdminClient::new(channel(&cluster, Some(&olga))).hand_over(handover).await.unwrap();
    // A node's own history comes a moment later than the leader's answer.
    let recorded = async |cluster: &mut Cluster| {
        let text = format!("{:?}", cluster.history(ONE).await.ok()?);
        ["otto b", "anna", "olga"].iter().all(|name| text.contains(name)).then_some(text)
    };
    let text = cluster.until("all names in the history", recorded).await;
    assert!(!text.contains("somebody-else"), "{text}");
    let status = cluster.until_well().await;
    assert!(is_linearizable(&status));
    cluster.judge().await;
}

/// A node's certificate is no person's for `arbiterctl`.
#[tokio::test]
async fn a_person_can_not_take_a_nodes_files() {
    let cluster = Cluster::prepare(&Plan { tls: true, ..Plan::default() }).await;
    let pki = cluster.pki.as_ref().unwrap();
    let paths = pki.node(ONE);
    let ca = pki.authority.authority().certificate;
    let files = arbiter_tls::Files { ca, certificate: paths.certificate, key: paths.key };
    let error = Credentials::open(files, Holder::Person, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("one of a person is needed"), "{error}");
}
