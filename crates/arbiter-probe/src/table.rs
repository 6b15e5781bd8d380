//! All probes of this node: their machines, and whose turn is next. No I/O.

use crate::clients::ClientKey;
use crate::forwarding::ForwardingAim;
use crate::icmp::IcmpAim;
use crate::ipsec::IpsecAim;
use crate::tcp::TcpAim;
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::ProbeId;
use arbiter_core::policy::{Probe, ProbeKind};
use arbiter_core::probe::{Effects, Event, ProbeMachine, ProbeStatus, ProbeTiming};
use arbiter_core::time::MonoMs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most probes that one node runs: four times the thousand that it is built for. What a policy names
/// beyond that stays `Unknown`, with an error that says so.
pub const MAX_PROBES: usize = 4_096;

/// Names one run of one probe. Never used twice, so that an answer to a probe that has been replaced since
/// finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunKey(u64);

/// Where and how a probe asks.
#[derive(Debug)]
pub(crate) enum Aim {
    Icmp(IcmpAim),
    Tcp(TcpAim),
    Ipsec(IpsecAim),
    Forwarding(ForwardingAim),
}

/// One probe to send now.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) run: RunKey,
    pub(crate) seq: u64,
    pub(crate) listen_ms: u64,
    pub(crate) aim: Arc<Aim>,
}

struct Run {
    probe: Probe,
    aim: Arc<Aim>,
    machine: ProbeMachine,
}

/// The probes, and the order of their deadlines.
#[derive(Default)]
pub(crate) struct Table {
    runs: BTreeMap<RunKey, Run>,
    keys: BTreeMap<ProbeId, RunKey>,
    /// One entry for each run: its machine's next deadline.
    deadlines: BTreeSet<(MonoMs, RunKey)>,
    next_key: u64,
    /// Probes beyond the bound.
    refused: BTreeSet<ProbeId>,
    /// How often any machine has changed its state.
    transitions: u64,
}

impl Table {
    /// Replaces the set. A probe that asks the same as before keeps its machine; what it is evidence about,
    /// who else observes it and whether it is required may change meanwhile.
    pub(crate) fn replace(&mut self, probes: Vec<Probe>, now: MonoMs) {
        let mut leaving = std::mem::take(&mut self.keys);
        self.refused.clear();
        for probe in probes {
            if self.keys.contains_key(&probe.id) {
                continue;
            }
            if self.keys.len() >= MAX_PROBES {
                self.refused.insert(probe.id);
                continue;
            }
            let same = leaving
                .get(&probe.id)
                .copied()
                .filter(|key| self.runs.get(key).is_some_and(|run| asks_the_same(&run.probe, &probe)));
            let key = match same {
                Some(key) => {
                    leaving.remove(&probe.id);
                    key
                }
                None => self.start(&probe, now),
            };
            self.keys.insert(probe.id, key);
        }
        for key in leaving.into_values() {
            if let Some(run) = self.runs.remove(&key) {
                self.deadlines.remove(&(run.machine.next_deadline(), key));
            }
        }
    }

    /// Hands every machine whose deadline has come its timer; says what is to be sent.
    pub(crate) fn due(&mut self, now: MonoMs) -> Vec<Order> {
        let mut orders = Vec::new();
        // Afterwards a machine's deadline lies in the future, so each gets its turn once.
        while let Some((deadline, key)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            orders.extend(self.feed(key, now, Event::Timer));
        }
        orders
    }

    /// Hands one machine an event; says what is to be sent. Nothing if that run has ended.
    pub(crate) fn feed(&mut self, key: RunKey, now: MonoMs, event: Event) -> Option<Order> {
        let run = self.runs.get_mut(&key)?;
        let before = run.machine.next_deadline();
        let was = run.machine.state();
        let Effects { send, changed } = run.machine.handle(now, event);
        let after = run.machine.next_deadline();
        if before != after {
            self.deadlines.remove(&(before, key));
            self.deadlines.insert((after, key));
        }
        if let Some(state) = changed {
            self.transitions += 1;
            tell(&run.probe, was, state, &run.machine.status());
        }
        send.map(|send| Order {
            run: key,
            seq: send.seq,
            listen_ms: send.listen_ms,
            aim: Arc::clone(&run.aim),
        })
    }

