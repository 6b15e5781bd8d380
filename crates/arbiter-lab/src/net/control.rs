//! How a command reaches a lab that runs: one line of JSON each way, over a socket in the lab's folder.

use super::faults::FaultOrder;
use super::lab::Lab;
use super::status::Status;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

const SOCKET: &str = "control.sock";
/// The longest of our requests has some hundred bytes.
const LONGEST_REQUEST: u64 = 4_096;
/// A status has some ten thousand.
const LONGEST_ANSWER: u64 = 1 << 20;
/// Mending all faults boots hosts, one after the other: some seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What a lab can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
pub(super) enum Request {
    /// How it is.
    Status,
    /// Make a fault.
    Fault(FaultOrder),
    /// Mend all.
    Heal,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer", content = "content")]
pub(super) enum Answer {
    /// How it is.
    Status(Box<Status>),
    /// It is done.
    Done,
    /// It can't be done.
    Failed(String),
}

/// Asks the lab whose folder that is.
pub(super) async fn ask(folder: &Path, request: &Request) -> anyhow::Result<Answer> {
    let ask = async {
        let mut stream = UnixStream::connect(folder.join(SOCKET)).await?;
        let line = serde_json::to_string(request)? + "\n";
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(LONGEST_ANSWER).read_to_string(&mut answer).await?;
        anyhow::Ok(serde_json::from_str(&answer)?)
    };
    timeout(ANSWER_LIMIT, ask).await.context("the lab does not answer")?
}

/// Answers until something fails.
pub(super) async fn serve(lab: &Lab) -> anyhow::Result<Infallible> {
    let listener =
        UnixListener::bind(lab.settings.folder.join(SOCKET)).context("the control socket can't be made")?;
    loop {
        let (stream, _) = listener.accept().await?;
        // One after the other: nobody should make a fault while another is being mended.
        if let Err(error) = answer(lab, stream).await {
            tracing::warn!(%error, "a request could not be answered");
        }
    }
}

async fn answer(lab: &Lab, mut stream: UnixStream) -> anyhow::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    timeout(ANSWER_LIMIT, BufReader::new(read.take(LONGEST_REQUEST)).read_line(&mut line)).await??;
    let done = |result: anyhow::Result<()>| match result {
        Ok(()) => Answer::Done,
        Err(error) => Answer::Failed(format!("{error:#}")),
    };
    let answer = match serde_json::from_str(&line) {
        Ok(Request::Status) => match Status::of(lab).await {
            Ok(status) => Answer::Status(Box::new(status)),
            Err(error) => Answer::Failed(format!("{error:#}")),
        },
        Ok(Request::Fault(order)) => done(lab.make(order).await),
        Ok(Request::Heal) => done(lab.heal().await),
        Err(error) => Answer::Failed(format!("that is no request: {error}")),
    };
    write.write_all(serde_json::to_string(&answer)?.as_bytes()).await?;
    Ok(())
}
