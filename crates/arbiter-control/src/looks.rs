//! When to look at the provider.

use crate::arbiter::Arbiter;
use crate::provider::{Observation, ProviderError, ProviderErrorKind, Scope};
use crate::tasks::Event;
use arbiter_core::time::MonoMs;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// How often to look while something moves.
const ALERT_EVERY_MS: u64 = 1_000;

/// How long to go on looking often after a call or a takeover: longer than a stale read can last.
pub(crate) const ALERT_MS: u64 = 6_000;

/// A look that takes longer than this is given up; the provider's own timeouts end it before.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

impl Arbiter {
    /// Asks for a look that begins no earlier than now.
    pub fn look_now(&mut self, now: MonoMs) {
        self.next_look = now;
        self.look_again = self.looking;
    }

    pub fn start_look(&mut self, now: MonoMs) {
        self.looking = true;
        self.look_again = false;
        let provider = Arc::clone(&self.parts.provider);
        let policy = Arc::clone(&self.state.policy);
        self.tasks.spawn(async move {
            let look = AssertUnwindSafe(provider.observe(&policy, Scope::All)).catch_unwind();
            let result = match tokio::time::timeout(LOOK_LIMIT, look).await {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(broke_off()),
                Err(_) => Err(too_long()),
            };
            Event::Looked { started: now, result }
        });
    }

    pub fn looked(&mut self, started: MonoMs, result: Result<Observation, ProviderError>) {
        let now = self.now();
        self.looking = false;
        match result {
            Ok(observation) => {
                if self.eyes.last_error().is_some() {
                    tracing::info!("the provider can be read again");
                }
                self.failed_looks = 0;
                self.eyes.saw(observation, started);
            }
            Err(error) => {
                if self.eyes.last_error() != Some(&error) {
                    tracing::warn!(%error, kind = ?error.kind, "the provider could not be read");
                }
                self.failed_looks = self.failed_looks.saturating_add(1);
                self.eyes.failed(error);
            }
        }
        // Counted from its beginning, so that a slow provider is not also looked at less often.
        self.next_look = started.plus_ms(self.look_wait_ms(now)).max(now.plus_ms(1));
        if std::mem::take(&mut self.look_again) {
            self.next_look = now;
        }
    }

    fn look_wait_ms(&self, now: MonoMs) -> u64 {
        let every_ms = self.policy().timing.reconcile_interval_ms;
        if self.eyes.last_error().is_some() && !self.eyes.unreachable() {
            // The provider answers, and refuses: to ask it more often makes a throttle worse.
            let doublings = self.failed_looks.saturating_sub(1).min(16);
            return (ALERT_EVERY_MS << doublings).min(every_ms);
        }
        let often = now < self.alert_until || self.eyes.something_moves() || self.eyes.unreachable();
        if often { every_ms.min(ALERT_EVERY_MS) } else { every_ms }
    }

    /// Something of ours has changed: look soon, and often for a while.
    pub fn look_soon(&mut self, now: MonoMs) {
        self.alert_until = now.plus_ms(ALERT_MS);
        self.next_look = self.next_look.min(now.plus_ms(ALERT_EVERY_MS));
    }
}

fn too_long() -> ProviderError {
    ProviderError {
        kind: ProviderErrorKind::Unreachable,
        operation: "observe".to_owned(),
        code: "Timeout".to_owned(),
        message: format!("no answer within {} s", LOOK_LIMIT.as_secs()),
    }
}

fn broke_off() -> ProviderError {
    ProviderError {
        kind: ProviderErrorKind::Rejected,
        operation: "observe".to_owned(),
        code: "Internal".to_owned(),
        message: "the provider's own code broke off: see the log".to_owned(),
    }
}
