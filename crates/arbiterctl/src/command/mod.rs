//! One file for each command: what it asks, what it shows, how it ends.

pub(crate) mod completions;
mod deed;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod handover;
pub(crate) mod history;
pub(crate) mod live;
pub(crate) mod man;
pub(crate) mod member;
pub(crate) mod members;
pub(crate) mod mode;
pub(crate) mod pause;
pub(crate) mod pin;
pub(crate) mod pki;
pub(crate) mod policy;
mod preview;
pub(crate) mod probes;
pub(crate) mod replace;
pub(crate) mod restart;
pub(crate) mod resume;
pub(crate) mod routes;
pub(crate) mod status;
pub(crate) mod switchover;
mod watch;
