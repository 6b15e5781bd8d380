//! The terminal that this process was started on.

use arbiterctl::{Size, Tty};
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::io::{self, Write};
use std::sync::Mutex;
use tokio::sync::mpsc;

/// Keys that wait to be read: a person types no faster.
const KEYS: usize = 16;

/// What a terminal that does not know is taken for.
const USUAL: Size = Size { columns: 80, lines: 24 };

/// To the alternate screen, without a cursor; and back.
const TAKE: &str = "\x1b[?1049h\x1b[?25l";
const GIVE_BACK: &str = "\x1b[?25h\x1b[?1049l";

/// Standard input and output, which are one terminal.
pub struct Controlling;

/// How the terminal was before its keys were taken.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

impl Tty for Controlling {
    fn size(&self) -> Size {
        match termios::tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size { columns: usize::from(size.ws_col), lines: usize::from(size.ws_row) }
            }
            _ => USUAL,
        }
    }

    /// Ctrl-C stays what it is. Ctrl-Z does nothing: it would leave the shell on the wrong screen.
    fn take(&self) -> io::Result<mpsc::Receiver<u8>> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut taken = before.clone();
        taken.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        taken.special_codes[SpecialCodeIndex::VMIN] = 1;
        taken.special_codes[SpecialCodeIndex::VTIME] = 0;
        taken.special_codes[SpecialCodeIndex::VSUSP] = 0;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &taken)?;
        if let Ok(mut held) = BEFORE.lock() {
            held.get_or_insert(before);
        }
        say(TAKE)?;
        let (tell, told) = mpsc::channel(KEYS);
        // It ends with the process, or with the first key that nobody wants any more. It reads past the standard
        // library's lock, which whoever answers questions holds.
        std::thread::spawn(move || {
            let mut key = [0];
            while matches!(rustix::io::read(io::stdin(), &mut key), Ok(1))
                && tell.blocking_send(key[0]).is_ok()
            {}
        });
        Ok(told)
    }

    fn give_back(&self) {
        let Some(before) = BEFORE.lock().ok().and_then(|mut held| held.take()) else { return };
        let back =
            say(GIVE_BACK).and_then(|()| Ok(termios::tcsetattr(io::stdin(), OptionalActions::Now, &before)?));
        // A terminal that has gone needs nothing. Where one is left, somebody would wonder about their shell.
        if let Err(error) = back {
            drop(writeln!(io::stderr(), "the terminal could not be put back ({error}): type `reset`"));
        }
    }
}

fn say(codes: &str) -> io::Result<()> {
    io::stdout().write_all(codes.as_bytes())?;
    io::stdout().flush()
}
