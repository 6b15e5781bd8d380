//! What probes knock at: a listener that can fall silent, as a dead host or a cut line does, instead of refusing.
//!
//! The kernel lets connections in by itself while the listener's queue has room. So silence is a full queue: nobody
//! takes anything out of it any more, it is made as short as it can be, and filled with connections of our own.

use socket2::{Domain, Socket, Type};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The queue while it answers: room for what may knock while a busy machine does not come to us.
const LONG_QUEUE: i32 = 128;

/// The kernel answers on loopback at once, and repeats a dropped SYN only after a second: who was not let in within
/// this was dropped.
const DROPPED_AFTER: Duration = Duration::from_millis(250);

/// More knocks than the shortest queue can hold.
const KNOCKS_MOST: usize = 16;

/// A listener on loopback.
pub struct Door {
    socket: Socket,
    address: SocketAddr,
    answering: Option<JoinHandle<()>>,
    fillers: Vec<TcpStream>,
}

impl Door {
    /// One that answers.
    pub fn open() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(LONG_QUEUE).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut door = Self { socket, address, answering: None, fillers: Vec::new() };
        door.answer();
        door
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it answers.
    pub fn answer(&mut self) {
        self.fillers.clear();
        self.socket.listen(LONG_QUEUE).unwrap();
        let listener = TcpListener::from_std(self.socket.try_clone().unwrap().into()).unwrap();
        self.answering = Some(tokio::spawn(async move { while listener.accept().await.is_ok() {} }));
    }

    /// Falls silent. When this returns, nobody is let in any more.
    pub async fn fall_silent(&mut self) {
        if let Some(answering) = self.answering.take() {
            answering.abort();
            assert!(answering.await.is_err_and(|ended| ended.is_cancelled()));
        }
        self.socket.listen(0).unwrap();
        for _ in 0..KNOCKS_MOST {
            match timeout(DROPPED_AFTER, TcpStream::connect(self.address)).await {
                Ok(connected) => self.fillers.push(connected.unwrap()),
                Err(_) => return,
            }
        }
        panic!("the queue of a listener does not fill");
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(answering) = &self.answering {
            answering.abort();
        }
    }
}
