//! When to look at the provider.

use crate::arbiter::Arbiter;
use crate::provider::{Observation, ProviderError, ProviderErrorKind, Scope};
use crate::tasks::Event;
use arbiter_core::time::MonoMs;
use std::sync::Arc;
use std::time::Duration;

/// How often to look while something moves.
const ALERT_EVERY_MS: u64 = 1_000;

/// How long to go on looking often after a call or a takeover: longer than a stale read can last.
pub(crate) const ALERT_MS: u64 = 6_000;

/// A look that takes longer than this is given up; the provider's own timeouts end it before.
const LOOK_LIMIT: Duration = Duration::from_secs(20);

impl Arbiter {
    pub fn start_look(&mut self, now: MonoMs) {
        self.looking = true;
        let provider = Arc::clone(&self.parts.provider);
        let policy = Arc::clone(&self.state.policy);
        self.tasks.spawn(async move {
            let looked = tokio::time::timeout(LOOK_LIMIT, provider.observe(&policy, Scope::All)).await;
            let result = looked.unwrap_or_else(|_| Err(too_long()));
            Event::Looked { started: now, whole: true, result }
        });
    }

    pub fn looked(&mut self, started: MonoMs, whole: bool, result: Result<Observation, ProviderError>) {
        let now = self.now();
        self.looking = false;
        match result {
            Ok(observation) => self.eyes.saw(observation, started, whole),
            Err(error) => {
                if self.eyes.last_error() != Some(&error) {
                    tracing::warn!(%error, kind = ?error.kind, "the provider could not be read");
                }
                self.eyes.failed(error);
            }
        }
        let often = now < self.alert_until || self.eyes.something_moves() || self.eyes.last_error().is_some();
        let every_ms = self.policy().timing.reconcile_interval_ms;
        let every_ms = if often { every_ms.min(ALERT_EVERY_MS) } else { every_ms };
        // Counted from its beginning, so that a slow provider is not also looked at less often.
        self.next_look = started.plus_ms(every_ms).max(now.plus_ms(1));
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
