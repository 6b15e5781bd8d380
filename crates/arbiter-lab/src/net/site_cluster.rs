//! The data centre's own cluster: three nodes, on both routers and on the core router, which keep the ways back as kernel
//! routes of the core router, and follow the cloud's cluster.
//!
//! Its configuration is `deploy/site.example.toml` itself, with folders of the lab's and shorter waits.

use super::cluster::{Pace, TIMES, WITHOUT_TLS};
use super::exec;
use super::machine::{Machine, Pids, Service};
use super::site::WaysBack;
use super::topology::{Host, SIDES};
use crate::net::lab::Lab;
use crate::programs;
use anyhow::Context;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, interval_at, timeout};

/// The nodes' hosts.
pub(super) const HOSTS: [Host; 3] = [Host::Router1, Host::Router2, Host::Core];

/// The file that operators start from.
const EXAMPLE: &str = include_str!("../../../../deploy/site.example.toml");

/// The port of every node.
const PORT: u16 = 7_400;

/// The protocol number of the routes, as the kernel shows it.
const PROTOCOL: &str = "90";

/// The kernel says when it adds or removes a route, but not when one goes with its interface.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Several routes change together; after this their changes are looked at as one.
const TOGETHER: Duration = Duration::from_millis(2);

/// The configuration, one for all nodes. Data are below `hosts`, beside the file.
pub(super) fn site_toml(pace: Pace) -> String {
    let mut text = String::new();
    let (mut section, mut node) = ("", "");
    for line in EXAMPLE.lines() {
        if line.starts_with('[') {
            section = line;
        }
        // In its place stands what the cloud's nodes have.
        if section == "[tls]" {
            continue;
        }
        if let Some(name) = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')) {
            node = name;
        }
        text += line;
        text += "\n";
        if section == "[[node]]" && line.starts_with("address = ") {
            text += &format!("data_dir = \"hosts/{node}/data\"\n");
        }
        if section == "[[probe]]" && line.starts_with("target = ") {
            text += pace.of_probes();
        }
    }
    text.replace("cluster = \"vpn\" ", "cluster = \"lab\" ")
        + "\n"
        + pace.of_raft()
        + TIMES
        + pace.of_reports()
        + WITHOUT_TLS
}

/// Where the nodes are reached.
pub(super) fn addresses() -> BTreeMap<Host, SocketAddr> {
    let at = |host: Host| format!("{}:{PORT}", host.address()).parse().ok();
    HOSTS.into_iter().filter_map(|host| Some((host, at(host)?))).collect()
}

/// Starts the node of a host, as its boot does; nothing where none belongs.
pub(super) fn start(host: Host, machine: &mut Machine, folder: &Path, arbiterd: &Path) -> anyhow::Result<()> {
    if !HOSTS.contains(&host) {
        return Ok(());
    }
    let home = folder.join("hosts").join(host.name());
    machine.start(Service::Arbiterd, arbiterd, |command| {
        programs::be_site_node(command, host.name(), &home, &folder.join("site.toml"));
    })
}

/// Watches which way back the core router's kernel takes. Goes on until something fails.
pub(super) async fn watch(lab: &Lab) -> anyhow::Result<Infallible> {
    let core = lab.pids.of(Host::Core).context("the core router is off")?.to_string();
    let mut monitor = Command::new("nsenter")
        .args(["--target", &core, "--net", "--", "ip", "-o", "monitor", "route"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("`ip monitor` can't be started")?;
    let out = monitor.stdout.take().context("a pipe was asked for")?;
    let mut lines = BufReader::new(out).lines();
    let mut ticks = interval_at(Instant::now(), LOOK_EVERY);
    loop {
        let at_us = tokio::select! {
            line = lines.next_line() => {
                line?.context("`ip monitor` has ended")?;
                let at_us = lab.meter.now_us();
                while let Ok(more) = timeout(TOGETHER, lines.next_line()).await {
                    more?.context("`ip monitor` has ended")?;
                }
                at_us
            }
            _ = ticks.tick() => lab.meter.now_us(),
        };
        let ways = read(&lab.pids).await?;
        lab.turns.ways_back(&ways, at_us);
        lab.ways.send_if_modified(|now| {
            let other = *now != ways;
            *now = ways;
            other
        });
    }
}

/// Which router each way back leads over, as the core router's kernel has it.
async fn read(pids: &Pids) -> anyhow::Result<WaysBack> {
    Ok(of_table(&table(pids).await?))
}

/// The routes of ours in the core router's kernel, a line each.
pub(super) async fn table(pids: &Pids) -> anyhow::Result<String> {
    let core = pids.of(Host::Core).context("the core router is off")?.to_string();
    let show = ["nsenter", "--target", &core, "--net", "--", "ip", "-4", "route", "show", "proto", PROTOCOL];
    exec::run(&show, "").await
}

/// Of several routes to one network the kernel takes the first.
fn of_table(table: &str) -> WaysBack {
    let mut ways = WaysBack::new();
    for line in table.lines() {
        let mut words = line.split_whitespace();
        let (net, via) = (words.next(), words.nth(1));
        let of = SIDES.iter().find(|side| Some(side.private_net) == net);
        let over = SIDES.iter().find(|side| Some(side.router_address) == via);
        if let (Some(of), Some(over)) = (of, over) {
            ways.entry(of.private_net).or_insert(over.letter);
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_accepts_the_file_without_a_warning() {
        for pace in [Pace::Default, Pace::Patient] {
            let text = site_toml(pace);
            for host in HOSTS {
                let loaded = arbiter_config::parse(Path::new("/x/site.toml"), &text, host.name());
                let loaded = loaded.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
                let local = loaded.config.local;
                assert_eq!(local.data_dir, Path::new("/x/hosts").join(host.name()).join("data"));
                assert_eq!(local.follow.map(|follow| follow.cluster), Some("lab".to_owned()));
                assert_eq!(addresses()[&host].to_string(), local.address);
            }
        }
    }

    #[test]
    fn the_first_route_of_a_network_counts() {
        let table = "172.16.3.0/24 via 10.10.1.100 dev router-1 metric 10 \n\
                     172.16.3.0/24 via 10.10.2.100 dev router-2 metric 10 \n\
                     172.16.4.0/24 via 10.10.2.100 dev router-2 metric 10 \n";
        assert_eq!(of_table(table), WaysBack::from([("172.16.3.0/24", "a"), ("172.16.4.0/24", "b")]));
    }
}
