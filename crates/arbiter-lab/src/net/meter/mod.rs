//! The outage meter: a packet every 5 ms, in both directions, between each private host and the on-premises host.
//!
//! All sockets are the lab's own, opened inside the hosts' namespaces, so sender and receiver share one clock. An
//! interruption is judged by the times at which packets were *sent*: a meter that is late for want of a processor delays
//! packets, and counts nothing as lost that arrives.

mod ledger;

pub(super) use ledger::Outage;

use super::machine::Pids;
use super::topology::{Host, SIDES};
use anyhow::Context;
use ledger::Ledger;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

/// Time between two packets of a stream.
const EVERY: Duration = Duration::from_millis(5);
/// A packet that has not arrived after this is lost: the longest way takes some milliseconds, on a busy machine tens.
const SETTLED: Duration = Duration::from_millis(300);
/// The first port; each pair of hosts has its own.
const PORT: u16 = 9_000;

/// From where to where a stream goes, for people and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Direction {
    /// The sender.
    pub from: &'static str,
    /// The receiver.
    pub to: &'static str,
}

/// How every stream fared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Outages(pub Vec<StreamOutage>);

/// How one stream fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct StreamOutage {
    /// Which.
    #[serde(flatten)]
    pub direction: Direction,
    /// How.
    #[serde(flatten)]
    pub outage: Outage,
}

impl Outages {
    /// The outage from one host to another.
    pub fn between(&self, from: Host, to: Host) -> Option<Outage> {
        let wanted = Direction { from: from.name(), to: to.name() };
        self.0.iter().find(|stream| stream.direction == wanted).map(|stream| stream.outage)
    }
}

type SharedLedger = Arc<Mutex<Ledger>>;

/// Measures until it is dropped.
#[derive(Debug)]
pub(super) struct Meter {
    streams: BTreeMap<Direction, SharedLedger>,
    _tasks: JoinSet<()>,
}

impl Meter {
    /// Begins to measure between hosts that are on.
    pub fn start(pids: &Pids) -> anyhow::Result<Self> {
        let (mut streams, mut tasks) = (BTreeMap::new(), JoinSet::new());
        for (port, side) in (PORT..).zip(&SIDES) {
            let (private, site) = (side.private, Host::OnPremises);
            let at = |host: Host| -> anyhow::Result<SocketAddr> {
                Ok(format!("{}:{port}", host.address()).parse()?)
            };
            let (near, far) = (at(private)?, at(site)?);
            let near_socket = Arc::new(socket_in(pids, private, near, far)?);
            let far_socket = Arc::new(socket_in(pids, site, far, near)?);
            for (from, to, sender, receiver) in
                [(private, site, &near_socket, &far_socket), (site, private, &far_socket, &near_socket)]
            {
                let ledger = SharedLedger::default();
                tasks.spawn(send(Arc::clone(sender), Arc::clone(&ledger)));
                tasks.spawn(receive(Arc::clone(receiver), Arc::clone(&ledger)));
                streams.insert(Direction { from: from.name(), to: to.name() }, ledger);
            }
        }
        Ok(Self { streams, _tasks: tasks })
    }

    /// Now, by the meter's clock: to begin a measurement with.
    pub fn now_us(&self) -> u64 {
        now_us()
    }

    /// How all streams fared since `from_us`; waits until what was sent till now has arrived, or is lost.
    pub async fn since(&self, from_us: u64) -> Outages {
        let until_us = now_us();
        sleep(SETTLED).await;
        self.within(from_us, until_us)
    }

    /// How all streams fared in the last while, for a look that must not wait.
    pub fn lately(&self, how_long: Duration) -> Outages {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let until_us = now_us().saturating_sub(us(SETTLED));
        self.within(until_us.saturating_sub(us(how_long)), until_us)
    }

    fn within(&self, from_us: u64, until_us: u64) -> Outages {
        let outage = |ledger: &SharedLedger| open(ledger).outage(from_us, until_us);
        let streams = self.streams.iter();
        Outages(
            streams
                .map(|(direction, ledger)| StreamOutage { direction: *direction, outage: outage(ledger) })
                .collect(),
        )
    }
}

fn open(ledger: &SharedLedger) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Microseconds of a clock that never stands still or jumps.
fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000).saturating_add(nanos.unwrap_or(0) / 1_000)
}

/// A socket inside a host's network namespace. A thread of its own goes there and never comes back: a socket stays where
/// it was made, whoever uses it.
fn socket_in(pids: &Pids, host: Host, at: SocketAddr, to: SocketAddr) -> anyhow::Result<UdpSocket> {
    let pid = pids.of(host).with_context(|| format!("{host} is off"))?;
    let make = move || -> anyhow::Result<std::net::UdpSocket> {
        let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let socket = std::net::UdpSocket::bind(at)?;
        socket.connect(to)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let made = std::thread::spawn(make).join().map_err(|_| anyhow::anyhow!("a thread has died"))?;
    let made = made.with_context(|| format!("the meter can't open a socket on {host}"))?;
    Ok(UdpSocket::from_std(made)?)
}

async fn send(socket: Arc<UdpSocket>, ledger: SharedLedger) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        let number = open(&ledger).send(now_us());
        // Refused by the network on the way: then it is lost, and counts as such.
        let _ = socket.send(&number.to_be_bytes()).await;
    }
}

async fn receive(socket: Arc<UdpSocket>, ledger: SharedLedger) {
    let mut number = [0; 8];
    loop {
        // An error is an unreachable that came back for a packet that we sent: nothing has arrived.
        if let Ok(8) = socket.recv(&mut number).await {
            open(&ledger).arrive(u64::from_be_bytes(number));
        }
    }
}
