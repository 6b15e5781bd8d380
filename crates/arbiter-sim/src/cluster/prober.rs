//! Probes of the simulated world: what they see follows from the truth and from the lines.

use super::net::Net;
use super::truth::Truth;
use arbiter_control::clock::Clock;
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::{NodeId, ProbeId};
use arbiter_core::policy::{Policy, Probe, Subject};
use arbiter_core::probe::ProbeStatus;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// How often each probe is sent. The real one goes faster after a miss; both have their verdict after about as long.
const EVERY: Duration = Duration::from_millis(40);

/// This many lost in a row are `Down`: 240 ms.
const FALL: u32 = 6;

/// This many answered in a row are `Up`.
const RISE: u32 = 5;

struct State {
    probe: Probe,
    status: ProbeStatus,
    lost: u32,
    answered: u32,
}

/// The probes of one process.
pub struct SimProber {
    me: NodeId,
    policy: Arc<Policy>,
    net: Net,
    truth: Truth,
    clock: Arc<dyn Clock>,
    states: Mutex<BTreeMap<ProbeId, State>>,
    transitions: watch::Sender<u64>,
}

impl SimProber {
    /// Starts them; they end with the last holder of what is returned.
    pub fn start(
        me: NodeId,
        policy: Arc<Policy>,
        net: Net,
        truth: Truth,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let states = Mutex::default();
        let prober =
            Arc::new(Self { me, policy, net, truth, clock, states, transitions: watch::Sender::new(0) });
        tokio::spawn(run(Arc::downgrade(&prober)));
        prober
    }

    fn answers(&self, probe: &Probe) -> bool {
        match &probe.subject {
            Subject::Gateway(id) => self.policy.gateway(id).is_some_and(|g| self.net.ping(self.me, g.node)),
            // A gateway speaks for its own tunnel.
            Subject::Path(_) => self.truth.carries(self.me),
        }
    }

    fn look(&self) {
        let now = self.clock.now();
        let mut changed = false;
        for state in self.states.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            let answered = self.answers(&state.probe);
            (state.lost, state.answered) =
                if answered { (0, state.answered + 1) } else { (state.lost + 1, 0) };
            let verdict = match state.status.state {
                _ if state.lost >= FALL => Verdict::Down,
                _ if state.answered >= RISE => Verdict::Up,
                same => same,
            };
            if verdict != state.status.state {
                (state.status.state, state.status.since, changed) = (verdict, now, true);
            }
        }
        if changed {
            self.transitions.send_modify(|count| *count += 1);
        }
    }
}

async fn run(prober: Weak<SimProber>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(prober) = prober.upgrade() else { return };
        if prober.net.frozen_until(prober.me).is_none() {
            prober.look();
        }
    }
}

impl Prober for SimProber {
    fn set_probes(&self, probes: Vec<Probe>) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.retain(|id, _| probes.iter().any(|probe| probe.id == *id));
        for probe in probes {
            let status = ProbeStatus { since: self.clock.now(), ..ProbeStatus::default() };
            states.entry(probe.id.clone()).or_insert(State { probe, status, lost: 0, answered: 0 });
        }
        drop(states);
        self.transitions.send_modify(|count| *count += 1);
    }

    fn transitions(&self) -> watch::Receiver<u64> {
        self.transitions.subscribe()
    }

    fn snapshot(&self) -> BTreeMap<ProbeId, ProbeStatus> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().map(|(id, state)| (id.clone(), state.status.clone())).collect()
    }
}
