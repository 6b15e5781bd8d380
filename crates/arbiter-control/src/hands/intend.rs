//! From wishes to intents, and what `apply` answers to them.

use super::dispatch::Errand;
use super::{Live, Turn};
use crate::arbiter::Arbiter;
use crate::consensus::ProposeError;
use crate::planted::{Bug, planted};
use crate::provider::CallKind;
use crate::tasks::Purpose;
use arbiter_core::check;
use arbiter_core::command::{
    Action, Applied, Cause, Command, EntryId, Intent, IntentBatch, Mode, Note, Refusal,
};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::IntentId;
use arbiter_core::plan::Wish;
use arbiter_core::time::{MonoMs, UnixMs};
use std::collections::BTreeSet;

/// A wish that `apply` refused is not repeated at once: each time is an entry in the log.
const REFUSED_WAIT_MS: u64 = 1_000;

/// A wish whose proposal went unanswered, or was turned down on the spot, is repeated after this long.
const UNANSWERED_WAIT_MS: u64 = 100;

/// Intents under way at most: EC2's largest bucket of mutations. `apply` takes twice as many in one entry.
const LIVE_LIMIT: usize = 50;

impl Arbiter {
    /// Wishes become intents; while the cluster observes they become advice. But what we stopped must run again,
    /// whatever an operator has set since.
    pub fn pursue(&mut self, wishes: Vec<Wish>, evidence: &Evidence, now: MonoMs) {
        let observing = self.state.overrides.mode == Mode::Observe;
        let is_start = |wish: &Wish| matches!(wish.action, Action::Start { .. });
        let (acted, advised): (Vec<_>, Vec<_>) =
            wishes.into_iter().partition(|wish| !observing || is_start(wish));
        self.advise(&advised, now);
        self.wish(acted, evidence, now);
    }

    /// A wish that is only advice is noted once, until it is no longer wished for.
    fn advise(&mut self, wishes: &[Wish], now: MonoMs) {
        let wished: BTreeSet<_> = wishes.iter().map(|wish| wish.action.resource()).collect();
        self.hands.advised.retain(|resource, _| wished.contains(resource));
        for wish in wishes {
            let Some(office) = &self.office else { return };
            let stamp = office.stamp(now);
            let (resource, advice) = (wish.action.resource(), (wish.action.clone(), wish.cause));
            if self.hands.advised.get(&resource) == Some(&advice) {
                continue;
            }
            let Some(ticket) = self.hands.turns.take(Turn::Advice(resource.clone()), now) else { continue };
            let (action, cause, reasons) = (wish.action.clone(), wish.cause, wish.reasons.clone());
            tracing::info!(?action, %cause, reasons = %reasons.join("; "), "would do, were it not observing");
            let note = Note::Advice { action, cause, reasons };
            let purpose = Purpose::Advice(resource, advice);
            self.propose(purpose, Some(ticket), Command::Note { stamp, note }, now);
        }
    }

    /// Routes go in one batch, each stop or start by itself.
    fn wish(&mut self, wishes: Vec<Wish>, evidence: &Evidence, now: MonoMs) {
        self.hands.refused.retain(|_, (_, _, until)| *until > now);
        let half_window_ms = self.policy().timing.dispatch_window_ms / 2;
        let (routes, instances): (Vec<_>, Vec<_>) = wishes
            .into_iter()
            .filter(|wish| !self.was_refused(wish))
            .partition(|wish| matches!(wish.action, Action::SetRoute { .. }));
        // What has been proposed and not yet sent will take tokens too.
        let waiting = self.hands.live.values().filter(|live| live.waits).count();
        let allowed = self.parts.provider.allowance(CallKind::Route, half_window_ms);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(waiting);
        let free = LIVE_LIMIT.saturating_sub(self.hands.live.len());
        // The plan's order is that of importance.
        let batch: Vec<_> = routes.into_iter().take(allowed.min(free)).collect();
        if !batch.is_empty() {
            self.intend(batch, evidence, now);
        }
        for wish in instances {
            let kind =
                if matches!(wish.action, Action::Stop { .. }) { CallKind::Stop } else { CallKind::Start };
            if self.parts.provider.allowance(kind, half_window_ms) > 0 {
                self.intend(vec![wish], evidence, now);
            }
        }
    }

    fn was_refused(&self, wish: &Wish) -> bool {
        let refused = self.hands.refused.get(&wish.action.resource());
        refused.is_some_and(|(action, cause, _)| *action == wish.action && *cause == wish.cause)
    }

