//! Ending a connection from elsewhere, and what it may send until then.

use crate::door::Bounds;
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

/// What a connection has to keep to. A node of the cluster has nothing to keep to, but for its first word.
pub(crate) struct Watch {
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Until something has come.
    silent: Option<Pin<Box<Sleep>>>,
    inflow: Option<Inflow>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("silent", &self.silent.is_some()).finish_non_exhaustive()
    }
}

impl Watch {
    pub fn new(hangup: &Hangup, bounds: &Bounds, node: bool) -> Self {
        Self {
            over: Box::pin(hangup.over.clone().cancelled_owned()),
            silent: Some(Box::pin(tokio::time::sleep(bounds.first_word))),
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
        Ok(())
    }

    pub fn may_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.inflow.as_mut().map_or(Poll::Ready(()), |inflow| inflow.poll(context))
    }

    pub fn has_read(&mut self, bytes: usize) {
        if bytes > 0 {
            self.silent = None;
            if let Some(inflow) = &mut self.inflow {
                inflow.left = inflow.left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
            }
        }
    }
}

/// How long nothing is read once all is used up.
const REST: Duration = Duration::from_millis(100);

/// What may be read.
struct Inflow {
    per_second: u64,
    most: u64,
    left: u64,
    since: Instant,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Inflow {
    fn new(per_second: u64, most: u64) -> Self {
        Self { per_second, most, left: most, since: Instant::now(), rest: None }
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
            self.left = self.most.min(self.left.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)));
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
