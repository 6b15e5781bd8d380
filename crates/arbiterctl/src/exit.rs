//! The published exit codes: scripts rely on them.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked; `status` found nothing wrong.
    Ok = 0,
    /// It was refused, or nobody could be reached: nothing was changed.
    Failed = 1,
    /// The command line is wrong: nothing was asked.
    Usage = 2,
    /// `status` found a route that isn't right, or a critical alarm.
    Degraded = 3,
    /// No leader that a majority follows: nothing was changed; what is shown may be stale.
    NoQuorum = 4,
    /// The time ran out. What was asked for may have happened, or happen yet.
    Unknown = 5,
}

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        self as u8
    }
}
