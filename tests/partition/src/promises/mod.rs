//! What is promised, one file each. Each is judged by what was seen from outside: EC2's call log, what operators were told,
//! what every node tells of its history, and the truth about hosts, tunnels and lines.
//!
//! L2 needs quiet around one fault and is judged by the lab's scenarios.

mod l1;
pub mod linear;
mod s1;
mod s2;
mod s3;
mod s4;
mod s5;
mod s6;
mod s7;
#[cfg(test)]
mod tests;

use crate::report::Violation;
use crate::run::Run;

/// Every promise that was not kept. Whoever has no log, no epochs and no pause is judged by what he did to the routes and
/// gateways alone.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    if run.is_ours() {
        found.extend(s1::judge(run));
        found.extend(s2::judge(run));
        found.extend(s3::judge(run));
        found.extend(s6::judge(run));
        found.extend(s7::judge(run));
        found.extend(linear::judge(run));
    }
    found.extend(s4::judge(run));
    found.extend(s5::judge(run));
    found.extend(l1::judge(run));
    found
}
