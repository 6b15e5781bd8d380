//! Ending a tunnel's child SA, as an operator does it, and hearing of it from strongSwan itself.

use super::cases::all_moves;
use super::play::{Play, away, home};
use crate::net::charon::CHILD;
use crate::net::faults::Zone;
use arbiter_proto::v1::Verdict;

/// What the leader says of the advisory probe that asks the gateway's strongSwan: Up, then Down in strongSwan's words, then
/// Up again; and the route moves and comes home by the required ones.
pub(super) async fn is_terminated(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    let before = says(play, Verdict::Up, "").await?;
    play.note(before);
    play.break_it().await?;
    let router = zone.side().router_public;
    let gone =
        says(play, Verdict::Down, &format!("strongSwan has no child SA {CHILD} with {router}")).await?;
    play.note(gone);
    all_moves(play, zone).await?;
    play.judge(&[away(zone)])?;
    play.mend().await?;
    let after = says(play, Verdict::Up, "").await?;
    play.note(after);
    play.judge(&[away(zone), home(zone)])
}

/// Waits until the probe has that state, with that error.
async fn says(play: &Play<'_>, wanted: Verdict, error: &str) -> anyhow::Result<String> {
    let what = format!("strongSwan's word on zone a's tunnel is {}", wanted.as_str_name());
    play.until(&what, |_, scene| {
        let (_, status) = scene.leaders_view()?;
        let probe =
            status.probes.iter().find(|probe| probe.id == "ipsec-1").ok_or("there is no such probe")?;
        if probe.state() != wanted || probe.error != error {
            return Err(format!("it is {}: `{}`", probe.state().as_str_name(), probe.error).into());
        }
        let word = if error.is_empty() { "all is well" } else { error };
        Ok(format!("probe {} ({}, {}) of {}: {word}", probe.id, probe.kind, probe.role, probe.observer))
    })
    .await
}
