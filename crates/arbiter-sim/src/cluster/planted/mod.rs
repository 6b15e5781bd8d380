//! Bugs that are planted, to see that the invariants find them: by the same seeds and the same trouble as the runs in
//! which nothing may be found.

mod catalogue;
mod hunt;

pub use catalogue::PLANTED;
pub use hunt::{Found, Hunt, hunt};

use arbiter_control::planted::Bug as Acting;
use arbiter_core::planted::Bug as Guard;
use arbiter_raft::planted::Bug as Storage;
use std::cell::Cell;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planted {
    /// Its name.
    pub name: &'static str,
    /// What is done that should not be.
    pub says: &'static str,
    /// Where.
    pub switches: &'static [Switch],
    /// It must be found within so many seeds.
    pub within: u64,
}

/// One place at which a bug is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// A rule of the core.
    Guard(Guard),
    /// A habit of the process that acts.
    Acting(Acting),
    /// The log, the snapshots, or who is let in.
    Storage(Storage),
    /// The client of EC2 that the simulation puts in the real one's place sends again what was not answered.
    ClientRetries,
}

thread_local! {
    static CLIENT_RETRIES: Cell<bool> = const { Cell::new(false) };
    static SOWN: Cell<Option<&'static Planted>> = const { Cell::new(None) };
}

/// Whether the client of EC2 sends again what was not answered.
pub(super) fn client_retries() -> bool {
    CLIENT_RETRIES.get()
}

/// Plants a bug on this thread, instead of any other; `None` plants nothing. Without the feature `planted` only the
/// simulation's own bugs can be.
pub(super) fn sow(bug: Option<&'static Planted>) {
    SOWN.set(bug);
    turn(bug.map_or(&[], |bug| bug.switches));
}

/// Judges must not be misled by the bug that they are to find: it is taken out for this long.
pub(super) fn without<T>(judge: impl FnOnce() -> T) -> T {
    turn(&[]);
    let judged = judge();
    turn(SOWN.get().map_or(&[], |bug| bug.switches));
    judged
}

fn turn(switches: &[Switch]) {
    CLIENT_RETRIES.set(switches.contains(&Switch::ClientRetries));
    #[cfg(feature = "planted")]
    {
        let guard =
            switches.iter().find_map(|it| if let Switch::Guard(bug) = it { Some(*bug) } else { None });
        arbiter_core::planted::plant(guard);
        let acting =
            switches.iter().find_map(|it| if let Switch::Acting(bug) = it { Some(*bug) } else { None });
        arbiter_control::planted::plant(acting);
        let storage =
            switches.iter().find_map(|it| if let Switch::Storage(bug) = it { Some(*bug) } else { None });
        arbiter_raft::planted::plant(storage);
    }
}
