//! What must hold, one file each. Each judges by what was seen from outside: calls, the log, and the truth.

pub mod l1;
pub mod l2;
pub mod s1;
pub mod s2;
pub mod s3;
pub mod s4;
pub mod s5;
pub mod s6;
pub mod s7;
#[cfg(test)]
mod tests;

use super::sim::Sim;
use super::tape::Record;

/// Judges everything that can be judged when a run has ended.
pub fn judge(sim: &Sim) {
    let judge = |record: &mut Record| {
        let mut found = Vec::new();
        found.extend(s1::judge(record));
        found.extend(s2::judge(record));
        found.extend(s3::judge(record));
        found.extend(s4::judge(record, &sim.policy));
        found.extend(s5::judge(record, &sim.policy));
        found.extend(s6::judge(record));
        found
    };
    // What is planted in the rules must not mislead who judges by them.
    let found = super::planted::without(|| sim.tape.with(judge));
    for violation in found {
        sim.tape.violation(violation.invariant, violation.says);
    }
}
