//! What probes knock at: listeners that fall silent, as a dead host or a cut line does, instead of refusing.
//!
//! The kernel completes connections by itself as long as the listener's queue has room. So silence is a full queue:
//! the listener's queue is made as short as it can be, and filled with connections of our own; every further SYN is
//! dropped. Healing makes it long again and takes out what is in it.

use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The queue of a listener that answers: probes knock ten times a second, fifty times after a miss, and the kernel
/// answers them even if this process does not come to it for two seconds.
const LONG_QUEUE: i32 = 128;

/// A knock that is not answered within this has been dropped: the kernel answers on loopback before `connect`
/// returns, and repeats a dropped SYN only after a second.
const DROPPED_AFTER: Duration = Duration::from_millis(250);

/// Knocks to fill the shortest queue, which takes one or two; probes may fill it as well.
const KNOCKS_MOST: usize = 16;

/// Something that answers to TCP, or is silent. It ends when this is dropped.
#[derive(Debug)]
pub struct Target {
    addr: SocketAddr,
    orders: mpsc::Sender<Order>,
    // Dropped with the target, which closes its listener.
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Order {
    silent: bool,
    done: oneshot::Sender<io::Result<()>>,
}

impl Target {
    /// Starts one that answers, on a free port of the loopback interface.
    pub fn start() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        socket.listen(LONG_QUEUE)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket.try_clone()?.into())?;
        let addr = listener.local_addr()?;
        // One order at a time: each is awaited.
        let (orders, inbox) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(Door { socket, listener, addr, silent: false, fillers: Vec::new() }.keep(inbox));
        Ok(Self { addr, orders, _task: task })
    }

    /// Where to knock.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Falls silent, or answers again. When this returns, it does.
    pub async fn set_silent(&self, silent: bool) -> io::Result<()> {
        let ended = || io::Error::other("the listener has ended");
        let (done, answer) = oneshot::channel();
        self.orders.send(Order { silent, done }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// The listener, under both of its handles.
struct Door {
    socket: Socket,
    listener: TcpListener,
    addr: SocketAddr,
    silent: bool,
    /// Our own connections that fill the queue.
    fillers: Vec<TcpStream>,
}

impl Door {
    async fn keep(mut self, mut inbox: mpsc::Receiver<Order>) {
        loop {
            let order = tokio::select! {
                biased;
                order = inbox.recv() => order,
                // Whoever knocks needs no more than to be let in.
                _ = self.listener.accept(), if !self.silent => continue,
            };
            let Some(Order { silent, done }) = order else { return };
            let result = match (self.silent, silent) {
                (false, true) => self.close().await,
                (true, false) => self.open(),
                _ => Ok(()),
            };
            self.silent = silent;
            // Who gave the order may have given up.
            let _ = done.send(result);
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.socket.listen(0)?;
        for _ in 0..KNOCKS_MOST {
            match timeout(DROPPED_AFTER, TcpStream::connect(self.addr)).await {
                Ok(connected) => self.fillers.push(connected?),
                // Full: by us, or by probes that came in between.
                Err(_) => return Ok(()),
            }
        }
        Err(io::Error::other("the queue of a listener does not fill: this kernel keeps no backlog"))
    }

    fn open(&mut self) -> io::Result<()> {
        self.fillers.clear();
        // The next turns of `keep` take out what is in the queue.
        self.socket.listen(LONG_QUEUE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answers(target: &Target) -> bool {
        match timeout(DROPPED_AFTER, TcpStream::connect(target.addr())).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => panic!("it must never refuse: {error}"),
            Err(_) => false,
        }
    }

    #[tokio::test]
    async fn it_falls_silent_and_answers_again_as_often_as_asked() {
        let target = Target::start().unwrap();
        for _ in 0..3 {
            assert!(answers(&target).await);
            target.set_silent(true).await.unwrap();
            target.set_silent(true).await.unwrap();
            for _ in 0..3 {
                assert!(!answers(&target).await, "silent");
            }
            target.set_silent(false).await.unwrap();
            target.set_silent(false).await.unwrap();
            assert!(answers(&target).await);
        }
    }

    #[tokio::test]
    async fn it_falls_silent_also_under_knocks() {
        let target = Target::start().unwrap();
        let addr = target.addr();
        let knocking = tokio::spawn(async move {
            loop {
                drop(timeout(Duration::from_millis(20), TcpStream::connect(addr)).await);
            }
        });
        for _ in 0..3 {
            target.set_silent(true).await.unwrap();
            assert!(!answers(&target).await);
            target.set_silent(false).await.unwrap();
            assert!(answers(&target).await);
        }
        knocking.abort();
    }
}
