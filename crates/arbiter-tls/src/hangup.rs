//! Ending a connection from elsewhere, and what it may send until then.

use crate::door::Bounds;
use crate::trust::Trust;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Ends one connection. A request's deadline can't do it: who takes no answer and sends no more is asked nothing.
#[derive(Debug, Clone, Default)]
pub struct Hangup {
    over: CancellationToken,
    refused: Arc<AtomicU32>,
}

impl Hangup {
    /// Ends it.
    pub fn now(&self) {
        self.over.cancel();
    }

    /// Whether it was ended.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Counts one more request that was refused on it; how many there are now.
    pub fn refused(&self) -> u32 {
        self.refused.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// What a connection has to keep to. A node of the cluster has nothing to keep to, but for its first word and its certificate.
pub(crate) struct Watch {
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Until something has come.
    silent: Option<Pin<Box<Sleep>>>,
    inflow: Option<Inflow>,
    /// Where certificates are shown.
    trust: Option<Trust>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("silent", &self.silent.is_some()).finish_non_exhaustive()
    }
}

impl Watch {
    pub fn new(hangup: &Hangup, bounds: &Bounds, node: bool, trust: Option<Trust>) -> Self {
        Self {
            over: Box::pin(hangup.over.clone().cancelled_owned()),
            silent: Some(Box::pin(tokio::time::sleep(bounds.first_word))),
            trust,
            inflow: (!node).then(|| Inflow::new(bounds.bytes_per_second, bounds.bytes_at_once)),
        }
    }

    /// Fails once the connection has to end.
    pub fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.over.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if self.silent.as_mut().is_some_and(|silent| silent.as_mut().poll(context).is_ready()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.trust.as_mut().map_or(Ok(()), |trust| trust.check(context))
    }

    pub fn may_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.inflow.as_mut().map_or(Poll::Ready(()), |inflow| inflow.poll(context))
    }

    pub fn has_read(&mut self, bytes: usize) {
        if bytes > 0 {
            self.silent = None;
            if let Some(inflow) = &mut self.inflow {
                inflow.take(bytes);
            }
        }
    }
}

/// How long nothing is read once all is used up.
const REST: Duration = Duration::from_millis(100);

/// What may be read.
struct Inflow {
    per_second: u64,
    most: i64,
    /// Below zero once more was read than was left; it is paid for before anything else is read.
    left: i64,
    since: Instant,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Inflow {
    fn new(per_second: u64, most: u64) -> Self {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Self { per_second, most, left: most, since: Instant::now(), rest: None }
    }

    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(rest) = &mut self.rest {
            std::task::ready!(rest.as_mut().poll(context));
            self.rest = None;
        }
        let (now, since) = (Instant::now(), self.since);
        let more = u128::from(self.per_second) * now.duration_since(since).as_millis() / 1_000;
        if more > 0 {
            self.since = now;
            self.left = self.most.min(self.left.saturating_add(i64::try_from(more).unwrap_or(i64::MAX)));
        }
        if self.left > 0 {
            return Poll::Ready(());
        }
        let mut rest = Box::pin(tokio::time::sleep(REST));
        // A rest that has only begun: it wakes this task when it is over.
        let began = rest.as_mut().poll(context);
        self.rest = Some(rest);
        began
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_fast_is_read_later_and_a_rest_is_not_saved_up_without_end() {
        let mut inflow = Inflow::new(1_000, 5_000);
        let may = |inflow: &mut Inflow| inflow.poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut read = 0;
        let begun = Instant::now();
        // As fast as it is let to, for ten seconds, five hundred bytes at a time.
        while begun.elapsed() < Duration::from_secs(10) {
            if may(&mut inflow) {
                inflow.take(500);
                read += 500;
            } else {
                tokio::time::advance(Duration::from_millis(10)).await;
            }
        }
        // The burst, and ten seconds' worth; one piece may begin with the last byte that is left.
        assert!((14_500..=15_500).contains(&read), "{read}");
        tokio::time::advance(Duration::from_secs(1_000)).await;
        assert!(may(&mut inflow) && inflow.left == 5_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_comes_is_over_and_so_is_one_that_is_hung_up() {
        let hangup = Hangup::default();
        let new = || Watch::new(&hangup, &Bounds::USUAL, false, None);
        let (mut silent, mut used) = (new(), new());
        let alive = |watch: &mut Watch| watch.check(&mut Context::from_waker(Waker::noop())).is_ok();
        used.has_read(1);
        assert!(alive(&mut silent) && alive(&mut used));
        tokio::time::advance(Bounds::USUAL.first_word + Duration::from_millis(2)).await;
        assert!(!alive(&mut silent) && alive(&mut used));
        hangup.now();
        assert!(!alive(&mut used) && hangup.is_over());
    }
}
