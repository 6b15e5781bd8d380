//! Who is taken, and who is not.

use crate::world::{Log, World, ask, ask_for, ask_of, ask_on, open_node, serve, serve_near, write};
use arbiter_pki::{Authority, Validity};
use arbiter_tls::{Bounds, Credentials, Holder, Line, Meant};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tonic::transport::Endpoint;

/// Days from now to begin and end with.
fn validity(from: i64, to: i64) -> Validity {
    let now = i64::try_from(arbiter_tls::wall_seconds()).unwrap();
    let at = |days: i64| u64::try_from(now + days * 86_400).unwrap();
    Validity { not_before: at(from), not_after: at(to) }
}

#[tokio::test]
async fn nodes_and_people_of_the_cluster_are_taken_and_known() {
    let world = World::new();
    let server = serve(Some(world.node(1)), Bounds::USUAL).await;
    assert_eq!(ask(server, Some(&world.node(2)), Some(1)).await.unwrap(), "arbiter://vpn/node/2");
    let anna = "arbiter://vpn/operator/anna%40bastion";
    assert_eq!(ask(server, Some(&world.person(anna)), None).await.unwrap(), anna);
    // A node of a cluster that may follow.
    let files = world.files("arbiter://site/node/11", Validity::days(30));
    let holder = Holder::Node { cluster: "site".to_owned(), id: arbiter_core::ids::NodeId(11) };
    let follower = Credentials::open(files, holder, Vec::new()).unwrap();
    assert_eq!(ask(server, Some(&follower), None).await.unwrap(), "arbiter://site/node/11");
    // And without TLS on both sides nobody is known.
    let plain = serve(None, Bounds::USUAL).await;
    assert_eq!(ask(plain, None, Some(1)).await.unwrap(), "nobody");
}

