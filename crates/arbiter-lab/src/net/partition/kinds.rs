//! What may come over the nodes and their world, by name.

use clap::ValueEnum;
use std::time::Duration;

/// One kind of nemesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(in crate::net) enum Kind {
    /// The leader hears no other node, and none hears it. It still reaches EC2.
    LeaderAlone,
    /// The same for any node.
    NodeAlone,
    /// Two nodes don't hear each other; the others hear both.
    Bridge,
    /// Two of five nodes, one of them the leader, and the other three don't hear each other.
    Halves,
    /// Each of five nodes hears its two neighbours alone.
    Ring,
    /// The leader is heard by nobody, and hears all.
    LeaderMute,
    /// The leader hears nobody, and is heard by all.
    LeaderDeaf,
    /// From one node nothing reaches one other.
    OneWay,
    /// The leader doesn't reach EC2; all else passes.
    LeaderWithoutEc2,
    /// Of all packets between nodes a third is lost.
    Loss,
    /// The leader's process stands still for a while.
    LeaderStands,
    /// The same for any node's.
    NodeStands,
    /// The leader's process is killed, and starts again.
    LeaderKilled,
    /// The same for any node's.
    NodeKilled,
    /// All processes are killed at once, and start again.
    AllKilled,
    /// One node after the other is asked to end and started again, as by who upgrades them; each when the one before is back.
    RollingRestart,
    /// A node's wall clock is set wrong, by a fifth of a second to an hour, ahead or behind.
    ClockJumps,
    /// The disk of a node has no room left: the node ends. With room again it starts.
    DiskFull,
    /// The disk of a node is lost, and another is put in its place: the node must wait until an operator lets it in.
    DiskLost,
    /// EC2 does what it is told, and its answers get lost.
    RepliesLost,
    /// EC2 takes a second longer.
    Ec2Slow,
    /// EC2 refuses for want of tokens.
    Throttled,
    /// EC2 accepts, and does it after its caller has given up.
    AppliedLate,
    /// A tunnel is cut on the internet.
    TunnelCut,
    /// A gateway loses its power.
    GatewayCrash,
    /// Somebody points a route elsewhere by hand.
    HandOnRoute,
}

impl Kind {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// All of them.
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// Whether it comes over gateways and tunnels. One of these and one of the others may come at the same time.
    pub const fn is_of_the_world(self) -> bool {
        matches!(self, Self::TunnelCut | Self::GatewayCrash | Self::HandOnRoute)
    }

    /// Whether it means anything to so many nodes.
    pub const fn is_for(self, nodes: usize) -> bool {
        nodes >= 5 || !matches!(self, Self::Halves | Self::Ring)
    }

    /// Whether it comes over those who run on two gateways, without a leader. Their processes are left alone: keepalived's have
    /// children, which nobody would stop or kill with them.
    pub const fn is_for_pairs(self) -> bool {
        matches!(
            self,
            Self::LeaderAlone
                | Self::NodeAlone
                | Self::Bridge
                | Self::OneWay
                | Self::LeaderWithoutEc2
                | Self::Loss
                | Self::RepliesLost
                | Self::Ec2Slow
                | Self::Throttled
                | Self::AppliedLate
                | Self::TunnelCut
                | Self::GatewayCrash
        )
    }

    /// For how long it lasts, from and to.
    pub const fn lasts(self) -> (Duration, Duration) {
        let (from_ms, to_ms) = match self {
            // 0.5 to 10 dispatch windows.
            Self::LeaderStands | Self::NodeStands => (250, 5_000),
            Self::LeaderKilled | Self::NodeKilled | Self::AllKilled => (100, 3_000),
            Self::GatewayCrash => (1_000, 14_000),
            Self::HandOnRoute => (100, 1_000),
            // It is over when the last node is back.
            Self::RollingRestart => (0, 1),
            _ => (1_000, 9_000),
        };
        (Duration::from_millis(from_ms), Duration::from_millis(to_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_kind() {
        let document = include_str!("../../../../../docs/partition.md");
        for kind in Kind::all() {
            assert!(document.contains(&format!("`{}`", kind.name())), "{}", kind.name());
        }
    }
}
