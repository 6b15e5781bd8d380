//! One moment of the model's world: three nodes, calls under way, and what EC2 holds.

use super::bounds::{Bounds, KNOWN_MOST};
use super::clause::Habit;
use super::entry::{ACTS, Act, Id, Kind, Wish};
use super::few::Few;
use super::ledger::{BASE, Ledger, LogId};

/// How far an intent of this process has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Proposed; perhaps committed.
    #[default]
    Proposed,
    /// The last check is made, the socket not yet written to, for so many ticks.
    Checked(u8),
    /// Sent.
    Sent,
}

/// An intent that this process has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// What was proposed.
    pub wish: Wish,
    /// Its place in the log.
    pub index: u8,
    /// Ticks since `t_p` by the process's own clock, as far as it matters.
    pub age: u8,
    /// τ, as the process knew it when it proposed.
    pub window: u8,
    /// The host was stopped since `t_p`: its wall clock ran ahead.
    pub halted: bool,
    /// How far it has come.
    pub stage: Stage,
}

impl Default for Pending {
    fn default() -> Self {
        let wish = Wish { id: Id::default(), act: Act::default(), policy: 0, carried: true };
        Self { wish, index: 0, age: 0, window: 0, halted: false, stage: Stage::Proposed }
    }
}

/// A node, and the process that runs on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node {
    /// Raft's term.
    pub term: u8,
    /// It believes that it leads this term.
    pub leads: bool,
    /// Its log.
    pub log: LogId,
    /// As far as it knows it to be committed.
    pub commit: LogId,
    /// The epoch that the process has begun; 0 if none.
    pub epoch: u8,
    /// Where its `BeginEpoch` stands that is not committed yet; 0 if there is none.
    pub begin: u8,
    /// Its own intents under way.
    pub pending: Few<Pending, 4>,
    /// How many ticks it has known of each intent that is unsettled in what it knows to be committed, in that order.
    pub known: Few<(Id, u8), 4>,
}

/// A call that has been sent, and may still land, or has landed and not been answered for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Call {
    /// Its intent.
    pub id: Id,
    /// What it does.
    pub act: Act,
    /// Its intent's place in the log: later ones are newer.
    pub index: u8,
    /// Ticks since it was sent.
    pub age: u8,
    /// It has landed.
    pub landed: bool,
    /// It was sent again.
    pub again: bool,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// The nodes.
    pub nodes: [Node; 3],
    /// Calls under way, by their intents' places in the log.
    pub calls: Few<Call, 6>,
    /// The path that the route table shows, if anybody's doing depends on it.
    pub table: u8,
    /// Which gateways our stops have stopped.
    pub stopped: [bool; 2],
    /// The newest intent that was initiated, for each act by its place; 0 if nothing can be older than it any more.
    pub initiated: [u8; 8],
    /// The highest term so far.
    pub term: u8,
    /// The longest log that anybody has known to be committed.
    pub committed: LogId,
    /// A pause, or observing, was called quiet.
    pub quiet: bool,
    /// The gateway that was named then, as one whose start will still come; 0 if none.
    pub named: u8,
    /// What may still happen.
    pub left: Bounds,
}

impl World {
    /// How every world begins.
    pub fn begin(bounds: Bounds, ledger: &Ledger) -> Self {
        let facts = ledger.facts(BASE);
        let known = facts.doubts.iter().map(|doubt| (doubt.id, KNOWN_MOST)).collect();
        let node = Node { term: 1, log: BASE, commit: BASE, known, ..Node::default() };
        let mut nodes = [node; 3];
        nodes[0].leads = true;
        nodes[0].epoch = facts.epoch;
        Self {
            nodes,
            calls: Few::default(),
            table: 1,
            stopped: [false; 2],
            initiated: [0; 8],
            term: 1,
            committed: BASE,
            quiet: false,
            named: 0,
            left: bounds,
        }
    }

