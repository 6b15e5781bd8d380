//! EC2's token buckets: one per action, for the whole account.

use std::collections::BTreeMap;

/// The size of a bucket and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    tokens: u64,
    per_second: u64,
}

/// EC2's published figures for the actions that the endpoint serves.
fn pace(action: &str, filtered: bool) -> Pace {
    let (tokens, per_second) = match action {
        "ReplaceRoute" | "CreateRoute" | "StopInstances" => (50, 5),
        "StartInstances" => (5, 2),
        "DescribeInstances" | "DescribeNetworkInterfaces" if !filtered => (100, 10),
        action if action.starts_with("Describe") => (100, 20),
        _ => (50, 5),
    };
    Pace { tokens, per_second }
}

/// The buckets of one account. They count in thousandths of a token, so that a millisecond's refill is whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets {
    buckets: BTreeMap<(String, bool), Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    millitokens: u64,
    filled_ms: u64,
}

impl Buckets {
    /// Takes one token for the action; false if there is none. `filtered` says whether a describe names ids or
    /// filters or asks for pages, which EC2 counts in another bucket. At most two buckets per known action exist.
    pub(super) fn take(&mut self, now_ms: u64, action: &str, filtered: bool) -> bool {
        let pace = pace(action, filtered);
        let full = pace.tokens * 1_000;
        let bucket = self
            .buckets
            .entry((action.to_owned(), filtered))
            .or_insert(Bucket { millitokens: full, filled_ms: now_ms });
        let refill = now_ms.saturating_sub(bucket.filled_ms).saturating_mul(pace.per_second);
        bucket.millitokens = bucket.millitokens.saturating_add(refill).min(full);
        bucket.filled_ms = bucket.filled_ms.max(now_ms);
        let granted = bucket.millitokens >= 1_000;
        if granted {
            bucket.millitokens -= 1_000;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_at_ec2s_pace() {
        let cases = [
            ("ReplaceRoute", true, 50, 200),
            ("StopInstances", true, 50, 200),
            ("StartInstances", true, 5, 500),
            ("DescribeRouteTables", true, 100, 50),
            ("DescribeInstances", true, 100, 50),
            ("DescribeInstances", false, 100, 100),
        ];
        for (action, filtered, tokens, refill_ms) in cases {
            let mut buckets = Buckets::default();
            for call in 0..tokens {
                assert!(buckets.take(1_000, action, filtered), "{action} call {call}");
            }
            assert!(!buckets.take(1_000 + refill_ms - 1, action, filtered), "{action} too early");
            assert!(buckets.take(1_000 + refill_ms, action, filtered), "{action} refilled");
            assert!(!buckets.take(1_000 + refill_ms, action, filtered), "{action} only one");
        }
    }

    #[test]
    fn actions_do_not_share_a_bucket() {
        let mut buckets = Buckets::default();
        while buckets.take(0, "ReplaceRoute", true) {}
        assert!(buckets.take(0, "StopInstances", true));
    }
}
