//! What somebody types: arguments, one a line.

use crate::{Seen, has_words};
use arbiterctl::cli::Cli;
use arbiterctl::client::endpoints;
use clap::Parser;

pub(super) const WORDS: &[&str] = &[
    "\n--endpoint\n",
    "\n--config\n",
    "\n-o\njson\n",
    "\n--timeout\n",
    "\n--wait\n",
    "\n--dry-run\n",
    "\n--watch\n",
    "\n--for\n",
    "\n--reason\n",
    "\n--limit\n",
    "\n--version\n",
    "\n--help\n",
    "\n--force\n",
    "[::1]:7400",
    "http://",
    "1h30m",
    "=",
    "switchover\nprivate-1\ntunnel-2\n",
    "gateway\nrestart\n",
    "policy\ndiff\n",
    "\u{2028}",
    "\x1b[31m",
];

/// The command line, and the endpoints that it names. The files that it names are not opened: `file` reads those.
pub fn typed(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let arguments = std::iter::once("arbiterctl").chain(text.lines());
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            assert!(matches!(error.exit_code(), 0 | 2), "exit code {}", error.exit_code());
            return has_words(error);
        }
    };
    assert!(!cli.command.patience().is_zero());
    if cli.command.waits() {
        assert!(cli.command.writes(), "only a change is waited for");
    }
    if let Err(failure) = endpoints::choose(&[], None, Some(&text)) {
        has_words(failure.what);
    }
    match endpoints::choose(&cli.global.endpoint, None, None) {
        Ok(chosen) => {
            assert!(!chosen.is_empty());
            let again = endpoints::choose(&chosen, None, None).unwrap_or_else(|failure| {
                panic!("what was chosen is refused when it is named: {chosen:?}: {}", failure.what)
            });
            assert_eq!(again, chosen);
            Seen::Taken
        }
        Err(failure) => has_words(failure.what),
    }
}
