//! How fast EC2 may be called: a token bucket for each API action, by EC2's published figures.
//!
//! EC2 keeps its buckets per account, region and action, so ours are an upper bound: other programs of the same
//! account draw from the same ones. When EC2 says `RequestLimitExceeded`, our bucket is emptied, and it stays
//! empty for a while that doubles with each refusal in a row.

use arbiter_core::time::MonoMs;
use std::collections::BTreeMap;
use std::fmt;

/// How far ahead of its refill a bucket may be drawn. EC2 refills continuously and we send one after another, so
/// a quarter of a second's refill is there by the time that the calls arrive; it is half of the default dispatch
/// window, the most that a batch is planned for.
const BORROW_MS: u64 = 250;

/// The first pause after EC2 has refused a call for its rate.
const BACKOFF_FIRST_MS: u64 = 500;

/// The longest: a stopped gateway must not wait for its start much longer than EC2 takes to calm down.
const BACKOFF_MAX_MS: u64 = 20_000;

/// One token, in the bucket's own unit. A refill of n tokens per second is n of these per millisecond.
const TOKEN: i64 = 1_000;

/// The actions that we call, each with a bucket of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// `DescribeRouteTables`.
    DescribeRouteTables,
    /// `DescribeInstances`, with a filter.
    DescribeInstances,
    /// `DescribeInstanceStatus`.
    DescribeInstanceStatus,
    /// `DescribeNetworkInterfaces`.
    DescribeNetworkInterfaces,
    /// `ReplaceRoute`.
    ReplaceRoute,
    /// `StopInstances`.
    StopInstances,
    /// `StartInstances`.
    StartInstances,
}

impl Api {
    /// Every action that we call.
    pub const ALL: [Self; 7] = [
        Self::DescribeRouteTables,
        Self::DescribeInstances,
        Self::DescribeInstanceStatus,
        Self::DescribeNetworkInterfaces,
        Self::ReplaceRoute,
        Self::StopInstances,
        Self::StartInstances,
    ];

    /// The action's name, as EC2 writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DescribeRouteTables => "DescribeRouteTables",
            Self::DescribeInstances => "DescribeInstances",
            Self::DescribeInstanceStatus => "DescribeInstanceStatus",
            Self::DescribeNetworkInterfaces => "DescribeNetworkInterfaces",
            Self::ReplaceRoute => "ReplaceRoute",
            Self::StopInstances => "StopInstances",
            Self::StartInstances => "StartInstances",
        }
    }

    /// EC2's figures: how many tokens its bucket holds, and how many it gains per second.
    pub fn rate(self) -> Rate {
        match self {
            Self::ReplaceRoute | Self::StopInstances => Rate { capacity: 50, per_second: 5 },
            Self::StartInstances => Rate { capacity: 5, per_second: 2 },
            Self::DescribeRouteTables
            | Self::DescribeInstances
            | Self::DescribeInstanceStatus
            | Self::DescribeNetworkInterfaces => Rate { capacity: 100, per_second: 20 },
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The figures of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens in a full bucket.
    pub capacity: u32,
    /// Tokens gained per second.
    pub per_second: u32,
}

/// No token: when there will be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paced {
    /// How long to wait before trying again.
    pub wait_ms: u64,
}

/// One action's token bucket.
#[derive(Debug, Clone)]
struct Bucket {
    rate: Rate,
    /// In thousandths of a token, as of `as_of`; below zero by what was borrowed.
    level: i64,
    /// When `level` was right. In the future while backing off: the refill starts only then.
    as_of: MonoMs,
    /// EC2's refusals in a row.
    refusals: u32,
}

impl Bucket {
    fn full(rate: Rate, now: MonoMs) -> Self {
        Self { rate, level: i64::from(rate.capacity) * TOKEN, as_of: now, refusals: 0 }
    }

    fn level_at(&self, at: MonoMs) -> i64 {
        let gained = i64::try_from(at.since_ms(self.as_of))
            .unwrap_or(i64::MAX)
            .saturating_mul(i64::from(self.rate.per_second));
        self.level.saturating_add(gained).min(i64::from(self.rate.capacity) * TOKEN)
    }

