//! The faults that all peers meet.

use super::super::peers::Peer;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens to whom. Each is made on side a.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::net) enum RaceFault {
    /// A tunnel is cut on the internet.
    TunnelCut,
    /// A gateway loses its power.
    GatewayCrash,
    /// The same to a gateway whose node leads; only a cluster has a leader.
    LeaderCrash,
    /// The line between the two gateways is cut, and nothing else.
    LineCut,
    /// A gateway is cut off from the VPC, but not from EC2.
    GatewayCutOff,
    /// That line is cut, mended, and some seconds later a gateway loses its power.
    SplitHealCrash,
    /// Both gateways lose their power and boot at the same moment.
    BootTogether,
}

impl RaceFault {
    /// Whether it cuts a way that a move can save.
    pub const fn must_hurt(self) -> bool {
        !matches!(self, Self::LineCut)
    }

    /// For how long a run is watched at least: longer than the slowest peer takes to do what it does.
    pub const fn watched(self) -> Duration {
        match self {
            // Also the way back has moved by then, by the routers' tracking.
            Self::TunnelCut | Self::GatewayCrash | Self::LeaderCrash => Duration::from_secs(8),
            Self::LineCut | Self::GatewayCutOff | Self::SplitHealCrash | Self::BootTogether => {
                Duration::from_secs(20)
            }
        }
    }

    /// Whether it means anything to that peer.
    pub const fn is_for(self, peer: Peer) -> bool {
        match peer {
            Peer::Ours | Peer::OursFast => true,
            Peer::ByHand => matches!(self, Self::TunnelCut | Self::GatewayCrash | Self::GatewayCutOff),
            _ => !matches!(self, Self::LeaderCrash),
        }
    }
}
