//! The operators' client, as a library that never touches the terminal itself.
//!
//! * [`cli`]: the command line.
//! * [`client`]: tries the endpoints in turn; tells "surely not done" from "nobody knows".
//! * [`view`]: what is shown, as pure data. It is the published JSON.
//! * [`render`]: views as text.
//! * [`difference`]: what differs between two policies.
//! * `command`: one file for each command; `session` is what they share.
//!
//! A command ends in an [`exit::Exit`], or in a [`failure::Failure`] that says what, where, why, and what to type.

pub mod cli;
pub mod client;
mod command;
pub mod difference;
pub mod exit;
pub mod failure;
pub mod render;
mod session;
mod trust;
pub mod view;

pub use session::{Environment, Size, Terminal, Tty};

use cli::{Cli, Command, GatewayCommand};
use exit::Exit;
use failure::Failure;
use session::Session;

/// Runs one command. All that it says goes to `terminal`, also why it failed.
pub async fn run(cli: &Cli, environment: &Environment, terminal: &mut Terminal<'_>) -> Exit {
    let ended = match Session::open(cli, environment, terminal) {
        Ok(mut session) => dispatch(cli, &mut session).await,
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            session::complain(cli.global.output, terminal, &failure);
            failure.exit
        }
    }
}

async fn dispatch(cli: &Cli, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Status(args) => command::status::run(*args, session).await,
        Command::Routes(args) => command::routes::run(*args, session).await,
        Command::Members => command::members::run(session).await,
        Command::Probes(args) => command::probes::run(*args, session).await,
        Command::Doctor => command::doctor::run(session).await,
        Command::History(args) => command::history::run(args, session).await,
        Command::Watch(args) => command::live::run(*args, session).await,
        Command::Events(args) => command::events::run(args, session).await,
        Command::Explain(args) => command::explain::run(args, session).await,
        Command::Switchover(args) => command::switchover::run(args, session).await,
        Command::Pause(args) => command::pause::run(args, session).await,
        Command::Resume(args) => command::resume::run(args, session).await,
        Command::Drain(args) => command::drain::drain(args, session).await,
        Command::Undrain(args) => command::drain::undrain(args, session).await,
        Command::Pin(args) => command::pin::pin(args, session).await,
        Command::Unpin(args) => command::pin::unpin(args, session).await,
        Command::Mode(args) => command::mode::run(args, session).await,
        Command::Handover(args) => command::handover::run(args, session).await,
        Command::Gateway(GatewayCommand::Replace(args)) => command::replace::run(args, session).await,
        Command::Gateway(GatewayCommand::Restart(args)) => command::restart::run(args, session).await,
        Command::Policy(command) => command::policy::run(command, session).await,
        Command::Backup(args) => command::backup::run(args, session).await,
        Command::Restore(args) => command::restore::run(args, session).await,
        Command::Pki(command) => command::pki::run(command, session),
        Command::Man(args) => command::man::run(args, session.terminal()),
        Command::Completions(args) => command::completions::run(args, session.terminal()),
        Command::Member(command) => command::member::run(command, session).await,
    }
}
