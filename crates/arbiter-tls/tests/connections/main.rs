//! Connections over real sockets: who is taken, who is refused and why, on both sides.

// Some are marked, so that the lints know their helpers for parts of tests.
mod files;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod world;
