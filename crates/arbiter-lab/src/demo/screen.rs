//! Where the demo speaks: lines that stay, and on a terminal a table below them that is drawn anew.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines for people, on standard output; on standard error if standard output is for machines.
#[derive(Debug)]
pub(super) struct Screen {
    to_stderr: bool,
    /// There is a terminal, so that a table can be drawn.
    live: bool,
    table: Mutex<Vec<String>>,
}

/// Back to the first line of a table of so many lines, and away with it.
fn wipe(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") }
}

impl Screen {
    /// `json`: standard output is for one line of JSON.
    pub fn new(json: bool) -> Self {
        let live = if json { false } else { std::io::stdout().is_terminal() };
        Self { to_stderr: json, live, table: Mutex::default() }
    }

    /// Whether tables are drawn.
    pub const fn is_live(&self) -> bool {
        self.live
    }

    fn table_drawn(&self) -> MutexGuard<'_, Vec<String>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something that stays.
    pub fn say(&self, text: &str) {
        let table = self.table_drawn();
        if self.live {
            self.write(&format!("{}{text}\n{}", wipe(table.len()), drawn(&table)));
        } else {
            self.write(&format!("{text}\n"));
        }
    }

    /// Draws the table anew; nothing where there is no terminal.
    pub fn draw(&self, rows: Vec<String>) {
        if !self.live {
            return;
        }
        let mut table = self.table_drawn();
        self.write(&format!("{}{}", wipe(table.len()), drawn(&rows)));
        *table = rows;
    }

    /// Whoever reads may have gone (`| head`): the demo goes on, its exit code still tells.
    fn write(&self, text: &str) {
        if self.to_stderr {
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        } else {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }
}

/// The rows, each on one line of the terminal however narrow that is: the next drawing counts lines.
fn drawn(rows: &[String]) -> String {
    let mut text = String::new();
    for row in rows {
        text += "\x1b[?7l";
        text += row;
        text += "\x1b[?7h\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_wiped_by_as_many_lines_as_it_has() {
        assert_eq!(wipe(0), "");
        assert_eq!(wipe(7), "\x1b[7A\x1b[J");
        assert_eq!(drawn(&["a".to_owned(), "b".to_owned()]).matches('\n').count(), 2);
    }
}
