//! Bugs that can be planted, to see that the proofs find them.
//!
//! A proof that never fails proves nothing. Each guard that the safety argument rests on asks here whether it has been
//! left out. Without the feature `planted` the answer is a constant `false`, and nothing of this is in the program; with
//! it, the proof that runs on this thread says which bug is planted.
//!
//! A feature, because the guards must be the very lines that are deployed, and a value that decides whether they hold
//! must not be in what is deployed. No crate's default features have it: `arbiter-sim` has a feature of its own that turns
//! it on, which `scripts/sim` alone asks for, in a profile of its own, so that its files are never taken for another
//! build's.

/// Whether guards can be left out of this build. `arbiterd` refuses to be compiled with a core that says so, whatever
/// features a build of the whole workspace asks for.
pub const POSSIBLE: bool = cfg!(feature = "planted");

/// A guard that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// `apply` accepts an entry that names an epoch other than the current one.
    StaleEpochAccepted,
    /// `apply` accepts an entry that another leader than the epoch's has appended.
    ForeignEntryAccepted,
    /// An unsettled intent of the same epoch stands in nobody's way.
    OwnDoubtIgnored,
    /// An unsettled intent with another `after` stands in nobody's way.
    OtherAfterAccepted,
    /// Only the newest intent on a resource is looked at, not all that are unsettled.
    NewestDoubtOnly,
    /// What is unsettled is lost when another leader takes office, as if each leader kept it in its memory.
    DoubtsForgotten,
    /// An `Outcome` of one intent ends the doubt about all of its batch.
    BatchEndsTogether,
    /// `apply` accepts an `Outcome` of another epoch's intent.
    ForeignOutcomeAccepted,
    /// `apply` accepts an intent that names another policy than the one in force.
    StalePolicyAccepted,
    /// `apply` does not ask whether the evidence carries an intent.
    CheckSkipped,
    /// `apply` does not ask whether the cluster is paused.
    PauseIgnored,
    /// `apply` does not ask whether the cluster observes only.
    ObservingIgnored,
    /// A route may move as often as it likes.
    FreezeIgnored,
    /// A gateway may be stopped as often as it likes.
    BudgetIgnored,
    /// A gateway may be stopped again as soon as its slot has closed.
    CooldownIgnored,
    /// A gateway may be stopped again as soon as it was started.
    BootGraceIgnored,
    /// A second gateway is stopped while the slot is another's.
    SlotIgnored,
    /// A stop that is unsettled holds no slot, and stands in the way of no other stop.
    UnsettledStopIgnored,
    /// A stop is accepted while a start of the same gateway is unsettled.
    UnsettledStartIgnored,
    /// A start is accepted while a stop of the same gateway is unsettled.
    StartBeforeStopSettled,
    /// The slot closes although no start was acknowledged since its last stop.
    SlotClosedUnstarted,
    /// A start from before the newest stop still counts for closing the slot.
    OldStartCounts,
    /// The slot closes although no probe sees its gateway.
    SlotClosedUnseen,
    /// The slot of a stop without an answer closes as soon as its gateway is healthy.
    NoAnswerGraceIgnored,
    /// A route may be sent to a gateway that is being stopped.
    BlockedGatewayChosen,
    /// A start waits for a pause to end.
    StartHalted,
    /// A gateway whose slot has closed gets no start, however lately it was stopped.
    StartOwedInSlotOnly,
    /// A gateway that an operator drained may be stopped.
    DrainIgnored,
    /// A gateway may be replaced while a call on its instance is unsettled.
    ReplacedInDoubt,
    /// What a new policy drops loses its slot.
    DroppedIsForgotten,
    /// The slot is lost when another leader takes office.
    SlotForgotten,
    /// That a gateway was stopped is forgotten altogether when another leader takes office.
    RestartForgotten,
    /// How often a gateway was stopped is forgotten when another leader takes office.
    BudgetForgotten,
    /// Log time is read off the leader's wall clock.
    WallClockCounts,
    /// The takeover wait is τ + r exactly.
    WaitWithoutStall,
    /// An `Outcome` of a call ends the doubt about all older ones with the same target.
    ReissueSettles,
    /// One observer is enough to call a gateway dead.
    OneObserverCondemns,
    /// A report that was heard once is fresh for ever.
    StaleIsFresh,
    /// A route that has just moved does not leave a path that fails.
    HeldDown,
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants a bug on this thread, instead of any other; `None` plants nothing.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    pub(crate) fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use switch::plant;
#[cfg(feature = "planted")]
pub(crate) use switch::planted;

/// Whether this bug is planted: never, in a program that is deployed.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_bug: Bug) -> bool {
    false
}
