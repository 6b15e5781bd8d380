//! Probing by opening a TCP connection.

use crate::clients::scope_of;
use crate::refusal::{Fate, Refusal, Stage};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout};

/// Where and how to connect.
#[derive(Debug)]
pub(crate) struct TcpAim {
    pub(crate) target: IpAddr,
    pub(crate) port: u16,
    pub(crate) source: Option<IpAddr>,
    pub(crate) interface: Option<String>,
}

/// Opens a connection and closes it.
///
/// A refused connection is a loss: the host may be alive, but the probe asked for the service. Who wants to
/// know about the host alone uses ICMP.
pub(crate) async fn connect(aim: &TcpAim, listen_ms: u64) -> Fate {
    let mut place = SocketAddr::new(aim.target, aim.port);
    if let (SocketAddr::V6(v6), Some(scope)) = (&mut place, scope_of(aim.target, aim.interface.as_deref())) {
        v6.set_scope_id(scope);
    }
    let socket = match open(aim, place) {
        Ok(socket) => socket,
        Err(error) => {
            let doing = format!("open a TCP socket for {place}");
            return Fate::Refused(Refusal::from_io(Stage::Open, &doing, &error));
        }
    };
    let started = Instant::now();
    match timeout(Duration::from_millis(listen_ms), socket.connect(place)).await {
        Err(_) => Fate::Silent,
        Ok(Err(error)) => {
            Fate::Refused(Refusal::from_io(Stage::Send, &format!("connect to {place}"), &error))
        }
        Ok(Ok(stream)) => {
            let rtt = started.elapsed();
            // Closed by a reset: at ten a second, each polite ending would hold a port for a minute.
            // Where that fails the ending is a polite one.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            Fate::answered_after(rtt)
        }
    }
}

fn open(aim: &TcpAim, place: SocketAddr) -> io::Result<TcpSocket> {
    let socket = Socket::new(Domain::for_address(place), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(interface) = &aim.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if let Some(source) = aim.source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}
