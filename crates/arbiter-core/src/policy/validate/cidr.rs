//! What a route's destination may look like: an IPv4 or IPv6 block, or a prefix list.
//!
//! It must be written exactly as the provider shows it, or what is observed would never equal what is wanted:
//! no bits beyond the prefix, no leading zeros, IPv6 in its shortest lower-case form.

use super::names::is_provider_id;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is wrong with a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadDestination {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: String,
}

/// Refuses what is not a destination in its one canonical form.
pub(super) fn check(text: &str) -> Result<(), BadDestination> {
    if text.starts_with("pl-") && is_provider_id(text, "pl-") {
        return Ok(());
    }
    let bad = |message: String, help: String| Err(BadDestination { message, help });
    let Some((address, prefix)) = text.split_once('/') else {
        return match text.trim().parse::<IpAddr>() {
            Ok(address) => bad(
                format!("`{text}` has no prefix length"),
                format!("for this one address write `{}`", whole(address)),
            ),
            Err(_) => bad(format!("`{text}` is not a destination"), EXPECTED.to_owned()),
        };
    };
    let Ok(address) = address.trim().parse::<IpAddr>() else {
        return bad(format!("`{}` in `{text}` is not an IP address", address.trim()), EXPECTED.to_owned());
    };
    let bits = width(address);
    let Some(prefix) = prefix.trim().parse::<u8>().ok().filter(|prefix| *prefix <= bits) else {
        return bad(
            format!("the prefix length of `{text}` is not a number from 0 to {bits}"),
            format!("for this one address write `{}`", whole(address)),
        );
    };
    let network = network(address, prefix);
    let canonical = format!("{network}/{prefix}");
    if network != address {
        return bad(format!("`{text}` has bits set beyond its prefix"), format!("write `{canonical}`"));
    }
    if canonical != text {
        return bad(
            format!("`{text}` is not in the form that the provider shows"),
            format!("write `{canonical}`"),
        );
    }
    Ok(())
}

const EXPECTED: &str =
    "write a block as in `10.10.0.0/16` or `2001:db8::/32`, or a prefix list as in `pl-0a1b2c3d`";

fn whole(address: IpAddr) -> String {
    format!("{address}/{}", width(address))
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The block's first address. `prefix` must not exceed the address's width.
fn network(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn destinations_in_the_providers_own_form_are_accepted() {
        for good in [
            "10.10.0.0/16",
            "0.0.0.0/0",
            "10.10.1.100/32",
            "128.0.0.0/1",
            "::/0",
            "2001:db8::/32",
            "2001:db8::1/128",
            "fd00:ec2::/64",
            "pl-0a1b2c3d",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn every_other_form_is_refused_with_the_corrected_one() {
        let cases = [
            ("10.10.0.1/16", "has bits set beyond its prefix", "write `10.10.0.0/16`"),
            ("10.10.1.0/0", "has bits set beyond its prefix", "write `0.0.0.0/0`"),
            ("2001:db8::1/32", "has bits set beyond its prefix", "write `2001:db8::/32`"),
            ("2001:DB8::/32", "not in the form that the provider shows", "write `2001:db8::/32`"),
            ("2001:db8:0::/48", "not in the form that the provider shows", "write `2001:db8::/48`"),
            ("10.10.0.0/+16", "not in the form that the provider shows", "write `10.10.0.0/16`"),
            ("10.10.0.0/016", "not in the form that the provider shows", "write `10.10.0.0/16`"),
            (" 10.10.0.0/16", "not in the form that the provider shows", "write `10.10.0.0/16`"),
            ("10.10.0.0", "has no prefix length", "write `10.10.0.0/32`"),
            ("2001:db8::1", "has no prefix length", "write `2001:db8::1/128`"),
            ("10.10.0.0/33", "not a number from 0 to 32", "write `10.10.0.0/32`"),
            ("2001:db8::/129", "not a number from 0 to 128", "write `2001:db8::/128`"),
            ("10.10.0.0/", "not a number from 0 to 32", "write `10.10.0.0/32`"),
            ("10.10.0/16", "is not an IP address", "`10.10.0.0/16`"),
            ("010.10.0.0/16", "is not an IP address", "`10.10.0.0/16`"),
            ("/16", "is not an IP address", "`10.10.0.0/16`"),
            ("", "is not a destination", "`10.10.0.0/16`"),
            ("pl-", "is not a destination", "`pl-0a1b2c3d`"),
            ("pl-XYZ", "is not a destination", "`pl-0a1b2c3d`"),
            ("the data centre", "is not a destination", "`10.10.0.0/16`"),
        ];
        for (text, message, help) in cases {
            let bad = check(text).expect_err(text);
            assert!(bad.message.contains(message), "{text}: {}", bad.message);
            assert!(bad.help.contains(help), "{text}: {}", bad.help);
        }
    }

    proptest! {
        #[test]
        fn a_block_made_from_any_address_is_accepted_and_one_bit_more_is_not(bits: u128, v6: bool, prefix in 0u8..=128) {
            let address = if v6 {
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            } else {
                IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32))
            };
            let prefix = prefix.min(width(address));
            let network = network(address, prefix);
            let canonical = format!("{}/{}", network, prefix);
            prop_assert_eq!(check(&canonical), Ok(()));
            if network != address {
                let bad = check(&format!("{address}/{prefix}")).expect_err("host bits are set");
                prop_assert_eq!(bad.help, format!("write `{canonical}`"));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = check(&text);
        }
    }
}
