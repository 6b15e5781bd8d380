//! A stand-in for the instance metadata service: region and credentials, or silence.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The service; it ends when this is dropped.
#[derive(Debug)]
pub struct Imds {
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for Imds {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Imds {
    /// Answers with this region; credentials only if asked to, else the question for them hangs.
    pub async fn start(region: &'static str, with_credentials: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, region, with_credentials));
            }
        });
        Self { url, task }
    }
}

async fn serve(mut stream: TcpStream, region: &str, with_credentials: bool) {
    let mut bytes = Vec::new();
    loop {
        while !bytes.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8_lossy(&bytes).into_owned();
        bytes.clear();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, body) = match path.trim_end_matches('/') {
            "/latest/api/token" => (200, "token".to_owned()),
            "/latest/meta-data/placement/region" => (200, region.to_owned()),
            credentials if credentials.starts_with("/latest/meta-data/iam") && !with_credentials => {
                return std::future::pending().await;
            }
            "/latest/meta-data/iam/security-credentials" => (200, "role".to_owned()),
            "/latest/meta-data/iam/security-credentials/role" => (200, CREDENTIALS.to_owned()),
            _ => (404, String::new()),
        };
        let answer = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: text/plain\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

const CREDENTIALS: &str = r#"{
  "Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC",
  "AccessKeyId": "AKIAIMDS", "SecretAccessKey": "not a secret", "Token": "token",
  "Expiration": "2099-01-01T00:00:00Z"
}"#;
