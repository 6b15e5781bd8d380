//! The exhaustive transition table: every phase of the machine × every event.

use super::rig::{Fate, Rig};
use super::{Event, ProbeTiming};
use crate::evidence::Verdict::{self, Down, Unknown, Up};
use crate::rules::proves;

/// The five phases of the diagram. In each, exactly one probe waits for its answer, and has just been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    UnknownSteady,
    UnknownBurst,
    UpSteady,
    UpBurst,
    DownSteady,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    /// The timer fires although nothing is due.
    EarlyTimer,
    /// The next slot comes; in a steady phase the probe that waits has been answered.
    Slot,
    /// The timeout of the probe that waits.
    Timeout,
    /// Nothing is answered for as long as a window lasts.
    WholeWindowLost,
    /// The probe that waits is answered in time.
    Answer,
    /// So are the next ones, `rise` in a row.
    RiseInARow,
    /// The probe that waits times out (which starts a burst where there is none), then its answer comes.
    LateAnswer,
    /// An answer comes to a probe from before.
    OldAnswer,
    /// The network refuses the probe that waits.
    Refused,
    /// The probe that waits turns out never to have been sent.
    NotSent,
    /// So do all others for as long as a window lasts.
    NothingSent,
    /// The process stands still for longer than an interval.
    Stall,
    /// An answer to a probe that was never sent.
    Nonsense,
}

use Happens::{
    Answer, EarlyTimer, LateAnswer, Nonsense, NotSent, NothingSent, OldAnswer, Refused, RiseInARow, Slot,
    Stall, Timeout, WholeWindowLost,
};
use Phase::{DownSteady, UnknownBurst, UnknownSteady, UpBurst, UpSteady};

/// Floor and ceiling are one, so that the timeout is 30 ms in every phase; the burst gap is 20 ms.
fn timing() -> ProbeTiming {
    ProbeTiming::new(100, 2, 3, 30, 30)
}

const WINDOW_MS: u64 = 200;

fn answer(_: u64, _: crate::time::MonoMs) -> Fate {
    Fate::Answer { rtt_ms: 1 }
}

fn lose(_: u64, _: crate::time::MonoMs) -> Fate {
    Fate::Lost
}

fn bring(phase: Phase) -> Rig {
    let mut rig = match phase {
        UnknownSteady | UnknownBurst => Rig::new(timing()),
        UpSteady | UpBurst => Rig::up(timing(), 1),
        DownSteady => {
            let mut rig = Rig::new(timing());
            rig.run_until(Down, 10_000, lose);
            rig
        }
    };
    let sent = rig.sent.len();
    while rig.sent.len() == sent {
        let next = rig.machine.next_deadline();
        rig.step(next, &mut lose);
    }
    if matches!(phase, UnknownBurst | UpBurst) {
        rig.run_for(30, lose);
    }
    assert_eq!((rig.machine.pending(), rig.machine.suspects()), (1, matches!(phase, UnknownBurst | UpBurst)));
    rig
}

/// Lets it happen; says whether the last step sent a probe.
fn happen(rig: &mut Rig, happens: Happens) -> bool {
    let waiting = rig.sent.len() as u64 - 1;
    let in_burst = rig.machine.suspects();
    match happens {
        EarlyTimer => {
            rig.now = rig.now.plus_ms(1);
            rig.feed(Event::Timer, lose);
        }
        Slot => {
            if !in_burst {
                rig.feed(Event::Answered { seq: waiting, rtt_us: 1 }, lose);
            }
            rig.now = rig.machine.next_deadline();
            rig.feed(Event::Timer, lose);
        }
        Timeout => rig.run_for(30, lose),
        WholeWindowLost => rig.run_for(WINDOW_MS, lose),
        Answer => rig.feed(Event::Answered { seq: waiting, rtt_us: 30_000 }, lose),
        RiseInARow => {
            rig.feed(Event::Answered { seq: waiting, rtt_us: 1 }, lose);
            rig.run_for(250, answer);
        }
        LateAnswer => {
            rig.run_for(30, lose);
            rig.feed(Event::Answered { seq: waiting, rtt_us: 30_001 }, lose);
        }
        OldAnswer => {
            // What is in the burst and waiting is not older than the window; before it there may be nothing.
            let old = if in_burst { waiting.checked_sub(2) } else { waiting.checked_sub(1) };
            if let Some(seq) = old {
                rig.feed(Event::Answered { seq, rtt_us: 90_000 }, lose);
            }
        }
        Refused => rig.feed(Event::Failed { seq: waiting, error: "refused".into() }, lose),
        NotSent => rig.feed(Event::NotSent { seq: waiting, error: "no permission".into() }, lose),
        NothingSent => {
            rig.feed(Event::NotSent { seq: waiting, error: "no permission".into() }, lose);
            rig.run_for(WINDOW_MS + 80, |_, _| Fate::NotSent);
        }
        Stall => {
            let until_due_ms = rig.machine.next_deadline().since_ms(rig.now);
            rig.stall(until_due_ms + 101, lose);
        }
        Nonsense => {
            rig.feed(Event::Answered { seq: waiting + 1, rtt_us: 1 }, lose);
            rig.feed(Event::Failed { seq: u64::MAX, error: "nonsense".into() }, lose);
            rig.feed(Event::NotSent { seq: waiting + 1, error: "nonsense".into() }, lose);
        }
    }
    rig.sent.last().is_some_and(|sent| sent.at == rig.now && sent.seq > waiting)
}

