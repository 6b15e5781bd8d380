//! `completions SHELL`: no node is asked.

use crate::Terminal;
use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;
use crate::session::write_out;
use clap::CommandFactory;

pub(crate) fn run(
    args: &CompletionsArgs,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, crate::failure::Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "arbiterctl", &mut script);
    write_out(terminal, &script).map(|_| Exit::Ok)
}
