//! The data centre's side of the return path: which of its two routers carries the way back to each private subnet.
//!
//! The reference case has routers that can't run a node. What they can do is reachability tracking: every few seconds each
//! router sends two pings to the other end of its own tunnel. While none is answered, or the core router does not reach
//! it, it is not offered as a way back.
//! The core router prefers each subnet's own router, takes the other when that one is not offered, and leaves everything
//! as it is when none is. [`IpSla`] does just that, for both routers and the core router at once.
//!
//! The data centre's own cluster takes its place with `--site cluster` ([`super::site_cluster`]). Whatever else shall decide:
//! start the lab without either (`--site none`), and let it write to the core router's table.

use super::exec;
use super::machine::Pids;
use super::topology::{Host, SIDES, Side};
use anyhow::Context;
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Who decides about the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum SiteSide {
    /// The routers' reachability tracking.
    #[default]
    IpSla,
    /// A cluster of three nodes, on both routers and on the core router, that follows the cloud's.
    Cluster,
    /// Nobody: each subnet's way back is its own router's, until somebody else writes another into the core router.
    None,
}

/// Which router carries the way back to a private subnet: the letter of its side.
pub(super) type WaysBack = BTreeMap<&'static str, &'static str>;

/// Every subnet's own router.
pub(super) fn at_home() -> WaysBack {
    SIDES.iter().map(|side| (side.private_net, side.letter)).collect()
}

/// The line that makes the core router send what is for this subnet to that side's router.
pub(super) fn line(net: &str, letter: &str) -> Option<String> {
    let side = SIDES.iter().find(|side| side.letter == letter)?;
    Some(format!("route replace {net} via {}", side.router_address))
}

/// The router of a side.
pub(super) fn router(letter: &str) -> Option<Host> {
    SIDES.iter().find(|side| side.letter == letter).map(|side| side.router)
}

/// The tracking.
#[derive(Debug)]
pub(super) struct IpSla {
    pub every: Duration,
}

impl IpSla {
    /// Tracks until something fails that is none of the faults; publishes each change, and says it to `turned` first.
    pub async fn run(
        &self,
        pids: &Pids,
        ways: &watch::Sender<WaysBack>,
        turned: impl Fn(&WaysBack),
    ) -> anyhow::Result<Infallible> {
        let mut ticks = interval_at(Instant::now() + self.every, self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let [a, b] = &SIDES;
            let (a_offers, b_offers) = tokio::join!(offers(pids, a), offers(pids, b));
            let offered = [(a.letter, a_offers), (b.letter, b_offers)].into();
            let now = ways.borrow().clone();
            let next = choose(&now, &offered);
            if next == now {
                continue;
            }
            let lines: Vec<_> = next
                .iter()
                .filter(|(net, letter)| now.get(*net) != Some(*letter))
                .filter_map(|(net, letter)| line(net, letter))
                .collect();
            let core = pids.of(Host::Core).context("the core router is off")?;
            let core = core.to_string();
            let words = ["nsenter", "--target", &core, "--net", "--", "ip", "-batch", "-"];
            exec::run(&words, &(lines.join("\n") + "\n")).await?;
            turned(&next);
            ways.send_replace(next);
        }
    }
}

/// Whether a router is offered as a way back: the core router reaches it, and the other end of its tunnel answers it.
async fn offers(pids: &Pids, side: &Side) -> bool {
    let (Some(core), Some(router)) = (pids.of(Host::Core), pids.of(side.router)) else { return false };
    let (over_lan, through_tunnel) = ([side.router_address], ["-I", side.inner_router, side.inner_gateway]);
    let (near, far) = tokio::join!(answers(core, &over_lan), answers(router, &through_tunnel));
    near && far
}

/// Whether one ping of two is answered, sent from the namespace of that process.
async fn answers(pid: u32, to: &[&str]) -> bool {
    let pid = pid.to_string();
    let ping =
        ["nsenter", "--target", &pid, "--net", "--", "ping", "-n", "-q", "-c", "2", "-i", "0.2", "-W", "1"];
    let words: Vec<_> = ping.into_iter().chain(to.iter().copied()).collect();
    exec::run(&words, "").await.is_ok()
}

/// Each subnet's way back: its own router if that is offered, else the other if that is, else as it is.
fn choose(now: &WaysBack, offered: &BTreeMap<&'static str, bool>) -> WaysBack {
    let is = |letter: &str| offered.get(letter).copied().unwrap_or(false);
    let pick = |home: &Side| {
        let other = SIDES.iter().find(|side| side.letter != home.letter)?;
        [home, other].into_iter().find(|side| is(side.letter)).map(|side| side.letter)
    };
    SIDES
        .iter()
        .filter_map(|home| {
            Some((home.private_net, pick(home).or_else(|| now.get(home.private_net).copied())?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_prefers_home_takes_the_other_and_stays_when_there_is_none() {
        let (a, b) = (SIDES[0].private_net, SIDES[1].private_net);
        let home = at_home();
        let offered = |x, y| BTreeMap::from([("a", x), ("b", y)]);
        assert_eq!(choose(&home, &offered(true, true)), home);
        let moved = WaysBack::from([(a, "b"), (b, "b")]);
        assert_eq!(choose(&home, &offered(false, true)), moved);
        assert_eq!(choose(&moved, &offered(false, false)), moved);
        assert_eq!(choose(&moved, &offered(true, true)), home);
        assert_eq!(line(a, "b").unwrap(), "route replace 172.16.3.0/24 via 10.10.2.100");
    }
}
