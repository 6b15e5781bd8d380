//! Office: the epoch of this process, and when it may act.

use crate::arbiter::Arbiter;
use crate::consensus::Role;
use crate::hands::Turn;
use crate::message::{Answer, AskError};
use crate::planted::{Bug, planted};
use crate::tasks::{Event, OPERATORS_LIMIT, Purpose, answer};
use arbiter_core::command::{Applied, Command, EntryId, Operation, Proposal, Refusal, Stamp};
use arbiter_core::ids::{Epoch, IntentId, LogIndex, NodeId, Term};
use arbiter_core::plan;
use arbiter_core::state::RULES_VERSION;
use arbiter_core::time::MonoMs;
use std::time::Duration;
use tokio::sync::oneshot;

/// Log time is written down at least this often, so that a new leader goes on from about where the old one was.
const TICK_EVERY_MS: u64 = 60_000;

/// A handover that takes longer has failed. Raft's own ends within a few leases.
const HANDOVER_LIMIT: Duration = Duration::from_secs(10);

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
        let (leads, term) = (self.view.role == Role::Leader, self.view.term);
        let current = self.state.office.epoch;
        // An epoch that another followed is over, also if this process began both: an earlier `BeginEpoch` that
        // went unanswered, say.
        let over = |office: &Office| {
            (!leads || office.term != term || current > office.epoch) && !planted(Bug::OldEpochKept)
        };
        if let Some(office) = self.office.take_if(|office| over(office)) {
            tracing::warn!(epoch = office.epoch.0, "out of office");
            self.hands.leave_office();
        }
        if !leads || self.office.is_some() || self.state.cluster_id.is_none() {
            return;
        }
        let ours = &self.state.office;
        if planted(Bug::NoNewEpoch) && (ours.term, ours.node) == (term, self.settings.me) {
            let began = MonoMs(now.0.saturating_sub(ours.elapsed_ms));
            let (epoch, last_number) = (ours.epoch, ours.last_intent);
            self.office = Some(Office { term, epoch, began, last_number, stamped: now });
            return;
        }
        if let Some(ticket) = self.hands.turns.take(Turn::BeginEpoch(term), now) {
            let command = Command::BeginEpoch { node: self.settings.me };
            self.propose(Purpose::BeginEpoch(term), Some(ticket), command, now);
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
        // A new leader looks at once: its picture of the provider may be a reconcile round old.
        self.look_now(now);
        self.alert_until = now.plus_ms(crate::looks::ALERT_MS);
    }

    /// Whether this process may write its outcomes and keep its books now.
    pub fn is_in_office(&self) -> bool {
        let Some(office) = &self.office else { return false };
        // The state must have caught up with our own epoch: nothing is acted on before.
        let leads = self.view.role == Role::Leader;
        let in_office = self.state.office.epoch == office.epoch || planted(Bug::OldEpochKept) && leads;
        // A leader that is cut off still says `Leader`. It stops when its quorum has been silent for a lease.
        let backed = self.view.quorum_acked_ms.is_some_and(|ms| ms <= self.settings.lease_ms);
        in_office && backed
    }

    /// Whether this process may plan and act now.
    pub fn may_act(&self, now: MonoMs) -> bool {
        self.is_in_office() && now >= self.handing_over_until && self.awake()
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
        let pause_over =
            self.state.overrides.pause.as_ref().and_then(|pause| pause.until).is_some_and(|at| at <= log_now);
        let restart_over = self.state.overrides.restart.as_ref().is_some_and(|asked| asked.until <= log_now);
        // The wait of a new cluster is over: written down, or the next leader would wait it out once more.
        let wait_over =
            self.state.halted(self.state.log_now()).is_some() && self.state.halted(log_now).is_none();
        let due = now.since_ms(office.stamped) >= TICK_EVERY_MS;
        if (pause_over || restart_over || wait_over || due)
            && let Some(ticket) = self.hands.turns.take(Turn::Tick, now)
        {
            self.propose(Purpose::House, Some(ticket), Command::Tick { stamp }, now);
        }
        if RULES_VERSION > self.state.rules_version {
            self.raise_rules(stamp, now);
        }
    }

    fn raise_rules(&mut self, stamp: Stamp, now: MonoMs) {
        let version = self.state.rules_version + 1;
        let knows =
            |node: &&NodeId| self.picture.report(**node).is_some_and(|r| r.rules_supported >= version);
        let supported_by: Vec<_> = self.state.remaining().filter(|node| knows(&node)).collect();
        if supported_by.len() == self.state.remaining().count()
            && let Some(ticket) = self.hands.turns.take(Turn::RaiseRules, now)
        {
            let command = Command::RaiseRules { stamp, version, supported_by };
            self.propose(Purpose::House, Some(ticket), command, now);
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
        if self.operators >= OPERATORS_LIMIT {
            let why = format!("{OPERATORS_LIMIT} commands are under way already: there may be no quorum");
            return answer(reply, Err(AskError::Unavailable(why)));
        }
        let stamp = office.stamp(now);
        let command = Command::Operator { stamp, request, by, operation };
        if let Some(refusal) = self.objection(&command, now) {
            return answer(reply, Ok(self.unproposed(Applied::Refused(refusal))));
        }
        self.operators += 1;
        self.propose(Purpose::Operator(reply), None, command, now);
    }

    /// Why a command is not even proposed, if it is not: what hinders it is in what is seen, and not in the state.
    fn objection(&self, command: &Command, now: MonoMs) -> Option<Refusal> {
        let (at, proposal) = self.as_entry(command);
        let evidence = self.evidence(now);
        self.with_situation(&evidence, now, |situation| plan::objection(situation, at, &proposal))
    }

    /// The entry that a command would be, were it proposed now.
    fn as_entry(&self, command: &Command) -> (EntryId, Proposal) {
        let office = &self.state.office;
        let index = LogIndex(self.state.applied.index.0 + 1);
        let at = EntryId { index, term: office.term, node: office.node };
        (at, Proposal { wall_ms: self.parts.clock.wall_ms(), command: command.clone() })
    }

    /// The answer to a command that is not in the log.
    fn unproposed(&self, applied: Applied) -> Answer {
        let start_to_come = self.state.start_to_come().cloned();
        Answer { entry: None, applied, quiet: self.state.is_quiet(), start_to_come }
    }

    /// Gives the leadership away: no new intents until it has worked or has had its time.
    pub fn hand_over(&mut self, to: NodeId, reply: Option<oneshot::Sender<Result<(), AskError>>>) {
        let now = self.now();
        let refusal = if now < self.handing_over_until {
            Some("a handover is under way already".to_owned())
        } else if to == self.settings.me || !self.view.voters.contains(&to) {
            Some(format!("{} is not another voter", self.policy().node_name(to)))
        } else {
            None
        };
        if let Some(why) = refusal {
            if let Some(reply) = reply {
                answer(reply, Err(AskError::Refused(why)));
            }
            return;
        }
        tracing::info!(to = to.0, "handing the leadership over");
        self.handing_over_until = now.plus_ms(self.settings.lease_ms.saturating_mul(3));
        self.handing_over_to = Some(to);
        // The others must hear of it before they hear the silence.
        self.report_now = true;
        let consensus = std::sync::Arc::clone(&self.parts.consensus);
        self.tasks.spawn(async move {
            let handover = tokio::time::timeout(HANDOVER_LIMIT, consensus.hand_over(to));
            let late = |_| Err(format!("not within {} s", HANDOVER_LIMIT.as_secs()));
            let result = handover.await.unwrap_or_else(late);
            Event::HandedOver { to, result, reply }
        });
    }
}
