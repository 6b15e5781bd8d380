//! What an open connection rests on: the other side's certificate, which is judged again for as long as it lasts.
//!
//! It ends with that certificate, and when nobody in `ca` vouches for it any more. The wall clock is asked once, in the
//! handshake: a clock that jumps ends no connection.

use crate::credentials::Credentials;
use crate::line::Meant;
use crate::refusal::{Refused, Why};
use crate::verify;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Between two judgements. One costs two signatures, a fifth of a millisecond.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Who is on the other side.
#[derive(Debug, Clone)]
pub(crate) enum Other {
    /// Somebody who has called us.
    Caller,
    /// The node that we have called.
    Called(Meant),
}

/// What the other side has shown, and by whom it is judged.
pub(crate) struct Trust {
    credentials: Credentials,
    other: Other,
    chain: Vec<CertificateDer<'static>>,
    /// The time of the handshake.
    at: UnixTime,
    /// When the certificate ends.
    ends: Instant,
    next: Pin<Box<Sleep>>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("other", &self.other).field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Trust {
    /// A handshake has just ended well, in which this chain was shown.
    pub fn new(credentials: Credentials, other: Other, chain: Option<&[CertificateDer<'_>]>) -> Self {
        let chain: Vec<_> =
            chain.unwrap_or_default().iter().map(|shown| shown.clone().into_owned()).collect();
        let (at, now) = (UnixTime::now(), Instant::now());
        let last_second = chain.first().and_then(verify::not_after).unwrap_or_default();
        let valid_for = Duration::from_secs(last_second.saturating_sub(at.as_secs()));
        let ends = now.checked_add(valid_for).unwrap_or(now);
        let next = Box::pin(tokio::time::sleep_until(ends.min(now + AGAIN_AFTER)));
        Self { credentials, other, chain, at, ends, next }
    }

    /// Fails once the connection has to end, and says why. Wakes the task when it is to be asked again.
    pub fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.judge_when_due(context).map_err(|refused| {
            tracing::info!(why = %refused, "a connection ends");
            io::Error::new(io::ErrorKind::PermissionDenied, refused.to_string())
        })
    }

    fn judge_when_due(&mut self, context: &mut Context<'_>) -> Result<(), Refused> {
        while let Poll::Ready(()) = self.next.as_mut().poll(context) {
            let now = Instant::now();
            if now >= self.ends {
                let claims = self.chain.first().and_then(|first| verify::identity(first).ok());
                return Err(Refused { claims, why: Why::Expired { seconds_ago: 0 } });
            }
            self.credentials.judge(&self.other, &self.chain, self.at)?;
            self.next.as_mut().reset(self.ends.min(now + AGAIN_AFTER));
        }
        Ok(())
    }
}
