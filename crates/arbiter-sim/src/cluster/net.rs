//! The simulated network: each direction of each line by itself can be slow, lossy, unordered, or cut.

use super::clock::millis;
use super::dice::Dice;
use super::happening::{Happening, Waiting};
use super::tape::Tape;
use arbiter_control::Control;
use arbiter_control::transport::Transport;
use arbiter_core::ids::NodeId;
use arbiter_core::report::Parcel;
use arbiter_raft::network::{Answer, Call, PeerService, Wire, WireError};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// One direction of one line. Messages overtake each other whenever the delays differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line {
    /// Nothing passes, because of this fault.
    pub cut: Option<&'static str>,
    /// Lost, of a thousand.
    pub lost: u64,
    /// Delivered twice, of a thousand.
    pub twice: u64,
    /// More delay than usual, up to this many milliseconds.
    pub slow_ms: u64,
    /// Later than usual by exactly so many milliseconds, because of the fault `late-reports`.
    pub late_ms: u64,
}

struct Process {
    boot: u64,
    service: PeerService,
    control: Control,
}

struct Inner {
    dice: Dice,
    lines: BTreeMap<(NodeId, NodeId), Line>,
    processes: BTreeMap<NodeId, Process>,
    frozen: BTreeMap<NodeId, Instant>,
    dead_hosts: BTreeSet<NodeId>,
    /// Nodes whose disk was lost, until they are admitted again.
    unadmitted: BTreeSet<NodeId>,
}

/// The network. Clones share it.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Mutex<Inner>>,
    granted: Happening,
    tape: Tape,
}

impl Net {
    /// A network in good order.
    pub fn new(seed: u64, tape: Tape) -> Self {
        let inner = Inner {
            dice: Dice::new(seed, 1),
            lines: BTreeMap::new(),
            processes: BTreeMap::new(),
            frozen: BTreeMap::new(),
            dead_hosts: BTreeSet::new(),
            unadmitted: BTreeSet::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), granted: Happening::new(), tape }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes one direction of a line.
    pub fn line(&self, from: NodeId, to: NodeId, change: impl FnOnce(&mut Line)) {
        self.with(|inner| change(inner.lines.entry((from, to)).or_default()));
    }

    /// Nothing passes between these and those because of this fault, in both directions; or everything again.
    pub fn part(&self, these: &[NodeId], those: &[NodeId], fault: Option<&'static str>) {
        for (a, b) in these.iter().flat_map(|a| those.iter().map(move |b| (*a, *b))) {
            self.line(a, b, |line| line.cut = fault);
            self.line(b, a, |line| line.cut = fault);
        }
    }

    /// Tells who grants a vote.
    pub fn granted(&self) -> Waiting {
        self.granted.wait()
    }

    /// Every line is whole again.
    pub fn heal(&self) {
        self.with(|inner| inner.lines.clear());
    }

    /// A process is there from now on, instead of any other of its node.
    pub fn register(&self, node: NodeId, boot: u64, service: PeerService, control: Control) {
        self.with(|inner| inner.processes.insert(node, Process { boot, service, control }));
    }

    /// The process of this node is gone; what it still says reaches nobody.
    pub fn forget(&self, node: NodeId) {
        self.with(|inner| inner.processes.remove(&node));
    }

    /// Whether the host answers at all.
    pub fn host_is(&self, node: NodeId, dead: bool) {
        self.with(|inner| if dead { inner.dead_hosts.insert(node) } else { inner.dead_hosts.remove(&node) });
    }

    /// The node has lost its disk: S7 watches it from now on.
    pub fn unadmitted(&self, node: NodeId) {
        self.with(|inner| inner.unadmitted.insert(node));
    }

    /// It is admitted again.
    pub fn admitted(&self, node: NodeId) {
        self.with(|inner| inner.unadmitted.remove(&node));
    }

    /// Who is not admitted.
    pub fn waiting_for_admission(&self) -> Vec<NodeId> {
        self.with(|inner| inner.unadmitted.iter().copied().collect())
    }

    /// The process of this node stands still until then.
    pub fn freeze(&self, node: NodeId, until: Instant) {
        let (from_ms, for_ms) = (self.tape.now_ms(), millis(until - Instant::now()));
        self.tape.with(|record| record.halts.push((node, from_ms, from_ms + for_ms)));
        self.with(|inner| inner.frozen.insert(node, until));
    }

    /// Until when it stands still, if it does.
    pub fn frozen_until(&self, node: NodeId) -> Option<Instant> {
        self.with(|inner| inner.frozen.get(&node).copied().filter(|until| *until > Instant::now()))
    }

