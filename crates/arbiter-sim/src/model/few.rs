//! A short list in place: worlds are copied by the million.

use std::hash::{Hash, Hasher};

/// At most `N` things, in order. The unused places hold the default, so that equal lists are equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Few<T, const N: usize> {
    items: [T; N],
    len: u8,
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self { items: [T::default(); N], len: 0 }
    }
}

impl<T: Hash, const N: usize> Hash for Few<T, N> {
    /// Unused places say nothing.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.items[..usize::from(self.len)].hash(state);
    }
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// How many.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many fit in.
    pub const fn room(&self) -> usize {
        N
    }

    /// Whether no more fit in.
    pub fn is_full(&self) -> bool {
        self.len() == N
    }

    /// Adds one at the end. There must be room: who adds asks before.
    pub fn push(&mut self, item: T) {
        assert!(!self.is_full(), "a list of at most {N} is full: the bounds of the model don't fit together");
        self.items[self.len()] = item;
        self.len += 1;
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items[..self.len()].iter()
    }

    /// All, in order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let len = self.len();
        self.items[..len].iter_mut()
    }

    /// Puts them in order.
    pub fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        let len = self.len();
        self.items[..len].sort_unstable_by_key(key);
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let mut kept = Self::default();
        for item in self.iter().filter(|item| keep(item)) {
            kept.push(*item);
        }
        *self = kept;
    }
}

impl<T: Copy + Default, const N: usize> FromIterator<T> for Few<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        items.into_iter().for_each(|item| few.push(item));
        few
    }
}