    fn intend(&mut self, wishes: Vec<Wish>, evidence: &Evidence, now: MonoMs) {
        let Some(office) = &mut self.office else { return };
        let stamp = office.stamp(now);
        let (mut intents, mut errands) = (Vec::with_capacity(wishes.len()), Vec::with_capacity(wishes.len()));
        for wish in wishes {
            let id = office.next_intent();
            let intent = Intent { id, action: wish.action, cause: wish.cause, reasons: wish.reasons };
            // Everything that the call will need is taken from the policy that it was planned by: `apply`
            // accepts it under that one only, and W is reckoned by its times.
            let Some(errand) = Errand::new(&self.state, &intent) else { continue };
            intents.push(intent);
            errands.push(errand);
        }
        for intent in &intents {
            let (action, cause) = (&intent.action, intent.cause);
            tracing::info!(intent = %intent.id, ?action, %cause, reasons = %intent.reasons.join("; "), "intends");
            self.hands.live.insert(intent.id, Live { resource: intent.action.resource(), waits: true });
            self.hands.stages.proposed(intent, evidence, &self.state.policy, now);
        }
        if planted(Bug::SendsBeforeCommit) {
            let early: Vec<_> =
                intents.iter().filter_map(|intent| Errand::new(&self.state, intent)).collect();
            early.into_iter().for_each(|errand| self.dispatch(errand, now, self.step_wall));
        }
        let evidence =
            check::evidence_for(&self.state, evidence, intents.iter().map(|intent| &intent.action));
        let policy_version = self.state.policy_version;
        let batch = IntentBatch { stamp, policy_version, evidence, intents };
        self.propose(Purpose::Intents(errands), None, Command::Intents(Box::new(batch)), now);
    }

    pub fn intents_answered(
        &mut self,
        errands: Vec<Errand>,
        at: MonoMs,
        wall: UnixMs,
        result: Result<(EntryId, Applied), ProposeError>,
    ) {
        let now = self.now();
        let (at, wall) =
            if planted(Bug::WindowFromCommit) { (now, self.parts.clock.wall_ms()) } else { (at, wall) };
        let (entry, mut answers) = match result {
            Ok((entry, Applied::Intents(answers))) if self.is_ours(entry, &errands) => (entry.index, answers),
            Ok((_, applied)) => {
                tracing::warn!(?applied, "intents were refused as a whole");
                let until = now.plus_ms(REFUSED_WAIT_MS);
                return errands.iter().for_each(|errand| self.forget(errand, until));
            }
            Err(_) if planted(Bug::ProposesAgain) => return self.propose_again(errands, now),
            Err(error) => {
                // Perhaps committed all the same: then they show up as unsettled and get `NotSent`.
                tracing::warn!(%error, "intents went unanswered");
                let until = now.plus_ms(UNANSWERED_WAIT_MS);
                return errands.iter().for_each(|errand| self.forget(errand, until));
            }
        };
        for mut errand in errands {
            errand.call.entry = entry;
            let id = errand.call.intent;
            let found = answers.iter().position(|(answered, _)| *answered == id);
            match found.map(|index| answers.swap_remove(index).1) {
                Some(Ok(())) => {
                    self.hands.stages.committed(id, now);
                    if !planted(Bug::SendsBeforeCommit) {
                        self.dispatch(errand, at, wall);
                    }
                }
                Some(Err(Refusal::BadIntentId(_))) if planted(Bug::ProposesAgain) => {
                    self.dispatch(errand, at, wall);
                }
                Some(Err(refusal)) => self.refused(&errand, &refusal, now),
                None => self.forget(&errand, now.plus_ms(REFUSED_WAIT_MS)),
            }
        }
    }

    /// A bug that can be planted: what went unanswered is proposed again, under its id.
    fn propose_again(&mut self, errands: Vec<Errand>, now: MonoMs) {
        let Some(office) = &self.office else { return };
        let intent = |errand: &Errand| Intent {
            id: errand.call.intent,
            action: errand.call.action.clone(),
            cause: errand.cause,
            reasons: vec!["it went unanswered".to_owned()],
        };
        let (stamp, policy_version) = (office.stamp(now), self.state.policy_version);
        let intents: Vec<_> = errands.iter().map(intent).collect();
        let evidence = self.evidence(now);
        let batch = IntentBatch { stamp, policy_version, evidence, intents };
        self.propose(Purpose::Intents(errands), None, Command::Intents(Box::new(batch)), now);
    }

    /// The entry carries the term and node of our own office, and the intents are of its epoch.
    fn is_ours(&self, entry: EntryId, errands: &[Errand]) -> bool {
        let Some(office) = &self.office else { return false };
        let of_epoch = |errand: &Errand| errand.call.intent.epoch == office.epoch;
        entry.term == office.term && entry.node == self.settings.me && errands.iter().all(of_epoch)
    }

    fn refused(&mut self, errand: &Errand, refusal: &Refusal, now: MonoMs) {
        tracing::warn!(intent = %errand.call.intent, action = ?errand.call.action, %refusal, "refused");
        self.forget(errand, now.plus_ms(REFUSED_WAIT_MS));
    }

    /// Nothing is or will be sent for it; the same is not asked for again before `until`.
    fn forget(&mut self, errand: &Errand, until: MonoMs) {
        self.hands.live.remove(&errand.call.intent);
        let (action, cause) = (errand.call.action.clone(), errand.cause);
        self.hands.refused.insert(action.resource(), (action, cause, until));
    }

    /// The call has been handed to the provider, or never will be.
    pub(super) fn no_longer_waits(&mut self, id: IntentId) {
        if let Some(live) = self.hands.live.get_mut(&id) {
            live.waits = false;
        }
    }

    /// Advice that is in the log is not given again.
    pub fn advised(
        &mut self,
        resource: arbiter_core::ids::Resource,
        advice: (Action, Cause),
        result: &Result<(EntryId, Applied), ProposeError>,
    ) {
        if result.is_ok() {
            self.hands.advised.insert(resource, advice);
        }
    }
}
