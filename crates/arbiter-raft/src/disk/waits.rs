//! How long the disk makes its node wait.
//!
//! openraft does nothing else while it waits for the barrier of a vote or of an entry: no heartbeat leaves, no vote is given.
//! So a disk that takes seconds makes its node silent for seconds. It is safe, since nothing is acknowledged meanwhile; but who
//! has such a disk should not lead, and somebody has to look at it.
//!
//! A node that has nothing to write would never learn that its disk is quick again, or still slow. So a slow disk is tried by
//! barriers of nothing until it is quick.

use super::{Disk, Job};
use crate::store::Batch;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// A write that takes this long is slow: by then the peers of a leader take it for dead (`election_timeout_max`, 700 ms unless
/// it is set otherwise).
pub const SLOW: Duration = Duration::from_secs(1);

/// A disk counts as slow for this long after its newest slow write: a disk that is ill is quick now and then.
const SLOW_FOR: Duration = Duration::from_secs(10);

/// Between two barriers that try a slow disk.
const TRY_EVERY: Duration = Duration::from_secs(3);

/// The waits of one disk.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    /// When the write that is under way began.
    since: Option<Instant>,
    /// The slow ones of the last [`SLOW_FOR`], each with its end: by their length no more than ten.
    slow: VecDeque<(Instant, Duration)>,
}

impl Waits {
    /// A write begins.
    pub fn begin(&self) {
        self.times().since = Some(Instant::now());
    }

    /// It has ended, well or not. Says whether it was slow.
    pub fn end(&self) -> bool {
        let now = Instant::now();
        let mut times = self.times();
        let slow = times.since.take().map(|since| now - since).filter(|took| *took >= SLOW);
        times.slow.extend(slow.map(|took| (now, took)));
        times.forget(now);
        slow.is_some()
    }

    /// The longest slow write of late, also one that is still under way; `None` if all were quick.
    pub fn longest(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut times = self.times();
        times.forget(now);
        let under_way = times.since.map(|since| now - since).filter(|waits| *waits >= SLOW);
        times.slow.iter().map(|(_, took)| *took).chain(under_way).max()
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// Tries this disk whenever it is slow, until it is quick again. Ends with the disk, and does not keep it.
    pub(crate) fn tries_while_slow(&self) -> impl Future<Output = ()> + Send + use<> {
        let (waits, jobs) = (Arc::clone(&self.waits), self.jobs.downgrade());
        let mut became_slow = self.became_slow.clone();
        async move {
            while became_slow.changed().await.is_ok() {
                while waits.longest().is_some() {
                    sleep(TRY_EVERY).await;
                    let Some(jobs) = jobs.upgrade() else { return };
                    // How it ends is seen by whoever watches `failed`, and how long it takes by the writer.
                    let (done, ended) = oneshot::channel();
                    let done = Box::new(move |result| drop(done.send(result)));
                    let job = Job { batch: Batch::default(), barrier: true, done };
                    let sent = jobs.send(job).await;
                    drop(jobs);
                    if sent.is_err() || !matches!(ended.await, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        }
    }
}

impl Times {
    fn forget(&mut self, now: Instant) {
        while self.slow.front().is_some_and(|(ended, _)| now - *ended > SLOW_FOR) {
            self.slow.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemStore;
    use tokio::time::advance;

    async fn write(waits: &Waits, takes: Duration) {
        waits.begin();
        advance(takes).await;
        waits.end();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_write_is_remembered_for_a_while_and_a_quick_one_is_not() {
        let waits = Waits::default();
        write(&waits, SLOW - Duration::from_millis(1)).await;
        assert_eq!(waits.longest(), None);
        write(&waits, SLOW * 3).await;
        write(&waits, SLOW).await;
        write(&waits, Duration::from_millis(1)).await;
        assert_eq!(waits.longest(), Some(SLOW * 3));
        advance(SLOW_FOR - SLOW - Duration::from_millis(1)).await;
        assert_eq!(waits.longest(), Some(SLOW * 3));
        advance(SLOW).await;
        assert_eq!(waits.longest(), Some(SLOW), "the other one is forgotten later");
        advance(SLOW_FOR).await;
        assert_eq!(waits.longest(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_does_not_end_is_slow_as_soon_as_it_is() {
        let waits = Waits::default();
        waits.begin();
        advance(SLOW - Duration::from_millis(1)).await;
        assert_eq!(waits.longest(), None);
        advance(Duration::from_secs(60)).await;
        assert_eq!(waits.longest(), Some(SLOW + Duration::from_secs(60) - Duration::from_millis(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_has_nothing_to_write_is_tried_until_it_is_quick() {
        let store = MemStore::new();
        let disk = Disk::start(Arc::new(store.clone())).unwrap();
        let tries = tokio::spawn(disk.tries_while_slow());
        sleep(TRY_EVERY * 10).await;
        assert_eq!(store.syncs(), 0, "there was no reason");
        store.set_sync_latency(SLOW * 3);
        disk.write(Batch::default(), true).await.unwrap();
        for _ in 0..20 {
            sleep(SLOW_FOR).await;
            assert_eq!(disk.slow(), Some(SLOW * 3), "it still is");
        }
        store.set_sync_latency(Duration::ZERO);
        sleep(SLOW_FOR + SLOW * 3 + TRY_EVERY).await;
        assert_eq!(disk.slow(), None);
        let syncs = store.syncs();
        sleep(TRY_EVERY * 10).await;
        assert_eq!(store.syncs(), syncs, "it is left alone");
        store.set_sync_latency(SLOW);
        disk.write(Batch::default(), true).await.unwrap();
        store.fail_syncs("no space");
        tries.await.unwrap();
        assert!(disk.failed().borrow().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let waits = Waits::default();
        for _ in 0..1_000 {
            write(&waits, SLOW).await;
        }
        assert!(waits.times().slow.len() <= 11);
    }
}