    /// When the next machine wants its timer.
    pub(crate) fn next_deadline(&self) -> Option<MonoMs> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// How often any machine has changed its state.
    pub(crate) fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Every probe as it stands.
    pub(crate) fn snapshot(&self) -> BTreeMap<ProbeId, ProbeStatus> {
        let running = self
            .keys
            .iter()
            .filter_map(|(id, key)| self.runs.get(key).map(|run| (id.clone(), run.machine.status())));
        let refused = self.refused.iter().map(|id| {
            let error = format!("not sent: the policy names more than {MAX_PROBES} probes for this node");
            (id.clone(), ProbeStatus { last_error: Some(error), ..ProbeStatus::default() })
        });
        running.chain(refused).collect()
    }

    /// The ICMP sockets that the present probes use.
    pub(crate) fn client_keys(&self) -> BTreeSet<ClientKey> {
        let icmp = self.runs.values().filter_map(|run| match &*run.aim {
            Aim::Icmp(aim) => Some(aim.key.clone()),
            Aim::Tcp(_) | Aim::Ipsec(_) | Aim::Forwarding(_) => None,
        });
        icmp.collect()
    }

    fn start(&mut self, probe: &Probe, now: MonoMs) -> RunKey {
        let key = RunKey(self.next_key);
        self.next_key += 1;
        let timing = ProbeTiming::from(probe);
        let first_send = first_send(key, now, timing.interval_ms());
        let machine = ProbeMachine::new(timing, now, first_send);
        self.deadlines.insert((machine.next_deadline(), key));
        self.runs.insert(key, Run { probe: probe.clone(), aim: Arc::new(aim_of(probe)), machine });
        key
    }
}

/// How many probes share a slot. To wake up costs more than to send, so the few probes of an ordinary node go
/// out together; and eight small packets are no volley.
const SHARE_A_SLOT: u64 = 8;

/// The first slot of a probe. Slots lie on multiples of the interval, so that probes which are added later meet
/// the others, plus an offset for each eight of them: multiples of the golden ratio fall evenly, however many
/// there are, so that a thousand probes make a steady trickle.
fn first_send(key: RunKey, now: MonoMs, interval_ms: u64) -> MonoMs {
    let fraction = (key.0 / SHARE_A_SLOT).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let offset_ms = fraction.wrapping_mul(interval_ms) >> 32;
    MonoMs(now.0.next_multiple_of(interval_ms)).plus_ms(offset_ms)
}

fn asks_the_same(one: &Probe, other: &Probe) -> bool {
    let wire = |probe: &Probe| {
        (probe.target, probe.kind.clone(), probe.source, probe.interface.clone(), ProbeTiming::from(probe))
    };
    wire(one) == wire(other)
}

fn aim_of(probe: &Probe) -> Aim {
    let (source, interface) = (probe.source, probe.interface.clone());
    match &probe.kind {
        &ProbeKind::Icmp { size_bytes, dont_fragment } => {
            let key = ClientKey { v6: probe.target.is_ipv6(), source, interface, dont_fragment };
            // A pattern rather than zeros, so that a line that garbles or compresses is not flattered.
            let payload = (0..size_bytes).map(|place| place.to_le_bytes()[0]).collect();
            Aim::Icmp(IcmpAim { key, target: probe.target, payload })
        }
        &ProbeKind::Tcp { port } => Aim::Tcp(TcpAim { target: probe.target, port, source, interface }),
        ProbeKind::Ipsec { child, socket } => Aim::Ipsec(IpsecAim::new(probe, child, socket)),
        ProbeKind::Forwarding => Aim::Forwarding(ForwardingAim::of_family(probe.target)),
    }
}

