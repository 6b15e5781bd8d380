//! When the ways of a private subnet's packets turned, each direction by itself: for how long they differed.

use super::site::WaysBack;
use super::topology::SIDES;
use crate::demo::cluster::GATEWAYS;
use crate::demo::scene::points_at;
use crate::world::World;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Turns that are remembered: a case makes a handful.
const REMEMBERED: usize = 512;

/// A direction of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToSite,
    ToVpc,
}

/// From that moment on, a subnet's packets of that direction went over that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    at_us: u64,
    direction: Direction,
    net: &'static str,
    letter: &'static str,
}

/// For how long the two directions of a subnet went over different sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asymmetry {
    /// The longest time without a break.
    pub longest_ms: u64,
    /// They still do.
    pub open: bool,
}

/// All turns.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<VecDeque<Turn>>);

impl Turns {
    /// What the VPC's router was told.
    pub fn routes(&self, world: &World, at_us: u64) {
        for (gateway, side) in GATEWAYS.iter().zip(&SIDES) {
            let over = points_at(world, gateway.table).map(|it| it.node);
            let over = GATEWAYS.iter().zip(&SIDES).find(|(gateway, _)| Some(gateway.node) == over);
            if let Some((_, over)) = over {
                self.note(Turn {
                    at_us,
                    direction: Direction::ToSite,
                    net: side.private_net,
                    letter: over.letter,
                });
            }
        }
    }

    /// What the core router has.
    pub fn ways_back(&self, ways: &WaysBack, at_us: u64) {
        for (net, letter) in ways {
            self.note(Turn { at_us, direction: Direction::ToVpc, net, letter });
        }
    }

    fn note(&self, turn: Turn) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |old: &&Turn| old.direction == turn.direction && old.net == turn.net;
        if turns.iter().rev().find(same).is_some_and(|last| last.letter == turn.letter) {
            return;
        }
        if turns.len() >= REMEMBERED {
            turns.pop_front();
        }
        turns.push_back(turn);
    }

    /// For how long a subnet's directions differed between these two moments.
    pub fn asymmetry(&self, net: &str, since_us: u64, until_us: u64) -> Asymmetry {
        let mut turns: Vec<_> = {
            let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.iter().filter(|turn| turn.net == net).copied().collect()
        };
        turns.sort_by_key(|turn| turn.at_us);
        let mut now: BTreeMap<Direction, &str> = BTreeMap::new();
        let (mut longest_us, mut differs_since) = (0, None);
        for turn in turns {
            now.insert(turn.direction, turn.letter);
            let differs = now.len() == 2 && now.get(&Direction::ToSite) != now.get(&Direction::ToVpc);
            match (differs, differs_since) {
                (true, None) => differs_since = Some(turn.at_us),
                (false, Some(from)) => {
                    longest_us = turn.at_us.saturating_sub(since_us.max(from)).max(longest_us);
                    differs_since = None;
                }
                _ => {}
            }
        }
        if let Some(from) = differs_since {
            longest_us = until_us.saturating_sub(since_us.max(from)).max(longest_us);
        }
        Asymmetry { longest_ms: longest_us / 1_000, open: differs_since.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_difference_counts_and_only_since_then() {
        let turns = Turns::default();
        let net = SIDES[0].private_net;
        let note =
            |ms: u64, direction, letter| turns.note(Turn { at_us: ms * 1_000, direction, net, letter });
        let asymmetry = |since: u64, until: u64| {
            let Asymmetry { longest_ms, open } = turns.asymmetry(net, since * 1_000, until * 1_000);
            (longest_ms, open)
        };
        note(0, Direction::ToSite, "a");
        note(5, Direction::ToVpc, "a");
        assert_eq!(asymmetry(0, 100), (0, false));
        note(100, Direction::ToSite, "b");
        note(101, Direction::ToSite, "b");
        assert_eq!(asymmetry(0, 130), (30, true));
        note(140, Direction::ToVpc, "b");
        assert_eq!(asymmetry(0, 999), (40, false));
        note(200, Direction::ToVpc, "a");
        note(207, Direction::ToSite, "a");
        assert_eq!(asymmetry(0, 999), (40, false));
        assert_eq!(asymmetry(120, 999), (20, false));
        assert_eq!(asymmetry(150, 999), (7, false));
        assert_eq!(asymmetry(300, 999), (0, false));
    }
}
