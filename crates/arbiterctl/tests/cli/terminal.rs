//! What happens where somebody sits: questions, and colour.

use crate::fake::{Fake, Play, Say};
use crate::scenes;
use arbiter_proto::v1::OperateReply;
use arbiterctl::cli::Cli;
use arbiterctl::exit::Exit;
use arbiterctl::{Environment, Terminal};
use clap::Parser;

/// Runs a command for somebody who answers so, on a terminal that shows colour.
fn answered(fake: &Fake, words: &[&str], answer: &str) -> (Exit, String, String) {
    let line = [&["arbiterctl", "--endpoint", fake.address.as_str()], words].concat();
    let (cli, environment) = (Cli::try_parse_from(line).unwrap(), Environment::default());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal {
        out: &mut out,
        err: &mut err,
        answers: Some(Box::new(answer.as_bytes())),
        redraws: true,
        tty: None,
        colour: true,
        colour_err: true,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exit = runtime.block_on(arbiterctl::run(&cli, &environment, &mut terminal));
    drop(terminal);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn only_a_yes_is_a_yes() {
    let answers =
        [("y\n", true), ("Yes\n", true), ("n\n", false), ("\n", false), ("", false), ("yesterday\n", false)];
    for (answer, yes) in answers {
        let reply = OperateReply { index: 432, accepted: true, ..OperateReply::default() };
        let fake = Fake::start(Play {
            status: vec![Say::This(scenes::healthy())],
            operate: vec![Say::This(reply)],
            ..Play::default()
        });
        let (exit, _, err) = answered(&fake, &["switchover", "private-1", "tunnel-2"], answer);
        assert_eq!(exit, if yes { Exit::Ok } else { Exit::Failed }, "{answer:?}");
        assert!(
            err.starts_with("move private-1 (10.10.0.0/16 in rtb-468f5222) from tunnel-1 to tunnel-2"),
            "{err}"
        );
        assert_eq!(fake.asked(|asked| asked.operate.len()), usize::from(yes), "{answer:?}");
    }
}

#[test]
fn what_others_wrote_does_not_steer_the_terminal_of_who_is_asked() {
    let fake = Fake::start(Play { status: vec![Say::This(scenes::paused())], ..Play::default() });
    let (_, _, err) = answered(&fake, &["unpin", "private-1"], "n\n");
    let (question, _) = err.split_once("? [y/N]").unwrap();
    assert!(!question.contains('\x1b'), "{question:?}");
    let (_, _, err) = answered(&fake, &["switchover", "private-1", "tunnel-2"], "n\n");
    let (question, _) = err.split_once("? [y/N]").unwrap();
    assert!(question.contains("upgrade\\u{1b}[2J of router-1"), "{question:?}");
}

#[test]
fn colour_marks_what_is_wrong_and_changes_no_word() {
    let fake = Fake::start(Play { status: vec![Say::This(scenes::both_down())], ..Play::default() });
    let (_, out, _) = answered(&fake, &["status"], "");
    assert!(out.contains("\x1b[1;31mDEGRADED\x1b[0m"), "{out:?}");
    let mut plain = String::new();
    for (k, piece) in out.split("\x1b[").enumerate() {
        plain.push_str(if k == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    crate::golden::check("both-down/status.txt", &plain);
}

#[test]
fn a_watch_is_drawn_over_the_one_before() {
    let fake = Fake::start(Play {
        status: vec![Say::This(scenes::both_down()), Say::This(scenes::healthy())],
        ..Play::default()
    });
    // It ends when nobody reads any more.
    let line = ["arbiterctl", "--endpoint", &fake.address, "status", "--watch", "200ms"];
    let (cli, environment) = (Cli::try_parse_from(line).unwrap(), Environment::default());
    let (mut out, mut err) = (Two::default(), Vec::new());
    let mut terminal = Terminal {
        out: &mut out,
        err: &mut err,
        answers: None,
        redraws: true,
        tty: None,
        colour: false,
        colour_err: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(arbiterctl::run(&cli, &environment, &mut terminal)), Exit::Ok);
    drop(terminal);
    let screens: Vec<&str> = out.text.split("\x1b[H\x1b[2J").collect();
    assert_eq!(screens.len(), 3, "{screens:?}");
    assert_eq!(screens[0], "");
    assert!(screens[1].contains("DEGRADED") && screens[2].contains("TRAFFIC    OK"), "{screens:?}");
}

/// A reader that leaves after two screens.
#[derive(Default)]
struct Two {
    text: String,
    writes: usize,
}

impl std::io::Write for Two {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.writes == 2 {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.writes += 1;
        self.text.push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
