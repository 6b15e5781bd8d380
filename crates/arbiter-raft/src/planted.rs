//! Bugs of storage and admission, to see that the proofs find them: what [`arbiter_core::planted`] is for the guards.
//!
//! The same holds here: without the feature `planted` each answer is a constant `false`, and `arbiterd` can't be compiled
//! with it.

/// Whether this build can be made to do wrong.
pub const POSSIBLE: bool = cfg!(feature = "planted");

/// What a node does that it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A vote is acknowledged before it is durable.
    VoteBeforeSync,
    /// Entries are acknowledged before they are durable.
    EntriesBeforeSync,
    /// How far the log was applied is kept apart from the state.
    AppliedApart,
    /// A disk other than the recorded one is let in.
    OtherDiskAdmitted,
    /// A change of members that a dead leader left halfway is left so.
    HalfChangeLeft,
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
