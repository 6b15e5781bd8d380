//! Endings: outcomes of our own intents, and the settling of older epochs'.

use super::{Live, Turn};
use crate::arbiter::Arbiter;
use crate::consensus::ProposeError;
use crate::tasks::Purpose;
use arbiter_core::command::{Applied, Command, EntryId, Outcome};
use arbiter_core::ids::IntentId;
use arbiter_core::plan::Plan;
use arbiter_core::time::MonoMs;

impl Arbiter {
    /// Intents of our own epoch that were committed although their proposal went unanswered: never sent, and
    /// never to be.
    pub fn own_orphans(&mut self) {
        let Some(epoch) = self.office.as_ref().map(|office| office.epoch) else { return };
        for (id, doubt) in self.state.unsettled.iter().filter(|(id, _)| id.epoch == epoch) {
            if !self.hands.live.contains_key(id) {
                let resource = doubt.intent.action.resource();
                self.hands.live.insert(*id, Live { resource, waits: false });
                let reason = "its proposal was not answered in time".to_owned();
                self.hands.ended.push((*id, Outcome::NotSent { reason }));
            }
        }
    }

    /// Writes down how calls ended: all that have, in one entry.
    pub fn write_outcomes(&mut self, now: MonoMs) {
        let Some(office) = &self.office else { return };
        let stamp = office.stamp(now);
        if self.hands.ended.is_empty() {
            return;
        }
        let Some(ticket) = self.hands.turns.take(Turn::Outcomes, now) else { return };
        let outcomes = std::mem::take(&mut self.hands.ended);
        let command = Command::Outcomes { stamp, outcomes: outcomes.clone() };
        self.propose(Purpose::Outcomes(outcomes), Some(ticket), command, now);
    }

    pub fn outcomes_answered(
        &mut self,
        outcomes: Vec<(IntentId, Outcome)>,
        result: &Result<(EntryId, Applied), ProposeError>,
    ) {
        let in_office = |id: &IntentId| self.office.as_ref().is_some_and(|office| office.epoch == id.epoch);
        for (id, outcome) in outcomes {
            if !self.state.unsettled.contains_key(&id) {
                self.hands.live.remove(&id);
            } else if in_office(&id) {
                // Not committed, or not known to be: it is written again. That is safe: an outcome ends a doubt once.
                self.hands.ended.push((id, outcome));
            }
        }
        if !matches!(result, Ok((_, Applied::Accepted))) {
            tracing::warn!(?result, "outcomes could not be written; they are tried again");
        }
    }

    pub(super) fn settle(&mut self, plan: &Plan, now: MonoMs) {
        let Some(office) = &self.office else { return };
        let stamp = office.stamp(now);
        if plan.settle.is_empty() {
            return;
        }
        let Some(ticket) = self.hands.turns.take(Turn::Settle, now) else { return };
        tracing::info!(count = plan.settle.len(), "settling intents of older epochs: their wait is over");
        let command = Command::Settle { stamp, intents: plan.settle.clone() };
        self.propose(Purpose::Settle, Some(ticket), command, now);
    }
}
