//! What became of the packets of one stream, and how long it was interrupted.

use serde::Serialize;
use std::collections::VecDeque;

/// How many packets are remembered: ten minutes of one every 5 ms, in some 2 MiB.
const KEPT: usize = 120_000;

/// The packets of one stream, by number.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The number of the oldest that is remembered.
    first: u64,
    packets: VecDeque<Packet>,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    sent_us: u64,
    arrived: bool,
}

/// How a stream fared in one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(in crate::net) struct Outage {
    /// The longest interruption, in milliseconds: from the last packet that arrived before a loss to the first that
    /// arrived after it, by the times at which they were sent. Zero if nothing was lost.
    pub longest_ms: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// Packets sent.
    pub sent: u64,
    /// The stream was still interrupted at the end.
    pub open: bool,
}

impl Ledger {
    /// Notes a packet that is about to be sent; gives its number.
    pub fn send(&mut self, sent_us: u64) -> u64 {
        if self.packets.len() >= KEPT {
            self.packets.pop_front();
            self.first += 1;
        }
        self.packets.push_back(Packet { sent_us, arrived: false });
        self.first + self.packets.len() as u64 - 1
    }

    /// Notes that a packet has arrived.
    pub fn arrive(&mut self, number: u64) {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(packet) = index.and_then(|index| self.packets.get_mut(index)) {
            packet.arrived = true;
        }
    }

    /// How the packets fared that were sent from `from_us` until before `until_us`.
    pub fn outage(&self, from_us: u64, until_us: u64) -> Outage {
        let mut outage = Outage::default();
        let mut last_good_us = None;
        let mut lost_since = false;
        for packet in &self.packets {
            if packet.sent_us < from_us {
                // The interruption begins with the last that got through, also if that was sent before.
                if packet.arrived {
                    last_good_us = Some(packet.sent_us);
                }
                continue;
            }
            if packet.sent_us >= until_us {
                break;
            }
            outage.sent += 1;
            if packet.arrived {
                if lost_since {
                    outage.note(last_good_us.unwrap_or(from_us), packet.sent_us);
                }
                (last_good_us, lost_since) = (Some(packet.sent_us), false);
            } else {
                outage.lost += 1;
                lost_since = true;
            }
        }
        if lost_since {
            outage.note(last_good_us.unwrap_or(from_us), until_us);
            outage.open = true;
        }
        outage
    }
}

impl Outage {
    fn note(&mut self, from_us: u64, until_us: u64) {
        self.longest_ms = self.longest_ms.max(until_us.saturating_sub(from_us) / 1_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet every 5 ms; `x` is lost.
    fn ledger(packets: &str) -> Ledger {
        let mut ledger = Ledger::default();
        for (i, what) in packets.chars().enumerate() {
            let number = ledger.send(i as u64 * 5_000);
            if what != 'x' {
                ledger.arrive(number);
            }
        }
        ledger
    }

    #[test]
    fn the_longest_interruption_is_between_the_packets_around_it() {
        let outage = ledger("..x..xxx.x.").outage(0, 1_000_000);
        assert_eq!(outage, Outage { longest_ms: 20, lost: 5, sent: 11, open: false });
        assert_eq!(ledger(".....").outage(0, 1_000_000), Outage { sent: 5, ..Outage::default() });
    }

    #[test]
    fn an_interruption_that_lasts_is_open_until_the_end_of_the_look() {
        let outage = ledger("...xxx").outage(0, 40_000);
        assert_eq!(outage, Outage { longest_ms: 30, lost: 3, sent: 6, open: true });
        let nothing_ever = ledger("xxxx").outage(0, 20_000);
        assert_eq!(nothing_ever, Outage { longest_ms: 20, lost: 4, sent: 4, open: true });
    }

    #[test]
    fn only_the_stretch_that_is_asked_for_counts() {
        let ledger = ledger("xxxx.x.");
        let outage = ledger.outage(20_000, 1_000_000);
        assert_eq!(outage, Outage { longest_ms: 10, lost: 1, sent: 3, open: false });
        assert_eq!(ledger.outage(0, 20_000).lost, 4);
    }

    #[test]
    fn it_forgets_the_oldest_and_keeps_the_numbers() {
        let mut ledger = Ledger::default();
        for i in 0..=KEPT as u64 {
            assert_eq!(ledger.send(i), i);
        }
        ledger.arrive(0);
        ledger.arrive(KEPT as u64);
        assert_eq!(ledger.packets.len(), KEPT);
        assert!(ledger.packets.back().unwrap().arrived);
        ledger.arrive(u64::MAX);
    }
}
