//! A server that takes EC2's requests and behaves as told: well, badly, or not at all. It counts what reached it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is done with one request, once it has been read whole.
#[derive(Debug, Clone)]
pub enum Manner {
    /// This status and body.
    Answer(u16, String),
    /// A good and empty answer, then the end of the connection.
    AnswerAndClose,
    /// Nothing, ever; the connection stays open.
    Hang,
    /// The connection is closed in good order, without a word.
    Close,
    /// The connection is reset.
    Reset,
    /// The head of an answer, a piece of its body, and then nothing, ever.
    StopWithinBody,
    /// The head of an answer, a piece of its body, and then the end.
    CloseWithinBody,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub action: String,
    pub user_agent: String,
}

#[derive(Debug, Default)]
struct State {
    /// For the first requests; afterwards `usual`.
    script: VecDeque<Manner>,
    arrived: Vec<Arrived>,
    connections: usize,
}

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub struct Rude {
    pub url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Rude {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer as EC2 gives it to this action, with this inside.
pub fn success(action: &str, inside: &str) -> Manner {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r-1</requestId>{inside}</{action}Response>"
    );
    Manner::Answer(200, body)
}

/// A refusal as EC2 gives it.
pub fn error(status: u16, code: &str) -> Manner {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>words</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
    );
    Manner::Answer(status, body)
}

impl Rude {
    /// Does the first requests as told, the later ones well and with empty answers.
    pub async fn start(script: impl IntoIterator<Item = Manner>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { script: script.into_iter().collect(), ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            // The connections' tasks end with the runtime of the test.
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, task }
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }

    pub fn count(&self, action: &str) -> usize {
        self.arrived().iter().filter(|request| request.action == action).count()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(request) = read(&mut stream).await {
        let action = request.action.clone();
        let manner = {
            let mut state = state.lock().unwrap();
            state.arrived.push(request);
            state.script.pop_front().unwrap_or_else(|| success(&action, ""))
        };
        match manner {
            Manner::Answer(status, body) => {
                if answer(&mut stream, status, &body).await.is_err() {
                    return;
                }
            }
            Manner::AnswerAndClose => {
                if let Manner::Answer(status, body) = success(&action, "") {
                    // Whether the other end still listens shows in what the test sees of it.
                    let _ = answer(&mut stream, status, &body).await;
                }
                return;
            }
            Manner::Close => return,
            Manner::Reset => {
                socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
                return;
            }
            Manner::Hang => return until_closed(&mut stream).await,
            Manner::StopWithinBody | Manner::CloseWithinBody => {
                let piece = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<?xml";
                if stream.write_all(piece).await.is_ok() && matches!(manner, Manner::StopWithinBody) {
                    until_closed(&mut stream).await;
                }
                return;
            }
        }
    }
}

async fn answer(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let len = body.len();
    let head = format!("HTTP/1.1 {status} Status\r\nContent-Type: text/xml\r\nContent-Length: {len}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).await
}

async fn until_closed(stream: &mut TcpStream) {
    let mut byte = [0];
    while matches!(stream.read(&mut byte).await, Ok(1)) {}
}

/// One request with its body; `None` when the connection ends.
async fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_len]).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let len: usize = header("content-length").parse().unwrap_or(0);
    while bytes.len() < head_len + len {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[head_len..]).into_owned();
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned();
    Some(Arrived { action, user_agent: header("user-agent") })
}
