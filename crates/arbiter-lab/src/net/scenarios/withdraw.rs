//! Withdrawing the kernel routes from the core router, as an operator does it: by the program's own command.

use super::play::Play;
use crate::net::machine::{Machine, Service};
use crate::net::site_cluster;
use crate::net::topology::{Host, SIDES};
use anyhow::Context;
use std::path::Path;

/// A network of nobody here, whose route is another's.
const OTHER_NET: &str = "172.16.9.0/24";

/// How the command refuses while its node runs.
const TAKEN: &str = "arbiterd runs here and would set its routes again";

/// Refused while the node runs; then ours are gone, another's stays; and a node that starts again sets them again.
pub(super) async fn routes_are_withdrawn(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.begin();
    let program = play.lab.settings.arbiterd.clone().context("there is no cluster")?;
    let config = play.lab.settings.folder.join("site.toml");
    let mut inner = play.lab.lock().await;
    let core = inner.machine(Host::Core)?;
    let other = format!("route replace {OTHER_NET} via {} proto static", SIDES[0].router_address);
    core.ip(&[other]).await?;

    let refused = withdraw(core, &program, &config).await.unwrap_or_else(|error| format!("{error:#}"));
    anyhow::ensure!(
        refused.contains(TAKEN),
        "while the node runs, the command should refuse, but: {refused}"
    );
    anyhow::ensure!(ours(play).await? == SIDES.len(), "what was refused has withdrawn routes");
    play.note("while the node runs, nothing is withdrawn".to_owned());

    if play.faults() {
        core.kill(Service::Arbiterd).await?;
        let said = withdraw(core, &program, &config).await?;
        let last = said.lines().last().unwrap_or_default().to_owned();
        play.note(last);
    }
    let left = ours(play).await?;
    let others = core.run(&["ip", "-4", "route", "show", OTHER_NET], "").await?;
    core.ip(&[format!("route del {OTHER_NET}")]).await?;
    play.lab.start_services(&mut inner, Host::Core).await?;
    drop(inner);
    anyhow::ensure!(left == 0, "{left} routes of ours are left");
    anyhow::ensure!(others.contains("proto static"), "another's route was withdrawn, too");

    play.calm().await?;
    play.note("the node has started again, and its routes are back".to_owned());
    play.judge(&[])
}

/// The command, with the node's own configuration.
async fn withdraw(core: &Machine, program: &Path, config: &Path) -> anyhow::Result<String> {
    let (program, config) = (program.to_str().context("no UTF-8")?, config.to_str().context("no UTF-8")?);
    let words = [program, "--config", config, "--node", Host::Core.name(), "--withdraw-routes"];
    core.run(&words, "").await
}

/// How many routes of ours the core router's kernel has.
async fn ours(play: &Play<'_>) -> anyhow::Result<usize> {
    Ok(site_cluster::table(&play.lab.pids).await?.lines().count())
}
