//! `arbiter-disk`: proves that what a node acknowledges is on its disk. `scripts/disk` builds it and starts it.
//!
//! It records what three nodes do to their disks and say to each other, by `strace`: three processes of `arbiterd`, and
//! one of its parts, whose log turns over faster. Over each recording come two judgements, which know nothing of each other:
//! [`barrier`] by the order of system calls, [`replay`] by all that a power cut may leave. Each is then shown recordings in
//! which a bug was planted, and must find it.

mod barrier;
mod command;
mod disk;
mod drive;
mod planted;
mod record;
mod replay;
mod report;
mod talk;
mod trace;

use clap::Parser;
use std::process::ExitCode;

/// The exit code when nothing can be said: a wrong argument (as clap has it), or no recording. One means a violation.
const NOT_SHOWN: u8 = 2;

fn main() -> ExitCode {
    match command::run(command::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("disk: {error:#}");
            ExitCode::from(NOT_SHOWN)
        }
    }
}
