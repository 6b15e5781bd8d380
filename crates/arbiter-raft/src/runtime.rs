//! openraft on tokio, with random numbers that a simulation can seed.
//!
//! openraft draws one kind of random number: how long a follower waits before it stands for election. Everything else
//! here is tokio's own.

use openraft::{AsyncRuntime, TokioRuntime};
use rand::rngs::StdRng;
use rand::{Error, RngCore, SeedableRng};
use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

thread_local! {
    static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// Everything that openraft draws on this thread from now on follows from this seed; `None` gives the draws back to the
/// system's randomness. For simulations, which run on one thread.
pub fn seed(seed: Option<u64>) {
    SEEDED.with(|kept| *kept.borrow_mut() = seed.map(StdRng::seed_from_u64));
}

/// tokio, as openraft uses it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Runtime;

/// This thread's random numbers: seeded, if [`seed`] was called on it, else the usual ones.
#[derive(Debug)]
pub struct Draws(<TokioRuntime as AsyncRuntime>::ThreadLocalRng);

impl Draws {
    fn with<T>(&mut self, draw: impl FnOnce(&mut dyn RngCore) -> T) -> T {
        SEEDED.with(|kept| match kept.borrow_mut().as_mut() {
            Some(seeded) => draw(seeded),
            None => draw(&mut self.0),
        })
    }
}

impl RngCore for Draws {
    fn next_u32(&mut self) -> u32 {
        self.with(|rng| rng.next_u32())
    }

    fn next_u64(&mut self) -> u64 {
        self.with(|rng| rng.next_u64())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.with(|rng| rng.fill_bytes(bytes));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.with(|rng| rng.try_fill_bytes(bytes))
    }
}

impl AsyncRuntime for Runtime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: openraft::OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + openraft::OptionalSend> =
        <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = Draws;
    type OneshotSender<T: openraft::OptionalSend> = <TokioRuntime as AsyncRuntime>::OneshotSender<T>;
    type OneshotReceiverError = <TokioRuntime as AsyncRuntime>::OneshotReceiverError;
    type OneshotReceiver<T: openraft::OptionalSend> = <TokioRuntime as AsyncRuntime>::OneshotReceiver<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + openraft::OptionalSend + 'static,
        T::Output: openraft::OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + openraft::OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + openraft::OptionalSend>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(join_error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        Draws(TokioRuntime::thread_rng())
    }

    fn oneshot<T>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>)
    where
        T: openraft::OptionalSend,
    {
        TokioRuntime::oneshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_without_one_draws_differ() {
        let draw = || (0..4).map(|_| Runtime::thread_rng().next_u64()).collect::<Vec<_>>();
        seed(Some(7));
        let first = draw();
        seed(Some(7));
        assert_eq!(draw(), first);
        seed(None);
        assert_ne!(draw(), first);
    }
}
