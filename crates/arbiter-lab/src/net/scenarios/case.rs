//! The cases by name, and which of them make a scenario.

use crate::net::faults::{FaultName, FaultOrder, Zone};

/// One case: a fault, what must follow from it, and what must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) enum Case {
    /// Goal 1: the hosts of both private subnets reach the data centre, each through its own zone's tunnel, and back.
    PrivateHostsReachTheSite,
    /// Goal 2: the cloud side detects a tunnel's failure, and its route moves; after it is mended, home.
    CloudTunnel,
    /// Goal 3: the cloud side detects a gateway's failure, its route moves; the gateway is restarted, and the route goes home.
    CloudGateway,
    /// Goal 4: the site detects a tunnel's failure, and the way back moves; home after it is mended.
    SiteTunnel,
    /// Goal 5: the site detects a router's failure, and the way back moves; home after it is mended.
    SiteRouter,
    /// The line between the gateways is cut: nothing moves, nobody is stopped, nothing is lost.
    LineCut,
    /// Both tunnels are dead: nothing moves, there is an alarm, and all is well once they are mended.
    BothTunnels,
    /// An operator ends a tunnel's child SA on the gateway: strongSwan's own word is heard, both that it is gone and that it
    /// is there again; the route moves, and home.
    ChildTerminated,
    /// The LAN behind a router is gone, its tunnel is up: the route moves.
    RemoteDead,
    /// Only long packets vanish in a tunnel: the route moves.
    MtuBlackHole,
    /// A gateway is cut off from the VPC, and could still call EC2: its route moves, by another hand than its own.
    GatewayCutOff,
    /// `arbiterd` on a gateway is killed, which goes on forwarding: nothing moves, nothing is lost.
    ArbiterdKilled,
    /// The witness is lost: nothing moves, nothing is lost.
    WitnessLost,
    /// A zone is lost with its gateway: its route moves, nobody else is stopped.
    ZoneLost,
    /// The kernel of a gateway forwards no more. The gateway's own packets still pass its tunnel.
    IpForwardOff,
    /// Keys are renewed under traffic: nothing moves.
    Rekey,
    /// Three packets of a hundred are lost each way: nothing moves.
    Loss,
    /// An operator switches a route over in the cloud, and back: the way back follows within a second, both times.
    WayBackFollows,
    /// The data centre's nodes don't hear the cloud's: the ways back stay as the cloud had them last, and own probes go on
    /// deciding. Heard again, the cloud is followed at once.
    SiteCutOff,
    /// An operator withdraws the core router's routes: not while its node runs, then all of ours and no other; a node that
    /// starts again sets them again.
    RoutesWithdrawn,
    /// The cloud switches to a tunnel that the data centre's own probe calls Down: it is not followed until that is Up.
    SiteVeto,
}

impl Case {
    /// The five goals of the reference case.
    pub const GOALS: [Self; 5] = [
        Self::PrivateHostsReachTheSite,
        Self::CloudTunnel,
        Self::CloudGateway,
        Self::SiteTunnel,
        Self::SiteRouter,
    ];

    /// How the data centre's own cluster follows the cloud's.
    pub const FOLLOWING: [Self; 4] =
        [Self::WayBackFollows, Self::SiteCutOff, Self::SiteVeto, Self::RoutesWithdrawn];

