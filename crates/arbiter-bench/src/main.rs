//! `arbiter-bench`: the figures from the command line.

use arbiter_bench::command::{Cli, run};
use clap::Parser;
use std::process::ExitCode;

/// The exit code when nothing can be said: a wrong argument (as clap has it), or something that can't be measured. One
/// means that a figure misses its bound.
const NOT_MEASURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(NOT_MEASURED)
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    // Nothing but what goes wrong: the results speak for themselves.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter.unwrap_or_else(|_| "error,openraft=off".into()))
        .init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(cli))
}