    /// Forgets what can't matter any more, so that worlds that differ in nothing else are one. What a habit looks at
    /// stays.
    pub fn forget(&mut self, ledger: &Ledger, habit: Option<Habit>) {
        if habit != Some(Habit::ReadBackSettles) {
            self.table = 1;
        }
        if self.left.elections == 0 {
            for node in &mut self.nodes {
                node.has_seen_the_last_election(self.term, ledger, habit);
            }
        }
        let nodes = self.nodes;
        // A call that has landed says so to the process that waits for it, and to nobody else.
        let waits =
            |call: &Call| nodes.iter().flat_map(|node| node.pending.iter()).any(|it| it.wish.id == call.id);
        self.calls.retain(|call| !call.landed || waits(call));
        self.forget_initiated(habit);
    }

    /// The newest call to a target matters only while an older one to another target may be sent, or land.
    fn forget_initiated(&mut self, habit: Option<Habit>) {
        if habit == Some(Habit::SendsOthers) {
            return;
        }
        for act in ACTS {
            let newest = self.initiated[act.place()];
            let older = |other: Act, index: u8| other.contrary() == act.place() && index < newest;
            let to_send = self.nodes.iter().flat_map(|node| node.pending.iter());
            let matters = to_send.filter(|it| it.stage != Stage::Sent).any(|it| older(it.wish.act, it.index))
                || self.calls.iter().any(|call| !call.landed && older(call.act, call.index));
            if !matters {
                self.initiated[act.place()] = 0;
            }
        }
    }
}

impl Node {
    /// There is no election to come: a node that does not lead never will. What it holds matters only while it has an
    /// intent that it may yet send, of which the leader's log may tell it that it is committed. A leader of an older
    /// term reaches nobody: every election leaves two of three nodes in the newest term. It could only still call a
    /// pause quiet. The newest leader begins no other epoch but after a restart, which forgets how long it has known of
    /// its own intents.
    fn has_seen_the_last_election(&mut self, newest: u8, ledger: &Ledger, habit: Option<Habit>) {
        let facts = ledger.facts(self.commit);
        if self.term < newest && !facts.paused && !facts.observing {
            self.leads = false;
        }
        if self.leads {
            let own = self.epoch;
            for (_, age) in self.known.iter_mut().filter(|(id, _)| id.epoch == own) {
                *age = 0;
            }
            return;
        }
        let revives = matches!(habit, Some(Habit::WindowFromCommit | Habit::SendsOthers));
        let may_send = |it: &Pending| match it.stage {
            Stage::Proposed => {
                revives || it.age <= it.window && (!it.halted || habit == Some(Habit::HaltIgnored))
            }
            Stage::Checked(_) => true,
            Stage::Sent => false,
        };
        self.pending.retain(may_send);
        (self.term, self.log, self.epoch, self.begin) = (newest, BASE, 0, 0);
        if habit != Some(Habit::SendsOthers) {
            self.known = Few::default();
            if self.pending.is_empty() {
                self.commit = BASE;
            }
        }
    }

    /// Learns that its log is committed up to `commit`.
    pub fn learns(&mut self, me: u8, commit: LogId, ledger: &Ledger) {
        assert!(ledger.is_prefix(self.commit, commit), "Raft never takes back what was committed");
        self.commit = commit;
        if self.begin != 0 && ledger.index(commit) >= self.begin {
            let entry = ledger.entry(commit, self.begin);
            let mine = entry.is_some_and(|entry| entry.node == me && entry.kind == Kind::Begin);
            if mine {
                self.epoch = self.begin;
            }
            self.begin = 0;
        }
        let before = self.known;
        let age = |id| before.iter().find(|(known, _)| *known == id).map_or(0, |(_, age)| *age);
        self.known = ledger.facts(commit).doubts.iter().map(|doubt| (doubt.id, age(doubt.id))).collect();
    }

    /// The process ends and starts again. Raft's part is durable; a leader finds itself leader of the same term.
    pub fn restarts(&mut self) {
        self.epoch = 0;
        self.begin = 0;
        self.pending = Few::default();
        for (_, age) in self.known.iter_mut() {
            *age = 0;
        }
    }

    /// A tick passes by its clock.
    pub fn ages(&mut self) {
        for (_, age) in self.known.iter_mut() {
            *age = (*age + 1).min(KNOWN_MOST);
        }
    }
}
