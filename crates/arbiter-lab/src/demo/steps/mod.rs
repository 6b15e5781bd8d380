//! The steps. Each waits for calm, does something (unless its fault is left out), looks until it sees what is promised,
//! and has the referee judge the call log.

mod gateway;
mod leader;
mod line_cut;
mod line_cut_old;
mod start;
mod tunnel;

use super::outcome::Step;
use super::show::Show;

/// Plays one step; `fault` is false if its fault shall be left out.
pub(super) async fn play(show: &Show<'_>, step: Step, fault: bool) -> anyhow::Result<()> {
    match step {
        Step::Start => start::play(show).await,
        Step::TunnelCut => tunnel::cut(show, fault).await,
        Step::TunnelHeal => tunnel::heal(show, fault).await,
        Step::GatewayDead => gateway::dies(show, fault).await,
        Step::GatewayRestart => gateway::restarts(show).await,
        Step::GatewayHome => gateway::comes_home(show).await,
        Step::LeaderKilled => leader::play(show, fault).await,
        Step::LineCut => line_cut::play(show, fault).await,
        Step::LineCutOld => line_cut_old::play(show.screen, fault).await,
    }
}
