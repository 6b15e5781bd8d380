//! Route tables and routes.

use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// Where a route leads to. CIDRs are kept in canonical form (no host bits), as EC2 does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// An IPv4 CIDR.
    V4(String),
    /// An IPv6 CIDR.
    V6(String),
    /// A prefix list (`pl-…`).
    PrefixList(String),
}

impl Destination {
    /// Reads a CIDR of either family, or the id of a prefix list.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.strip_prefix("pl-").is_some_and(|digits| !digits.is_empty()) {
            return Ok(Self::PrefixList(text.to_owned()));
        }
        let wrong = || {
            Refusal::invalid_value(format!(
                "Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
            ))
        };
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let length: u32 = length.parse().map_err(|_| wrong())?;
        match address.parse().map_err(|_| wrong())? {
            IpAddr::V4(address) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                let network = std::net::Ipv4Addr::from(u32::from(address) & mask);
                Ok(Self::V4(format!("{network}/{length}")))
            }
            IpAddr::V6(address) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
                let network = std::net::Ipv6Addr::from(u128::from(address) & mask);
                Ok(Self::V6(format!("{network}/{length}")))
            }
            _ => Err(wrong()),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::V4(text) | Self::V6(text) | Self::PrefixList(text) => text,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a route points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The VPC itself.
    Local,
    /// A network interface (`eni-…`).
    Interface(String),
    /// An internet or virtual private gateway (`igw-…`, `vgw-…`).
    Gateway(String),
    /// A transit gateway (`tgw-…`).
    TransitGateway(String),
    /// A NAT gateway (`nat-…`).
    NatGateway(String),
}

impl Target {
    /// The target that an id names, by its prefix.
    pub fn of_id(id: &str) -> Option<Self> {
        let id_owned = || id.to_owned();
        match id.split_once('-')?.0 {
            "eni" => Some(Self::Interface(id_owned())),
            "igw" | "vgw" => Some(Self::Gateway(id_owned())),
            "tgw" => Some(Self::TransitGateway(id_owned())),
            "nat" => Some(Self::NatGateway(id_owned())),
            _ => None,
        }
    }

    /// The id, or `local`.
    pub fn id(&self) -> &str {
        match self {
            Self::Local => "local",
            Self::Interface(id) | Self::Gateway(id) | Self::TransitGateway(id) | Self::NatGateway(id) => id,
        }
    }
}

/// How a route came into its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// With the table itself.
    CreateRouteTable,
    /// By hand or by program.
    CreateRoute,
    /// A virtual private gateway propagated it.
    EnableVgwRoutePropagation,
}

impl Origin {
    /// EC2's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateRouteTable => "CreateRouteTable",
            Self::CreateRoute => "CreateRoute",
            Self::EnableVgwRoutePropagation => "EnableVgwRoutePropagation",
        }
    }
}

/// One route. A static and a propagated one may share a destination; the static one wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where it leads to.
    pub destination: Destination,
    /// What it points at.
    pub target: Target,
    /// How it came there.
    pub origin: Origin,
}

/// A subnet that uses a route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Association {
    /// Its id (`rtbassoc-…`).
    pub id: String,
    /// The subnet.
    pub subnet: String,
}

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteTable {
    /// Its id (`rtb-…`).
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The subnets that use it.
    pub associations: Vec<Association>,
    /// Its routes, in the order in which they came.
    pub routes: Vec<Route>,
}

impl RouteTable {
    /// The route that a hand or a program made for this destination; propagated ones don't count.
    pub fn static_route(&self, destination: &Destination) -> Option<&Route> {
        self.routes.iter().find(|route| {
            route.destination == *destination && route.origin != Origin::EnableVgwRoutePropagation
        })
    }

    pub(super) fn static_route_mut(&mut self, destination: &Destination) -> Option<&mut Route> {
        self.routes.iter_mut().find(|route| {
            route.destination == *destination && route.origin != Origin::EnableVgwRoutePropagation
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_kept_in_canonical_form() {
        let cases = [
            ("10.10.1.2/16", "10.10.0.0/16"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.1.2.3/32", "10.1.2.3/32"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("pl-0123456789abcdef0", "pl-0123456789abcdef0"),
        ];
        for (text, canonical) in cases {
            assert_eq!(Destination::parse(text).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        for text in
            ["", "nonsense", "10.10.0.0", "10.10.0.0/33", "::/129", "10.10.0/16", "pl-", "10.0.0.0/-1"]
        {
            assert_eq!(Destination::parse(text).unwrap_err().code, "InvalidParameterValue", "{text}");
        }
    }
}
