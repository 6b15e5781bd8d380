//! The old way, in our own words: two machines that watch only each other.
//!
//! Each gateway pings the other. When all pings of a round are lost it concludes that the other is dead, takes the
//! other's routes, stops the other, and starts it when it is stopped. That is right when the other *is* dead. It
//! has no way to tell that from a cut line; neither has the other.
//!
//! It speaks the same Query API over plain HTTP, with an access key of its own, so that the call log tells who did
//! what. Nothing of Route Arbiter is in it.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Pings of a round; all must be lost.
const PINGS: usize = 3;
/// How long one ping waits. (Such scripts take a second; shortened for the demo.)
const PING_TIMEOUT: Duration = Duration::from_millis(300);
/// Time between two pings, and between two rounds. (Shortened from seconds.)
const PAUSE: Duration = Duration::from_millis(200);
/// A call is given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes. Answers of the reference case have some 2 KiB.
const LONGEST_ANSWER: u64 = 64 * 1_024;

/// One gateway with its script: what it is told in its first lines.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// The EC2 API.
    pub endpoint: SocketAddr,
    /// The access key that it signs with.
    pub access_key: String,
    /// What it pings: the other gateway.
    pub other: SocketAddr,
    /// The other gateway's instance.
    pub other_instance: String,
    /// The route table that the other serves.
    pub other_table: String,
    /// The destination of the route in it.
    pub destination: String,
    /// Its own interface.
    pub own_interface: String,
}

impl Script {
    /// Runs until it is dropped: until its own host is stopped.
    pub async fn run(self) {
        loop {
            if !self.other_answers().await {
                self.replace_other().await;
            }
            sleep(PAUSE).await;
        }
    }

    /// One round: false only if all pings are lost.
    async fn other_answers(&self) -> bool {
        for ping in 0..PINGS {
            if ping > 0 {
                sleep(PAUSE).await;
            }
            if matches!(timeout(PING_TIMEOUT, TcpStream::connect(self.other)).await, Ok(Ok(_))) {
                return true;
            }
        }
        false
    }

    /// "The other is dead": take its route, stop it, start it, wait until it is back.
    async fn replace_other(&self) {
        let Self { other_table, destination, own_interface, other_instance, .. } = self;
        self.call(&[
            ("Action", "ReplaceRoute"),
            ("RouteTableId", other_table),
            ("DestinationCidrBlock", destination),
            ("NetworkInterfaceId", own_interface),
        ])
        .await;
        self.call(&[("Action", "StopInstances"), ("InstanceId.1", other_instance)]).await;
        while !self.other_is("stopped").await {
            sleep(PAUSE).await;
        }
        self.call(&[("Action", "StartInstances"), ("InstanceId.1", other_instance)]).await;
        while !self.other_answers().await {
            sleep(PAUSE).await;
        }
    }

    async fn other_is(&self, state: &str) -> bool {
        let form = [("Action", "DescribeInstances"), ("InstanceId.1", self.other_instance.as_str())];
        let answer = self.call(&form).await.unwrap_or_default();
        answer.contains(&format!("<name>{state}</name>"))
    }

    /// One call; none if there was no answer. The script does not look at errors: it tries again next round.
    async fn call(&self, form: &[(&str, &str)]) -> Option<String> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .append_pair("Version", "2016-11-15")
            .finish();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nUser-Agent: vpn-monitor\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={}/20260101/cn-north-1/ec2/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.endpoint,
            self.access_key,
            body.len()
        );
        timeout(CALL_TIMEOUT, exchange(self.endpoint, &request)).await.ok()?.ok()
    }
}

async fn exchange(endpoint: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(endpoint).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