#[tokio::test]
async fn whoever_is_not_of_the_cluster_is_refused_with_one_line_that_says_which_and_why() {
    let world = World::new();
    let (other, other_ca) = Authority::found("vpn", Validity::days(30)).unwrap();
    let ours = world.pki.open().unwrap();
    let node = |authority: &Authority, uri: &str, validity| world.files_of(authority, uri, validity);
    let good = validity(-1, 30);
    let cases = [
        (node(&other, "arbiter://vpn/node/2", good), "arbiter://vpn/node/2", "no certificate authority"),
        (
            node(&ours, "arbiter://vpn/node/2", validity(-30, -3)),
            "arbiter://vpn/node/2",
            "it expired 3 days ago",
        ),
        (node(&ours, "arbiter://vpn/node/2", validity(3, 30)), "arbiter://vpn/node/2", "it becomes valid in"),
        (
            node(&ours, "arbiter://other/node/2", good),
            "arbiter://other/node/2",
            "it is of the cluster `other`",
        ),
        (
            node(&ours, "arbiter://other/admin/eve", good),
            "arbiter://other/admin/eve",
            "it is of the cluster `other`",
        ),
        // People of a cluster that follows have no business here.
        (
            node(&ours, "arbiter://site/admin/eve", good),
            "arbiter://site/admin/eve",
            "it is of the cluster `site`",
        ),
    ];
    for (mut files, claims, why) in cases {
        let (log, _listening) = Log::listen();
        let server = serve(Some(world.node(1)), Bounds::USUAL).await;
        // The caller believes its own certificate, and the server's.
        let trusts = std::fs::read_to_string(world.ca()).unwrap();
        let both = files.certificate.with_file_name("both.crt");
        write(&both, &(trusts + &other_ca.certificate));
        files.ca = both;
        let identity: arbiter_tls::Identity = claims.parse().unwrap();
        let holder = match identity.who {
            arbiter_tls::Who::Node(id) => Holder::Node { cluster: identity.cluster, id },
            arbiter_tls::Who::Person { .. } => Holder::Person,
        };
        let caller = Credentials::open(files, holder, Vec::new()).unwrap();
        let error = ask(server, Some(&caller), None).await.expect_err(claims);
        assert!(error.contains("the other side refuses this certificate"), "{claims}: {error}");
        let line = log.line_with(&["a connection is refused", claims]).await;
        assert!(line.contains(why) && line.contains("WARN") && line.contains("127.0.0.1"), "{line}");
        let again = ask(server, Some(&caller), None).await;
        assert!(again.is_err());
        assert_eq!(log.text().matches("a connection is refused").count(), 1, "{}", log.text());
    }
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_refused_and_told_so() {
    let world = World::new();
    let (log, _listening) = Log::listen();
    let server = serve(Some(world.node(1)), Bounds::USUAL).await;
    let error = ask(server, None, None).await.unwrap_err();
    assert!(!error.is_empty());
    log.line_with(&["a connection is refused", "it does not speak TLS"]).await;
    // The other way round: a node with certificates reaches one without.
    let plain = serve(None, Bounds::USUAL).await;
    let error = ask(plain, Some(&world.node(2)), Some(1)).await.unwrap_err();
    assert!(
        error.contains("does not speak TLS") || error.contains("reset") || error.contains("eof"),
        "{error}"
    );
}

#[tokio::test]
async fn a_caller_believes_only_the_node_that_it_means() {
    let world = World::new();
    let caller = world.node(2);
    let server = serve(Some(world.node(1)), Bounds::USUAL).await;
    let (log, _listening) = Log::listen();
    let error = ask(server, Some(&caller), Some(3)).await.unwrap_err();
    assert!(error.contains("it is node 1's, and node 3 is meant"), "{error}");
    log.line_with(&["a connection is refused", "refuses this node's certificate"]).await;
    let error = ask_of(server, Some(&caller), "site", None).await.unwrap_err();
    assert!(error.contains("it is of the cluster `vpn`, and `site` is meant"), "{error}");
    // A person's certificate serves nobody, though the authority vouches for it.
    let eve = serve(Some(world.person("arbiter://vpn/admin/eve")), Bounds::USUAL).await;
    let error = ask(eve, Some(&caller), None).await.unwrap_err();
    assert!(error.contains("its extended key usage does not allow it"), "{error}");
    // Of another authority.
    let (other, other_ca) = Authority::found("vpn", Validity::days(30)).unwrap();
    let mut files = world.files_of(&other, "arbiter://vpn/node/1", Validity::days(30));
    files.ca = files.certificate.with_file_name("other-ca.crt");
    write(&files.ca, &other_ca.certificate);
    let server = serve(Some(open_node(files, 1).unwrap()), Bounds::USUAL).await;
    let error = ask(server, Some(&caller), Some(1)).await.unwrap_err();
    assert!(error.contains("no certificate authority of this side's"), "{error}");
    // One that has expired.
    let old = open_node(world.files("arbiter://vpn/node/1", validity(-9, -2)), 1).unwrap();
    let server = serve(Some(old), Bounds::USUAL).await;
    let error = ask(server, Some(&caller), Some(1)).await.unwrap_err();
    assert!(error.contains("it expired 48 h ago") || error.contains("it expired 2 days ago"), "{error}");
}

#[tokio::test]
async fn handshakes_are_bounded_in_number_and_time_and_others_get_in_meanwhile() {
    let world = World::new();
    let (log, _listening) = Log::listen();
    let deadline = Duration::from_millis(400);
    let bounds = Bounds { handshakes: 8, handshakes_of_one: 4, deadline, ..Bounds::USUAL };
    let server = serve_near(Some(world.node(1)), bounds, [127, 0, 0, 1].into()).await;
    let mut silent = Vec::new();
    for host in 1..=4 {
        for _ in 0..6 {
            silent.push(from([127, 0, 0, 60 + host].into(), server).await);
        }
    }
    // Nodes have places of their own.
    assert_eq!(ask(server, Some(&world.node(2)), Some(1)).await.unwrap(), "arbiter://vpn/node/2");
    log.line_with(&["its address has 4 handshakes under way"]).await;
    log.line_with(&["strangers have 8 handshakes under way"]).await;
    log.line_with(&["a connection is refused", "no handshake within 400ms"]).await;
    for mut stream in silent {
        let ended = tokio::time::timeout(crate::world::PATIENCE, stream.read(&mut [0; 64])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "it is closed: {ended:?}");
    }
}

#[tokio::test]
async fn open_connections_are_bounded_and_those_that_say_nothing_end() {
    let (log, _listening) = Log::listen();
    let first_word = Duration::from_millis(300);
    let bounds = Bounds { open: 6, open_of_one: 4, first_word, ..Bounds::USUAL };
    let server = serve_near(None, bounds, [127, 0, 0, 1].into()).await;
    let mut silent = Vec::new();
    for host in 1..=3 {
        for _ in 0..5 {
            silent.push(from([127, 0, 0, 60 + host].into(), server).await);
        }
    }
    assert_eq!(ask(server, None, None).await.unwrap(), "nobody", "a node is let in");
    log.line_with(&["it has 4 connections already"]).await;
    log.line_with(&["6 connections are open already, without those of nodes"]).await;
    for mut stream in silent {
        // Whoever is let in is told the server's settings, and says nothing.
        let ended = tokio::time::timeout(crate::world::PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "it is closed");
    }
}

#[tokio::test]
async fn a_connection_that_is_hung_up_ends_whatever_is_under_way_on_it() {
    let world = World::new();
    for credentials in [None, Some(world.node(1))] {
        let own = credentials.as_ref().map(|_| world.person("arbiter://vpn/viewer/vera"));
        let server = serve(credentials, Bounds::USUAL).await;
        let open = async || {
            let endpoint = Endpoint::from_shared(format!("http://{server}")).unwrap();
            let meant = Meant { cluster: "vpn".to_owned(), node: None };
            Line::new(endpoint, crate::world::PATIENCE, own.as_ref(), meant).connect().await.unwrap()
        };
        let (one, other) = (open().await, open().await);
        ask_on(one.clone()).await.unwrap();
        ask_for(one, "/test.WhoAmI/HangUp").await.expect_err("it is over");
        ask_on(other).await.expect("others go on");
    }
}

/// A connection from another address of this host.
async fn from(own: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((own, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Believes every server, and shows nothing of itself.
#[derive(Debug)]
struct Careless;

impl rustls::client::danger::ServerCertVerifier for Careless {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn a_client_that_shows_no_certificate_is_refused() {
    let world = World::new();
    let (log, _listening) = Log::listen();
    let server = serve(Some(world.node(1)), Bounds::USUAL).await;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Careless))
        .with_no_client_auth();
    let stream = TcpStream::connect(server).await.unwrap();
    let name = ServerName::try_from("node.invalid").unwrap();
    let connected = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await;
    // The client's own part is over before the server judges it.
    let ended = connected.unwrap().read(&mut [0; 64]).await;
    assert!(ended.is_err(), "{ended:?}");
    log.line_with(&["a connection is refused", "no certificate was shown"]).await;
}
