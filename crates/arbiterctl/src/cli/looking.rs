//! Looking more than once.

use super::duration_ms;
use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;
use std::time::Duration;

/// More often than this is no looking any more: each look is confirmed by a quorum.
const WATCH_LEAST_MS: u64 = 200;

/// Whether to go on looking.
#[derive(Debug, Clone, Copy, Args)]
pub struct WatchArgs {
    /// Look again and again until Ctrl-C, every 2s if no interval is given. Each look's time is --timeout's
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "2s", value_parser = interval)]
    pub watch: Option<Duration>,
}

/// How often the live screen is drawn.
#[derive(Debug, Clone, Copy, Args)]
pub struct ScreenArgs {
    /// Draw it at least this often; what changes is drawn at once
    #[arg(long, value_name = "INTERVAL", default_value = "2s", value_parser = interval)]
    pub interval: Duration,
}

/// Which events, and whether to wait for more.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// The newest so many to begin with, at most 1000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Only of this route, gateway or node
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
}

/// For which shell.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell. For bash: `source <(arbiterctl completions bash)`
    pub shell: Shell,
}

/// Where to.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write the pages of all commands into this folder, as in /usr/local/share/man/man1. Default: arbiterctl(1) to
    /// standard output
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    match duration_ms(text)? {
        ms if ms < WATCH_LEAST_MS => Err(format!("it must be at least {WATCH_LEAST_MS}ms")),
        ms => Ok(Duration::from_millis(ms)),
    }
}
