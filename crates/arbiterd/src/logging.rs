//! Structured logs, as text or JSON, on standard error.

use crate::options::LogFormat;
use anyhow::Context;
use arbiter_config::LogConfig;
use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` wins over the file.
///
/// # Errors
/// A filter that can't be read, or logging that was started already.
pub fn start(config: &LogConfig, format: Option<LogFormat>) -> anyhow::Result<()> {
    let text = std::env::var("RUST_LOG").unwrap_or_else(|_| config.filter.clone());
    let filter = EnvFilter::try_new(&text).with_context(|| {
        format!("`{text}` is not a log filter; try `info` or `info,arbiter_control=debug`")
    })?;
    let format = format.unwrap_or(match config.format {
        arbiter_config::LogFormat::Text => LogFormat::Text,
        arbiter_config::LogFormat::Json => LogFormat::Json,
    });
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => subscriber.with_ansi(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}
