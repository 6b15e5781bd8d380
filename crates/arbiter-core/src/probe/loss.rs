//! How many of the last hundred probes were lost.

/// How many probes are remembered.
const REMEMBERED: u32 = 100;

/// The fates of the last hundred probes, newest in the lowest bit; a set bit is a loss.
#[derive(Debug, Clone, Default)]
pub(super) struct LossTally {
    lost_bits: u128,
    count: u32,
}

impl LossTally {
    /// Notes one probe's fate.
    pub(super) fn note(&mut self, lost: bool) {
        let mask = (1_u128 << REMEMBERED) - 1;
        self.lost_bits = ((self.lost_bits << 1) | u128::from(lost)) & mask;
        self.count = (self.count + 1).min(REMEMBERED);
    }

    /// Lost of those remembered, in thousandths; zero before the first.
    pub(super) fn permille(&self) -> u32 {
        (self.lost_bits.count_ones() * 1_000).checked_div(self.count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_hundred_count() {
        let mut loss = LossTally::default();
        assert_eq!(loss.permille(), 0);
        loss.note(true);
        assert_eq!(loss.permille(), 1_000);
        loss.note(false);
        assert_eq!(loss.permille(), 500);
        for _ in 0..98 {
            loss.note(false);
        }
        assert_eq!(loss.permille(), 10);
        loss.note(false);
        assert_eq!(loss.permille(), 0, "the loss is now the hundred and first");
    }
}
