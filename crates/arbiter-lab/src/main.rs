//! `arbiter-lab`: the lab from the command line.

use anyhow::Context;
use arbiter_lab::bound::{BoundArgs, become_bound};
use arbiter_lab::demo::DemoArgs;
use arbiter_lab::endpoint::{Endpoint, EndpointSettings};
use arbiter_lab::iam::{IamPolicy, Role, Roles};
use arbiter_lab::net::NetArgs;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
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
    /// Play the demo: three nodes on loopback, and everything that can happen to them. `scripts/demo` builds what it
    /// needs and starts it.
    Demo(DemoArgs),
    /// The reference topology in network namespaces. `scripts/lab` builds and installs what it needs and starts it.
    Net(NetArgs),
    /// Become another program, which ends with the process that starts this: for processes of the lab's own.
    #[command(hide = true)]
    Bound(BoundArgs),
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
    /// Let callers do what this IAM policy allows (a JSON document, such as `arbiterd iam-policy` prints), and nothing else.
    #[arg(long, value_name = "FILE")]
    iam_policy: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let command = Cli::parse().command;
    // The demo speaks for itself; what it has to say is not to be mixed with what its parts log.
    let level = if matches!(command, Command::Demo(_) | Command::Net(_)) { "warn" } else { "info" };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into()),
        )
        .init();
    match command {
        Command::Endpoint(args) => serve_endpoint(args).await.map(|()| ExitCode::SUCCESS),
        Command::Demo(args) => arbiter_lab::demo::run(args).await,
        Command::Net(args) => arbiter_lab::net::run(args).await,
        Command::Bound(args) => become_bound(&args).map(|never| match never {}),
    }
}

fn read_policy(path: &Path) -> anyhow::Result<IamPolicy> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    IamPolicy::parse(&text).with_context(|| path.display().to_string())
}

#[expect(clippy::print_stdout, reason = "the address is what scripts read from standard output")]
async fn serve_endpoint(args: EndpointArgs) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be caught")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be caught")?;
    let roles = match &args.iam_policy {
        Some(path) => Roles::new(Role::Only(read_policy(path)?)),
        None => Roles::default(),
    };
    let settings = EndpointSettings {
        roles,
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
