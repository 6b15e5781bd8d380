//! Peers: what others do in place of `arbiterd`, on the same gateways, with the same tunnels and the same EC2.
//!
//! What runs on a gateway is written into its folder as scripts and configuration that anybody can read after a run, and
//! try by hand. Each gateway signs with the key that its `arbiterd` would use: the call log tells the callers apart.

mod keepalived;

use super::cluster::{Pace, node_of};
use super::machine::{Machine, Service};
use super::topology::{ENDPOINT_ADDRESS, ENDPOINT_PORT, Host, SIDES, Side};
use crate::demo::cluster::{GATEWAYS, Gateway};
use crate::world::ON_PREMISES;
use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Debian's AWS command line; another one may come first on somebody's path.
const AWS: &str = "/usr/bin/aws";
const SETTINGS: &str = "settings";
const TAKE: &str = "take.sh";

/// keepalived reads no configuration that can be executed.
const DATA: u32 = 0o644;
const SCRIPT: u32 = 0o755;

const MONITOR: &str = include_str!("vpn-monitor.sh");
const TAKE_BY_CLI: &str = include_str!("take-cli.sh");
const TAKE_SIGNED: &str = include_str!("take-signed.sh");
const PINGER: &str = include_str!("pinger.sh");

/// Who guards the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Peer {
    /// Route Arbiter with every probe at its defaults.
    Ours,
    /// Route Arbiter with the `fast` profile.
    OursFast,
    /// The article's script: mutual pings, and the AWS command line.
    MutualPings,
    /// Debian's keepalived at its defaults, with a notify script that uses the AWS command line.
    KeepalivedDefault,
    /// The same, as fast as its options make it.
    KeepalivedTuned,
    /// The same with a pinger of its own beside it, and a signed call in place of the command line.
    KeepalivedBest,
    /// Nobody: the call is made by hand at the instant of the fault. What is left is the floor.
    ByHand,
}

impl Peer {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The pace of our nodes; none where somebody else is in their place.
    pub const fn pace(self) -> Option<Pace> {
        match self {
            Self::Ours => Some(Pace::Default),
            Self::OursFast => Some(Pace::Fast),
            _ => None,
        }
    }

    /// What it needs that a lab of ours doesn't.
    pub const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Ours | Self::OursFast => &[],
            Self::MutualPings => &[AWS],
            Self::KeepalivedDefault | Self::KeepalivedTuned => &[AWS, keepalived::PROGRAM],
            Self::KeepalivedBest => &["/usr/bin/curl", keepalived::PROGRAM],
            Self::ByHand => &["/usr/bin/curl"],
        }
    }

    /// How many calls it makes as it starts, each gateway one: to point its own route at itself.
    pub const fn first_calls(self) -> usize {
        match self {
            Self::Ours | Self::OursFast | Self::ByHand => 0,
            _ => 2,
        }
    }
}

/// Starts what a gateway's boot starts; nothing on other hosts.
pub(super) fn start(peer: Peer, host: Host, machine: &mut Machine, home: &Path) -> anyhow::Result<()> {
    let Some((own, other)) = pair(host) else { return Ok(()) };
    let folder = home.join("peer");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    write(&folder.join(SETTINGS), &settings(own, other), DATA)?;
    let bash = Path::new("/bin/bash");
    match peer {
        Peer::Ours | Peer::OursFast | Peer::ByHand => Ok(()),
        Peer::MutualPings => {
            // Its settings come from the environment: they are read before it starts.
            let script = format!("#!/bin/bash\n. \"$(dirname \"$0\")/{SETTINGS}\"\n{MONITOR}");
            let path = write(&folder.join("vpn-monitor.sh"), &script, SCRIPT)?;
            machine.start(Service::Peer, bash, |command| {
                clean(command).arg(path);
            })
        }
        Peer::KeepalivedDefault | Peer::KeepalivedTuned | Peer::KeepalivedBest => {
            let best = peer == Peer::KeepalivedBest;
            write(&folder.join(TAKE), if best { TAKE_SIGNED } else { TAKE_BY_CLI }, SCRIPT)?;
            let config = keepalived::config(peer, own, other, &folder);
            let config = write(&folder.join("keepalived.conf"), &config, DATA)?;
            if best {
                write(&folder.join("tunnel"), "0\n", DATA)?;
                let pinger = write(&folder.join("pinger.sh"), PINGER, SCRIPT)?;
                machine.start(Service::Pinger, bash, |command| {
                    clean(command).arg(pinger);
                })?;
            }
            machine.start(Service::Peer, Path::new(keepalived::PROGRAM), |command| {
                clean(command).args(keepalived::ARGUMENTS).arg(format!("--use-file={}", config.display()));
            })
        }
    }
}

