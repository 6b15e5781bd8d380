//! Bugs of the process that acts, to see that the proofs find them: what [`arbiter_core::planted`] is for the guards.
//!
//! The same holds here: without the feature `planted` each answer is a constant `false`, and `arbiterd` can't be compiled
//! with it.

#[cfg(not(feature = "planted"))]
use arbiter_core::ids::NodeId;
#[cfg(not(feature = "planted"))]
use arbiter_core::time::MonoMs;

/// Whether this build can be made to do wrong.
pub const POSSIBLE: bool = cfg!(feature = "planted");

/// What a process does that it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// It settles what older epochs left without waiting.
    NoTakeoverWait,
    /// It settles an older epoch's intent as soon as the table shows its target, or what was there before.
    ReadBackSettles,
    /// It goes on with the epoch of its predecessor after a restart in the same term.
    NoNewEpoch,
    /// It goes on with its old epoch when it becomes leader again.
    OldEpochKept,
    /// It proposes an intent that went unanswered again, under its id, and measures the window from there.
    ProposesAgain,
    /// It sends without waiting for the commit.
    SendsBeforeCommit,
    /// It measures the window from when it hears of the commit.
    WindowFromCommit,
    /// It takes a call that was not answered for one that has failed.
    TimeoutIsFailure,
    /// It counts a report's age from when it came.
    AgeByArrival,
    /// It doesn't pass on what other nodes have reported.
    RelayDropped,
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use arbiter_core::ids::NodeId;
    use arbiter_core::time::MonoMs;
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::pin::Pin;
    use std::rc::Rc;

    /// Returns when a process goes on after its last check, before it hands its call over.
    pub type Halt = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Asked by each process, with its node, right after its last check.
    pub type AfterCheck = Rc<dyn Fn(NodeId) -> Halt>;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
        static ARRIVALS: RefCell<BTreeMap<(NodeId, NodeId), MonoMs>> = const { RefCell::new(BTreeMap::new()) };
        static AFTER_CHECK: RefCell<Option<AfterCheck>> = const { RefCell::new(None) };
    }

    /// Plants a bug on this thread, instead of any other; `None` plants nothing.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
        ARRIVALS.take();
    }

    pub(crate) fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// What is known by the bug [`Bug::AgeByArrival`]: when whose report came to whom.
    pub(crate) fn arrived(at: NodeId, from: NodeId, now: MonoMs) {
        ARRIVALS.with_borrow_mut(|arrivals| arrivals.insert((at, from), now));
    }

    pub(crate) fn arrival(at: NodeId, from: NodeId) -> Option<MonoMs> {
        ARRIVALS.with_borrow(|arrivals| arrivals.get(&(at, from)).copied())
    }

    /// Lets the processes of this thread stand still between their last check and their call, for as long as this says.
    pub fn halt_after_check(halt: Option<AfterCheck>) {
        AFTER_CHECK.replace(halt);
    }

    /// The last check is made, and nothing is sent yet.
    pub(crate) fn checked(node: NodeId) -> Halt {
        let halt = AFTER_CHECK.with_borrow(Clone::clone);
        halt.map_or_else(|| Box::pin(std::future::ready(())) as Halt, |halt| halt(node))
    }
}

#[cfg(feature = "planted")]
pub use switch::{AfterCheck, Halt, halt_after_check, plant};
#[cfg(feature = "planted")]
pub(crate) use switch::{arrival, arrived, checked, planted};

/// Whether this bug is planted: never, in a program that is deployed.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_bug: Bug) -> bool {
    false
}

/// The last check is made, and nothing is sent yet. What is deployed goes on at once.
#[cfg(not(feature = "planted"))]
pub(crate) fn checked(_node: NodeId) -> std::future::Ready<()> {
    std::future::ready(())
}

#[cfg(not(feature = "planted"))]
pub(crate) const fn arrived(_at: NodeId, _from: NodeId, _now: MonoMs) {}

#[cfg(not(feature = "planted"))]
pub(crate) const fn arrival(_at: NodeId, _from: NodeId) -> Option<MonoMs> {
    None
}
