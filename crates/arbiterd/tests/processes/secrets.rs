//! Secrets stay secret, however much is logged: AWS keys and tokens, and the keys of certificates.

use crate::cluster::{ALL, Cluster, ONE, Plan, TWO};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use std::ops::Range;

/// What a node gets of its instance role.
const ROLE: [(&str, &str); 2] = [
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-a-secret-key-of-a-role"),
    ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEJ-a-token-of-a-session"),
];

/// All that is logged wherever a secret goes: all but Raft, and the frames of connections between nodes, which are so many that
/// a busy machine has time for nothing else.
const EVERYTHING: &str = "trace,openraft=info,h2=info,tower=info,tonic=info";

/// Where the secret number of a P-256 key lies in its PKCS #8 form: behind 36 bytes that are the same in each.
const SECRET_NUMBER: Range<usize> = 36..68;

/// The ways in which a key could be said: as it lies in its file, or as somebody prints bytes.
fn words_of_key(pem: &str) -> Vec<String> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    // Three bytes are four letters.
    let in_file = &text[SECRET_NUMBER.start / 3 * 4..][..16];
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let number = &key.secret_der()[SECRET_NUMBER][..8];
    let hex: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal = number.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    vec![in_file.to_owned(), hex.to_uppercase(), hex, decimal]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_and_no_answer_holds_a_secret_however_much_is_logged() {
    let mut cluster = Cluster::prepare(&Plan { tls: true, ..Plan::default() }).await;
    let keys =
        ALL.map(|member| std::fs::read_to_string(cluster.pki.as_ref().unwrap().node(member).key).unwrap());
    let mut secrets: Vec<String> = keys.iter().flat_map(|key| words_of_key(key)).collect();
    secrets.extend(ROLE.map(|(_, value)| value.to_owned()));
    for member in ALL {
        let mut command = cluster.command(member);
        command.envs(ROLE).env("RUST_LOG", EVERYTHING);
        cluster.start_by(member, command);
    }
    cluster.until_well().await;

    // Signed calls, which are refused and which are done.
    cluster.doctor(ONE, false).await.unwrap();
    cluster.tunnels[ONE.index()].fall_silent().await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.tunnels[ONE.index()].answer();
    // A key that can't be read, which is said; and one that can.
    let paths = cluster.pki.as_ref().unwrap().node(ONE);
    let half: String = keys[ONE.index()].lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(&paths.key, half).unwrap();
    cluster.until_logged(ONE, "the new certificates can't be used").await;
    std::fs::write(&paths.key, &keys[ONE.index()]).unwrap();
    cluster.until_well().await;

    let answers = format!(
        "{:?}{:?}{:?}",
        cluster.status(ONE, false).await.unwrap(),
        cluster.doctor(ONE, false).await.unwrap(),
        cluster.policy(ONE).await,
    );
    for member in ALL {
        let log = cluster.log(member);
        assert!(
            log.contains(" TRACE ") && log.contains("DescribeRouteTables"),
            "much is logged: {}",
            log.len()
        );
        for secret in &secrets {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{member} has logged `{secret}`");
            assert!(!answers.contains(secret.as_str()), "`{secret}` in {answers}");
        }
    }
    cluster.judge().await;
}
