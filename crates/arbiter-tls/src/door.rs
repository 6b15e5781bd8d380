//! Who is let in, before it is known who they are and afterwards: how many, and how often.

use crate::caller::Party;
use crate::pace::{Pace, Rate};
use crate::places::{Full, Place, Places};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many are let in.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Handshakes of strangers at once, from all addresses.
    pub handshakes: usize,
    /// Of these, from one address.
    pub handshakes_of_one: usize,
    /// Handshakes at once from one address of a node of the cluster. They are not among those above.
    pub handshakes_of_a_node: usize,
    /// A handshake that takes longer is given up.
    pub deadline: Duration,
    /// New connections of strangers, from all addresses.
    pub new: Rate,
    /// Of these, from one address.
    pub new_of_one: Rate,
    /// Open connections of all but the cluster's nodes.
    pub open: usize,
    /// Of these, of one caller.
    pub open_of_one: usize,
    /// Open connections of one node of the cluster. They are not among those above.
    pub open_of_a_node: usize,
    /// A connection on which nothing has come by then is ended.
    pub first_word: Duration,
    /// What is read of one connection of all but the cluster's nodes, in bytes a second. More has to wait.
    pub bytes_per_second: u64,
    /// So many bytes at once, after a rest.
    pub bytes_at_once: u64,
}

impl Bounds {
    /// A handshake has some 20 KiB and takes two round trips: who needs longer than three seconds can't keep Raft's pace. It
    /// costs half a millisecond of a processor: a hundred strangers a second are five per cent of one. A person has one
    /// connection, and a hundred dashboards behind one certificate may take turns; a peer has five, and as many again
    /// that it has given up and we don't know it yet. The longest message of a person has 8 MiB, and must not wait.
    pub const USUAL: Self = Self {
        handshakes: 128,
        handshakes_of_one: 16,
        handshakes_of_a_node: 32,
        deadline: Duration::from_secs(3),
        new: Rate::per_second(100, 200),
        new_of_one: Rate::per_second(20, 40),
        open: 256,
        open_of_one: 16,
        open_of_a_node: 64,
        first_word: Duration::from_secs(5),
        bytes_per_second: 1024 * 1024,
        bytes_at_once: 9 * 1024 * 1024,
    };
}

/// Addresses at once whose pace is kept apart.
const PACES: usize = 1_024;

/// Whether the cluster's nodes are at an address.
pub type Neighbours = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    Handshakes(Full),
    Fast,
    FastAltogether,
    Open(Full),
}

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshakes(Full::ByOne(most)) => {
                write!(f, "its address has {most} handshakes under way: no more are taken")
            }
            Self::Handshakes(Full::ByAll(most)) => {
                write!(f, "strangers have {most} handshakes under way: no more are taken")
            }
            Self::Fast => f.write_str("its address connects too often"),
            Self::FastAltogether => f.write_str("strangers connect too often, from all addresses together"),
            Self::Open(Full::ByOne(most)) => {
                write!(f, "it has {most} connections already: no more are taken")
            }
            Self::Open(Full::ByAll(most)) => {
                write!(f, "{most} connections are open already, without those of nodes: no more are taken")
            }
        }
    }
}

/// Counts who comes and who is there.
pub(crate) struct Door {
    neighbours: Neighbours,
    strangers: Places<IpAddr>,
    near: Places<IpAddr>,
    new: Pace<()>,
    new_of_one: Pace<IpAddr>,
    open: Places<Party>,
    nodes: Places<Party>,
}

impl Door {
    pub fn new(bounds: &Bounds, neighbours: Neighbours) -> Self {
        Self {
            neighbours,
            strangers: Places::new(bounds.handshakes_of_one, bounds.handshakes),
            near: Places::new(bounds.handshakes_of_a_node, usize::MAX),
            new: Pace::new(bounds.new, 1),
            new_of_one: Pace::new(bounds.new_of_one, PACES),
            open: Places::new(bounds.open_of_one, bounds.open),
            nodes: Places::new(bounds.open_of_a_node, usize::MAX),
        }
    }

    /// Whether nodes of the cluster are there. So strangers there may be taken for them, and no others.
    pub fn is_near(&self, from: IpAddr) -> bool {
        (self.neighbours)(from.to_canonical())
    }

    /// Somebody connects.
    pub fn arrives(&self, from: IpAddr, now: Instant) -> Result<Place<IpAddr>, Crowded> {
        let host = host(from);
        if self.is_near(from) {
            return self.near.take(host).map_err(Crowded::Handshakes);
        }
        let place = self.strangers.take(host).map_err(Crowded::Handshakes)?;
        self.new_of_one.take(host, now).map_err(|_| Crowded::Fast)?;
        self.new.take((), now).map_err(|_| Crowded::FastAltogether)?;
        Ok(place)
    }

    /// Somebody is known now.
    pub fn enters(&self, who: Party, node: bool) -> Result<Place<Party>, Crowded> {
        if node { self.nodes.take(who) } else { self.open.take(who) }.map_err(Crowded::Open)
    }
}

/// One host, as far as an address tells: whoever has one address of IPv6 usually has 2^64 of them.
pub(crate) fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        let near: IpAddr = [10, 0, 0, 1].into();
        Door::new(&Bounds::USUAL, Arc::new(move |address| address == near))
    }

    #[test]
    fn strangers_can_not_take_the_places_of_nodes() {
        let (door, now) = (door(), Instant::now());
        // From as many addresses as there are, at full speed, and none ever ends.
        let flood = (0..60_000_u32).map(|k| IpAddr::from((0xac10_0000 + k).to_be_bytes()));
        let held: Vec<_> = flood.filter_map(|from| door.arrives(from, now).ok()).collect();
        assert_eq!(held.len(), Bounds::USUAL.handshakes);
        let refused = door.arrives([192, 0, 2, 7].into(), now).unwrap_err();
        assert_eq!(refused, Crowded::Handshakes(Full::ByAll(Bounds::USUAL.handshakes)));
        let near: Vec<_> = (0..99).filter_map(|_| door.arrives([10, 0, 0, 1].into(), now).ok()).collect();
        assert_eq!(near.len(), Bounds::USUAL.handshakes_of_a_node);
        let people: Vec<_> =
            (0..999).filter_map(|k| door.enters(Party::Certified(k.to_string()), false).ok()).collect();
        assert_eq!(people.len(), Bounds::USUAL.open);
        assert!(door.enters(Party::Certified("node".to_owned()), true).is_ok());
    }

    #[test]
    fn one_address_can_not_take_the_places_of_others() {
        let (door, now) = (door(), Instant::now());
        let eve = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let held: Vec<_> = (0..99).filter_map(|k| door.arrives(eve(k), now).ok()).collect();
        assert_eq!(held.len(), Bounds::USUAL.handshakes_of_one);
        drop(held);
        // None is held, but they come too fast.
        let taken = (0..999).filter(|k| door.arrives(eve(*k), now).is_ok()).count();
        assert_eq!(taken + Bounds::USUAL.handshakes_of_one, 40);
        assert_eq!(door.arrives(eve(1), now).unwrap_err(), Crowded::Fast);
        assert!(door.arrives([172, 16, 0, 9].into(), now).is_ok());
        assert!(door.arrives(eve(1), now + Duration::from_secs(1)).is_ok());
    }
}
