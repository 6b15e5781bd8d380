//! What all requests share: the world under its lock, the clock, and who is told of changes.

use super::history::History;
use crate::calllog::CallLog;
use crate::faults::Faults;
use crate::iam::Roles;
use crate::world::{Act, Cause, Change, World};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How many changes a slow listener may lag behind before it loses the oldest (and is told so). The demo makes some
/// dozens in all.
const CHANGES_KEPT: usize = 1_024;

#[derive(Debug)]
pub(super) struct Shared {
    started: Instant,
    pub started_wall_ms: u64,
    world: Mutex<Living>,
    pub faults: Faults,
    pub roles: Roles,
    pub calls: CallLog,
    pub changes: broadcast::Sender<Change>,
    /// Rung after each edit, since it may have made something due.
    edited: Notify,
    pub stop: CancellationToken,
}

#[derive(Debug)]
struct Living {
    world: World,
    history: History,
}

impl Shared {
    pub(super) fn new(world: World, faults: Faults, roles: Roles, calls: CallLog) -> Self {
        let history = History::new(&world);
        Self {
            started: Instant::now(),
            started_wall_ms: wall_ms(),
            world: Mutex::new(Living { world, history }),
            faults,
            roles,
            calls,
            changes: broadcast::Sender::new(CHANGES_KEPT),
            edited: Notify::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Milliseconds since the endpoint started.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn living(&self) -> MutexGuard<'_, Living> {
        // Every edit leaves the world whole even if it panics half-way: fields are replaced one by one.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, at one instant; everybody who listens is told. Gives what `edit` gave, the instant, and
    /// what this edit changed.
    pub(super) fn edit<T>(
        &self,
        cause: Cause,
        edit: impl FnOnce(&mut World, Act) -> T,
    ) -> (T, u64, Vec<Change>) {
        let mut guard = self.living();
        let living = &mut *guard;
        // Read under the lock, so that times rise with the order of edits.
        let now_ms = self.now_ms();
        living.world.advance(now_ms);
        let by_time = living.world.take_changes();
        let given = edit(&mut living.world, Act { now_ms, cause });
        let by_edit = living.world.take_changes();
        // Also without a change that is told of: an impairment, say, shows in describes as well.
        if !by_time.is_empty() || !by_edit.is_empty() || cause == Cause::Hand {
            living.history.remember(now_ms, &living.world);
        }
        for change in by_time.iter().chain(&by_edit) {
            // Nobody need listen.
            let _ = self.changes.send(change.clone());
        }
        drop(guard);
        self.edited.notify_one();
        (given, now_ms, by_edit)
    }

    /// Looks at the world as it was `age_ms` ago.
    pub(super) fn look<T>(&self, age_ms: u64, look: impl FnOnce(&World, u64) -> T) -> T {
        let guard = self.living();
        let at = self.now_ms().checked_sub(age_ms);
        let at_ms = at.unwrap_or(0);
        if age_ms > 0
            && let Some(past) = guard.history.at(at)
        {
            drop(guard);
            return look(&past, at_ms);
        }
        if guard.world.next_transition_ms().is_some_and(|due_ms| due_ms <= at_ms) {
            // The clockwork is about to tell of it; the look must not be behind.
            let mut world = guard.world.clone();
            drop(guard);
            world.advance(at_ms);
            return look(&world, at_ms);
        }
        look(&guard.world, at_ms)
    }

    /// Lets happen what time brings, when it is due. Ends with the endpoint.
    pub(super) async fn run_clockwork(&self) {
        loop {
            let due_ms = self.living().world.next_transition_ms();
            let due = async {
                match due_ms {
                    Some(due_ms) => {
                        tokio::time::sleep_until(self.started + Duration::from_millis(due_ms)).await
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.edited.notified() => {}
                () = due => { self.edit(Cause::Time, |_, _| ()); }
            }
        }
    }
}

/// The wall clock in milliseconds since 1970: for people, and to compare with other processes' logs.
pub(super) fn wall_ms() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000).saturating_add(nanos.unwrap_or(0) / 1_000_000)
}
