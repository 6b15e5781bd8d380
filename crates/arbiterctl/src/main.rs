//! `arbiterctl`: the terminal's side. Everything else is in the library.

mod tty;

use arbiterctl::cli::Cli;
use arbiterctl::{Environment, Terminal};
use clap::Parser;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to complain: `arbiterctl --help | head`.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let environment = Environment {
        endpoint: variable("ARBITER_ENDPOINT"),
        ca: path("ARBITER_CA"),
        certificate: path("ARBITER_CERTIFICATE"),
        key: path("ARBITER_KEY"),
        user: variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME")),
        host: std::fs::read_to_string("/proc/sys/kernel/hostname").ok(),
    };
    let colours = variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb");
    let (stdin, mut stdout, mut stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let asks = stdin.is_terminal() && stderr.is_terminal();
    let tty = (stdout.is_terminal() && stdin.is_terminal()).then_some(tty::Controlling);
    let mut terminal = Terminal {
        tty: tty.as_ref().map(|tty| tty as &dyn arbiterctl::Tty),
        redraws: stdout.is_terminal(),
        colour: colours && stdout.is_terminal(),
        colour_err: colours && stderr.is_terminal(),
        out: &mut stdout,
        err: &mut stderr,
        answers: asks.then(|| Box::new(stdin.lock()) as Box<dyn std::io::BufRead>),
    };
    let exit = arbiterctl::run(&cli, &environment, &mut terminal).await;
    ExitCode::from(exit.code())
}