    fn available(&self, now: MonoMs, within_ms: u64) -> u32 {
        if self.is_paused(now) {
            return 0;
        }
        let level = self.level_at(now.plus_ms(within_ms.min(BORROW_MS)));
        u32::try_from(level.max(0) / TOKEN).unwrap_or(0)
    }

    fn take(&mut self, now: MonoMs) -> Result<(), Paced> {
        let level = self.level_at(now.max(self.as_of).plus_ms(BORROW_MS));
        let missing = u64::try_from(TOKEN - level).unwrap_or(0);
        if missing > 0 || self.is_paused(now) {
            let refill_ms = missing.div_ceil(u64::from(self.rate.per_second.max(1)));
            return Err(Paced { wait_ms: self.as_of.since_ms(now).saturating_add(refill_ms) });
        }
        self.level = self.level_at(now) - TOKEN;
        self.as_of = now;
        Ok(())
    }

    /// EC2 has refused a call lately; not even a borrowed token is given out.
    fn is_paused(&self, now: MonoMs) -> bool {
        self.as_of > now
    }

    fn refused(&mut self, now: MonoMs) {
        // Many calls of one burst are refused together; that is one refusal, not many.
        if self.is_paused(now) {
            return;
        }
        let pause_ms = (BACKOFF_FIRST_MS << self.refusals.min(16)).min(BACKOFF_MAX_MS);
        self.refusals = self.refusals.saturating_add(1);
        self.level = 0;
        self.as_of = now.plus_ms(pause_ms);
    }

    fn accepted(&mut self, now: MonoMs) {
        // An answer to a call of the burst that was refused says nothing about the pause that it caused.
        if !self.is_paused(now) {
            self.refusals = 0;
        }
    }
}

/// All buckets of one client.
#[derive(Debug, Clone)]
pub struct Pacer {
    buckets: BTreeMap<Api, Bucket>,
}

impl Pacer {
    /// Full buckets, by EC2's figures.
    pub fn new(now: MonoMs) -> Self {
        Self { buckets: Api::ALL.into_iter().map(|api| (api, Bucket::full(api.rate(), now))).collect() }
    }

    /// How many calls may be made between `now` and `within_ms` later. That many calls of [`Pacer::take`] succeed
    /// at once, which is why no more than a quarter of a second's refill is counted ahead.
    pub fn available(&self, api: Api, now: MonoMs, within_ms: u64) -> u32 {
        self.buckets.get(&api).map_or(0, |bucket| bucket.available(now, within_ms))
    }

    /// Takes the token for one call.
    ///
    /// # Errors
    ///
    /// When there is none, with the time until there is one.
    pub fn take(&mut self, api: Api, now: MonoMs) -> Result<(), Paced> {
        match self.buckets.get_mut(&api) {
            Some(bucket) => bucket.take(now),
            None => Err(Paced { wait_ms: BACKOFF_MAX_MS }),
        }
    }

    /// Takes the token for a call that is not urgent: only if at least half of the bucket is left for what is.
    ///
    /// # Errors
    ///
    /// When that would not be so, with the time until it is.
    pub fn take_spare(&mut self, api: Api, now: MonoMs) -> Result<(), Paced> {
        let Rate { capacity, per_second } = api.rate();
        let missing = (capacity / 2 + 1).saturating_sub(self.available(api, now, 0));
        if missing > 0 {
            return Err(Paced { wait_ms: u64::from(missing) * 1_000 / u64::from(per_second) });
        }
        self.take(api, now)
    }

    /// EC2 refused a call for its rate.
    pub fn refused(&mut self, api: Api, now: MonoMs) {
        if let Some(bucket) = self.buckets.get_mut(&api) {
            bucket.refused(now);
        }
    }

    /// EC2 took a call, whatever it answered.
    pub fn accepted(&mut self, api: Api, now: MonoMs) {
        if let Some(bucket) = self.buckets.get_mut(&api) {
            bucket.accepted(now);
        }
    }
}

#[cfg(test)]
mod tests;
