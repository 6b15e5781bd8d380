//! New files without a restart.

use crate::world::{Log, PATIENCE, World, ask, ask_on, open_node, serve, write};
use arbiter_core::ids::NodeId;
use arbiter_pki::{Authority, Validity};
use arbiter_tls::{Bounds, Credentials, Line, Meant, certificate, keep_fresh, wall_seconds};
use std::net::SocketAddr;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

#[tokio::test]
async fn new_files_are_taken_and_bad_ones_are_not() {
    let world = World::new();
    let files = world.files("arbiter://vpn/node/1", Validity::days(2));
    let credentials = open_node(files.clone(), 1).unwrap();
    let server = serve(Some(credentials.clone()), Bounds::USUAL).await;
    let caller = world.node(2);
    let before = credentials.not_after();
    assert_eq!(credentials.look_again(), Ok(false));

    let (log, _listening) = Log::listen();
    tokio::spawn(keep_fresh(credentials.clone()));
    log.line_with(&["WARN", "this node's certificate ends soon: renew it", "days_left=1"]).await;
    // Half of a file, as a copy that is under way.
    let good = std::fs::read_to_string(&files.certificate).unwrap();
    write(&files.certificate, &good[..good.len() / 2]);
    log.line_with(&["WARN", "the new certificates can't be used", "own.crt"]).await;
    assert_eq!(credentials.not_after(), before);
    assert_eq!(ask(server, Some(&caller), Some(1)).await.unwrap(), "arbiter://vpn/node/2");

    // Another node's, by mistake.
    let other = world.files("arbiter://vpn/node/3", Validity::days(9));
    std::fs::copy(&other.certificate, &files.certificate).unwrap();
    std::fs::copy(&other.key, &files.key).unwrap();
    log.line_with(&["the new certificates can't be used", "arbiter://vpn/node/3", "arbiter://vpn/node/1"])
        .await;
    assert!(credentials.look_again().is_err());
    assert_eq!(ask(server, Some(&caller), Some(1)).await.unwrap(), "arbiter://vpn/node/2");

    let new = world.files("arbiter://vpn/node/1", Validity::days(9));
    std::fs::copy(&new.certificate, &files.certificate).unwrap();
    std::fs::copy(&new.key, &files.key).unwrap();
    log.line_with(&["INFO", "new certificates are used from now on", " days"]).await;
    assert!(credentials.not_after() > before);
    assert_eq!(
        credentials.not_after(),
        certificate(&std::fs::read(&new.certificate).unwrap()).unwrap().not_after
    );
    assert_eq!(ask(server, Some(&caller), Some(1)).await.unwrap(), "arbiter://vpn/node/2");
}

#[tokio::test]
async fn an_authority_that_is_taken_out_of_the_file_is_believed_no_more() {
    let world = World::new();
    let files = world.files("arbiter://vpn/node/1", Validity::days(9));
    let credentials = open_node(files.clone(), 1).unwrap();
    let server = serve(Some(credentials.clone()), Bounds::USUAL).await;
    let caller = world.node(2);
    assert!(ask(server, Some(&caller), Some(1)).await.is_ok());
    let (open, (log, _listening)) = (open_line(server, &caller).await, Log::listen());
    let (other, other_ca) = Authority::found("vpn", Validity::days(30)).unwrap();
    let new = world.files_of(&other, "arbiter://vpn/node/1", Validity::days(9));
    for (from, to) in [(&new.certificate, &files.certificate), (&new.key, &files.key)] {
        std::fs::copy(from, to).unwrap();
    }
    write(&files.ca, &other_ca.certificate);
    assert_eq!(credentials.look_again(), Ok(true));
    assert!(ask(server, Some(&caller), Some(1)).await.is_err());
    // Nor on a connection from before.
    until_over(open).await;
    log.line_with(&["a connection ends", "arbiter://vpn/node/2", "no certificate authority"]).await;
}

/// A connection to node 1 that is open and is kept.
async fn open_line(to: SocketAddr, own: &Credentials) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{to}")).unwrap();
    let meant = Meant { cluster: "vpn".to_owned(), node: Some(NodeId(1)) };
    let channel = Line::new(endpoint, PATIENCE, Some(own), meant).connect().await.unwrap();
    ask_on(channel.clone()).await.unwrap();
    channel
}

/// Waits until it has ended, and no other takes its place.
async fn until_over(open: Channel) {
    let over = async {
        while ask_on(open.clone()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("it ends");
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_of_whoever_called() {
    let world = World::new();
    let (log, _listening) = Log::listen();
    let server = serve(Some(world.node(1)), Bounds::USUAL).await;
    let ends = wall_seconds() + 3;
    let validity = Validity { not_before: ends - 60, not_after: ends };
    let open = open_line(server, &open_node(world.files("arbiter://vpn/node/2", validity), 2).unwrap()).await;
    // Idle: nobody asks anything meanwhile.
    log.line_with(&["a connection ends", "the certificate of `arbiter://vpn/node/2` is refused: it expired"])
        .await;
    assert!(wall_seconds() >= ends, "not before its end");
    until_over(open).await;
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_of_whoever_was_called() {
    let world = World::new();
    let (log, _listening) = Log::listen();
    let ends = wall_seconds() + 3;
    let files = world.files("arbiter://vpn/node/1", Validity { not_before: ends - 60, not_after: ends });
    let credentials = open_node(files.clone(), 1).unwrap();
    let server = serve(Some(credentials.clone()), Bounds::USUAL).await;
    let open = open_line(server, &world.node(2)).await;
    log.line_with(&["a connection ends", "the certificate of `arbiter://vpn/node/1` is refused: it expired"])
        .await;
    assert!(wall_seconds() >= ends, "not before its end");
    assert!(ask_on(open.clone()).await.is_err(), "and there is no other");
    // With a new certificate the same line is open again.
    let new = world.files("arbiter://vpn/node/1", Validity::days(9));
    std::fs::copy(&new.certificate, &files.certificate).unwrap();
    std::fs::copy(&new.key, &files.key).unwrap();
    assert_eq!(credentials.look_again(), Ok(true));
    assert_eq!(ask_on(open).await.unwrap(), "arbiter://vpn/node/2");
}
