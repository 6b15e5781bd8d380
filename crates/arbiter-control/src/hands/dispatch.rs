//! From an accepted intent to one call, and its end.

use crate::arbiter::Arbiter;
use crate::planted::{self, Bug, planted};
use crate::provider::{Call, Provider};
use crate::tasks::Event;
use arbiter_core::command::{Action, Cause, Intent, Outcome};
use arbiter_core::ids::LogIndex;
use arbiter_core::state::ClusterState;
use arbiter_core::time::{MonoMs, UnixMs};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// The wall clock may run ahead of BOOTTIME by this much since `t_p`; more means that the hypervisor stopped us.
const WALL_AHEAD_MS: u64 = 50;

/// All that is needed to carry out one intent, as it stood when the intent was made.
#[derive(Debug)]
pub(crate) struct Errand {
    pub call: Call,
    pub cause: Cause,
    window_ms: u64,
    timeout_ms: u64,
}

impl Errand {
    /// `None` if the state has no cluster or the policy has no such route: then nothing can be called.
    pub fn new(state: &ClusterState, intent: &Intent) -> Option<Self> {
        let (table, destination) = match &intent.action {
            Action::SetRoute { route, .. } => {
                let route = state.policy.route(route)?;
                (route.table.clone(), route.destination.clone())
            }
            Action::Stop { .. } | Action::Start { .. } => (String::new(), String::new()),
        };
        let (cluster, action) = (state.cluster_id.clone()?, intent.action.clone());
        let timing = &state.policy.timing;
        Some(Self {
            // The entry is known once the intent is accepted.
            call: Call { cluster, intent: intent.id, entry: LogIndex(0), action, table, destination },
            cause: intent.cause,
            window_ms: timing.dispatch_window_ms,
            timeout_ms: timing.call_timeout_ms,
        })
    }
}

impl Arbiter {
    /// Sends an accepted intent's call, if it is still in time: the last check is made by the task itself, right
    /// before it hands the call to the provider.
    pub(super) fn dispatch(&mut self, errand: Errand, at: MonoMs, wall: UnixMs) {
        self.no_longer_waits(errand.call.intent);
        let clock = Arc::clone(&self.parts.clock);
        let provider = Arc::clone(&self.parts.provider);
        let me = self.settings.me;
        self.tasks.spawn(async move {
            // The wall clock last, as it was read first before the proposal: a stop between two readings shows.
            let now = clock.now();
            let wall_now = clock.wall_ms();
            match in_time(at, wall, now, wall_now, errand.window_ms) {
                Err(reason) => Event::Called { errand, sent: None, outcome: Outcome::NotSent { reason } },
                Ok(()) => {
                    planted::checked(me).await;
                    let outcome = call(&*provider, &errand).await;
                    Event::Called { errand, sent: Some(now), outcome }
                }
            }
        });
    }

    /// A call has ended.
    pub fn called(&mut self, errand: &Errand, sent: Option<MonoMs>, outcome: Outcome) {
        let (now, id) = (self.now(), errand.call.intent);
        tracing::info!(intent = %id, %outcome, "the call has ended");
        self.hands.stages.ended(id, sent, now, &outcome);
        if let Action::SetRoute { route, after, .. } = &errand.call.action {
            match &outcome {
                Outcome::Done => self.eyes.touched(route, Some(after.clone()), now),
                Outcome::NoAnswer { .. } => self.eyes.touched(route, None, now),
                Outcome::Failed { .. } | Outcome::NotSent { .. } => {}
            }
        }
        self.look_soon(now);
        if self.hands.live.contains_key(&id) {
            self.hands.ended.push((id, outcome));
        }
    }
}

/// One call, whose end nothing delays: a provider that oversteps the timeout, or panics, has given no answer.
/// What it was still doing is dropped, so that nothing is sent after its outcome.
async fn call(provider: &dyn Provider, errand: &Errand) -> Outcome {
    let sent = AssertUnwindSafe(provider.mutate(&errand.call, errand.timeout_ms)).catch_unwind();
    let limit = Duration::from_millis(errand.timeout_ms);
    match tokio::time::timeout(limit, sent).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => Outcome::NoAnswer { message: "the provider's own code broke off".to_owned() },
        Err(_) if planted(Bug::TimeoutIsFailure) => {
            Outcome::Failed { code: "Timeout".to_owned(), message: String::new() }
        }
        Err(_) => Outcome::NoAnswer { message: format!("none within {} ms", errand.timeout_ms) },
    }
}

/// Whether a call may still be sent: within the window since `t_p`, and not if the hypervisor stopped us.
fn in_time(at: MonoMs, wall: UnixMs, now: MonoMs, wall_now: UnixMs, window_ms: u64) -> Result<(), String> {
    let elapsed_ms = now.since_ms(at);
    if elapsed_ms > window_ms {
        return Err(format!("{elapsed_ms} ms since the proposal: the window of {window_ms} ms is over"));
    }
    let ahead_ms = wall_now.since_ms(wall).saturating_sub(elapsed_ms);
    if ahead_ms > WALL_AHEAD_MS {
        return Err(format!("the wall clock ran ahead by {ahead_ms} ms: this host was stopped"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::rules::proves;

    #[test]
    fn a_call_is_in_time_up_to_the_end_of_the_window() {
        proves("dispatch.within-window");
        let check =
            |now, wall_now| in_time(MonoMs(1_000), UnixMs(50_000), MonoMs(now), UnixMs(wall_now), 500);
        assert_eq!(check(1_500, 50_500), Ok(()));
        assert!(check(1_501, 50_501).is_err());
    }

    #[test]
    fn a_wall_clock_that_ran_ahead_means_that_we_stood_still() {
        proves("dispatch.wall-clock-ahead");
        let check =
            |now, wall_now| in_time(MonoMs(1_000), UnixMs(50_000), MonoMs(now), UnixMs(wall_now), 500);
        assert_eq!(check(1_100, 50_150), Ok(()));
        assert!(check(1_100, 50_151).is_err());
        // A wall clock that was set back says nothing.
        assert_eq!(check(1_100, 10_000), Ok(()));
    }
}
