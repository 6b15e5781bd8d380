//! A clause of the rules, and how it is left out.

use super::bounds::Bounds;
use arbiter_core::planted::Bug;

pub use super::catalogue::CLAUSES;

/// One clause.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    /// Its name.
    pub name: &'static str,
    /// What the rules say.
    pub says: &'static str,
    /// What is done instead when it is left out.
    pub left_out: LeftOut,
    /// Where it is missed first: the size of world to look in.
    pub bounds: Bounds,
}

/// How a clause is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// A guard of the core: in `apply`, or in the check that it asks.
    Guard(Bug),
    /// A habit of the process that acts.
    Habit(Habit),
}

/// What a process does that it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// It goes on with the epoch of its predecessor after a restart in the same term.
    NoNewEpoch,
    /// It sends without waiting for the commit.
    SendsBeforeCommit,
    /// It sends what another process has proposed.
    SendsOthers,
    /// It does not look at the window.
    NoWindow,
    /// It measures the window from the commit.
    WindowFromCommit,
    /// It does not notice that its host was stopped.
    HaltIgnored,
    /// It proposes again under an id, and measures from there.
    ProposesAgain,
    /// Its calls have no timeout.
    NoTimeout,
    /// The client sends a call again that was not answered.
    Retries,
    /// It says that a call has ended which may still land.
    EndsEarly,
    /// It takes a call that was not answered for one that has failed.
    TimeoutIsFailure,
    /// It sends after it has said that it did not.
    SendsAfterOutcome,
    /// It settles what older epochs left without waiting.
    NoWait,
    /// It waits for τ + r, and not for the stall.
    WaitWithoutStall,
    /// It settles all that is unsettled as soon as it has waited for the oldest.
    WaitFromOldest,
    /// It waits as the newest policy says, not as the doubt does.
    WaitByPolicyInForce,
    /// It settles when the table shows what the intent wanted.
    ReadBackSettles,
    /// It calls a pause quiet while something is unsettled.
    QuietInDoubt,
    /// It calls a pause quiet and does not say which start will still come.
    QuietNamesNothing,
}
