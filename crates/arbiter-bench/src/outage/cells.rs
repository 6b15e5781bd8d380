//! Who races against what.

/// A peer, or a fault: its name in `arbiter-lab net race`, and what it is called in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub name: &'static str,
    pub title: &'static str,
}

const fn named(name: &'static str, title: &'static str) -> Named {
    Named { name, title }
}

pub(super) const OURS: &str = "ours";
pub(super) const OURS_FAST: &str = "ours-fast";
/// Nobody's peer: what can't be less.
pub(super) const FLOOR: &str = "by-hand";

/// The faults on which ours must be ahead of every peer.
pub(super) const JUDGED: [&str; 2] = ["tunnel-cut", "gateway-crash"];

pub(super) const PEERS: [Named; 7] = [
    named(OURS, "Route Arbiter"),
    named(OURS_FAST, "Route Arbiter, `fast`"),
    named("mutual-pings", "mutual pings"),
    named("keepalived-default", "keepalived, defaults"),
    named("keepalived-tuned", "keepalived, tuned"),
    named("keepalived-best", "keepalived at its best"),
    named(FLOOR, "a call by hand (the floor)"),
];

pub(super) const FAULTS: [Named; 7] = [
    named("tunnel-cut", "A tunnel is cut"),
    named("gateway-crash", "A gateway loses its power"),
    named("leader-crash", "A gateway loses its power, and the leader with it"),
    named("line-cut", "The line between the gateways is cut"),
    named("gateway-cut-off", "A gateway is cut off from the VPC, not from EC2"),
    named("split-heal-crash", "The line is cut and mended, then a gateway loses its power"),
    named("boot-together", "Both gateways boot at once"),
];

/// One peer with one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub peer: Named,
    pub fault: Named,
}

pub(super) fn peer(name: &str) -> Result<&'static str, String> {
    find(&PEERS, name)
}

pub(super) fn fault(name: &str) -> Result<&'static str, String> {
    find(&FAULTS, name)
}

fn find(list: &[Named], name: &str) -> Result<&'static str, String> {
    let names: Vec<_> = list.iter().map(|it| it.name).collect();
    let found = list.iter().find(|it| it.name == name);
    found.map(|it| it.name).ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// All cells of these peers and faults that mean something; of an empty list, all.
pub(super) fn chosen(peers: &[&str], faults: &[&str]) -> Vec<Cell> {
    let is_in = |list: &[&str], name: &str| list.is_empty() || list.contains(&name);
    let mut cells = Vec::new();
    for fault in FAULTS.into_iter().filter(|it| is_in(faults, it.name)) {
        for peer in PEERS.into_iter().filter(|it| is_in(peers, it.name)) {
            if means_something(peer.name, fault.name) {
                cells.push(Cell { peer, fault });
            }
        }
    }
    cells
}

/// Only a cluster has a leader; by hand a route is moved where one has to be, and at once.
fn means_something(peer: &str, fault: &str) -> bool {
    match peer {
        OURS | OURS_FAST => true,
        FLOOR => matches!(fault, "tunnel-cut" | "gateway-crash" | "gateway-cut-off"),
        _ => fault != "leader-crash",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_means_nothing_and_the_rest_is_there() {
        assert_eq!(chosen(&[], &[]).len(), 2 * 7 + 4 * 6 + 3);
        assert_eq!(chosen(&[OURS, FLOOR], &["line-cut"]).len(), 1);
        assert!(peer("pacemaker").unwrap_err().contains("keepalived-best"));
        assert_eq!(fault("line-cut"), Ok("line-cut"));
    }
}
