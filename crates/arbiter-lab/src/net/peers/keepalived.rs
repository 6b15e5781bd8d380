//! keepalived's configuration: one VRRP instance for each route, whose master is whoever the route points at.
//!
//! It speaks unicast, as there is no multicast in a VPC. The virtual address that it insists on is on nobody's network.

use super::{Ends, Peer, TAKE};
use std::path::Path;

pub(super) const PROGRAM: &str = "/usr/sbin/keepalived";
pub(super) const ARGUMENTS: [&str; 5] =
    ["--dont-fork", "--log-console", "--vrrp", "--pid=/run/keepalived.pid", "--vrrp_pid=/run/vrrp.pid"];

/// The configuration of one gateway.
pub(super) fn config(peer: Peer, own: Ends, other: Ends, folder: &Path) -> String {
    let (gateway, side) = own;
    let name = gateway.node.name();
    let folder = folder.display();
    // A tenth of a second is as good as twice that at a loss of one packet in a hundred: four have to be lost.
    let (global, advert) = match peer {
        Peer::KeepalivedDefault => ("", ""),
        _ => ("    vrrp_version 3\n", "    advert_int 0.1\n"),
    };
    let far_end = side.inner_router;
    let (check, track) = match peer {
        Peer::KeepalivedBest => {
            (format!("track_file tunnel {{\n    file \"{folder}/tunnel\"\n    weight 0\n}}\n"), "track_file")
        }
        // Its checks come once a second at most; two pings, so that one lost packet does not move a route.
        Peer::KeepalivedTuned => (script("-c 2 -i 0.2 -W 0.3", far_end), "track_script"),
        _ => (script("-c 1 -W 1", far_end), "track_script"),
    };
    let mut text = format!("global_defs {{\n    router_id {name}\n    script_user root\n{global}}}\n{check}");
    let addresses = (side.gateway_address, other.1.gateway_address);
    for (of_route, state, priority) in [(own, "MASTER", 150), (other, "BACKUP", 100)] {
        let table = of_route.0.table;
        let number = 50 + of_route.0.node.number();
        text += &format!(
            "vrrp_instance {} {{\n    state {state}\n    interface eth0\n    virtual_router_id {number}\n\
             \x20   priority {priority}\n{advert}    unicast_src_ip {}\n    unicast_peer {{\n        {}\n    }}\n\
             \x20   virtual_ipaddress {{\n        10.255.0.{number}/32 dev lo\n    }}\n\
             \x20   {track} {{\n        tunnel\n    }}\n\
             \x20   notify_master \"{folder}/{TAKE} {table} {}\"\n}}\n",
            of_route.0.route, addresses.0, addresses.1, gateway.interface,
        );
    }
    text
}

fn script(options: &str, far_end: &str) -> String {
    format!("vrrp_script tunnel {{\n    script \"/usr/bin/ping -n {options} {far_end}\"\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::super::pair;
    use super::*;
    use crate::net::topology::Host;

    #[test]
    fn a_gateway_is_master_of_its_own_route_and_takes_the_other_to_itself() {
        let (own, other) = pair(Host::Strongswan2).unwrap();
        let text = config(Peer::KeepalivedDefault, own, other, Path::new("/x"));
        assert!(text.contains("vrrp_instance private-2 {\n    state MASTER\n"), "{text}");
        assert!(text.contains("notify_master \"/x/take.sh rtb-4b8f522f eni-2d75e606\""), "{text}");
        assert!(text.contains("notify_master \"/x/take.sh rtb-468f5222 eni-2d75e606\""), "{text}");
        assert!(!text.contains("advert_int"), "{text}");
        let best = config(Peer::KeepalivedBest, own, other, Path::new("/x"));
        assert!(best.contains("track_file tunnel {\n    file \"/x/tunnel\"\n    weight 0"), "{best}");
        assert!(best.contains("advert_int 0.1") && best.contains("vrrp_version 3"), "{best}");
    }
}