    /// Returns once the process of this node runs.
    pub async fn thawed(&self, node: NodeId) {
        while let Some(until) = self.frozen_until(node) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Whether an echo request comes back.
    pub fn ping(&self, from: NodeId, to: NodeId) -> bool {
        self.with(|inner| {
            let dead = inner.dead_hosts.contains(&to);
            !dead && inner.passes(from, to).is_ok() && inner.passes(to, from).is_ok()
        })
    }

    /// How long a message takes, or nothing if it is lost.
    fn fate(&self, from: NodeId, to: NodeId, kind: &'static str) -> Option<Duration> {
        let (fate, delay_ms) = self.with(|inner| {
            let fate = inner.passes(from, to);
            let line = inner.lines.get(&(from, to)).copied().unwrap_or_default();
            let slow_ms = if line.slow_ms > 0 { inner.dice.between(0, line.slow_ms) } else { 0 };
            let late_ms = if kind == "report" { line.late_ms } else { 0 };
            (fate, inner.dice.between(1, 4) + slow_ms + late_ms)
        });
        self.tape.mix((from, to, kind, fate.is_ok(), delay_ms));
        match fate {
            Ok(()) => {
                if delay_ms > 4 {
                    self.tape.landed(if delay_ms >= 8_000 { "late-reports" } else { "slow-line" });
                }
                Some(Duration::from_millis(delay_ms))
            }
            Err(fault) => {
                self.tape.landed(fault);
                None
            }
        }
    }

    fn comes_twice(&self, from: NodeId, to: NodeId) -> bool {
        let twice = self.with(|inner| {
            let permille = inner.lines.get(&(from, to)).map_or(0, |line| line.twice);
            permille > 0 && inner.dice.chance(permille)
        });
        if twice {
            self.tape.landed("duplicates");
        }
        twice
    }

    fn runs(&self, node: NodeId, boot: u64) -> bool {
        self.with(|inner| inner.processes.get(&node).is_some_and(|process| process.boot == boot))
    }

    fn service(&self, node: NodeId) -> Option<PeerService> {
        self.with(|inner| inner.processes.get(&node).map(|process| process.service.clone()))
    }

    /// The way to the control loop of this node's process.
    pub fn control(&self, node: NodeId) -> Option<Control> {
        self.with(|inner| inner.processes.get(&node).map(|process| process.control.clone()))
    }
}

impl Inner {
    fn passes(&mut self, from: NodeId, to: NodeId) -> Result<(), &'static str> {
        let line = self.lines.get(&(from, to)).copied().unwrap_or_default();
        match line.cut {
            Some(fault) => Err(fault),
            None if line.lost > 0 && self.dice.chance(line.lost) => Err("loss"),
            None => Ok(()),
        }
    }
}

/// Raft's way to peers.
pub struct SimWire {
    /// Whose.
    pub me: NodeId,
    /// Which of its processes.
    pub boot: u64,
    /// Over which network.
    pub net: Net,
}

fn kind(call: &Call) -> &'static str {
    match call {
        Call::AppendEntries(_) => "entries",
        Call::Vote(_) => "vote",
        Call::InstallSnapshot(_) => "snapshot",
        Call::CallElection(_) => "call-election",
        Call::Formation(_) => "formation",
        Call::Found(_) => "found",
        Call::Admit(_) => "admit",
    }
}

#[async_trait]
impl Wire for SimWire {
    async fn call(
        &self,
        to: NodeId,
        _address: Option<&str>,
        call: Call,
        deadline: Duration,
    ) -> Result<Answer, WireError> {
        let (give, take) = oneshot::channel();
        let (me, boot, net) = (self.me, self.boot, self.net.clone());
        // What has left happens, whatever becomes of the caller.
        tokio::spawn(async move {
            net.thawed(me).await;
            if !net.runs(me, boot) {
                return;
            }
            let name = kind(&call);
            let Some(delay) = net.fate(me, to, name) else { return };
            tokio::time::sleep(delay).await;
            net.thawed(to).await;
            let Some(service) = net.service(to) else {
                drop(give.send(Err(WireError::Unreachable("nobody listens there".to_owned()))));
                return;
            };
            if net.comes_twice(me, to) {
                let (again, service, net) = (call.clone(), service.clone(), net.clone());
                let Some(delay) = net.fate(me, to, "again") else { return };
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    drop(service.answer(again).await);
                });
            }
            let answer = service.answer(call).await;
            if name == "vote" {
                super::invariants::s7::votes(&net.tape, to, answer.as_ref());
                if let Ok(Answer::Peer(reply)) = &answer
                    && super::invariants::s7::grants(&reply.payload)
                {
                    net.granted.happens(to);
                }
            }
            if net.with(|inner| inner.unadmitted.contains(&to)) {
                super::invariants::s7::judge(&net.tape, to, name, answer.as_ref());
            }
            net.thawed(to).await;
            let Some(delay) = net.fate(to, me, name) else { return };
            tokio::time::sleep(delay).await;
            net.thawed(me).await;
            drop(give.send(answer));
        });
        let limit = Instant::now() + deadline;
        if let Ok(Ok(answer)) = tokio::time::timeout_at(limit, take).await {
            return answer;
        }
        tokio::time::sleep_until(limit).await;
        Err(WireError::Timeout(deadline))
    }
}

/// The reports' way to peers.
pub struct SimTransport {
    /// Whose.
    pub me: NodeId,
    /// Which of its processes.
    pub boot: u64,
    /// Over which network.
    pub net: Net,
}

impl Transport for SimTransport {
    fn offer(&self, to: NodeId, parcel: Parcel) {
        let (me, boot, net) = (self.me, self.boot, self.net.clone());
        if !net.runs(me, boot) {
            return;
        }
        let Some(delay) = net.fate(me, to, "report") else { return };
        let again = net.comes_twice(me, to);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            net.thawed(to).await;
            for _ in 0..=u8::from(again) {
                net.control(to).map(|control| control.deliver(parcel.clone()));
            }
        });
    }
}
