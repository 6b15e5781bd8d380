//! What endpoints say to bad requests: moto's words and our lab's, side by side, without an SDK between.
//!
//! The two must agree. Where they don't, the difference stands in the table with its reason, and is checked to be
//! exactly that difference.

mod cases;

use crate::calls::{ON_PREMISES, REGION};
use crate::fixture::Fixture;
use cases::CASES;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Moto,
    Lab,
}

/// Status and code.
type Word = (u16, &'static str);

struct Case {
    name: &'static str,
    request: &'static str,
    moto: Word,
    lab: Word,
    /// Why the lab differs, where it does.
    reason: Option<&'static str>,
}

const fn same(name: &'static str, request: &'static str, word: Word) -> Case {
    Case { name, request, moto: word, lab: word, reason: None }
}

const fn differs(
    name: &'static str,
    request: &'static str,
    moto: Word,
    lab: Word,
    reason: &'static str,
) -> Case {
    Case { name, request, moto, lab, reason: Some(reason) }
}

/// Asks everything. moto takes some of these for good and changes its world, so whoever wants it whole asks first.
pub async fn compare_with_expected(world: &Fixture, speaker: Speaker) {
    let mut wrong = Vec::new();
    for case in CASES {
        let said = ask(world, case.request).await;
        let expected = if speaker == Speaker::Moto { case.moto } else { case.lab };
        if (said.0, said.1.as_str()) != expected {
            wrong.push(format!("{}: {speaker:?} said {said:?}, the table has {expected:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_difference_has_a_reason_and_every_reason_a_difference() {
    for case in CASES {
        assert_eq!(case.moto != case.lab, case.reason.is_some(), "{}", case.name);
    }
}

/// The status and the first error code of the answer; no code for a success.
async fn ask(world: &Fixture, request: &str) -> (u16, String) {
    let body = request
        .replace("{TABLE}", &world.tables[0])
        .replace("{INTERFACE}", &world.gateways[0].interface)
        .replace("{INSTANCE}", &world.gateways[0].instance)
        .replace("{VGW}", &world.vpn_gateway)
        .replace("{CIDR}", &ON_PREMISES.replace('/', "%2F"));
    let body = format!("{body}&Version=2016-11-15");
    let host = world.url.trim_start_matches("http://");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/{REGION}/ec2/aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let code = answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    (status, code.map(|(code, _)| code.to_owned()).unwrap_or_default())
}
