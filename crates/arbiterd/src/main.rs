//! `arbiterd`: one node of Route Arbiter.

use anyhow::Context;
use arbiter_config::LocalConfig;
use arbiterd::{
    IamPolicyOptions, Options, Subcommand, iam_policy, keep_what_is_needed, recover, run, withdraw_routes,
};
use clap::Parser;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    match start(&options) {
        Ok(code) => code,
        Err(error) => {
            // Into the log, in its form, if it is up and takes errors. If not, the operator who started it looks at
            // the terminal.
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!("{error:#}");
            } else {
                eprintln!("arbiterd: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "what was withdrawn is the answer to a command")]
fn withdraw(runtime: &tokio::runtime::Runtime, local: &LocalConfig) -> anyhow::Result<()> {
    let gone = runtime.block_on(withdraw_routes(local))?;
    for route in &gone {
        println!("withdrawn: {route}");
    }
    println!("{} of our routes withdrawn; no other was touched", gone.len());
    Ok(())
}

fn print_iam_policy(options: IamPolicyOptions) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(iam_policy(options).as_bytes()).context("the policy can't be written")?;
    Ok(ExitCode::SUCCESS)
}

fn start(options: &Options) -> anyhow::Result<ExitCode> {
    if let Some(Subcommand::IamPolicy(options)) = options.subcommand {
        return print_iam_policy(options);
    }
    let node = options.node.as_deref().context("`--node NAME` must say which of the file's nodes this is")?;
    let loaded = arbiter_config::load(&options.config, node)?;
    arbiterd::logging::start(&loaded.config.local.log, options.log_format)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    // What is asked for at a terminal is done with the rights of whoever asks.
    if options.subcommand.is_none() && !options.withdraw_routes {
        keep_what_is_needed(&loaded.config).context("rights that a node doesn't need can't be given up")?;
    }
    // Two threads: one for the loop that decides, one for whatever keeps the other busy.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime could not be started")?;
    if options.withdraw_routes {
        return withdraw(&runtime, &loaded.config.local).map(|()| ExitCode::SUCCESS);
    }
    if let Some(Subcommand::Recover(how)) = &options.subcommand {
        let mut terminal = std::io::stdin().is_terminal().then(|| std::io::stdin().lock());
        let person = terminal.as_mut().map(|terminal| terminal as &mut dyn BufRead);
        let recovered = recover(&loaded.config, how, &runtime, &mut std::io::stdout(), person)?;
        return Ok(ExitCode::from(recovered.exit_code()));
    }
    runtime.block_on(run(loaded.config)).map(|()| ExitCode::SUCCESS)
}
