//! Office: the epoch of this process, and when it may act.

use crate::arbiter::Arbiter;
use crate::consensus::Role;
use crate::message::{Answer, AskError};
use crate::tasks::{Event, Purpose, answer};
use arbiter_core::command::{Command, EntryId, Operation, Stamp};
use arbiter_core::ids::{Epoch, IntentId, NodeId, Term};
use arbiter_core::state::RULES_VERSION;
use arbiter_core::time::MonoMs;
use tokio::sync::oneshot;

/// Log time is written down at least this often, so that a new leader goes on from about where the old one was.
const TICK_EVERY_MS: u64 = 60_000;

/// Time in office of this process.
#[derive(Debug, Clone)]
pub(crate) struct Office {
    pub term: Term,
    pub epoch: Epoch,
    /// When its `BeginEpoch` was applied here: log time counts from there.
    pub began: MonoMs,
    /// The last intent number used. Never goes back, so that no id is used twice.
    pub last_number: u64,
    /// When log time was last written down.
    pub stamped: MonoMs,
}

impl Office {
    pub const fn stamp(&self, now: MonoMs) -> Stamp {
        Stamp { epoch: self.epoch, elapsed_ms: now.0.saturating_sub(self.began.0) }
    }

    pub const fn next_intent(&mut self) -> IntentId {
        self.last_number += 1;
        IntentId { epoch: self.epoch, number: self.last_number }
    }
}

impl Arbiter {
    /// Takes office or leaves it. A process that finds itself leader without an epoch of its own begins one,
    /// also when Raft resumes the leadership in the same term after a restart.
    pub fn hold_office(&mut self, now: MonoMs) {
        if self.view.role != Role::Leader {
            if let Some(office) = self.office.take() {
                tracing::warn!(epoch = office.epoch.0, "out of office");
                self.hands.leave_office();
            }
            return;
        }
        let term = self.view.term;
        if self.office.as_ref().is_some_and(|office| office.term == term) || self.state.cluster_id.is_none() {
            return;
        }
        self.office = None;
        self.hands.leave_office();
        if self.hands.begin(Purpose::BeginEpoch(term)) {
            let me = self.settings.me;
            self.propose(Purpose::BeginEpoch(term), Command::BeginEpoch { node: me }, now);
        }
    }

    pub fn epoch_began(&mut self, term: Term, entry: EntryId) {
        let now = self.now();
        if self.view.role != Role::Leader || entry.term != term || entry.node != self.settings.me {
            return;
        }
        let epoch = Epoch(entry.index.0);
        tracing::info!(epoch = epoch.0, term = term.0, "in office");
        self.office = Some(Office { term, epoch, began: now, last_number: 0, stamped: now });
        // A new leader looks before long: its picture of the provider may be a reconcile round old.
        self.next_look = now;
        self.alert_until = now.plus_ms(crate::looks::ALERT_MS);
    }

    /// Whether this process may plan and act now.
    pub fn may_act(&self, now: MonoMs) -> bool {
        let Some(office) = &self.office else { return false };
        // The state must have caught up with our own epoch: nothing is acted on before.
        let in_office = self.state.office.epoch == office.epoch;
        // A leader that is cut off still says `Leader`. It stops when its quorum has been silent for a lease.
        let backed = self.view.quorum_acked_ms.is_some_and(|ms| ms <= self.settings.lease_ms);
        in_office && backed && now >= self.handing_over_until && self.awake()
    }

    /// After a stall, and at the start, a quorum must have reported since.
    fn awake(&self) -> bool {
        // Once a quorum's newest reports are later than the waking, they stay so.
        let since = |voter: &&NodeId| self.picture.reported_since(**voter, self.woke);
        let heard = self.view.voters.iter().filter(since).count();
        heard > self.view.voters.len() / 2
    }

    /// Housekeeping of an office: log time, expiries, rules.
    pub fn keep_house(&mut self, now: MonoMs) {
        let Some(office) = &self.office else { return };
        let stamp = office.stamp(now);
        let log_now = self.state.log_at(stamp.elapsed_ms);
        let over =
            self.state.overrides.pause.as_ref().and_then(|pause| pause.until).is_some_and(|at| at <= log_now);
        let due = now.since_ms(office.stamped) >= TICK_EVERY_MS;
        if (over || due) && self.hands.begin(Purpose::Tick) {
            self.propose(Purpose::Tick, Command::Tick { stamp }, now);
        }
        if RULES_VERSION > self.state.rules_version {
            self.raise_rules(stamp, now);
        }
    }

    fn raise_rules(&mut self, stamp: Stamp, now: MonoMs) {
        let version = self.state.rules_version + 1;
        let knows =
            |node: &&NodeId| self.picture.report(**node).is_some_and(|r| r.rules_supported >= version);
        let supported_by: Vec<_> = self.state.members.keys().filter(knows).copied().collect();
        if supported_by.len() == self.state.members.len() && self.hands.begin(Purpose::RaiseRules) {
            let command = Command::RaiseRules { stamp, version, supported_by };
            self.propose(Purpose::RaiseRules, command, now);
        }
    }

    /// An operator's command: proposed as it is, by the leader in office only.
    pub fn operate(
        &mut self,
        request: String,
        by: String,
        operation: Operation,
        reply: oneshot::Sender<Result<Answer, AskError>>,
    ) {
        let now = self.now();
        let Some(office) = &self.office else {
            let leader = self.view.leader.filter(|leader| *leader != self.settings.me);
            return answer(reply, Err(AskError::NotLeader { leader }));
        };
        let stamp = office.stamp(now);
        let command = Command::Operator { stamp, request, by, operation };
        self.propose(Purpose::Operator(Some(reply)), command, now);
    }

    /// Gives the leadership away: no new intents until it has worked or has had its time.
    pub fn hand_over(&mut self, to: NodeId, reply: Option<oneshot::Sender<Result<(), AskError>>>) {
        let now = self.now();
        if now < self.handing_over_until {
            if let Some(reply) = reply {
                answer(reply, Err(AskError::Unavailable("a handover is under way".to_owned())));
            }
            return;
        }
        tracing::info!(to = to.0, "handing the leadership over");
        self.handing_over_until = now.plus_ms(self.settings.lease_ms.saturating_mul(3));
        let consensus = std::sync::Arc::clone(&self.parts.consensus);
        self.tasks.spawn(async move {
            let result = consensus.hand_over(to).await;
            Event::HandedOver { to, result, reply }
        });
    }
}
