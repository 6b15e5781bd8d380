//! What came of a command.

use super::{Answered, View};
use serde::Serialize;

/// What came of a command that changes something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WrittenView {
    /// Whose answer.
    pub answered: Answered,
    /// Which: `switchover`, `pause`, `gateway replace`, ….
    pub command: String,
    /// Where it stands in the log; `null` for what goes past the log.
    pub index: Option<u64>,
    /// What was waited for has come; `null` if nothing was.
    pub reached: Option<bool>,
    /// Nothing that was sent before can still land; `null` for what is no pause.
    pub quiet: Option<bool>,
    /// A gateway whose start will still come, pause or not.
    pub start_to_come: Option<String>,
    /// The same for people, one line each.
    pub says: Vec<String>,
}

impl View for WrittenView {
    const KIND: &'static str = "written";
}
