//! Why a command is not even proposed: it is applied to a copy of the state, and planned for there.

use super::{Situation, Stand, plan};
use crate::command::{Applied, Command, EntryId, Operation, Proposal, Refusal};

/// Why the leader does not propose a command that `apply` would accept: a restart by hand whose hindrance is in what is
/// seen, which no entry carries.
pub fn objection(situation: &Situation<'_>, at: EntryId, proposal: &Proposal) -> Option<Refusal> {
    let Command::Operator { operation: Operation::RestartGateway { .. }, .. } = &proposal.command else {
        return None;
    };
    let mut state = situation.state.clone();
    if state.apply(at, proposal) != Applied::Accepted {
        return None;
    }
    match plan(&Situation { state: &state, ..*situation }).restart {
        Some(Stand::Hindered(why)) => Some(Refusal::Remediation(why)),
        _ => None,
    }
}
