//! What can happen next, in words.

use super::entry::{Act, Id, Kind};
use std::fmt;

/// One step of the world. Nodes go by number, 0 to 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A node is elected, by its own vote and another's.
    Elect {
        /// Who.
        node: u8,
        /// Whose vote.
        voter: u8,
        /// In which term.
        term: u8,
    },
    /// A leader's log reaches a node.
    Replicate {
        /// From.
        from: u8,
        /// To.
        to: u8,
        /// The leader hears of it.
        acked: bool,
    },
    /// A process ends and starts again.
    Restart {
        /// Where.
        node: u8,
    },
    /// A leader appends an entry.
    Append {
        /// Who.
        node: u8,
        /// What.
        kind: Kind,
    },
    /// A process proposes an intent again under its id.
    Again {
        /// Who.
        node: u8,
        /// Which.
        id: Id,
    },
    /// A process takes up an intent that another has proposed.
    TakesUp {
        /// Who.
        node: u8,
        /// Which.
        id: Id,
    },
    /// The last check before a call.
    Check {
        /// Who.
        node: u8,
        /// For which intent.
        id: Id,
    },
    /// The call is written to the socket.
    Send {
        /// Who.
        node: u8,
        /// For which intent.
        id: Id,
        /// What it does.
        act: Act,
    },
    /// A call takes effect.
    Land {
        /// For which intent.
        id: Id,
        /// What it does.
        act: Act,
    },
    /// The answer to a pause: nothing can land any more.
    Quiet {
        /// Who says so.
        node: u8,
        /// The gateway whose start will still come; 0 if none.
        named: u8,
    },
    /// A hypervisor stops a node for a tick; time passes for the others.
    Halt {
        /// Which.
        node: u8,
    },
    /// Time passes.
    Tick,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elect { node, voter, term } => {
                write!(f, "node {node} is elected in term {term}, by the vote of node {voter}")
            }
            Self::Replicate { from, to, acked: true } => {
                write!(f, "node {from}'s log reaches node {to}, and is committed")
            }
            Self::Replicate { from, to, acked: false } => {
                write!(f, "node {from}'s log reaches node {to}; the answer is lost")
            }
            Self::Restart { node } => write!(f, "the process of node {node} ends and starts again"),
            Self::Append { node, kind } => write!(f, "node {node} appends: {kind}"),
            Self::Again { node, id } => write!(f, "node {node} proposes intent {id} again"),
            Self::TakesUp { node, id } => {
                write!(f, "node {node} takes up intent {id}, which it has not proposed")
            }
            Self::Check { node, id } => {
                write!(f, "node {node} finds intent {id} in time, and is about to send")
            }
            Self::Send { node, id, act } => write!(f, "node {node} sends the call of intent {id}: {act}"),
            Self::Land { id, act } => write!(f, "the call of intent {id} lands: {act}"),
            Self::Quiet { node, named: 0 } => {
                write!(f, "node {node} calls the pause quiet: nothing will come")
            }
            Self::Quiet { node, named } => {
                write!(f, "node {node} calls the pause quiet, but for the start of strongswan-{named}")
            }
            Self::Halt { node } => {
                write!(f, "a tick passes, in which the hypervisor has stopped node {node}")
            }
            Self::Tick => write!(f, "a tick passes"),
        }
    }
}
