//! Commands by which an operator overrides what the cluster would do by itself.

use super::reason;
use clap::{Args, Subcommand, ValueEnum};

/// How a change is asked for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Doing {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Say what the cluster would answer and what would follow, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// About one node.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Every node: its part, its place, how far it is (the same as `members`)
    List,
    /// Take a node as a learner: it gets the log, and does not vote yet
    #[command(after_help = ADD)]
    Add(AddArgs),
    /// Let a learner vote that has caught up
    #[command(after_help = PROMOTE)]
    Promote(MemberArgs),
    /// Remove a node for good
    #[command(after_help = REMOVE)]
    Remove(MemberArgs),
    /// Let a wiped or new machine take over a node's name, because its old disk is lost
    #[command(visible_alias = "readmit")]
    Replace(MemberArgs),
}

const ADD: &str = "\
The policy in force must name the node first, with this id and its zone: `arbiterctl policy apply`. \
Then start `arbiterd` there, with a file that lists all nodes; the files of the others need not list it. \
An id is never used twice, not even after its node was removed.";

const PROMOTE: &str = "\
It is refused while the learner has not joined, lacks more than some entries, or is not heard, and where \
fewer than a majority of the voters would be heard afterwards.";

const REMOVE: &str = "\
It is refused for the leader (`arbiterctl handover` first), for the node of a gateway that the policy \
names (`arbiterctl policy apply` first), and where fewer than a majority of the voters that stay is \
heard. A node that is dead may be removed. Its id is used up.";

/// Which node, its id, and where it is.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The node's name, as the policy has it
    pub node: String,
    /// Its Raft id, as the policy has it: one that no node ever had
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub id: u64,
    /// Where the other nodes reach it
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub address: String,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// `host:port`, as in `172.16.5.11:7400`.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    match port.and_then(|port| port.parse::<u16>().ok()) {
        Some(1..) => Ok(text.to_owned()),
        _ => Err("host and port are wanted, as in 172.16.5.11:7400".to_owned()),
    }
}

/// About one gateway.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Give a gateway a new instance and interface, because its old instance is gone
    Replace(ReplaceArgs),
    /// Stop and start a gateway, as soon as the guards of remediation allow it; its routes move away first
    #[command(after_help = RESTART)]
    Restart(RestartArgs),
}

const RESTART: &str = "\
The request is kept by the cluster. Until the gateway is stopped, it is kept free of routes as \
by a drain; afterwards they come home by the ordinary rules. It is refused where a stop by itself \
would be (no Elastic IP, Auto Scaling, budget, cooldown, another gateway in the slot, the last \
one running, a silent zone), and where a route would lose its last path that works, unless it is \
forced. A request that has not begun runs out after ten minutes.";

/// Which node.
#[derive(Debug, Args)]
pub struct MemberArgs {
    /// The node's name
    pub node: String,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Which gateway, and by what.
#[derive(Debug, Args)]
pub struct ReplaceArgs {
    /// The gateway's name
    pub gateway: String,
    /// The new instance's id, as in i-0f1e2d3c4b5a69788
    #[arg(long, value_name = "ID", value_parser = instance)]
    pub instance: String,
    /// The id of the new instance's interface, as in eni-23fbd87a
    #[arg(long, value_name = "ID", value_parser = interface)]
    pub eni: String,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Which gateway, and why; or that it shall not be.
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// The gateway's name
    pub gateway: String,
    /// Why, shown to everybody who looks
    #[arg(long, value_name = "TEXT", value_parser = reason, required_unless_present = "cancel")]
    pub reason: Option<String>,
    /// Also if a route loses its last path that works
    #[arg(long)]
    pub force: bool,
    /// Withdraw a restart that has not begun
    #[arg(long, conflicts_with_all = ["reason", "force", "wait"])]
    pub cancel: bool,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
    /// Wait until it is back and healthy. With this, the default of --timeout is 15m
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
}

/// Which gateway, and why.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// The gateway's name
    pub gateway: String,
    /// Why, shown to everybody who looks
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Wait until no route uses it any more
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Which gateway.
#[derive(Debug, Args)]
pub struct UndrainArgs {
    /// The gateway's name
    pub gateway: String,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Which route, and which of its paths.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// The route's name
    pub route: String,
    /// The path's name
    pub path: String,
    /// Wait until EC2 shows the route there
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Which route.
#[derive(Debug, Args)]
pub struct UnpinArgs {
    /// The route's name
    pub route: String,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Which mode.
#[derive(Debug, Args)]
pub struct ModeArgs {
    /// Whether decisions are carried out
    pub mode: Mode,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// They are not: the history says what would have been done
    Observe,
    /// They are
    Act,
}

fn instance(text: &str) -> Result<String, String> {
    id("i-", text)
}

fn interface(text: &str) -> Result<String, String> {
    id("eni-", text)
}

/// Ids that were swapped or cut are found out here, and not by a gateway that can't be reached.
fn id(prefix: &str, text: &str) -> Result<String, String> {
    match text.strip_prefix(prefix) {
        Some(rest) if !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit()) => Ok(text.to_owned()),
        _ => Err(format!("`{prefix}` and hexadecimal digits are expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_were_swapped_are_refused() {
        assert_eq!(instance("i-0f1e2d3c4b5a69788"), Ok("i-0f1e2d3c4b5a69788".to_owned()));
        assert_eq!(interface("eni-23fbd87a"), Ok("eni-23fbd87a".to_owned()));
        for wrong in ["", "i-", "eni-23fbd87a", "i-xyz", "i-12 34"] {
            assert!(instance(wrong).is_err(), "{wrong}");
        }
        assert!(interface("i-0f1e2d3c4b5a69788").is_err());
    }
}
