//! What is broken at the moment, and what falls silent because of it.

use super::cluster::Node;
use std::collections::BTreeSet;

/// Everything that is broken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Lines that are cut; the lesser node first.
    cut_lines: BTreeSet<(Node, Node)>,
    /// Gateways whose tunnel is cut.
    cut_tunnels: BTreeSet<Node>,
    /// Hosts that are dead or stopped.
    dead_hosts: BTreeSet<Node>,
}

impl Trouble {
    /// Cuts the line between two nodes.
    pub fn cut_line(&mut self, a: Node, b: Node) {
        self.cut_lines.insert((a.min(b), a.max(b)));
    }

    /// Cuts the tunnel of a gateway.
    pub fn cut_tunnel(&mut self, gateway: Node) {
        self.cut_tunnels.insert(gateway);
    }

    /// Lines and tunnels work again. Hosts come back only by booting.
    pub fn mend(&mut self) {
        self.cut_lines.clear();
        self.cut_tunnels.clear();
    }

    /// A host dies, or has booted.
    pub fn set_dead(&mut self, host: Node, dead: bool) {
        if dead {
            self.dead_hosts.insert(host);
        } else {
            self.dead_hosts.remove(&host);
        }
    }

    /// Whether a host is dead.
    pub fn is_dead(&self, host: Node) -> bool {
        self.dead_hosts.contains(&host)
    }

    /// Whether nothing gets from one node to the other, either way.
    pub fn between(&self, a: Node, b: Node) -> bool {
        self.is_dead(a) || self.is_dead(b) || self.cut_lines.contains(&(a.min(b), a.max(b)))
    }

    /// Whether nothing comes back through a gateway's tunnel.
    pub fn in_tunnel(&self, gateway: Node) -> bool {
        self.is_dead(gateway) || self.cut_tunnels.contains(&gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mended_stays_silent_while_its_host_is_dead() {
        let mut trouble = Trouble::default();
        trouble.cut_line(Node::Two, Node::One);
        trouble.cut_tunnel(Node::One);
        trouble.set_dead(Node::One, true);
        assert!(trouble.between(Node::One, Node::Two) && trouble.in_tunnel(Node::One));
        assert!(!trouble.between(Node::Two, Node::Witness) && !trouble.in_tunnel(Node::Two));
        trouble.mend();
        assert!(trouble.between(Node::Witness, Node::One) && trouble.in_tunnel(Node::One));
        trouble.set_dead(Node::One, false);
        assert_eq!(trouble, Trouble::default());
    }

    #[test]
    fn a_cut_line_silences_these_two_only() {
        let mut trouble = Trouble::default();
        trouble.cut_line(Node::One, Node::Two);
        let silent = |a, b| trouble.between(a, b);
        assert!(silent(Node::One, Node::Two) && silent(Node::Two, Node::One));
        assert!(!silent(Node::One, Node::Witness) && !silent(Node::Witness, Node::Two));
        assert!(!trouble.in_tunnel(Node::One));
    }
}
