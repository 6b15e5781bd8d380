//! Address translation, as in the reference case: Elastic IPs at the VPC's internet gateway, and the data centre's public
//! addresses before its routers.

use super::topology::SIDES;
use crate::world::World;

/// One private address behind one public one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    private: String,
    public: String,
}

/// What stands before the on-premises routers; on the internet router, where the data centre's line begins.
pub(super) fn of_site() -> String {
    let pairs = SIDES
        .map(|side| Pair { private: side.router_address.to_owned(), public: side.router_public.to_owned() });
    table(&pairs)
}

/// The Elastic IPs, as the world has them now; on the VPC's router.
pub(super) fn of_vpc(world: &World) -> String {
    let pairs: Vec<_> = world
        .interfaces
        .values()
        .filter_map(|interface| {
            let public = interface.elastic_ip.as_ref()?.public_ip.clone();
            Some(Pair { private: interface.private_ip.clone(), public })
        })
        .collect();
    table(&pairs)
}

/// The rules. What was there before is replaced in the same step.
fn table(pairs: &[Pair]) -> String {
    let (mut inward, mut outward) = (String::new(), String::new());
    for Pair { private, public } in pairs {
        inward += &format!("        ip daddr {public} dnat to {private}\n");
        outward += &format!(
            "        ip saddr {private} ip daddr != {{ 10.0.0.0/8, 172.16.0.0/12 }} snat to {public}\n"
        );
    }
    format!(
        "table ip nat\ndelete table ip nat\ntable ip nat {{\n\
         \x20   chain inward {{\n        type nat hook prerouting priority -100;\n{inward}    }}\n\
         \x20   chain outward {{\n        type nat hook postrouting priority 100;\n{outward}    }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Act, INTERFACE_1};

    #[test]
    fn an_elastic_ip_that_is_taken_away_is_not_translated() {
        let mut world = World::reference();
        assert!(of_vpc(&world).contains("ip daddr 54.223.192.238 dnat to 172.16.1.157"));
        world.set_elastic_ip(Act::by_hand(0), INTERFACE_1, None).unwrap();
        let rules = of_vpc(&world);
        assert!(!rules.contains("54.223.192.238") && rules.contains("snat to 54.222.191.34"), "{rules}");
    }
}
