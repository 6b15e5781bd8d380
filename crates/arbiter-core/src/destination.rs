//! Route destinations: whether two texts name the same one, and whether one lies inside another.

use std::fmt;
use std::net::IpAddr;

/// The destination of a route: an IPv4 or IPv6 network, or a prefix list (`pl-…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// A network, its host bits cleared as EC2 clears them.
    Network(Network),
    /// A managed prefix list. What it contains is not in the route table's description.
    PrefixList(String),
}

/// A network: an address without host bits, and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix_len: u8,
}

/// The text is no destination that a route can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a route destination: expected an IPv4 or IPv6 CIDR or a prefix list, as in `10.10.0.0/16`, `2001:db8::/32`, `pl-0123abcd`"
)]
pub struct NotADestination(String);

impl Destination {
    /// Reads a destination as the policy or EC2 writes it.
    ///
    /// # Errors
    /// It is neither a network nor a prefix list.
    pub fn parse(text: &str) -> Result<Self, NotADestination> {
        if text.starts_with("pl-") {
            return Ok(Self::PrefixList(text.to_owned()));
        }
        Network::parse(text).map(Self::Network).ok_or_else(|| NotADestination(text.to_owned()))
    }

    /// Whether an address lies in it. What a prefix list contains isn't known here, so nothing lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(address))
    }

    /// Whether `other` is a network strictly inside this one. What a prefix list contains isn't known here, so
    /// nothing is inside it.
    pub fn strictly_contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Network(outer), Self::Network(inner)) => outer.strictly_contains(*inner),
            _ => false,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "{}/{}", network.address, network.prefix_len),
            Self::PrefixList(id) => f.write_str(id),
        }
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix_len) = text.split_once('/')?;
        let prefix_len: u8 = prefix_len.parse().ok()?;
        let address = masked(address.parse().ok()?, prefix_len)?;
        Some(Self { address, prefix_len })
    }

    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.prefix_len) == Some(self.address)
    }

    fn strictly_contains(self, inner: Self) -> bool {
        self.address.is_ipv4() == inner.address.is_ipv4()
            && self.prefix_len < inner.prefix_len
            && masked(inner.address, self.prefix_len) == Some(self.address)
    }
}

/// The address without its host bits; `None` for a prefix longer than the address.
fn masked(address: IpAddr, prefix_len: u8) -> Option<IpAddr> {
    let len = u32::from(prefix_len);
    match address {
        IpAddr::V4(address) if len <= 32 => {
            let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
            Some(IpAddr::V4((u32::from(address) & mask).into()))
        }
        IpAddr::V6(address) if len <= 128 => {
            let mask = u128::MAX.checked_shl(128 - len).unwrap_or(0);
            Some(IpAddr::V6((u128::from(address) & mask).into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    #[test]
    fn two_spellings_of_one_network_are_the_same_destination() {
        assert_eq!(destination("10.10.3.7/16"), destination("10.10.0.0/16"));
        assert_eq!(destination("2001:DB8:0::/32"), destination("2001:db8::/32"));
        assert_eq!(destination("0.0.0.0/0").to_string(), "0.0.0.0/0");
        assert_eq!(destination("2001:DB8:0::1/32").to_string(), "2001:db8::/32");
        assert_ne!(destination("::/0"), destination("0.0.0.0/0"));
    }

    #[test]
    fn only_a_longer_prefix_of_the_same_family_lies_inside() {
        let ours = destination("10.10.0.0/16");
        for (inner, inside) in [
            ("10.10.4.0/24", true),
            ("10.10.0.0/17", true),
            ("10.10.0.0/16", false),
            ("10.0.0.0/8", false),
            ("10.11.0.0/24", false),
            ("::/96", false),
            ("pl-1", false),
        ] {
            assert_eq!(ours.strictly_contains(&destination(inner)), inside, "{inner}");
        }
        assert!(destination("::/0").strictly_contains(&destination("2001:db8::/32")));
        assert!(!destination("pl-1").strictly_contains(&destination("10.10.4.0/24")));
    }

    #[test]
    fn an_address_lies_in_the_networks_of_its_own_family() {
        for (network, address, inside) in [
            ("10.10.0.0/16", "10.10.255.1", true),
            ("10.10.0.0/16", "10.11.0.1", false),
            ("0.0.0.0/0", "203.0.113.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8::1", true),
            ("pl-1", "10.10.0.1", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(destination(network).contains(address), inside, "{network} {address}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in ["", "10.10.0.0", "10.10.0.0/33", "10.10/16", "::/129", "10.10.0.0/-1", "eni-1"] {
            assert!(Destination::parse(wrong).is_err(), "{wrong}");
        }
    }
}
