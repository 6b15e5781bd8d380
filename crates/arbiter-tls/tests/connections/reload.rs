//! New files without a restart.

use crate::world::{Log, World, ask, open_node, serve, write};
use arbiter_pki::{Authority, Validity};
use arbiter_tls::{Bounds, certificate, keep_fresh};

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
    let (other, other_ca) = Authority::found("vpn", Validity::days(30)).unwrap();
    let new = world.files_of(&other, "arbiter://vpn/node/1", Validity::days(9));
    for (from, to) in [(&new.certificate, &files.certificate), (&new.key, &files.key)] {
        std::fs::copy(from, to).unwrap();
    }
    write(&files.ca, &other_ca.certificate);
    assert_eq!(credentials.look_again(), Ok(true));
    assert!(ask(server, Some(&caller), Some(1)).await.is_err());
}
