//! `watch` on a real terminal: it has the screen for itself, and gives it back however it ends.

use crate::fake::{Fake, Play, Say};
use crate::run::command;
use crate::scenes;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

const TAKE: &str = "\x1b[?1049h\x1b[?25l";
const GIVE_BACK: &str = "\x1b[?25h\x1b[?1049l";

/// A terminal, and a program on it.
struct Seat {
    master: File,
    slave: File,
    child: Child,
    seen: String,
}

impl Seat {
    fn start(fake: &Fake) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize { ws_col: 90, ws_row: 30, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command(&["watch", "--interval", "200ms"])
            .env("ARBITER_ENDPOINT", &fake.address)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self { master: File::from(master), slave, child, seen: String::new() }
    }

    /// Reads on until that has been seen.
    fn until(&mut self, words: &str) {
        let mut bytes = [0; 4_096];
        while !self.seen.contains(words) {
            let read = self.master.read(&mut bytes).unwrap();
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(&self.slave).unwrap().local_modes
    }

    /// Its end: the screen is back, and so are the keys.
    fn ends(mut self, before: LocalModes) {
        self.until(GIVE_BACK);
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.seen);
        assert_eq!(self.modes(), before);
        assert_eq!(self.seen.matches(TAKE).count(), 1);
        let (_, after) = self.seen.split_once(GIVE_BACK).unwrap();
        assert_eq!(after, "", "nothing more is written to the screen that was there before");
    }
}

fn healthy() -> Fake {
    Fake::start(Play {
        status: vec![Say::This(scenes::healthy())],
        history: vec![Say::This(scenes::history())],
        ..Play::default()
    })
}

#[test]
fn it_draws_over_itself_and_gives_the_screen_back_at_q_ctrl_c_and_the_end_of_the_session() {
    let fake = healthy();
    let endings: [fn(&mut Seat); 4] = [
        |seat| seat.master.write_all(b"xq").unwrap(),
        |seat| kill_process(seat.pid(), Signal::INT).unwrap(),
        |seat| kill_process(seat.pid(), Signal::TERM).unwrap(),
        |seat| kill_process(seat.pid(), Signal::HUP).unwrap(),
    ];
    for end in endings {
        let mut seat = Seat::start(&fake);
        let before = seat.modes();
        assert!(before.contains(LocalModes::ICANON | LocalModes::ECHO));
        seat.until("linearizable\x1b[K\x1b[J");
        assert!(seat.seen.starts_with(TAKE), "{:?}", seat.seen);
        assert!(seat.seen.contains("\x1b[H"), "{:?}", seat.seen);
        assert!(!seat.modes().intersects(LocalModes::ICANON | LocalModes::ECHO), "keys are taken");
        end(&mut seat);
        seat.ends(before);
    }
}

#[test]
fn a_screen_that_changes_its_size_is_drawn_anew() {
    let fake = healthy();
    let mut seat = Seat::start(&fake);
    let before = seat.modes();
    seat.until("linearizable");
    let longest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(longest(&seat.seen) > 60, "{:?}", seat.seen);
    tcsetwinsize(&seat.slave, Winsize { ws_col: 40, ws_row: 12, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    kill_process(seat.pid(), Signal::WINCH).unwrap();
    seat.until("there is more");
    let (_, narrow) = seat.seen.rsplit_once("\x1b[H").unwrap();
    assert!(narrow.lines().count() <= 12, "{narrow:?}");
    kill_process(seat.pid(), Signal::INT).unwrap();
    seat.ends(before);
}

#[test]
fn what_is_wrong_before_the_first_look_stays_readable() {
    let fake = Fake::start(Play {
        status: vec![Say::Error(tonic::Status::unavailable("no leader"))],
        ..Play::default()
    });
    let mut seat = Seat::start(&fake);
    seat.until("no leader that a majority");
    assert_eq!(seat.child.wait().unwrap().code(), Some(4));
    assert!(!seat.seen.contains("\x1b[?1049"), "the screen was not taken: {:?}", seat.seen);
}
