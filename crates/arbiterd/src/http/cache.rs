//! One question at a time, and its answer for all who ask soon after.

use std::future::Future;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// An answer, and when it was asked for.
pub(super) struct Cache<T> {
    kept: Mutex<Option<(Instant, T)>>,
    keep: Duration,
}

impl<T: Clone> Cache<T> {
    pub const fn new(keep: Duration) -> Self {
        Self { kept: Mutex::const_new(None), keep }
    }

    /// The answer that is kept, or that of `ask`. Those who ask meanwhile wait for it instead of asking themselves.
    /// What went wrong is not kept.
    pub async fn get(&self, ask: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let mut kept = self.kept.lock().await;
        if let Some((since, answer)) = &*kept
            && since.elapsed() < self.keep
        {
            return Ok(answer.clone());
        }
        // Its age counts from the question, so that it is never taken for newer than it is.
        let asked = Instant::now();
        let answer = ask.await?;
        *kept = Some((asked, answer.clone()));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_serves_for_its_time_and_an_error_for_nobody() {
        let long = Cache::new(Duration::from_secs(3_600));
        assert_eq!(long.get(async { Err("no".to_owned()) }).await, Err("no".to_owned()));
        assert_eq!(long.get(async { Ok(1) }).await, Ok(1));
        assert_eq!(long.get(async { Ok(2) }).await, Ok(1));
        let short = Cache::new(Duration::ZERO);
        assert_eq!(short.get(async { Ok(1) }).await, Ok(1));
        assert_eq!(short.get(async { Ok(2) }).await, Ok(2));
    }

    #[tokio::test]
    async fn those_who_ask_meanwhile_wait_for_the_one_answer() {
        let cache = Cache::new(Duration::from_secs(3_600));
        let (answer, answered) = tokio::sync::oneshot::channel::<u32>();
        let first = cache.get(async { answered.await.map_err(|gone| gone.to_string()) });
        let second = cache.get(async { Ok(2) });
        let tell = async { answer.send(1).expect("it is waited for") };
        let (first, second, ()) = tokio::join!(first, second, tell);
        assert_eq!((first, second), (Ok(1), Ok(1)));
    }
}