fn tell(probe: &Probe, was: Verdict, state: Verdict, status: &ProbeStatus) {
    tracing::info!(
        probe = %probe.id,
        target = %probe.target,
        from = %was,
        to = %state,
        timeout_ms = status.timeout_ms,
        loss_permille = status.loss_permille,
        error = status.last_error.as_deref(),
        "probe changed"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::ids::GatewayId;
    use arbiter_core::policy::{ProbeRole, Subject};

    const START: MonoMs = MonoMs(5_000);

    fn probe(name: &str) -> Probe {
        Probe {
            id: name.into(),
            subject: Subject::Gateway(GatewayId::from("gateway")),
            observers: Vec::new(),
            target: [127, 0, 0, 1].into(),
            kind: ProbeKind::Tcp { port: 1 },
            role: ProbeRole::Required,
            interval_ms: 100,
            fall: 2,
            rise: 1,
            timeout_min_ms: 20,
            timeout_max_ms: 500,
            source: None,
            interface: None,
        }
    }

    fn bring_up(table: &mut Table) {
        for order in table.due(START.plus_ms(100)) {
            table.feed(order.run, START.plus_ms(100), Event::Answered { seq: order.seq, rtt_us: 1 });
        }
        assert!(table.snapshot().values().all(|status| status.state == Verdict::Up));
    }

    #[test]
    fn a_probe_that_asks_the_same_keeps_its_state() {
        let mut table = Table::default();
        table.replace(vec![probe("stays"), probe("changes"), probe("goes")], START);
        bring_up(&mut table);
        let advisory = Probe { role: ProbeRole::Advisory, ..probe("stays") };
        let slower = Probe { interval_ms: 200, ..probe("changes") };
        table.replace(vec![slower, advisory, probe("new")], START.plus_ms(150));
        let states: BTreeMap<_, _> =
            table.snapshot().into_iter().map(|(id, status)| (id.to_string(), status.state)).collect();
        let expected = [("changes", Verdict::Unknown), ("new", Verdict::Unknown), ("stays", Verdict::Up)];
        assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state)).into());
        assert_eq!(table.deadlines.len(), 3, "nothing of the old ones is left");
        assert_eq!(table.runs.len(), 3);
    }

    #[test]
    fn an_answer_to_a_probe_that_was_replaced_finds_nobody() {
        let mut table = Table::default();
        table.replace(vec![probe("one")], START);
        let order = table.due(START.plus_ms(100)).pop().unwrap();
        table.replace(vec![Probe { target: [127, 0, 0, 2].into(), ..probe("one") }], START.plus_ms(101));
        table.feed(order.run, START.plus_ms(102), Event::Answered { seq: order.seq, rtt_us: 1 });
        assert!(table.snapshot().values().all(|status| status.last_answer.is_none()));
    }

    #[test]
    fn a_thousand_probes_are_a_trickle_and_no_volley() {
        let mut table = Table::default();
        table.replace((0..1_000).map(|number| probe(&format!("probe-{number}"))).collect(), START);
        let counts: Vec<_> = (0..100).map(|ms| table.due(START.plus_ms(ms)).len()).collect();
        assert_eq!(counts.iter().sum::<usize>(), 1_000);
        assert!(counts.iter().all(|count| *count <= 16), "ten a millisecond would be even: {counts:?}");
    }

    #[test]
    fn the_few_probes_of_an_ordinary_node_share_their_wake_ups() {
        let mut table = Table::default();
        table.replace(vec![probe("one"), probe("two")], START);
        let mut counts = Vec::new();
        for ms in 0..=1_200 {
            if ms == 1_037 {
                table.replace(["one", "two", "three", "four"].map(probe).to_vec(), START.plus_ms(ms));
            }
            let orders = table.due(START.plus_ms(ms));
            counts.extend((!orders.is_empty()).then_some((ms, orders.len())));
            for order in orders {
                table.feed(order.run, START.plus_ms(ms), Event::Answered { seq: order.seq, rtt_us: 1 });
            }
        }
        assert_eq!(counts[..3], [(0, 2), (100, 2), (200, 2)]);
        assert_eq!(counts[11..], [(1_100, 4), (1_200, 4)], "the new ones have joined them");
    }

    #[test]
    fn what_was_missed_is_skipped_not_bunched() {
        let mut table = Table::default();
        table.replace(vec![probe("one")], START);
        for late_ms in [1_000, 1_050, 60_000] {
            assert!(table.due(START.plus_ms(late_ms)).len() <= 1);
        }
        assert!(table.next_deadline() <= Some(START.plus_ms(60_100)));
    }

    #[test]
    fn what_exceeds_the_bound_says_so() {
        let mut table = Table::default();
        table.replace((0..=MAX_PROBES).map(|number| probe(&format!("probe-{number:05}"))).collect(), START);
        let snapshot = table.snapshot();
        assert_eq!((table.runs.len(), snapshot.len()), (MAX_PROBES, MAX_PROBES + 1));
        let last = snapshot.last_key_value().map(|(_, status)| status.clone()).unwrap();
        assert!(last.last_error.is_some_and(|error| error.contains("4096")));
    }
}
