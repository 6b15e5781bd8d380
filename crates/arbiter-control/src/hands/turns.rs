//! Turns: of some proposals one at a time is enough, and one that had no effect is not repeated at full speed.

use crate::consensus::ProposeError;
use arbiter_core::command::{Applied, EntryId};
use arbiter_core::ids::{Resource, RouteId, Term};
use arbiter_core::time::MonoMs;
use std::collections::BTreeMap;

/// A proposal that went unanswered is repeated after this long: an instant "not the leader" must not become a loop.
const UNANSWERED_WAIT_MS: u64 = 100;

/// A proposal that `apply` refused is repeated after this long: each time is an entry in the log.
const REFUSED_WAIT_MS: u64 = 1_000;

/// Adoptions and notes under way at once. A first start adopts a thousand routes; Raft takes 128 proposals at a
/// time, and intents must find a place among them.
const SMALL_LIMIT: usize = 32;

/// What only one proposal at a time may be about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// Of one term: a leader that comes again in another term does not wait for its old proposal.
    BeginEpoch(Term),
    Outcomes,
    Settle,
    Follow,
    CloseSlot,
    Tick,
    RaiseRules,
    Adopt(RouteId),
    Drift(RouteId),
    Advice(Resource),
}

impl Turn {
    /// Those of which there is one per route.
    const fn is_small(&self) -> bool {
        matches!(self, Self::Adopt(_) | Self::Drift(_) | Self::Advice(_))
    }
}

/// A turn taken, to be given back with the answer.
#[derive(Debug)]
pub(crate) struct Ticket {
    turn: Turn,
    number: u64,
}

/// Who has a turn, and who must wait for the next.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: BTreeMap<Turn, u64>,
    not_before: BTreeMap<Turn, MonoMs>,
    last: u64,
}

impl Turns {
    /// Takes a turn, if it may be taken now.
    pub fn take(&mut self, turn: Turn, now: MonoMs) -> Option<Ticket> {
        let early = self.not_before.get(&turn).is_some_and(|at| now < *at);
        let crowded = turn.is_small() && self.taken.keys().filter(|t| t.is_small()).count() >= SMALL_LIMIT;
        if early || crowded || self.taken.contains_key(&turn) {
            return None;
        }
        self.not_before.retain(|_, at| now < *at);
        self.last += 1;
        self.taken.insert(turn.clone(), self.last);
        Some(Ticket { turn, number: self.last })
    }

    /// Gives a turn back, with what became of the proposal. One of an office that was left counts no more.
    pub fn give_back(
        &mut self,
        ticket: Ticket,
        result: &Result<(EntryId, Applied), ProposeError>,
        now: MonoMs,
    ) {
        if self.taken.get(&ticket.turn) != Some(&ticket.number) {
            return;
        }
        self.taken.remove(&ticket.turn);
        let wait_ms = match result {
            Ok((_, Applied::Refused(_))) => REFUSED_WAIT_MS,
            Ok(_) => return,
            Err(_) => UNANSWERED_WAIT_MS,
        };
        self.not_before.insert(ticket.turn, now.plus_ms(wait_ms));
    }

    /// The routes that are being adopted.
    pub fn adopting(&self) -> impl Iterator<Item = RouteId> + '_ {
        self.taken.keys().filter_map(|turn| match turn {
            Turn::Adopt(route) => Some(route.clone()),
            _ => None,
        })
    }

    /// The office is left: its proposals stand in nobody's way.
    pub fn clear(&mut self) {
        self.taken.retain(|turn, _| matches!(turn, Turn::BeginEpoch(_)));
        self.not_before.retain(|turn, _| matches!(turn, Turn::BeginEpoch(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::command::Refusal;

    const T0: MonoMs = MonoMs(1_000);

    fn accepted() -> Result<(EntryId, Applied), ProposeError> {
        Ok((EntryId::default(), Applied::Accepted))
    }

    #[test]
    fn one_at_a_time_and_at_once_again_after_success() {
        let mut turns = Turns::default();
        let ticket = turns.take(Turn::Tick, T0).expect("free");
        assert!(turns.take(Turn::Tick, T0).is_none());
        assert!(turns.take(Turn::Settle, T0).is_some());
        turns.give_back(ticket, &accepted(), T0);
        assert!(turns.take(Turn::Tick, T0).is_some());
    }

    #[test]
    fn what_had_no_effect_waits() {
        let refused = Ok((EntryId::default(), Applied::Refused(Refusal::NotFormed)));
        for (result, wait_ms) in
            [(refused, REFUSED_WAIT_MS), (Err(ProposeError::Unknown(1)), UNANSWERED_WAIT_MS)]
        {
            let mut turns = Turns::default();
            let ticket = turns.take(Turn::Outcomes, T0).expect("free");
            turns.give_back(ticket, &result, T0);
            assert!(turns.take(Turn::Outcomes, T0.plus_ms(wait_ms - 1)).is_none());
            assert!(turns.take(Turn::Outcomes, T0.plus_ms(wait_ms)).is_some());
        }
    }

    #[test]
    fn an_answer_from_an_office_that_was_left_frees_nothing() {
        let mut turns = Turns::default();
        let old = turns.take(Turn::Settle, T0).expect("free");
        turns.clear();
        let _new =
            turns.take(Turn::Settle, T0).expect("a new office does not wait for the old one's proposal");
        turns.give_back(old, &accepted(), T0);
        assert!(turns.take(Turn::Settle, T0).is_none(), "the new one is still under way");
    }

    #[test]
    fn small_proposals_are_bounded_together() {
        let mut turns = Turns::default();
        let route = |i: usize| Turn::Adopt(RouteId(format!("r{i}")));
        assert_eq!((0..1_000).filter(|i| turns.take(route(*i), T0).is_some()).count(), SMALL_LIMIT);
        assert!(turns.take(Turn::Drift("x".into()), T0).is_none());
        assert!(turns.take(Turn::Outcomes, T0).is_some(), "an outcome finds its place");
    }
}
