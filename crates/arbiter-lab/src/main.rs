//! `arbiter-lab`: the lab from the command line.

use anyhow::Context;
use arbiter_lab::endpoint::{Endpoint, EndpointSettings};
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Stand-ins for a VPC: to try Route Arbiter without an AWS account.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the EC2 API for the reference case, until it gets SIGINT or SIGTERM.
    Endpoint(EndpointArgs),
}

#[derive(Debug, Args)]
struct EndpointArgs {
    /// Where to listen; port 0 takes a free one. The control routes below /_lab/ ask for no password, so keep it
    /// on the loopback interface or in a namespace of its own.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Append each call to this file, as a line of JSON.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Don't keep EC2's token buckets.
    #[arg(long)]
    no_throttling: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    match Cli::parse().command {
        Command::Endpoint(args) => serve_endpoint(args).await,
    }
}

#[expect(clippy::print_stdout, reason = "the address is what scripts read from standard output")]
async fn serve_endpoint(args: EndpointArgs) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be caught")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be caught")?;
    let settings = EndpointSettings {
        listen: args.listen,
        log_file: args.log,
        throttling: !args.no_throttling,
        ..EndpointSettings::default()
    };
    let endpoint = Endpoint::start(settings).await?;
    println!("listening on {}", endpoint.url());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    endpoint.shutdown().await;
    Ok(())
}
