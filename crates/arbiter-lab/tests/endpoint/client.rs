//! The plainest HTTP client: what goes over the wire is what the test says.

use arbiter_lab::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes on a busy machine: a test that reaches it has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const NODE_1: &str = "AKIDNODE1";
pub const NODE_2: &str = "AKIDNODE2";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// What stands in the first element of that name.
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }

    /// What stands in all elements of that name.
    pub fn elements(&self, name: &str) -> Vec<&str> {
        let end = format!("</{name}>");
        let start = format!("<{name}>");
        let parts = self.body.split(&start).skip(1);
        parts.filter_map(|part| Some(part.split_once(&end)?.0)).collect()
    }
}

pub async fn start(change: impl FnOnce(&mut EndpointSettings)) -> EndpointHandle {
    let mut settings = EndpointSettings::default();
    change(&mut settings);
    Endpoint::start(settings).await.expect("a free port on loopback")
}

/// Waits, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("still waiting after {DEADLINE:?}: {what}"),
    }
}

/// Sends a call and leaves the connection open, for whoever wants to see what comes of it.
pub async fn send(addr: SocketAddr, caller: Option<&str>, form: &str) -> TcpStream {
    let authorization = caller.map_or_else(String::new, |key| {
        format!("Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/cn-north-1/ec2/aws4_request, SignedHeaders=host, Signature=0\r\n")
    });
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: test arbiter/c1#17.3\r\n{authorization}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(addr).await.expect("the endpoint listens");
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    stream
}

/// All that comes until the connection is closed; none if nothing came.
pub async fn receive(mut stream: TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    // A connection that is cut may end in an error as well as in silence.
    let _ = soon("the end of the answer", stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// One call of `Version=2016-11-15` from beginning to end.
pub async fn call_as(addr: SocketAddr, caller: &str, form: &str) -> Answer {
    let stream = send(addr, Some(caller), &format!("{form}&Version=2016-11-15")).await;
    receive(stream).await.expect("an answer")
}

/// The same by the first node.
pub async fn call(addr: SocketAddr, form: &str) -> Answer {
    call_as(addr, NODE_1, form).await
}

/// A request to a control route.
pub async fn control(addr: SocketAddr, method: &str, path: &str, json: &str) -> Answer {
    let request = format!(
        "{method} /_lab/{path} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{json}",
        json.len()
    );
    let mut stream = TcpStream::connect(addr).await.expect("the endpoint listens");
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    receive(stream).await.expect("an answer")
}
