//! A replicated log without Raft: one list of entries, applied by the real `ClusterState::apply` on every node.
//!
//! It is as unkind as Raft may be: an answer can be late, or lost although the entry is committed; a proposal can
//! vanish; a leader can be cut off and not know it.

use arbiter_control::consensus::{Consensus, ProposeError, Role, View};
use arbiter_core::command::{Applied, Command, EntryId, Proposal};
use arbiter_core::ids::{LogIndex, NodeId, Term};
use arbiter_core::state::ClusterState;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// One fsync and a round trip.
pub const COMMIT_MS: u64 = 5;

/// What becomes of one proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Committed after so many milliseconds, and answered.
    Commits { after_ms: u64 },
    /// Committed after so many milliseconds; the proposer is told nothing.
    Unanswered { after_ms: u64 },
    /// Never committed; the proposer is told nothing.
    Lost,
    /// Refused at once, although the view says that this node leads.
    NotLeader,
}

/// One committed entry.
#[derive(Debug, Clone)]
pub struct Committed {
    pub when: Instant,
    pub at: EntryId,
    pub command: Command,
}

type Judge = Box<dyn FnMut(NodeId, &Command) -> Option<Fate> + Send>;

struct Member {
    state: ClusterState,
    shown: watch::Sender<Arc<ClusterState>>,
    changes: watch::Sender<u64>,
    /// The leader that it believes in, and that leader's term.
    believes: (Option<NodeId>, Term),
    /// Since when it has been out of reach of the leader, or as a leader of a quorum.
    silent_since: Option<Instant>,
    cut: bool,
    disk_slow_ms: Option<u64>,
}

struct Inner {
    entries: Vec<(Instant, EntryId, Proposal)>,
    /// Who proposed when, committed or not.
    proposed: Vec<(Instant, NodeId, Command)>,
    /// How often each node's loop has asked for its view: once a step.
    views: BTreeMap<NodeId, u64>,
    /// Committed right behind the next intents, before anybody learns of them.
    chaser: Option<Command>,
    members: BTreeMap<NodeId, Member>,
    leader: Option<NodeId>,
    term: Term,
    judge: Option<Judge>,
    campaigns: Vec<NodeId>,
    handovers: Vec<(NodeId, NodeId)>,
}

/// The log and everybody's part in it.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Inner>>);

