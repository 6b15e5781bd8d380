//! Lines that lose packets, made up: independently, or in bursts. A seed makes the same line again.

use arbiter_core::time::MonoMs;

/// What a line does to packets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub name: &'static str,
    /// Of a hundred packets, each way, one by one.
    pub loss_percent: f64,
    /// Nothing gets through for so long on average, and from one such burst to the next it takes so long on average.
    pub bursts: Option<Bursts>,
    /// A round trip, and what it may take longer.
    pub rtt_ms: u64,
    pub jitter_ms: u64,
}

/// Both are means; the lengths are distributed exponentially, as if each moment were as likely as any other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bursts {
    pub length_ms: f64,
    pub apart_ms: f64,
}

/// A small generator with a seed (SplitMix64), so that a run can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to less than 1.
    fn unit(&mut self) -> f64 {
        // The upper 32 bits: a double takes them exactly.
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0
    }

    /// From 0 to less than that.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn percent(&mut self, percent: f64) -> bool {
        self.unit() * 100.0 < percent
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// A line in use.
#[derive(Debug)]
pub(super) struct Traffic {
    line: Line,
    dice: Dice,
    start: MonoMs,
    /// When the present or the next burst begins and ends, in milliseconds since the start.
    burst: Option<(f64, f64)>,
    /// Cut: nothing gets through any more.
    pub cut: bool,
}

impl Traffic {
    pub fn new(line: Line, seed: u64, start: MonoMs) -> Self {
        let mut dice = Dice::new(seed);
        let burst = line.bursts.map(|bursts| next_burst(&mut dice, bursts, 0.0));
        Self { line, dice, start, burst, cut: false }
    }

    /// What becomes of a packet that is sent now, and of the answer to it: the round trip, if there is one. Packets must
    /// come in order.
    pub fn round_trip(&mut self, now: MonoMs) -> Option<u64> {
        let at = ms(now.since_ms(self.start));
        while let (Some(bursts), Some((_, end))) = (self.line.bursts, self.burst) {
            if at < end {
                break;
            }
            self.burst = Some(next_burst(&mut self.dice, bursts, end));
        }
        // The dice are thrown for every packet, so that a cut changes nothing but the cut.
        let lost = [(); 2].map(|()| self.dice.percent(self.line.loss_percent));
        let rtt_ms = self.line.rtt_ms + self.dice.below(self.line.jitter_ms + 1);
        let in_burst = self.burst.is_some_and(|(begin, _)| at >= begin);
        (!self.cut && !in_burst && !lost.contains(&true)).then_some(rtt_ms)
    }
}

fn next_burst(dice: &mut Dice, bursts: Bursts, after: f64) -> (f64, f64) {
    let begin = after + dice.exponential(bursts.apart_ms);
    (begin, begin + dice.exponential(bursts.length_ms))
}

/// Exact for everything below 49 days.
fn ms(ms: u64) -> f64 {
    f64::from(u32::try_from(ms).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: MonoMs = MonoMs(1_000);

    /// Of a hundred thousand packets, one every 10 ms: the share that is lost.
    fn lost(line: Line, seed: u64) -> f64 {
        let mut traffic = Traffic::new(line, seed, START);
        let lost = (0..100_000).filter(|n| traffic.round_trip(START.plus_ms(n * 10)).is_none()).count();
        f64::from(u32::try_from(lost).unwrap()) / 1_000.0
    }

    #[test]
    fn a_line_loses_what_it_says() {
        let line = Line { name: "", loss_percent: 3.0, bursts: None, rtt_ms: 20, jitter_ms: 0 };
        // 1 − 0.97² are 5.9 %.
        assert!((5.6..6.2).contains(&lost(line, 1)), "{}", lost(line, 1));
        assert!((lost(line, 1) - lost(line, 1)).abs() < f64::EPSILON, "a seed repeats it");
        let bursts = Some(Bursts { length_ms: 100.0, apart_ms: 900.0 });
        let bursty = Line { loss_percent: 0.0, bursts, ..line };
        // A tenth of the time.
        assert!((8.5..11.5).contains(&lost(bursty, 1)), "{}", lost(bursty, 1));
        let clean = Line { bursts: None, ..bursty };
        assert!(lost(clean, 1).abs() < f64::EPSILON);
        let mut cut = Traffic::new(clean, 1, START);
        cut.cut = true;
        assert_eq!(cut.round_trip(START), None);
    }
}
