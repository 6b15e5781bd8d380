//! Minutes of random loss in both tunnels, at the settings as they are: what moves, and which probes change.

use super::play::Play;
use crate::net::faults::{FaultName, FaultOrder, Zone};
use crate::net::machine::Service;
use crate::net::topology::Host;
use anyhow::Context;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

/// Up to this loss each way nothing may move; beyond it is only counted.
const BEARABLE_PERCENT: u8 = 1;

/// How long to watch, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) struct Watch {
    pub minutes: u8,
    /// Of packets, each way.
    pub percent: u8,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::net) struct Counts {
    /// For how long.
    pub minutes: u8,
    /// At which loss each way.
    pub percent: u8,
    /// Packets of both tunnels that were dropped. A busy machine loses others, and is to blame for what comes of it.
    pub dropped: u64,
    /// Calls that moved a route: each failover, and each way home.
    pub moves: usize,
    /// Changes of probes, as the nodes logged them: `tunnel-1 on strongswan-1: Up → Down`.
    pub changes: BTreeMap<String, u64>,
}

/// Where the log of a node is, and how long it was at the beginning.
type Logs = Vec<(Host, PathBuf, u64)>;

/// Watches. The packets of the last ten minutes are in the outages.
pub(super) async fn watch(play: &mut Play<'_>, watch: Watch) -> anyhow::Result<Counts> {
    play.calm().await?;
    let Watch { minutes, percent } = watch;
    let logs = logs(play).await?;
    play.begin();
    if play.faults() {
        play.lab.make(FaultOrder { name: FaultName::Loss, zone: Zone::A, percent }).await?;
    }
    play.hold(Duration::from_secs(60) * u32::from(minutes), |_| Ok(())).await?;
    play.measure().await;
    let dropped = dropped(play).await?;
    let changes = changes(&logs)?;
    let counts = Counts { minutes, percent, dropped, moves: play.calls()?.len(), changes };
    let words: Vec<_> = counts.changes.iter().map(|(what, times)| format!("{what}: {times}")).collect();
    let words = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    play.note(format!(
        "{percent} % for {minutes} min: {dropped} packets dropped, {} moves; changes of probes: {words}",
        counts.moves
    ));
    anyhow::ensure!(dropped > 0, "no packet was dropped: what else was counted is this machine's doing");
    let bearable = percent <= BEARABLE_PERCENT;
    anyhow::ensure!(
        !bearable || counts.moves == 0,
        "{} moves, which that little loss must not make",
        counts.moves
    );
    play.mend().await?;
    play.judge_hands()?;
    Ok(counts)
}

/// What the internet has dropped since the fault was made; none, if it was not.
async fn dropped(play: &Play<'_>) -> anyhow::Result<u64> {
    let mut inner = play.lab.lock().await;
    let rules = inner.machine(Host::Internet)?.run(&["nft", "list", "ruleset"], "").await?;
    Ok(counted(&rules))
}

/// The sum of all counters in nftables' words: `… counter packets 12 bytes 3456 drop`.
pub(in crate::net) fn counted(rules: &str) -> u64 {
    let counters = rules.split("counter packets ").skip(1);
    counters.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

async fn logs(play: &Play<'_>) -> anyhow::Result<Logs> {
    let inner = play.lab.lock().await;
    let running = inner.machines.iter().filter(|(_, machine)| machine.runs(Service::Arbiterd));
    running
        .map(|(host, machine)| {
            let path = machine.log(Service::Arbiterd);
            let length = std::fs::metadata(&path).with_context(|| format!("no {}", path.display()))?.len();
            Ok((*host, path, length))
        })
        .collect()
}

fn changes(logs: &Logs) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut counted = BTreeMap::new();
    for (host, path, from) in logs {
        let mut log = std::fs::File::open(path)?;
        log.seek(SeekFrom::Start(*from))?;
        let mut text = String::new();
        log.read_to_string(&mut text).with_context(|| format!("{} can't be read", path.display()))?;
        for (probe, was, is) in text.lines().filter_map(change) {
            *counted.entry(format!("{probe} on {host}: {was} → {is}")).or_default() += 1;
        }
    }
    Ok(counted)
}

/// The probe of a line that says that one changed, and from what to what.
fn change(line: &str) -> Option<(&str, &str, &str)> {
    let (_, fields) = line.split_once("probe changed")?;
    let field = |name: &str| fields.split_whitespace().find_map(|word| word.strip_prefix(name));
    Some((field("probe=")?, field("from=")?, field("to=")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_summed() {
        let rules = "udp dport 500 numgen random mod 100 < 1 counter packets 12 bytes 3456 drop\n\
                     ip protocol esp numgen random mod 100 < 1 counter packets 30 bytes 1 drop";
        assert_eq!(counted(rules), 42);
        assert_eq!(counted("udp dport 500 drop"), 0);
    }

    #[test]
    fn a_change_is_read_from_the_log() {
        let line = "2026-01-01T00:00:00Z  INFO arbiter_probe::table: probe changed probe=tunnel-1 target=169.254.100.1 \
                    from=Up to=Down timeout_ms=20 loss_permille=990";
        assert_eq!(change(line), Some(("tunnel-1", "Up", "Down")));
        assert_eq!(change("INFO arbiterd: a node is heard from=up to=down"), None);
    }
}
