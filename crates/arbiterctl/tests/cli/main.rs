//! The real binary against a node that answers by script: every view as text and as JSON, every help, error and exit
//! code. What is expected stands in `tests/golden/`; `UPDATE_GOLDEN=1 cargo test -p arbiterctl` rewrites it, and the
//! diff is then read like code.

#![expect(clippy::unwrap_used, reason = "what helps a test may panic as the test may")]

mod backup;
mod commands;
mod doctor;
mod dry_run;
mod errors;
mod fake;
mod golden;
mod help;
mod json_docs;
mod live;
mod looking;
mod man;
mod overrides;
mod pki;
mod policy;
mod pty;
mod restart;
mod run;
mod scenes;
mod site;
mod terminal;
mod views;
mod waits;
