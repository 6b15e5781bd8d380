//! S6 once more, without the log's word for it: pauses, their ends and readings of them are one register, and stateright's
//! tester looks for an order in which everybody's answers make sense. It tries all orders, so it gets small pieces of the history:
//! cut where nobody waits for an answer.

use crate::report::Violation;
use crate::run::{Request, Run};
use arbiter_lab::history::{Answer, Asked};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// A piece has so many requests at least, if the history has.
const LEAST: usize = 8;
/// With more than this nobody waits for the tester's verdict.
const MOST: usize = 40;

/// Whether the cluster is paused.
#[derive(Debug, Clone)]
struct Paused(bool);

#[derive(Debug, Clone, PartialEq)]
enum Does {
    Pause,
    Resume,
    Read,
}

#[derive(Debug, Clone, PartialEq)]
enum Says {
    Done,
    IsPaused(bool),
}

impl SequentialSpec for Paused {
    type Op = Does;
    type Ret = Says;

    fn invoke(&mut self, op: &Does) -> Says {
        match op {
            Does::Pause => self.0 = true,
            Does::Resume => self.0 = false,
            Does::Read => return Says::IsPaused(self.0),
        }
        Says::Done
    }
}

/// One request that took effect, or a reading.
struct Step<'a> {
    by: &'a str,
    from_ms: u64,
    until_ms: u64,
    index: u64,
    does: Does,
    says: Says,
}

/// Every piece.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut upto = 0;
    for piece in pieces(&steps(run)) {
        if piece.len() <= MOST && !is_linearizable(Paused(run.paused_at(upto)), piece) {
            let who: Vec<_> =
                piece.iter().map(|step| format!("{} {:?} {:?}", step.by, step.does, step.says)).collect();
            found.push(Violation::new("S6", format!("no order makes sense of {}", who.join(", "))));
        }
        upto = piece.iter().map(|step| step.index).max().unwrap_or(0).max(upto);
    }
    found
}

/// How many pieces can be judged.
pub fn judged(run: &Run) -> usize {
    pieces(&steps(run)).filter(|piece| piece.len() <= MOST).count()
}

fn is_linearizable(from: Paused, piece: &[Step<'_>]) -> bool {
    // Of two things at one moment, asking comes first: then they may have been at the same time.
    let mut moments: Vec<_> =
        (0..piece.len()).flat_map(|i| [(piece[i].from_ms, false, i), (piece[i].until_ms, true, i)]).collect();
    moments.sort_unstable();
    let mut tester = LinearizabilityTester::new(from);
    for (_, returns, i) in moments {
        let taken = if returns {
            tester.on_return(i, piece[i].says.clone()).map(|_| ())
        } else {
            tester.on_invoke(i, piece[i].does.clone()).map(|_| ())
        };
        // One who asks twice at once would be refused: here each request is somebody else.
        if taken.is_err() {
            return false;
        }
    }
    tester.is_consistent()
}

/// What took effect, and every confirmed reading, in the order of asking.
fn steps(run: &Run) -> Vec<Step<'_>> {
    let mut steps: Vec<_> = run.requests.iter().filter_map(|request| step(run, request)).collect();
    steps.sort_by_key(|step| step.from_ms);
    steps
}

fn step<'a>(run: &Run, request: &'a Request) -> Option<Step<'a>> {
    let does = match request.asked.what {
        Asked::Pause => Does::Pause,
        Asked::Resume => Does::Resume,
        Asked::Read => Does::Read,
        _ => return None,
    };
    let (index, until_ms, says) = match request.answer {
        Answer::Accepted { index, .. } => (index, request.returned_ms, Says::Done),
        Answer::Seen { linearizable: true, applied, paused } => {
            (applied, request.returned_ms, Says::IsPaused(paused))
        }
        // Nobody knows when it took effect, but the log knows whether it did, and others have seen the log.
        Answer::Unknown { .. } if does != Does::Read => {
            let index = index_in_log(run, &request.asked.by)?;
            (index, seen_by(run, request, index)?, Says::Done)
        }
        _ => return None,
    };
    Some(Step { by: &request.asked.by, from_ms: request.asked.at_ms, until_ms, index, does, says })
}

fn index_in_log(run: &Run, by: &str) -> Option<u64> {
    let is_it = |events: &[arbiter_lab::history::Event]| {
        events.iter().any(|event| event.event == "operated" && event.actor == by)
    };
    run.history().into_iter().find(|(_, events)| is_it(events)).map(|(index, _)| index)
}

/// By when an entry had been seen to be there.
fn seen_by(run: &Run, request: &Request, index: u64) -> Option<u64> {
    let sees = |other: &&Request| match other.answer {
        Answer::Accepted { index: at, .. } => at >= index,
        Answer::Seen { linearizable: true, applied, .. } => applied >= index,
        _ => false,
    };
    let seen = run.requests.iter().filter(sees).map(|other| other.returned_ms);
    seen.filter(|at_ms| *at_ms >= request.asked.at_ms).min()
}

/// Cuts where everything that was asked has been answered.
fn pieces<'a, 'b>(steps: &'b [Step<'a>]) -> impl Iterator<Item = &'b [Step<'a>]> {
    let mut rest = steps;
    std::iter::from_fn(move || {
        let mut answered_ms = 0;
        let end = rest.iter().enumerate().find_map(|(i, step)| {
            let cut = i >= LEAST && step.from_ms > answered_ms;
            answered_ms = answered_ms.max(step.until_ms);
            cut.then_some(i)
        });
        let (piece, more) = rest.split_at(end.unwrap_or(rest.len()));
        rest = more;
        (!piece.is_empty()).then_some(piece)
    })
}
