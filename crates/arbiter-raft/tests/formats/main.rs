//! Formats: what a released version has written is read by this program; what a later version writes is refused.
//!
//! The fixtures are real data folders (`tests/fixtures/stores/VERSION/KIND.folder`), each with what was in it when it was
//! written (`KIND.golden.json`), and Raft's messages (`tests/fixtures/wire/VERSION`). They are written once for each version
//! and never again:
//!
//! ```sh
//! WRITE_FORMAT_FIXTURES=1 cargo test --locked --workspace --test formats
//! ```

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod contents;
mod folder;
mod newer;
mod node;
mod script;
mod stores;
mod wire;
mod words;
mod world;
