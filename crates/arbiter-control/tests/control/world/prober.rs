//! Probes whose states the test sets.

use arbiter_control::clock::Clock;
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::ProbeId;
use arbiter_core::policy::Probe;
use arbiter_core::probe::ProbeStatus;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::sync::watch;

pub struct WorldProber {
    clock: Arc<dyn Clock>,
    wanted: Mutex<BTreeMap<ProbeId, Verdict>>,
    states: Mutex<BTreeMap<ProbeId, ProbeStatus>>,
    transitions: watch::Sender<u64>,
}

impl WorldProber {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let transitions = watch::Sender::new(0);
        Self { clock, wanted: Mutex::default(), states: Mutex::default(), transitions }
    }

    /// The probe changes to this state now. A probe that was never set is up.
    pub fn set(&self, probe: &str, state: Verdict) {
        let id = ProbeId::from(probe);
        self.wanted.lock().expect("whole").insert(id.clone(), state);
        let mut states = self.states.lock().expect("whole");
        if let Some(status) = states.get_mut(&id).filter(|status| status.state != state) {
            status.state = state;
            status.since = self.clock.now();
            self.transitions.send_modify(|count| *count += 1);
        }
    }

    /// The probe can't be sent any more, for this reason.
    pub fn breaks(&self, probe: &str, why: &str) {
        if let Some(status) = self.states.lock().expect("whole").get_mut(&ProbeId::from(probe)) {
            status.last_error = Some(why.to_owned());
        }
        self.set(probe, Verdict::Down);
    }

    /// Probes begin anew, as in a process that has just started.
    pub fn restart(&self) {
        self.states.lock().expect("whole").clear();
    }
}

impl Prober for WorldProber {
    fn set_probes(&self, probes: Vec<Probe>) {
        let mut states = self.states.lock().expect("whole");
        let wanted = self.wanted.lock().expect("whole");
        states.retain(|id, _| probes.iter().any(|probe| probe.id == *id));
        for probe in probes {
            let state = wanted.get(&probe.id).copied().unwrap_or(Verdict::Up);
            let since = self.clock.now();
            states.entry(probe.id).or_insert_with(|| ProbeStatus { state, since, ..ProbeStatus::default() });
        }
        self.transitions.send_modify(|count| *count += 1);
    }

    fn transitions(&self) -> watch::Receiver<u64> {
        self.transitions.subscribe()
    }

    fn snapshot(&self) -> BTreeMap<ProbeId, ProbeStatus> {
        self.states.lock().expect("whole").clone()
    }
}
