//! The endpoint over HTTP, as a stranger sees it.

mod client;
mod control;
mod describe;
mod faulty;
mod mutate;
mod permissions;