/// Phase, what happens, then: the verdict, whether it suspects, whether it sends at that moment.
const TABLE: &[(Phase, Happens, Verdict, bool, bool)] = &[
    (UnknownSteady, EarlyTimer, Unknown, false, false),
    (UnknownSteady, Slot, Unknown, false, true),
    (UnknownSteady, Timeout, Unknown, true, true),
    (UnknownSteady, WholeWindowLost, Down, false, false),
    (UnknownSteady, Answer, Unknown, false, false),
    (UnknownSteady, RiseInARow, Up, false, false),
    (UnknownSteady, LateAnswer, Unknown, false, true),
    (UnknownSteady, OldAnswer, Unknown, false, false),
    (UnknownSteady, Refused, Unknown, true, false),
    (UnknownSteady, NotSent, Unknown, false, false),
    (UnknownSteady, NothingSent, Unknown, false, false),
    (UnknownSteady, Stall, Unknown, false, false),
    (UnknownSteady, Nonsense, Unknown, false, false),
    (UnknownBurst, EarlyTimer, Unknown, true, false),
    (UnknownBurst, Slot, Unknown, true, true),
    (UnknownBurst, Timeout, Unknown, true, false),
    (UnknownBurst, WholeWindowLost, Down, false, false),
    (UnknownBurst, Answer, Unknown, false, false),
    (UnknownBurst, RiseInARow, Up, false, false),
    (UnknownBurst, LateAnswer, Unknown, false, false),
    (UnknownBurst, OldAnswer, Unknown, true, false),
    (UnknownBurst, Refused, Unknown, true, false),
    (UnknownBurst, NotSent, Unknown, false, false),
    (UnknownBurst, NothingSent, Unknown, false, false),
    (UnknownBurst, Stall, Unknown, false, false),
    (UnknownBurst, Nonsense, Unknown, true, false),
    (UpSteady, EarlyTimer, Up, false, false),
    (UpSteady, Slot, Up, false, true),
    (UpSteady, Timeout, Up, true, true),
    (UpSteady, WholeWindowLost, Down, false, false),
    (UpSteady, Answer, Up, false, false),
    (UpSteady, RiseInARow, Up, false, false),
    (UpSteady, LateAnswer, Up, false, true),
    (UpSteady, OldAnswer, Up, false, false),
    (UpSteady, Refused, Up, true, false),
    (UpSteady, NotSent, Up, false, false),
    (UpSteady, NothingSent, Unknown, false, false),
    (UpSteady, Stall, Up, false, false),
    (UpSteady, Nonsense, Up, false, false),
    (UpBurst, EarlyTimer, Up, true, false),
    (UpBurst, Slot, Up, true, true),
    (UpBurst, Timeout, Up, true, false),
    (UpBurst, WholeWindowLost, Down, false, false),
    (UpBurst, Answer, Up, false, false),
    (UpBurst, RiseInARow, Up, false, false),
    (UpBurst, LateAnswer, Up, false, false),
    (UpBurst, OldAnswer, Up, true, false),
    (UpBurst, Refused, Up, true, false),
    (UpBurst, NotSent, Up, false, false),
    (UpBurst, NothingSent, Unknown, false, false),
    (UpBurst, Stall, Up, false, false),
    (UpBurst, Nonsense, Up, true, false),
    (DownSteady, EarlyTimer, Down, false, false),
    (DownSteady, Slot, Down, false, true),
    (DownSteady, Timeout, Down, false, false),
    (DownSteady, WholeWindowLost, Down, false, true),
    (DownSteady, Answer, Down, false, false),
    (DownSteady, RiseInARow, Up, false, false),
    (DownSteady, LateAnswer, Down, false, false),
    (DownSteady, OldAnswer, Down, false, false),
    (DownSteady, Refused, Down, false, false),
    (DownSteady, NotSent, Down, false, false),
    (DownSteady, NothingSent, Unknown, false, false),
    (DownSteady, Stall, Down, false, false),
    (DownSteady, Nonsense, Down, false, false),
];

#[test]
fn every_phase_meets_every_event() {
    proves("probe.down-needs-whole-window");
    let phases = [UnknownSteady, UnknownBurst, UpSteady, UpBurst, DownSteady];
    assert_eq!(TABLE.len(), phases.len() * (Nonsense as usize + 1), "the table is complete");
    for (place, row) in TABLE.iter().enumerate() {
        assert!(!TABLE[..place].iter().any(|other| (other.0, other.1) == (row.0, row.1)), "twice: {row:?}");
    }
    let mut wrong = Vec::new();
    for &(phase, happens, state, suspects, sends) in TABLE {
        let mut rig = bring(phase);
        let sent = happen(&mut rig, happens);
        let seen = (rig.machine.state(), rig.machine.suspects(), sent);
        if seen != (state, suspects, sends) {
            wrong.push(format!(
                "{phase:?} × {happens:?}: expected {:?}, saw {seen:?}",
                (state, suspects, sends)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