    /// All that need no cluster in the data centre, in the order in which they are played.
    pub const ALL: [Self; 17] = [
        Self::PrivateHostsReachTheSite,
        Self::CloudTunnel,
        Self::CloudGateway,
        Self::SiteTunnel,
        Self::SiteRouter,
        Self::LineCut,
        Self::BothTunnels,
        Self::ChildTerminated,
        Self::RemoteDead,
        Self::MtuBlackHole,
        Self::GatewayCutOff,
        Self::ArbiterdKilled,
        Self::WitnessLost,
        Self::IpForwardOff,
        Self::Rekey,
        Self::Loss,
        Self::ZoneLost,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateHostsReachTheSite => "private-hosts-reach-the-site",
            Self::CloudTunnel => "cloud-tunnel-failure",
            Self::CloudGateway => "cloud-gateway-failure",
            Self::SiteTunnel => "site-tunnel-failure",
            Self::SiteRouter => "site-router-failure",
            Self::LineCut => "line-cut",
            Self::BothTunnels => "both-tunnels-cut",
            Self::ChildTerminated => "child-terminated",
            Self::RemoteDead => "remote-dead",
            Self::MtuBlackHole => "mtu-black-hole",
            Self::GatewayCutOff => "gateway-cut-off",
            Self::ArbiterdKilled => "arbiterd-killed",
            Self::WitnessLost => "witness-lost",
            Self::ZoneLost => "zone-lost",
            Self::IpForwardOff => "ip-forward-off",
            Self::Rekey => "rekey",
            Self::Loss => "loss",
            Self::WayBackFollows => "way-back-follows",
            Self::SiteCutOff => "site-cut-off",
            Self::SiteVeto => "site-veto",
            Self::RoutesWithdrawn => "routes-withdrawn",
        }
    }

    /// The fault that it makes; none if it makes none.
    pub const fn fault(self) -> Option<FaultOrder> {
        let (name, zone, percent) = match self {
            Self::PrivateHostsReachTheSite | Self::Rekey | Self::WayBackFollows | Self::RoutesWithdrawn => {
                return None;
            }
            Self::CloudTunnel => (FaultName::TunnelCut, Zone::A, 0),
            Self::CloudGateway => (FaultName::GatewayCrash, Zone::A, 0),
            Self::SiteTunnel => (FaultName::TunnelCut, Zone::B, 0),
            Self::SiteRouter => (FaultName::RouterDead, Zone::B, 0),
            Self::LineCut => (FaultName::LineCut, Zone::A, 0),
            Self::BothTunnels => (FaultName::BothTunnelsCut, Zone::A, 0),
            Self::ChildTerminated => (FaultName::ChildTerminated, Zone::A, 0),
            Self::RemoteDead => (FaultName::RemoteDead, Zone::A, 0),
            Self::MtuBlackHole => (FaultName::MtuBlackHole, Zone::A, 0),
            Self::GatewayCutOff => (FaultName::GatewayCutOff, Zone::A, 0),
            Self::ArbiterdKilled => (FaultName::ArbiterdKilled, Zone::A, 0),
            Self::WitnessLost => (FaultName::WitnessLost, Zone::A, 0),
            Self::ZoneLost => (FaultName::ZoneLost, Zone::A, 0),
            Self::IpForwardOff => (FaultName::IpForwardOff, Zone::A, 0),
            Self::Loss => (FaultName::Loss, Zone::A, 3),
            Self::SiteCutOff => (FaultName::SiteCutOff, Zone::A, 0),
            Self::SiteVeto => (FaultName::SiteProbeBlind, Zone::B, 0),
        };
        Some(FaultOrder { name, zone, percent })
    }

    /// Whether it is about the data centre's own cluster.
    pub fn is_of_the_site_cluster(self) -> bool {
        Self::FOLLOWING.contains(&self)
    }

    /// The cases that a word on the command line stands for: `goals` (all but those about the data centre's own cluster),
    /// `slice` (the five goals and the cut line), `following` (those about that cluster, and the failures that both sides
    /// detect), or one case.
    pub fn scenario(word: &str) -> Result<Vec<Self>, String> {
        match word {
            "goals" => Ok(Self::ALL.to_vec()),
            "slice" => Ok(Self::GOALS.into_iter().chain([Self::LineCut]).collect()),
            "following" => {
                Ok([Self::CloudTunnel, Self::SiteRouter].into_iter().chain(Self::FOLLOWING).collect())
            }
            name => match Self::ALL.into_iter().chain(Self::FOLLOWING).find(|case| case.name() == name) {
                Some(case) => Ok(vec![case]),
                None => {
                    let names: Vec<_> =
                        Self::ALL.into_iter().chain(Self::FOLLOWING).map(Self::name).collect();
                    Err(format!(
                        "there is no scenario `{name}`; there are goals, slice, following, {}",
                        names.join(", ")
                    ))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn goals_are_all_cases_and_every_case_is_a_scenario_of_its_own() {
        assert_eq!(Case::scenario("goals").unwrap().len(), 17);
        assert_eq!(Case::scenario("slice").unwrap().len(), 6);
        assert_eq!(Case::scenario("following").unwrap().len(), 6);
        let all = || Case::ALL.into_iter().chain(Case::FOLLOWING);
        let names: BTreeSet<_> = all().map(Case::name).collect();
        assert_eq!(names.len(), all().count());
        for case in all() {
            assert_eq!(Case::scenario(case.name()).unwrap(), [case]);
        }
        assert!(Case::scenario("tunnel").unwrap_err().contains("cloud-tunnel-failure"));
    }
}
