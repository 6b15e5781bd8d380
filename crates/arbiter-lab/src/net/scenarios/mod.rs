//! Scenarios: cases that are played one after the other, each judged by what was seen: EC2's route tables, its call log,
//! what the nodes say, the way back, and the packets.

mod case;
mod cases;
mod child;
mod follow;
mod lossy;
mod outcome;
mod play;
mod withdraw;

pub(super) use case::Case;
pub(super) use lossy::{Watch, counted};
pub(super) use outcome::RunOutcome;

use super::charon::Esp;
use super::lab::Lab;
use super::serve::Run;
use outcome::CaseOutcome;
pub(super) use play::Play;
use tokio::time::Instant;

/// Plays the cases of a run. Where all faults are left out, every case that makes one must fail.
pub(super) async fn perform(lab: &Lab, run: &Run, say: &(impl Fn(&str) + Sync)) -> RunOutcome {
    let (cases, faults) = (&run.cases, run.faults);
    let mut outcomes = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let left_out = if faults || case.fault().is_none() { "" } else { " [its fault is left out]" };
        say(&format!("\n{}/{} {}{left_out}", i + 1, cases.len(), case.name()));
        let began = Instant::now();
        let mut play = Play::new(lab, *case, faults, say);
        let mut counts = None;
        let result = match run.watch {
            Some(watch) => lossy::watch(&mut play, watch).await.map(|counted| counts = Some(counted)),
            None => cases::play(&mut play).await,
        };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let missing = match &result {
            Ok(()) => String::new(),
            Err(error) => format!("{error:#}"),
        };
        if result.is_ok() {
            say(&format!("    OK ({ms} ms)"));
        } else {
            say(&format!("    FAILED ({ms} ms): {missing}"));
            play.clear_up().await;
        }
        let (seen, outages) = play.into_seen();
        outcomes.push(CaseOutcome {
            name: case.name(),
            ok: result.is_ok(),
            ms,
            seen,
            missing,
            counts,
            outages,
        });
    }
    let ipsec = match lab.esp {
        Esp::Kernel => "kernel",
        Esp::Userland => "userland",
    };
    RunOutcome::of(ipsec, cases, outcomes)
}
