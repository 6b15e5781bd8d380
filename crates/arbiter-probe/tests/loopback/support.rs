//! Probes, targets and waiting.

use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::{GatewayId, ProbeId};
use arbiter_core::policy::{Probe, ProbeKind, ProbeRole, Subject};
use arbiter_core::probe::ProbeStatus;
use arbiter_probe::{BoottimeClock, SocketProber, icmp_preflight};
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a condition may take on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn prober() -> SocketProber {
    SocketProber::start(Arc::new(BoottimeClock))
}

/// Asks ten times a second; Down 300 ms after the first loss; one answer makes it Up.
pub fn probe(name: &str, target: IpAddr, kind: ProbeKind) -> Probe {
    Probe {
        id: name.into(),
        subject: Subject::Gateway(GatewayId::from("gateway")),
        observers: Vec::new(),
        target,
        kind,
        role: ProbeRole::Required,
        interval_ms: 100,
        fall: 3,
        rise: 1,
        timeout_min_ms: 50,
        timeout_max_ms: 500,
        source: None,
        interface: None,
    }
}

pub fn echo(name: &str, target: &str) -> Probe {
    let kind = ProbeKind::Icmp { size_bytes: 56, dont_fragment: false };
    probe(name, target.parse().unwrap(), kind)
}

pub fn tcp(name: &str, target: SocketAddr) -> Probe {
    probe(name, target.ip(), ProbeKind::Tcp { port: target.port() })
}

/// Asks the daemon at that socket about the child SA `tunnel` with 192.0.2.1.
pub fn ipsec(name: &str, socket: &Path) -> Probe {
    let socket = socket.to_str().unwrap().to_owned();
    probe(name, [192, 0, 2, 1].into(), ProbeKind::Ipsec { child: "tunnel".to_owned(), socket })
}

/// Whether ICMP can be sent here at all. Where not, the tests of ICMP say so and end: what they would show then
/// is shown by the tests of permission.
pub fn icmp_permitted() -> bool {
    let permitted = icmp_preflight();
    if let Err(error) = &permitted {
        eprintln!("not tested here: {error}");
    }
    permitted.is_ok()
}

pub fn status(prober: &SocketProber, name: &str) -> ProbeStatus {
    prober.snapshot().remove(&ProbeId::from(name)).expect("the probe is there")
}

/// Waits until the condition holds; panics with the probes as they stand if it doesn't.
pub async fn until(prober: &SocketProber, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never saw: {what}: {:#?}", prober.snapshot());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn until_state(prober: &SocketProber, name: &str, state: Verdict) {
    until(prober, &format!("{name} {state}"), || status(prober, name).state == state).await;
}

/// A TCP service.
pub struct Service {
    listener: Socket,
    address: SocketAddr,
    fillers: Vec<TcpStream>,
}

impl Service {
    /// One that answers.
    pub fn answering() -> Self {
        let service = Self::listen(128);
        service.accept_for_ever();
        service
    }

    /// One that is silent: its queue of connections is full, so that the kernel drops every further SYN.
    pub fn silent() -> Self {
        let mut service = Self::listen(0);
        for _ in 0..16 {
            match TcpStream::connect_timeout(&service.address, Duration::from_millis(300)) {
                Ok(stream) => service.fillers.push(stream),
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => return service,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the queue of connections does not fill");
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it answers.
    pub fn accept_for_ever(&self) {
        let listener = self.listener.try_clone().unwrap();
        // It ends with the test's process.
        std::thread::spawn(move || while listener.accept().is_ok() {});
    }

    fn listen(backlog: i32) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(backlog).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        Self { listener, address, fillers: Vec::new() }
    }
}