impl Log {
    pub fn new(nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let member = |id| {
            let state = ClusterState::default();
            let shown = watch::Sender::new(Arc::new(state.clone()));
            let member = Member {
                state,
                shown,
                changes: watch::Sender::new(0),
                believes: (None, Term(0)),
                silent_since: Some(Instant::now()),
                cut: false,
                disk_slow_ms: None,
            };
            (id, member)
        };
        Self(Arc::new(Mutex::new(Inner {
            entries: Vec::new(),
            proposed: Vec::new(),
            views: BTreeMap::new(),
            chaser: None,
            members: nodes.into_iter().map(member).collect(),
            leader: None,
            term: Term(0),
            judge: None,
            campaigns: Vec::new(),
            handovers: Vec::new(),
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().expect("no test panics while holding it"))
    }

    /// Decides the fate of proposals from now on; `None` commits as usual.
    pub fn judge(&self, judge: impl FnMut(NodeId, &Command) -> Option<Fate> + Send + 'static) {
        self.with(|inner| inner.judge = Some(Box::new(judge)));
    }

    pub fn judge_no_more(&self) {
        self.with(|inner| inner.judge = None);
    }

    /// A node wins an election, in a new term.
    pub fn elect(&self, node: NodeId) {
        self.with(|inner| {
            inner.term.0 += 1;
            inner.leader = Some(node);
            inner.tell();
        });
    }

    /// How long its disk takes, if that is long.
    pub fn set_disk(&self, node: NodeId, slow_ms: Option<u64>) {
        self.with(|inner| inner.members.get_mut(&node).expect("known").disk_slow_ms = slow_ms);
    }

    /// This node's Raft is cut off from everybody's. A leader goes on thinking that it leads.
    pub fn cut(&self, node: NodeId) {
        self.with(|inner| {
            let member = inner.members.get_mut(&node).expect("known");
            member.cut = true;
            member.silent_since.get_or_insert_with(Instant::now);
            if inner.leader == Some(node) {
                inner.leader = None;
            }
            inner.tell();
        });
    }

    /// The line to it is whole again: it learns what it has missed.
    pub fn mend(&self, node: NodeId) {
        self.with(|inner| {
            inner.members.get_mut(&node).expect("known").cut = false;
            inner.tell();
            inner.deliver();
        });
    }

    pub fn entries(&self) -> Vec<Committed> {
        let committed = |(when, at, proposal): &(Instant, EntryId, Proposal)| Committed {
            when: *when,
            at: *at,
            command: proposal.command.clone(),
        };
        self.with(|inner| inner.entries.iter().map(committed).collect())
    }

    pub fn commands(&self) -> Vec<Command> {
        self.entries().into_iter().map(|entry| entry.command).collect()
    }

    /// When this node proposed what, whatever became of it.
    pub fn proposed_by(&self, node: NodeId) -> Vec<(Instant, Command)> {
        let own =
            |(at, by, command): &(Instant, NodeId, Command)| (*by == node).then(|| (*at, command.clone()));
        self.with(|inner| inner.proposed.iter().filter_map(own).collect())
    }

    /// How many steps this node's loop has taken.
    pub fn steps(&self, node: NodeId) -> u64 {
        self.with(|inner| inner.views.get(&node).copied().unwrap_or(0))
    }

    /// This command is committed right behind the next intents.
    pub fn chase(&self, command: Command) {
        self.with(|inner| inner.chaser = Some(command));
    }

    pub fn leader(&self) -> Option<NodeId> {
        self.with(|inner| inner.leader)
    }

    pub fn campaigns(&self) -> Vec<NodeId> {
        self.with(|inner| inner.campaigns.clone())
    }

    pub fn handovers(&self) -> Vec<(NodeId, NodeId)> {
        self.with(|inner| inner.handovers.clone())
    }

    /// The state as the furthest node has applied it.
    pub fn state(&self) -> ClusterState {
        self.with(|inner| {
            let newest = inner.members.values().max_by_key(|member| member.state.applied.index);
            newest.expect("there are members").state.clone()
        })
    }

    /// Commits an entry as its leader, without asking any loop.
    pub fn commit(&self, command: Command) -> Applied {
        self.with(|inner| {
            let node = inner.leader.expect("somebody leads");
            let wall_ms = arbiter_core::time::UnixMs(0);
            inner.append(node, Proposal { wall_ms, command }).1
        })
    }

    pub fn handle(&self, node: NodeId) -> Arc<dyn Consensus> {
        Arc::new(Handle { node, log: self.clone() })
    }
}

impl Inner {
    fn append(&mut self, node: NodeId, proposal: Proposal) -> (EntryId, Applied) {
        let index = LogIndex(self.entries.len() as u64 + 1);
        let at = EntryId { index, term: self.term, node };
        let intents = matches!(proposal.command, Command::Intents(_));
        self.entries.push((Instant::now(), at, proposal));
        if let Some(command) = self.chaser.take_if(|_| intents) {
            let wall_ms = arbiter_core::time::UnixMs(0);
            let next = EntryId { index: LogIndex(index.0 + 1), ..at };
            self.entries.push((Instant::now(), next, Proposal { wall_ms, command }));
        }
        let mut answer = Applied::Nothing;
        self.deliver_with(|id, entry, applied| {
            if id == node && entry == at {
                answer = applied;
            }
        });
        (at, answer)
    }

    fn deliver(&mut self) {
        self.deliver_with(|_, _, _| {});
    }

    fn deliver_with(&mut self, mut answered: impl FnMut(NodeId, EntryId, Applied)) {
        for (id, member) in self.members.iter_mut().filter(|(_, member)| !member.cut) {
            let from = usize::try_from(member.state.applied.index.0).expect("short logs");
            if from >= self.entries.len() {
                continue;
            }
            for (_, at, proposal) in &self.entries[from..] {
                let applied = member.state.apply(*at, proposal);
                answered(*id, *at, applied);
            }
            member.shown.send_replace(Arc::new(member.state.clone()));
        }
    }

    /// Everybody who can be reached learns who leads.
    fn tell(&mut self) {
        let (leader, term) = (self.leader, self.term);
        for member in self.members.values_mut().filter(|member| !member.cut) {
            if leader.is_some() {
                member.silent_since = None;
                member.believes = (leader, term);
            } else {
                member.silent_since.get_or_insert_with(Instant::now);
            }
            member.changes.send_modify(|count| *count += 1);
        }
    }

    fn has_quorum(&self) -> bool {
        self.members.values().filter(|member| !member.cut).count() > self.members.len() / 2
    }
}

struct Handle {
    node: NodeId,
    log: Log,
}

impl Handle {
    /// Commits if this node still leads in that term; silence otherwise.
    fn commit(&self, term: Term, proposal: Proposal) -> Option<(EntryId, Applied)> {
        self.log.with(|inner| {
            let leads = inner.leader == Some(self.node) && inner.term == term && inner.has_quorum();
            leads.then(|| inner.append(self.node, proposal))
        })
    }
}

#[async_trait]
impl Consensus for Handle {
    async fn propose(&self, proposal: Proposal, timeout_ms: u64) -> Result<(EntryId, Applied), ProposeError> {
        let (believes, fate) = self.log.with(|inner| {
            inner.proposed.push((Instant::now(), self.node, proposal.command.clone()));
            let fate = inner.judge.as_mut().and_then(|judge| judge(self.node, &proposal.command));
            (inner.members[&self.node].believes, fate)
        });
        let (leader, term) = believes;
        let fate = fate.unwrap_or(Fate::Commits { after_ms: COMMIT_MS });
        if leader != Some(self.node) || fate == Fate::NotLeader {
            return Err(ProposeError::NotLeader { leader });
        }
        let (after_ms, answers) = match fate {
            Fate::Commits { after_ms } => (after_ms, true),
            Fate::Unanswered { after_ms } => (after_ms, false),
            Fate::Lost | Fate::NotLeader => (u64::MAX, false),
        };
        let handle = Self { node: self.node, log: self.log.clone() };
        // Raft goes on with it, also when the proposer has lost patience.
        let committing = tokio::spawn(async move {
            if after_ms == u64::MAX {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            handle.commit(term, proposal)
        });
        let unknown = ProposeError::Unknown(timeout_ms);
        let limit = Instant::now() + Duration::from_millis(timeout_ms);
        match tokio::time::timeout_at(limit, committing).await {
            Ok(Ok(Some(answer))) if answers => Ok(answer),
            _ => {
                tokio::time::sleep_until(limit).await;
                Err(unknown)
            }
        }
    }

    fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.log.with(|inner| inner.members[&self.node].shown.subscribe())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.log.with(|inner| inner.members[&self.node].changes.subscribe())
    }

    fn view(&self) -> View {
        self.log.with(|inner| {
            *inner.views.entry(self.node).or_default() += 1;
            let member = &inner.members[&self.node];
            let (leader, term) = member.believes;
            let silent_ms = member
                .silent_since
                .map_or(0, |since| u64::try_from(since.elapsed().as_millis()).expect("short tests"));
            let leads = leader == Some(self.node);
            View {
                role: if leads { Role::Leader } else { Role::Follower },
                term,
                leader,
                leader_heard_ms: (!leads).then_some(silent_ms),
                quorum_acked_ms: leads.then_some(silent_ms),
                last_log: inner.entries.len() as u64,
                applied: member.state.applied.index.0,
                voters: inner.members.keys().copied().collect::<BTreeSet<_>>(),
                learners: BTreeSet::new(),
                disk_slow_ms: member.disk_slow_ms,
                ..View::default()
            }
        })
    }

    fn campaign(&self) {
        let wins = self.log.with(|inner| {
            inner.campaigns.push(self.node);
            inner.has_quorum() && !inner.members[&self.node].cut
        });
        if wins {
            self.log.elect(self.node);
        }
    }

    async fn hand_over(&self, to: NodeId) -> Result<(), String> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.log.with(|inner| inner.handovers.push((self.node, to)));
        self.log.elect(to);
        Ok(())
    }
}
