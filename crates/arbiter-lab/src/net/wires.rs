//! Cables between hosts that are switched on, and what has to be said to both ends of them.

use super::exec;
use super::machine::Machine;
use super::topology::{CABLES, ENDPOINT_ADDRESS, ENDPOINT_PORT, End, Host};
use std::collections::BTreeMap;

/// The hosts that are switched on.
pub(super) type Machines = BTreeMap<Host, Machine>;

/// The lab's own network: the EC2 endpoint's address, and a door that is open for the endpoint alone. It forwards
/// nothing, so no node reaches another this way.
pub(super) async fn settle_lab() -> anyhow::Result<()> {
    let lines = format!("link set lo up\naddr add {ENDPOINT_ADDRESS}/32 dev lo\n");
    exec::run(&["ip", "-batch", "-"], &lines).await?;
    exec::run(&["nft", "-f", "-"], &door()).await?;
    let settle = "echo 0 >/proc/sys/net/ipv4/ip_forward\n\
                  for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$file; done\n";
    exec::run(&["sh", "-ec", settle], "").await.map(|_| ())
}

fn door() -> String {
    format!(
        "table ip door {{\n\
         \x20   chain input {{\n\
         \x20       type filter hook input priority 0; policy accept;\n\
         \x20       iifname \"m-*\" ct state established,related accept\n\
         \x20       iifname \"m-*\" ip daddr {ENDPOINT_ADDRESS} tcp dport {ENDPOINT_PORT} accept\n\
         \x20       iifname \"m-*\" drop\n\
         \x20   }}\n\
         }}\n"
    )
}

/// Plugs all cables of a host whose other end is switched on, and gives both ends their addresses. Then the host gets its
/// routes.
pub(super) async fn connect(machines: &Machines, host: Host) -> anyhow::Result<()> {
    let plugged: Vec<_> = CABLES
        .iter()
        .filter_map(|cable| {
            let ends = [cable.0, cable.1];
            let of_host = ends.iter().any(|end| end.host == host);
            let pids = ends.map(|end| machines.get(&end.host).map(Machine::pid));
            if let (true, [Some(a), Some(b)]) = (of_host, pids) { Some((ends, [a, b])) } else { None }
        })
        .collect();
    let mut cables: Vec<_> = plugged.iter().map(|(ends, pids)| cable(ends, pids)).collect();
    if let (Some(_), Some(machine)) = (host.management_address(), machines.get(&host)) {
        let name = host.management_interface();
        cables.push(format!("link add {name} type veth peer name lab netns {}", machine.pid()));
    }
    exec::run(&["ip", "-batch", "-"], &(cables.join("\n") + "\n")).await?;
    for (ends, _) in &plugged {
        for end in ends {
            if let Some(machine) = machines.get(&end.host) {
                machine.ip(&address(end)).await?;
            }
        }
    }
    settle(machines, host).await
}

fn cable(ends: &[End; 2], pids: &[u32; 2]) -> String {
    let [a, b] = ends;
    let [at_a, at_b] = pids;
    format!("link add name {} netns {at_a} type veth peer name {} netns {at_b}", a.interface, b.interface)
}

fn address(end: &End) -> Vec<String> {
    let End { interface, address, .. } = end;
    vec![format!("addr add {address} dev {interface}"), format!("link set {interface} up")]
}

/// What a host says to itself once its cables are plugged.
async fn settle(machines: &Machines, host: Host) -> anyhow::Result<()> {
    let Some(machine) = machines.get(&host) else { return Ok(()) };
    let mut lines = vec!["link set lo up".to_owned()];
    lines.extend(host.inner_address().map(|inner| format!("addr add {inner}/32 dev lo")));
    if let Some(own) = host.management_address() {
        lines.push(format!("addr add {own}/32 dev lab"));
        lines.push("link set lab up".to_owned());
        lines.push(format!("route add {ENDPOINT_ADDRESS} dev lab src {own}"));
        // The lab asks the node at the address that its peers know, over the same line.
        let interface = host.management_interface();
        let there = host.address();
        let lab = format!(
            "link set {interface} up\nroute replace {own} dev {interface} src {ENDPOINT_ADDRESS}\n\
             route replace {there} dev {interface} src {ENDPOINT_ADDRESS}\n"
        );
        exec::run(&["ip", "-batch", "-"], &lab).await?;
    }
    lines.extend(reachable_routes(machines, host));
    machine.ip(&lines).await
}

/// Its routes, without those over a cable that is not plugged: the host at its other end is switched off.
fn reachable_routes(machines: &Machines, host: Host) -> Vec<String> {
    let plugged = |interface: &str| {
        CABLES.iter().any(|cable| {
            let ours = cable.end_of(host).is_some_and(|end| end.interface == interface);
            ours && machines.contains_key(&cable.0.host) && machines.contains_key(&cable.1.host)
        })
    };
    let routes = host.routes().iter().filter(|route| over(host, route).is_none_or(plugged));
    routes.map(|route| format!("route replace {route}")).collect()
}

/// The interface that a route leads over; none if it leads nowhere.
fn over(host: Host, route: &str) -> Option<&'static str> {
    let (_, via) = route.split_once(" via ")?;
    let via = via.split(' ').next()?;
    let end = CABLES.iter().find_map(|cable| {
        let far = [cable.0, cable.1].into_iter().find(|end| end.host != host && end.ip() == via)?;
        cable.end_of(host).filter(|_| far.ip() == via)
    })?;
    Some(end.interface)
}

/// Once all are switched on: the routes over cables that were plugged later.
pub(super) async fn connect_last(machines: &Machines) -> anyhow::Result<()> {
    for (host, machine) in machines {
        machine.ip(&reachable_routes(machines, *host)).await?;
    }
    Ok(())
}

/// A host is off: its cables go at once. The kernel would take them away with the host's namespace, but only when it comes
/// to it, which may be after the host has been switched on again.
pub(super) async fn unplug(machines: &Machines, host: Host) {
    for cable in CABLES.iter().filter(|cable| cable.end_of(host).is_some()) {
        let far = [cable.0, cable.1].into_iter().find(|end| end.host != host);
        if let Some((end, machine)) = far.and_then(|end| Some((end, machines.get(&end.host)?))) {
            // It may be gone already.
            machine.run(&["ip", "link", "del", end.interface], "").await.ok();
        }
    }
    if host.management_address().is_some() {
        exec::run(&["ip", "link", "del", &host.management_interface()], "").await.ok();
    }
}

/// After a host came back: those at the other ends of its cables get the routes again that went with the cable.
pub(super) async fn renew_neighbours(machines: &Machines, host: Host) -> anyhow::Result<()> {
    for cable in CABLES.iter().filter(|cable| cable.end_of(host).is_some()) {
        for end in [cable.0, cable.1] {
            if end.host != host
                && let Some(machine) = machines.get(&end.host)
            {
                machine.ip(&reachable_routes(machines, end.host)).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_via_somebody_leads_over_a_cable() {
        for host in Host::ALL {
            for route in host.routes() {
                assert_eq!(over(host, route).is_some(), route.contains(" via "), "{host}: {route}");
            }
        }
        assert_eq!(over(Host::Core, "172.16.1.0/24 via 10.10.1.100"), Some("router-1"));
    }
}