/// The access key of a person who moves a route by hand.
pub(super) const KEY_OF_HAND: &str = "AKIDBYHAND";

/// The words of a call that points the route of a side's private subnet at that gateway, signed as nobody's.
pub(super) fn call_by_hand(route_of: Gateway, to: Gateway) -> Vec<String> {
    let settings = format!("set -a\n{}", common(KEY_OF_HAND));
    let script = TAKE_SIGNED.replace(&format!(". \"$(dirname \"$0\")/{SETTINGS}\""), &settings);
    ["bash", "-c", &script, "take", route_of.table, to.interface].map(str::to_owned).into()
}

/// A gateway with its side, and the other with its own.
type Ends = (Gateway, &'static Side);

fn pair(host: Host) -> Option<(Ends, Ends)> {
    let node = node_of(host)?;
    let both = || GATEWAYS.into_iter().zip(&SIDES);
    let own = both().find(|(gateway, _)| gateway.node == node)?;
    Some((own, both().find(|(gateway, _)| gateway.node != node)?))
}

fn settings((own, own_side): Ends, (other, other_side): Ends) -> String {
    format!(
        "set -a\n{}\
         OWN_TABLE={}\nOWN_INTERFACE={}\nFAR_END={}\n\
         OTHER_TABLE={}\nOTHER_INTERFACE={}\nOTHER_INSTANCE={}\nOTHER_ADDRESS={}\n",
        common(own.node.access_key()),
        own.table,
        own.interface,
        own_side.inner_router,
        other.table,
        other.interface,
        other.instance,
        other_side.gateway_address,
    )
}

fn common(key: &str) -> String {
    format!(
        "AWS={AWS}\nENDPOINT=http://{ENDPOINT_ADDRESS}:{ENDPOINT_PORT}\nDESTINATION={ON_PREMISES}\n\
         AWS_REGION=cn-north-1\nAWS_DEFAULT_REGION=cn-north-1\nAWS_ACCESS_KEY_ID={key}\n\
         AWS_SECRET_ACCESS_KEY=of-the-lab\nAWS_EC2_METADATA_DISABLED=true\nAWS_PAGER=\n"
    )
}

/// Nothing of the user's own environment reaches a peer.
fn clean(command: &mut tokio::process::Command) -> &mut tokio::process::Command {
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/nonexistent")
}

fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<PathBuf> {
    let failed = || format!("{} can't be written", path.display());
    std::fs::write(path, text).with_context(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).with_context(failed)?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_knows_the_other() {
        let (own, other) = pair(Host::Strongswan1).unwrap();
        let text = settings(own, other);
        assert!(text.contains("OWN_TABLE=rtb-468f5222\nOWN_INTERFACE=eni-23fbd87a\n"), "{text}");
        assert!(text.contains("FAR_END=169.254.100.1\nOTHER_TABLE=rtb-4b8f522f\n"), "{text}");
        assert!(text.contains("OTHER_ADDRESS=172.16.2.126\n"), "{text}");
        assert!(pair(Host::Router1).is_none());
        // The witness is a node, and no gateway.
        assert!(pair(Host::Witness).is_none());
    }

    #[test]
    fn every_script_finds_its_settings() {
        let line = format!(". \"$(dirname \"$0\")/{SETTINGS}\"");
        for script in [TAKE_BY_CLI, TAKE_SIGNED, PINGER] {
            assert!(script.contains(&line), "{script}");
        }
        let words = call_by_hand(GATEWAYS[0], GATEWAYS[1]);
        assert!(words[2].contains("AWS_ACCESS_KEY_ID=AKIDBYHAND") && !words[2].contains("dirname"));
        assert_eq!(words[4..], ["rtb-468f5222", "eni-2d75e606"]);
    }
}
