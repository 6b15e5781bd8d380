//! Commands that go on until Ctrl-C, and completions.

use crate::fake::{Fake, Play, Say};
use crate::run::{against, bare, command};
use crate::{golden, scenes};
use arbiter_proto::v1::{Event, HistoryReply};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tonic::Status;

/// Longer than any of these takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

/// A command that runs on, but not for ever: what it should have said and did not is then missed.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    /// Dropping it calls the end off.
    _end: mpsc::Sender<()>,
}

impl Running {
    fn start(fake: &Fake, words: &[&str]) -> Self {
        let mut child = command(words)
            .env("ARBITER_ENDPOINT", &fake.address)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (end, ended) = mpsc::channel();
        let pid = child.id().to_string();
        std::thread::spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
                drop(Command::new("kill").args(["-KILL", &pid]).status());
            }
        });
        Self { child, out, _end: end }
    }

    /// Reads until a line that contains it.
    fn until(&mut self, words: &str) -> String {
        let mut text = String::new();
        loop {
            let from = text.len();
            assert_ne!(self.out.read_line(&mut text).unwrap(), 0, "it ended without `{words}`: {text}");
            if text[from..].contains(words) {
                return text;
            }
        }
    }

    /// Ctrl-C.
    fn interrupt(mut self) -> (i32, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code().unwrap(), err)
    }
}

fn later(index: u64, summary: &str) -> Say<HistoryReply> {
    let event = Event {
        index,
        epoch: 17,
        wall_ms: scenes::NOW,
        kind: "operated".into(),
        summary: summary.into(),
        actor: "anna@bastion".into(),
        ..Event::default()
    };
    Say::This(HistoryReply { answered: scenes::linearizable(), events: vec![event] })
}

#[test]
fn events_are_one_line_each() {
    let fake = Fake::start(Play { history: vec![Say::This(scenes::history())], ..Play::default() });
    for (output, extension) in [("table", "txt"), ("json", "jsonl")] {
        let ran = against(&[&fake], &["events", "--subject", "private-1", "-o", output]);
        golden::check(&format!("events/events.{extension}"), &ran.transcript());
    }
    let ran = against(&[&fake], &["events", "-o", "json"]);
    for line in ran.out.lines() {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&document["version"], &document["kind"]), (&1.into(), &"event".into()));
        assert!(document["event"]["kind"].is_string(), "{line}");
    }
    fake.asked(|asked| {
        let request = &asked.history[0];
        assert_eq!((request.limit, request.after, request.subject.as_str()), (20, 0, "private-1"));
    });
}

#[test]
fn events_to_come_are_followed_through_a_silence_until_ctrl_c() {
    let nobody = Say::Error(Status::unavailable("no leader is known"));
    let history = vec![
        Say::This(scenes::history()),
        later(70, "pause: one"),
        nobody.clone(),
        nobody,
        later(71, "pause: two"),
        Say::This(HistoryReply { answered: scenes::linearizable(), events: vec![] }),
    ];
    let fake = Fake::start(Play { history, ..Play::default() });
    let mut running = Running::start(&fake, &["events", "--follow", "--limit", "5"]);
    let text = running.until("pause: two");
    assert_eq!(text.matches("pause: one").count(), 1, "{text}");
    let (code, err) = running.interrupt();
    assert_eq!(code, 0, "{err}");
    assert_eq!(err.matches("there is no leader").count(), 1, "a silence is said once: {err}");
    fake.asked(|asked| {
        let after: Vec<u64> = asked.history.iter().map(|request| request.after).take(5).collect();
        assert_eq!(after, [0, 62, 70, 70, 70]);
        assert_eq!((asked.history[0].limit, asked.history[1].limit), (5, 1_000));
    });
}

#[test]
fn a_watch_goes_on_through_a_silence_and_ends_with_what_it_saw_last() {
    let status = vec![
        Say::This(scenes::healthy()),
        Say::Error(Status::unavailable("no leader is known")),
        Say::This(scenes::both_down()),
    ];
    let fake = Fake::start(Play { status, ..Play::default() });
    let mut running = Running::start(&fake, &["status", "--watch", "200ms"]);
    let text = running.until("DEGRADED");
    assert!(text.starts_with("TRAFFIC    OK") && !text.contains('\x1b'), "no terminal, no escapes: {text:?}");
    let (code, err) = running.interrupt();
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("no leader is known"), "{err}");
}

#[test]
fn routes_and_probes_are_watched_too_and_a_reader_that_leaves_ends_it() {
    let fake = Fake::start(Play { status: vec![Say::This(scenes::healthy())], ..Play::default() });
    for view in ["routes", "probes"] {
        let mut running = Running::start(&fake, &[view, "--watch=200ms"]);
        running.until("VIEW");
        running.until("VIEW");
        drop(running.out);
        assert_eq!(running.child.wait().unwrap().code(), Some(0));
    }
    assert_eq!(bare(&["routes", "--watch=10ms"]).code, 2);
}

#[test]
fn completions_know_every_command_and_ask_nobody() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = bare(&["completions", shell, "--endpoint", "127.0.0.1:1"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        for word in ["switchover", "undrain", "promote", "dry-run"] {
            assert!(ran.out.contains(word), "{shell} lacks {word}");
        }
        if shell == "bash" {
            let mut check = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
            check.stdin.take().unwrap().write_all(ran.out.as_bytes()).unwrap();
            assert!(check.wait().unwrap().success());
        }
    }
    assert_eq!(bare(&["completions", "csh"]).code, 2);
}
