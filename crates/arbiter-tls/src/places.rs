//! How many of something somebody may have at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// So many places for each, and for all together.
#[derive(Debug)]
pub struct Places<K: Ord + Clone> {
    of_one: usize,
    of_all: usize,
    taken: Arc<Mutex<Taken<K>>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    /// Of those who have any.
    each: BTreeMap<K, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Whoever asks has as many as one may have.
    ByOne(usize),
    /// All places are taken.
    ByAll(usize),
}

/// A place, free for another when it is dropped.
#[derive(Debug)]
pub struct Place<K: Ord + Clone> {
    who: K,
    taken: Arc<Mutex<Taken<K>>>,
}

impl<K: Ord + Clone> Places<K> {
    /// `of_one` for each, `of_all` for all together.
    pub fn new(of_one: usize, of_all: usize) -> Self {
        Self { of_one, of_all, taken: Arc::new(Mutex::new(Taken { all: 0, each: BTreeMap::new() })) }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// There is none.
    pub fn take(&self, who: K) -> Result<Place<K>, Full> {
        // Counts are changed together, by code that does not panic: they can't be torn.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let has = taken.each.get(&who).copied().unwrap_or_default();
        if has >= self.of_one {
            return Err(Full::ByOne(self.of_one));
        }
        if taken.all >= self.of_all {
            return Err(Full::ByAll(self.of_all));
        }
        taken.all += 1;
        taken.each.insert(who.clone(), has + 1);
        Ok(Place { who, taken: Arc::clone(&self.taken) })
    }
}

impl<K: Ord + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        match taken.each.get_mut(&self.who) {
            Some(has) if *has > 1 => *has -= 1,
            _ => drop(taken.each.remove(&self.who)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_each_and_for_all_and_come_back() {
        let places = Places::new(2, 3);
        let mut held = vec![places.take("a").unwrap(), places.take("a").unwrap()];
        assert_eq!(places.take("a").unwrap_err(), Full::ByOne(2));
        held.push(places.take("b").unwrap());
        assert_eq!(places.take("c").unwrap_err(), Full::ByAll(3));
        held.remove(0);
        held.push(places.take("c").unwrap());
        held.clear();
        let taken = places.taken.lock().unwrap();
        assert!(taken.all == 0 && taken.each.is_empty(), "nothing is kept of those who have left");
    }
}
