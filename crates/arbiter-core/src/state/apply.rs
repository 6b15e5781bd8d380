//! `apply`: one committed entry at a time. Deterministic and total: it never fails, it refuses.

use super::{ClusterState, Event, Member, Office, Pause};
use crate::command::{Applied, Command, EntryId, Mode, Proposal, Refusal, Stamp};
use crate::ids::{ClusterId, Incarnation, LogIndex, NodeId};
use crate::planted::{Bug, planted};
use crate::policy::Policy;
use crate::time::UnixMs;
use std::sync::Arc;

type Answer = Result<Applied, Refusal>;

impl ClusterState {
    /// Applies one committed entry.
    pub fn apply(&mut self, at: EntryId, proposal: &Proposal) -> Applied {
        self.applied = at;
        match self.dispatch(at, proposal) {
            Ok(applied) => applied,
            Err(refusal) => Applied::Refused(refusal),
        }
    }

    /// Notes an entry that carries no command: Raft's own.
    pub const fn skip(&mut self, at: EntryId) {
        self.applied = at;
    }

    fn dispatch(&mut self, at: EntryId, proposal: &Proposal) -> Answer {
        let wall_ms = proposal.wall_ms;
        match &proposal.command {
            Command::Form { cluster_id, policy, members, mode } => {
                self.form(cluster_id, policy, members, *mode)?;
                self.remember(at, wall_ms, Event::Formed { cluster_id: cluster_id.clone() });
                Ok(Applied::Accepted)
            }
            _ if self.cluster_id.is_none() => Err(Refusal::NotFormed),
            Command::Admit { node, incarnation } => self.admit(at, wall_ms, *node, *incarnation),
            Command::Readmit { node, incarnation, by } => {
                self.readmit(*node, *incarnation)?;
                self.remember(at, wall_ms, Event::Readmitted { by: by.clone(), node: *node });
                Ok(Applied::Accepted)
            }
            Command::HandOver { to, by } => {
                self.remember(at, wall_ms, Event::HandoverAsked { by: by.clone(), to: *to });
                Ok(Applied::Accepted)
            }
            Command::Member { node, step, by } => self.member_step(at, wall_ms, *node, *step, by),
            Command::BeginEpoch { node } => self.begin_epoch(at, wall_ms, *node),
            Command::Intents(batch) => {
                self.advance(at, wall_ms, batch.stamp)?;
                self.apply_intents(at, wall_ms, batch)
            }
            Command::Outcomes { stamp, outcomes } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_outcomes(at, wall_ms, outcomes)
            }
            Command::Settle { stamp, intents } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_settle(at, wall_ms, intents)
            }
            Command::Adopt { stamp, route, path, reason } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_adopt(at, wall_ms, route, path, reason)
            }
            Command::CloseSlot { stamp, gateway, ending, evidence } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_close_slot(at, wall_ms, gateway, *ending, evidence)
            }
            Command::Follow { stamp, preferences } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_follow(at, wall_ms, preferences)
            }
            Command::Note { stamp, note } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_note(at, wall_ms, note)
            }
            Command::Tick { stamp } => {
                self.advance(at, wall_ms, *stamp)?;
                Ok(Applied::Accepted)
            }
            Command::RaiseRules { stamp, version, supported_by } => {
                self.advance(at, wall_ms, *stamp)?;
                self.raise_rules(at, wall_ms, *version, supported_by)
            }
            Command::Operator { stamp, request, by, operation } => {
                self.advance(at, wall_ms, *stamp)?;
                self.apply_operator(at, wall_ms, request, by, operation)
            }
        }
    }

    fn form(
        &mut self,
        cluster_id: &ClusterId,
        policy: &Policy,
        members: &[(NodeId, Incarnation)],
        mode: Mode,
    ) -> Result<(), Refusal> {
        if let Some(formed) = &self.cluster_id {
            return Err(Refusal::AlreadyFormed(formed.clone()));
        }
        self.cluster_id = Some(cluster_id.clone());
        self.rules_version = 1;
        self.policy = Arc::new(policy.clone());
        self.policy_version.0 = 1;
        self.members = members.iter().map(|(node, disk)| (*node, Member::with(*disk))).collect();
        self.formed_at = self.log_now();
        self.overrides.mode = mode;
        Ok(())
    }

    /// The epoch is this entry's index. Log time goes on from where the last epoch's entries left it: the time
    /// without a leader does not count.
    fn begin_epoch(&mut self, at: EntryId, wall_ms: UnixMs, node: NodeId) -> Answer {
        if node != at.node {
            return Err(Refusal::ForeignEntry);
        }
        let began = self.log_now();
        let epoch = Self::epoch_of(at.index);
        if planted(Bug::DoubtsForgotten) {
            self.unsettled.clear();
        }
        if planted(Bug::SlotForgotten) || planted(Bug::RestartForgotten) {
            self.slot = None;
        }
        if planted(Bug::RestartForgotten) {
            self.instances.clear();
        }
        if planted(Bug::BudgetForgotten) {
            self.instances.values_mut().for_each(|record| record.stops.clear());
        }
        self.office = Office { epoch, term: at.term, node, began, elapsed_ms: 0, last_intent: 0 };
        self.remember(at, wall_ms, Event::EpochBegan { node });
        Ok(Applied::Accepted)
    }

    /// Checks that an entry is of the leader in office, advances log time, and ends what has run out.
    fn advance(&mut self, at: EntryId, wall_ms: UnixMs, stamp: Stamp) -> Result<(), Refusal> {
        let current = stamp.epoch == self.office.epoch || planted(Bug::StaleEpochAccepted);
        if !current || self.office.epoch.0 == 0 {
            return Err(Refusal::StaleEpoch { named: stamp.epoch, current: self.office.epoch });
        }
        let of_the_leader = at.term == self.office.term && at.node == self.office.node;
        if !of_the_leader && !planted(Bug::ForeignEntryAccepted) && !planted(Bug::StaleEpochAccepted) {
            return Err(Refusal::ForeignEntry);
        }
        self.office.elapsed_ms = self.office.elapsed_ms.max(stamp.elapsed_ms);
        if planted(Bug::WallClockCounts) {
            let first = self.history.front().map_or(wall_ms, |entry| entry.wall_ms);
            let by_wall_ms = wall_ms.since_ms(first).saturating_sub(self.office.began.0);
            self.office.elapsed_ms = self.office.elapsed_ms.max(by_wall_ms);
        }
        let now = self.log_now();
        let over = |pause: &Pause| pause.until.is_some_and(|until| until <= now);
        if self.overrides.pause.as_ref().is_some_and(over)
            && let Some(pause) = self.overrides.pause.take()
        {
            self.remember(at, wall_ms, Event::PauseExpired { reason: pause.reason });
        }
        self.expire_restart(at, wall_ms);
        Ok(())
    }

    fn raise_rules(&mut self, at: EntryId, wall_ms: UnixMs, version: u32, supported_by: &[NodeId]) -> Answer {
        if let Some(lacking) = self.remaining().find(|node| !supported_by.contains(node)) {
            return Err(Refusal::Other(format!("node {lacking} does not support rules version {version}")));
        }
        if version != self.rules_version.saturating_add(1) {
            return Err(Refusal::Other(format!(
                "rules version {version} does not follow {}",
                self.rules_version
            )));
        }
        self.rules_version = version;
        self.remember(at, wall_ms, Event::RulesRaised { version });
        Ok(Applied::Accepted)
    }

    /// The index of the newest entry that was applied.
    pub const fn applied_index(&self) -> LogIndex {
        self.applied.index
    }
}
