//! Questions to strongSwan's daemon.

use crate::charon::{Charon, Manner, sa};
use crate::support::{ipsec, prober, status, until, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::Probe;
use arbiter_probe::{SocketProber, vici_preflight};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const TARGET: &str = "192.0.2.1";

fn has(name: &'static str, remote: &'static str, state: &'static str) -> Manner {
    Manner::Has(vec![(name, remote, state)])
}

/// Each probe of this test is Down 300 ms after its first loss.
fn asking(socket: &Path) -> SocketProber {
    let prober = prober();
    prober.set_probes(vec![ipsec("tunnel", socket)]);
    prober
}

#[tokio::test]
async fn up_is_what_carries_packets_and_nothing_else() {
    let charon = Charon::start(has("tunnel", TARGET, "INSTALLED"));
    let prober = asking(charon.socket());
    until_state(&prober, "tunnel", Verdict::Up).await;
    let states =
        ["CREATED", "ROUTED", "INSTALLING", "REKEYED", "RETRYING", "DELETING", "DELETED", "DESTROYING", "?"];
    for (i, state) in states.into_iter().enumerate() {
        charon.becomes(has("tunnel", TARGET, state));
        until_state(&prober, "tunnel", Verdict::Down).await;
        let error = status(&prober, "tunnel").last_error.unwrap();
        assert_eq!(error, format!("strongSwan's child SA tunnel with 192.0.2.1 is {state}"));
        charon.becomes(has("tunnel", TARGET, ["INSTALLED", "UPDATING", "REKEYING"][i % 3]));
        until_state(&prober, "tunnel", Verdict::Up).await;
        assert_eq!(status(&prober, "tunnel").last_error, None);
    }
}

#[tokio::test]
async fn another_child_or_another_host_is_not_it() {
    let charon = Charon::start(Manner::Has(Vec::new()));
    let prober = asking(charon.socket());
    let cases = [
        (Manner::Has(Vec::new()), "strongSwan has no child SA tunnel with 192.0.2.1"),
        (has("other", TARGET, "INSTALLED"), "strongSwan has no child SA tunnel with 192.0.2.1"),
        (
            has("tunnel", "192.0.2.9", "INSTALLED"),
            "strongSwan has no child SA tunnel with 192.0.2.1, but one with 192.0.2.9",
        ),
    ];
    for (manner, expected) in cases {
        charon.becomes(manner);
        until_state(&prober, "tunnel", Verdict::Down).await;
        assert_eq!(status(&prober, "tunnel").last_error.unwrap(), expected);
        let both = [
            ("tunnel", "192.0.2.9", "INSTALLED"),
            ("tunnel", TARGET, "REKEYED"),
            ("tunnel", TARGET, "INSTALLED"),
        ];
        charon.becomes(Manner::Has(both.to_vec()));
        until_state(&prober, "tunnel", Verdict::Up).await;
    }
}

/// A daemon that can't be asked is no evidence: from Up it goes to Unknown, never to Down.
#[tokio::test]
async fn whatever_keeps_the_daemon_from_answering_is_no_evidence() {
    arbiter_core::bad_days::bad_day("strongswan-not-asked");
    let charon = Charon::start(has("tunnel", TARGET, "INSTALLED"));
    let prober = asking(charon.socket());
    let too_long = (0..20_000).flat_map(|number| sa(number, "tunnel", TARGET, "INSTALLED")).collect();
    let cases = [
        (Manner::Sends(b"\0\0\0\x02\x01\x09".to_vec()), "no vici message"),
        (Manner::Sends(b"\0\0\0\x03\x07\x05a".to_vec()), "no vici message"),
        (Manner::Sends(b"\0\0\0\x01\x02".to_vec()), "no vici message"),
        (Manner::Sends(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), "longer than"),
        (Manner::Sends(b"\xff\xff\xff\xff\x01".to_vec()), "longer than"),
        (Manner::Sends(too_long), "longer than"),
        (Manner::Sends(b"\0\0\0\x0e\x01\x03\x07success\0\x02no".to_vec()), "refuses"),
        (Manner::Sends(b"\0\0\0\x09\x07\x07list-sa".to_vec()), "does not answer within 400 ms"),
        (Manner::Closes, "can't be understood"),
        (Manner::Silent, "does not answer within 400 ms"),
    ];
    for (manner, expected) in cases {
        until_state(&prober, "tunnel", Verdict::Up).await;
        let what = format!("{manner:.60?}");
        charon.becomes(manner);
        until(&prober, &what, || status(&prober, "tunnel").state != Verdict::Up).await;
        let seen = status(&prober, "tunnel");
        assert_eq!(seen.state, Verdict::Unknown, "{what}");
        // A question that was put before may still end after it.
        until(&prober, &format!("{what}: {expected}"), || {
            let error = status(&prober, "tunnel").last_error.unwrap_or_default();
            error.contains(expected) && error.contains("strongSwan at /")
        })
        .await;
        charon.becomes(has("tunnel", TARGET, "INSTALLED"));
    }
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_no_evidence_and_is_met_again_when_it_is() {
    let charon = Charon::start(has("tunnel", TARGET, "INSTALLED"));
    let aside = charon.socket().with_extension("aside");
    let prober = asking(charon.socket());
    until_state(&prober, "tunnel", Verdict::Up).await;
    std::fs::rename(charon.socket(), &aside).unwrap();
    until(&prober, "not Up", || status(&prober, "tunnel").state != Verdict::Up).await;
    let seen = status(&prober, "tunnel");
    assert_eq!(seen.state, Verdict::Unknown);
    let error = seen.last_error.unwrap();
    assert!(error.contains("can't be asked") && error.contains("charon.group"), "{error}");
    assert_eq!(vici_preflight(charon.socket()).await.unwrap_err().to_string(), error);
    std::fs::rename(&aside, charon.socket()).unwrap();
    vici_preflight(charon.socket()).await.unwrap();
    until_state(&prober, "tunnel", Verdict::Up).await;
}

/// Down by the daemon's word; then the daemon is gone, and nobody knows.
#[tokio::test]
async fn down_does_not_outlive_the_daemon_that_said_so() {
    let charon = Charon::start(Manner::Has(Vec::new()));
    let prober = asking(charon.socket());
    until_state(&prober, "tunnel", Verdict::Down).await;
    std::fs::set_permissions(charon.socket(), std::fs::Permissions::from_mode(0o000)).unwrap();
    charon.becomes(Manner::Closes);
    until_state(&prober, "tunnel", Verdict::Unknown).await;
}

#[tokio::test]
async fn another_child_is_another_question() {
    let charon = Charon::start(has("tunnel", TARGET, "INSTALLED"));
    let prober = asking(charon.socket());
    until_state(&prober, "tunnel", Verdict::Up).await;
    let elsewhere = Probe { target: [192, 0, 2, 9].into(), ..ipsec("tunnel", charon.socket()) };
    prober.set_probes(vec![elsewhere]);
    until_state(&prober, "tunnel", Verdict::Down).await;
}
