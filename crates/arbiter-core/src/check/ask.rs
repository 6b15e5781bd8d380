//! For tests: the check's own reading of the evidence, to be held against the verdicts.

use super::judge::Judge;
use crate::evidence::{Evidence, Verdict};
use crate::policy::{Gateway, Path, Policy};

/// A gateway, as the check reads it.
pub fn gateway(policy: &Policy, evidence: &Evidence, gateway: &Gateway) -> Verdict {
    let judge = Judge { policy, evidence };
    match (judge.gateway_is_up(gateway), judge.gateway_is_down(gateway, 0)) {
        (true, false) => Verdict::Up,
        (false, true) => Verdict::Down,
        (false, false) => Verdict::Unknown,
        (true, true) => panic!("{} is both Up and Down", gateway.id),
    }
}

/// Whether the check agrees that it has been down for so long.
pub fn gateway_is_down_for(policy: &Policy, evidence: &Evidence, gateway: &Gateway, for_ms: u64) -> bool {
    Judge { policy, evidence }.gateway_is_down(gateway, for_ms)
}

/// A path, as the check reads it.
pub fn path(policy: &Policy, evidence: &Evidence, path: &Path) -> Verdict {
    let judge = Judge { policy, evidence };
    match (judge.path_is_up(path, 0), judge.path_is_down(path), judge.path_is_unknown(path, 0)) {
        (true, false, false) => Verdict::Up,
        (false, true, false) => Verdict::Down,
        (false, false, true) => Verdict::Unknown,
        other => panic!("{} is {other:?}", path.id),
    }
}

/// Whether the check agrees that it has been up for so long.
pub fn path_is_up_for(policy: &Policy, evidence: &Evidence, path: &Path, for_ms: u64) -> bool {
    Judge { policy, evidence }.path_is_up(path, for_ms)
}

/// Whether the check agrees that nobody knew for so long.
pub fn path_is_unknown_for(policy: &Policy, evidence: &Evidence, path: &Path, for_ms: u64) -> bool {
    Judge { policy, evidence }.path_is_unknown(path, for_ms)
}
