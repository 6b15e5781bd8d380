//! strongSwan as it is configured on a gateway and on an on-premises router, and its process.
//!
//! Where the kernel has ESP, it does the work. Where it hasn't, charon does it itself (`kernel-libipsec`): it makes a TUN
//! device `ipsec0` and routes into it. Either way its routes are in table 220, and ESP goes over UDP, through two NATs.

use super::machine::{Machine, Service};
use super::topology::{Host, SIDES, SITE_NET, Side, VPC_NET};
use anyhow::Context;
use std::path::Path;

/// Where Debian puts charon.
pub(super) const CHARON: &str = "/usr/lib/ipsec/charon";

/// The name of a tunnel's child SA, on both of its ends.
pub(super) const CHILD: &str = "tunnel";

/// Who encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Esp {
    /// The kernel.
    Kernel,
    /// charon itself, in userland.
    Userland,
}

impl Esp {
    /// What the kernel of that host can do: it is asked for a security association.
    pub async fn of(machine: &Machine) -> Self {
        let key = "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let ask = [
            "ip",
            "xfrm",
            "state",
            "add",
            "src",
            "192.0.2.10",
            "dst",
            "192.0.2.11",
            "proto",
            "esp",
            "spi",
            "0x1000",
            "mode",
            "tunnel",
            "enc",
            "cbc(aes)",
            key,
            "auth",
            "hmac(sha256)",
            key,
        ];
        if machine.run(&ask, "").await.is_err() {
            return Self::Userland;
        }
        if let Err(error) = machine.run(&["ip", "xfrm", "state", "flush"], "").await {
            tracing::warn!(%error, "a security association of a test is left in the VPC's router");
        }
        Self::Kernel
    }
}

/// Which end of a tunnel a host is.
struct Peer {
    local: &'static str,
    remote: &'static str,
    local_id: &'static str,
    remote_id: &'static str,
    local_nets: String,
    remote_nets: String,
    /// The gateway dials, for as long as it takes; the router answers.
    dials: bool,
}

impl Peer {
    fn of(host: Host, side: &Side) -> Self {
        let site = format!("{}/32,{SITE_NET}", side.inner_router);
        let vpc = format!("{}/32,{VPC_NET}", side.inner_gateway);
        if host == side.gateway {
            Self {
                local: side.gateway_address,
                remote: side.router_public,
                local_id: side.elastic_ip,
                remote_id: side.router_public,
                local_nets: vpc,
                remote_nets: site,
                dials: true,
            }
        } else {
            Self {
                local: side.router_address,
                remote: side.elastic_ip,
                local_id: side.router_public,
                remote_id: side.elastic_ip,
                local_nets: site,
                remote_nets: vpc,
                dials: false,
            }
        }
    }
}

/// Writes the configuration of a gateway or router into its folder; nothing for other hosts. Must be there before the
/// host is switched on.
pub(super) fn configure(host: Host, folder: &Path, esp: Esp, secret: &str) -> anyhow::Result<()> {
    let Some(side) = SIDES.iter().find(|side| side.gateway == host || side.router == host) else {
        return Ok(());
    };
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))
    };
    write("strongswan.conf", daemon(esp, &folder.join("charon.log")))?;
    write("swanctl/swanctl.conf", connection(&Peer::of(host, side), secret))
}

/// Starts charon on a gateway or router; it loads its connections by itself, then opens the door.
pub(super) async fn start(host: Host, machine: &mut Machine) -> anyhow::Result<()> {
    let has_tunnel = SIDES.iter().any(|side| side.gateway == host || side.router == host);
    if !has_tunnel || machine.runs(Service::Charon) {
        return Ok(());
    }
    machine.nft(CLOSED).await?;
    machine.start(Service::Charon, Path::new(CHARON), |_| ())
}

/// A charon that does not know its connections yet refuses whoever calls, and who was refused does not call again. So
/// until they are loaded it must seem dead.
const CLOSED: &str = "\
table inet closed
delete table inet closed
table inet closed {
    chain input {
        type filter hook input priority 0;
        udp dport { 500, 4500 } drop
    }
}
";

/// A peer that is gone is noticed within some seconds: so a tunnel is there again soon after its fault is mended. A
/// short fault keeps it.
fn daemon(esp: Esp, log: &Path) -> String {
    let log = log.display();
    let kernel = match esp {
        Esp::Kernel => "kernel-netlink",
        // The first that can do IPsec does it.
        Esp::Userland => "kernel-libipsec kernel-netlink",
    };
    format!(
        r#"# Written by the lab.
charon {{
    load = random nonce aes sha1 sha2 hmac kdf gmp pem pkcs1 pkcs8 x509 pubkey socket-default {kernel} updown vici
    install_virtual_ip = no
    retransmit_tries = 3
    retransmit_timeout = 1.0
    retransmit_base = 1.4
    start-scripts {{
        load = /usr/sbin/swanctl --load-all 2>/dev/null && nft delete table inet closed
    }}
    plugins {{
        kernel-libipsec {{
            allow_peer_ts = yes
        }}
    }}
    filelog {{
        log {{
            path = {log}
            time_format = %T
            ike_name = yes
            default = 1
            flush_line = yes
        }}
    }}
}}
"#
    )
}

fn connection(peer: &Peer, secret: &str) -> String {
    let Peer { local, remote, local_id, remote_id, local_nets, remote_nets, dials } = peer;
    let (start, on_silence) = if *dials { ("start", "restart") } else { ("none", "clear") };
    format!(
        r#"# Written by the lab.
connections {{
    tunnel {{
        version = 2
        local_addrs = {local}
        remote_addrs = {remote}
        encap = yes
        mobike = no
        unique = replace
        keyingtries = 0
        dpd_delay = 2s
        proposals = aes128-sha256-modp2048
        local {{
            auth = psk
            id = {local_id}
        }}
        remote {{
            auth = psk
            id = {remote_id}
        }}
        children {{
            tunnel {{
                local_ts = {local_nets}
                remote_ts = {remote_nets}
                esp_proposals = aes128-sha256-modp2048
                start_action = {start}
                dpd_action = {on_silence}
                close_action = {start}
            }}
        }}
    }}
}}
secrets {{
    ike-tunnel {{
        secret = "{secret}"
    }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_tunnel_fit_together() {
        for side in &SIDES {
            let (gateway, router) = (Peer::of(side.gateway, side), Peer::of(side.router, side));
            assert_eq!((gateway.local_id, gateway.remote_id), (router.remote_id, router.local_id));
            assert_eq!(
                (&gateway.local_nets, &gateway.remote_nets),
                (&router.remote_nets, &router.local_nets)
            );
            assert!(gateway.dials && !router.dials);
            assert_eq!((gateway.remote, router.remote), (side.router_public, side.elastic_ip));
        }
    }

    #[test]
    fn only_gateways_and_routers_have_a_configuration() {
        let folder = tempfile::tempdir().unwrap();
        configure(Host::Witness, folder.path(), Esp::Kernel, "s").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        configure(Host::Router2, folder.path(), Esp::Kernel, "s3cret").unwrap();
        let text = std::fs::read_to_string(folder.path().join("swanctl/swanctl.conf")).unwrap();
        assert!(
            text.contains("remote_addrs = 54.222.191.34") && text.contains("secret = \"s3cret\""),
            "{text}"
        );
        let daemon = std::fs::read_to_string(folder.path().join("strongswan.conf")).unwrap();
        assert!(
            !daemon.contains("libipsec kernel-netlink"),
            "the kernel's own ESP is taken where there is one"
        );
    }
}
