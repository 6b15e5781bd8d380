//! Runs on all processors: each run is one thread, and the results come in order.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// How many runs there are at once, if nobody says otherwise.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does the jobs `0..count`, so many at once, and takes what they give in their order. `begin` is asked before each
/// job; none begins after it has said no, or after one has failed.
///
/// # Errors
/// The first job that failed, in their order; what those before it gave was taken.
pub fn in_order<T: Send>(
    workers: usize,
    count: usize,
    begin: impl Fn() -> bool + Sync,
    job: impl Fn(usize) -> io::Result<T> + Sync,
    mut take: impl FnMut(T),
) -> io::Result<()> {
    let (give, got) = mpsc::channel();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, count.max(1)) {
            let (give, next, begin, job) = (give.clone(), &next, &begin, &job);
            scope.spawn(move || {
                loop {
                    if !begin() {
                        return;
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || give.send((number, job(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(give);
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (number, done) in got {
            waiting.insert(number, done);
            while let Some(done) = waiting.remove(&due) {
                // Who has a result that nobody receives any more begins nothing else.
                take(done?);
                due += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_none_begins_after_the_end() {
        let mut got = Vec::new();
        in_order(4, 20, || true, |number| Ok(number * number), |square| got.push(square)).unwrap();
        assert_eq!(got, (0..20).map(|number| number * number).collect::<Vec<_>>());
        let begun = AtomicUsize::new(0);
        let mut got = 0;
        let begin = || begun.fetch_add(1, Ordering::Relaxed) < 3;
        in_order(2, 20, begin, |_| Ok(()), |()| got += 1).unwrap();
        assert_eq!(got, 3);
    }

    #[test]
    fn the_first_failure_ends_it_and_what_came_before_was_taken() {
        let fails =
            |number: usize| if number < 3 { Ok(number) } else { Err(io::Error::other(number.to_string())) };
        let begun = AtomicUsize::new(0);
        let begin = || begun.fetch_add(1, Ordering::Relaxed) < 1_000_000;
        let mut got = Vec::new();
        let failed = in_order(4, usize::MAX, begin, fails, |number| got.push(number)).unwrap_err();
        assert_eq!((failed.to_string().as_str(), got), ("3", vec![0, 1, 2]));
        assert!(begun.into_inner() < 1_000_000, "the others have stopped");
    }
}
