//! The one task that drives all probes.

use crate::clients::Clients;
use crate::forwarding::look;
use crate::icmp::{Ended, ping};
use crate::ipsec::ask;
use crate::prober::Shared;
use crate::refusal::{Fate, Refusal};
use crate::table::{Aim, Order, RunKey};
use crate::tcp::connect;
use arbiter_core::probe::Event;
use arbiter_core::time::MonoMs;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long the task sleeps when there is nothing to do; a new set of probes wakes it.
const IDLE_MS: u64 = 60_000;

/// How a probe that was sent ended.
struct Landing {
    run: RunKey,
    seq: u64,
    fate: Fate,
    /// The ICMP socket is of no more use.
    stale: Option<Arc<Aim>>,
}

/// Sends what the machines order, tells them what came, sleeps until the earliest deadline.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    clients: Clients,
    /// Bounded by the number of probes and by how long each is listened for.
    flights: FuturesUnordered<BoxFuture<'static, Landing>>,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, clients: Clients::default(), flights: FuturesUnordered::new() }
    }

    /// Runs for ever; whoever started it aborts it.
    pub(crate) async fn run(mut self) {
        loop {
            // Answers first: a timeout that is due at the same moment as its answer is none.
            self.hear_what_has_landed();
            let now = self.shared.clock.now();
            let orders = self.shared.table().due(now);
            self.send(orders, now);
            self.shared.announce();
            self.wait().await;
        }
    }

    fn hear_what_has_landed(&mut self) {
        // No more than are there now, so that a flood of answers can't hold up the timers.
        for _ in 0..self.flights.len() {
            let Some(Some(landing)) = self.flights.next().now_or_never() else { break };
            self.land(landing);
        }
    }

    async fn wait(&mut self) {
        let now = self.shared.clock.now();
        let deadline = self.shared.table().next_deadline();
        let wait_ms = deadline.map_or(IDLE_MS, |deadline| deadline.since_ms(now));
        if wait_ms == 0 {
            // Behind time: let the tasks that read the sockets have their turn all the same.
            tokio::task::yield_now().await;
            return;
        }
        tokio::select! {
            biased;
            Some(landing) = self.flights.next(), if !self.flights.is_empty() => self.land(landing),
            () = self.shared.set_changed.notified() => {
                let wanted = self.shared.table().client_keys();
                self.clients.retain(|key| wanted.contains(key));
            }
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
        }
    }

    fn land(&mut self, landing: Landing) {
        self.shared.in_flight.store(self.flights.len(), Ordering::Relaxed);
        if let Some(Aim::Icmp(aim)) = landing.stale.as_deref() {
            self.clients.forget(&aim.key);
        }
        let seq = landing.seq;
        let event = match landing.fate {
            // The machine keeps its own timeouts.
            Fate::Silent => return,
            Fate::Answered { rtt_us } => Event::Answered { seq, rtt_us },
            Fate::Refused(Refusal::Network(error)) => Event::Failed { seq, error },
            Fate::Refused(Refusal::Ours(error)) => Event::NotSent { seq, error },
        };
        let now = self.shared.clock.now();
        let order = self.shared.table().feed(landing.run, now, event);
        self.send(order, now);
    }

    fn send(&mut self, orders: impl IntoIterator<Item = Order>, now: MonoMs) {
        for order in orders {
            self.shared.sent.fetch_add(1, Ordering::Relaxed);
            let flight = self.launch(order, now);
            self.flights.push(flight);
        }
        self.shared.in_flight.store(self.flights.len(), Ordering::Relaxed);
    }

    fn launch(&mut self, order: Order, now: MonoMs) -> BoxFuture<'static, Landing> {
        let Order { run, seq, listen_ms, aim } = order;
        let line = match &*aim {
            Aim::Icmp(icmp) => Some(self.clients.line(&icmp.key, now)),
            Aim::Tcp(_) | Aim::Ipsec(_) | Aim::Forwarding(_) => None,
        };
        async move {
            let ended = match (&*aim, line) {
                (Aim::Tcp(tcp), _) => Ended::good(connect(tcp, listen_ms).await),
                (Aim::Ipsec(ipsec), _) => Ended::good(ask(ipsec).await),
                (Aim::Forwarding(forwarding), _) => Ended::good(look(forwarding)),
                (Aim::Icmp(icmp), Some(Ok(line))) => ping(&line, icmp, listen_ms).await,
                (Aim::Icmp(_), Some(Err(refusal))) => Ended::good(Fate::Refused(refusal)),
                (Aim::Icmp(_), None) => Ended::good(Fate::Silent),
            };
            let stale = ended.socket_stale.then_some(aim);
            Landing { run, seq, fate: ended.fate, stale }
        }
        .boxed()
    }
}
