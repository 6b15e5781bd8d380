//! What medians are held against: what ours may take at most, and what the peers took elsewhere.

use super::cells::{Cell, FLOOR, OURS, OURS_FAST};

/// What is further than this, in percent, from what was measured elsewhere has to be explained.
const APART_PERCENT: u64 = 30;

/// What the median of our outage may be, in milliseconds. EC2 alone takes 150 of them; a gateway's death is heard of by all
/// nodes at once, that of a tunnel by its own gateway only. With the leader an election dies too.
pub(super) fn most_ms(cell: Cell) -> Option<u64> {
    match (cell.peer.name, cell.fault.name) {
        (OURS, "tunnel-cut") => Some(500),
        (OURS, "gateway-crash") => Some(450),
        (OURS_FAST, "tunnel-cut" | "gateway-crash") => Some(290),
        (OURS | OURS_FAST, "leader-crash") => Some(2_000),
        _ => None,
    }
}

/// The medians, in milliseconds, of an independent measurement of the same peers with the same faults, on another machine and
/// with scripts of its own. Of the floor it gives 175 to 190 for both.
fn elsewhere_ms(cell: Cell) -> Option<u64> {
    Some(match (cell.peer.name, cell.fault.name) {
        ("mutual-pings", "tunnel-cut") => 6_400,
        ("mutual-pings", "gateway-crash") => 7_500,
        ("keepalived-default", "tunnel-cut") => 2_600,
        ("keepalived-default", "gateway-crash") => 3_800,
        ("keepalived-tuned", "tunnel-cut") => 1_400,
        ("keepalived-tuned", "gateway-crash") => 800,
        ("keepalived-best", "tunnel-cut") => 575,
        ("keepalived-best", "gateway-crash") => 490,
        (FLOOR, "tunnel-cut" | "gateway-crash") => 182,
        _ => return None,
    })
}

/// The median elsewhere, if this one is far from it.
pub(super) fn apart(cell: Cell, median_ms: u64) -> Option<u64> {
    let elsewhere_ms = elsewhere_ms(cell)?;
    (median_ms.abs_diff(elsewhere_ms) * 100 > elsewhere_ms * APART_PERCENT).then_some(elsewhere_ms)
}

#[cfg(test)]
mod tests {
    use super::super::cells::chosen;
    use super::*;

    #[test]
    fn names_are_those_of_cells() {
        let cells = chosen(&[], &[]);
        assert_eq!(cells.iter().filter(|cell| most_ms(**cell).is_some()).count(), 6);
        assert_eq!(cells.iter().filter(|cell| elsewhere_ms(**cell).is_some()).count(), 10);
    }

    #[test]
    fn a_third_more_or_less_is_apart() {
        let cell = chosen(&["keepalived-best"], &["tunnel-cut"])[0];
        for (median_ms, is_apart) in [(400, true), (403, false), (747, false), (748, true)] {
            assert_eq!(apart(cell, median_ms), is_apart.then_some(575), "{median_ms}");
        }
    }
}
