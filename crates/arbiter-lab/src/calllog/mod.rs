//! The call log: who called what, when, with which tag, and what became of it.

mod record;
mod tag;

pub use record::{CallRecord, Outcome, Reply};
pub use tag::Tag;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many records of each kind are kept in memory. At some 1 KiB each that is 20 MiB at most, and an hour of the
/// reference case at its busiest; who needs more gives a file.
const KEPT: usize = 10_000;

/// The log. Clones share it.
///
/// Mutations and describes are kept apart, so that a day of describes can't push out the one call that matters.
/// When records had to go, [`Slice::complete`] says so: a referee that has missed something must not say "nothing
/// happened".
#[derive(Debug, Clone)]
pub struct CallLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// How many times a record was made or changed: lets others wait without polling.
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    next_seq: u64,
    mutations: Kept,
    others: Kept,
    file: Option<File>,
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<CallRecord>,
    /// The highest number that was dropped; zero if none was.
    dropped_seq: u64,
}

impl Kept {
    fn push(&mut self, record: CallRecord) {
        if self.records.len() >= KEPT
            && let Some(old) = self.records.pop_front()
        {
            self.dropped_seq = old.seq;
        }
        self.records.push_back(record);
    }

    fn find(&mut self, seq: u64) -> Option<&mut CallRecord> {
        let index = self.records.binary_search_by_key(&seq, |record| record.seq).ok()?;
        self.records.get_mut(index)
    }

    fn since(&self, seq: u64) -> impl Iterator<Item = &CallRecord> {
        self.records.iter().skip(self.records.partition_point(|record| record.seq <= seq))
    }
}

/// Part of the log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Slice {
    /// The records, by rising number.
    pub calls: Vec<CallRecord>,
    /// No record that belongs here was dropped for want of room.
    pub complete: bool,
}

impl CallLog {
    /// An empty log, which appends each settled record as a line of JSON to `file`, if there is one.
    pub fn open(file: Option<&Path>) -> io::Result<Self> {
        let file = match file {
            Some(path) => Some(File::options().create(true).append(true).open(path)?),
            None => None,
        };
        let state = State { next_seq: 1, mutations: Kept::default(), others: Kept::default(), file };
        Ok(Self { inner: Arc::new(Inner { state: Mutex::new(state), version: watch::Sender::new(0) }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere while it was held leaves a record half written at worst: better than no log.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touched(&self) {
        self.inner.version.send_modify(|version| *version += 1);
    }

    /// Notes a new call and gives it its number.
    pub(crate) fn begin(&self, mut record: CallRecord) -> u64 {
        let mut state = self.state();
        let seq = state.next_seq;
        state.next_seq += 1;
        record.seq = seq;
        let kept = if record.mutating { &mut state.mutations } else { &mut state.others };
        kept.push(record);
        drop(state);
        self.touched();
        seq
    }

    /// Writes on in a record; if that settles it, it goes to the file.
    pub(crate) fn update(&self, seq: u64, change: impl FnOnce(&mut CallRecord)) {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(record) = state.mutations.find(seq).or_else(|| state.others.find(seq)) else { return };
        let was_settled = record.is_settled();
        change(record);
        if record.is_settled() && !was_settled {
            append(&mut state.file, record);
        }
        drop(guard);
        self.touched();
    }

    /// Writes what is not settled to the file as it stands: for the end.
    pub(crate) fn close(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        let open = state.mutations.records.iter().chain(&state.others.records).filter(|r| !r.is_settled());
        for record in open {
            append(&mut state.file, record);
        }
        state.file = None;
    }

    /// The number of the newest call; zero if there was none.
    pub fn last_seq(&self) -> u64 {
        self.state().next_seq - 1
    }

    /// All calls with a higher number than `seq`.
    pub fn since(&self, seq: u64) -> Slice {
        let state = self.state();
        let mut calls: Vec<_> = state.mutations.since(seq).chain(state.others.since(seq)).cloned().collect();
        calls.sort_by_key(|record| record.seq);
        Slice { calls, complete: state.mutations.dropped_seq <= seq && state.others.dropped_seq <= seq }
    }

    /// The mutating calls with a higher number than `seq`, whatever became of them.
    pub fn mutations_since(&self, seq: u64) -> Slice {
        let state = self.state();
        let calls = state.mutations.since(seq).cloned().collect();
        Slice { calls, complete: state.mutations.dropped_seq <= seq }
    }

    /// Tells of every record that is made or written on: the value only counts.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// Waits until the log satisfies `wanted`. It waits for ever; give it a deadline.
    pub async fn wait_until(&self, mut wanted: impl FnMut(&Self) -> bool) {
        let mut version = self.watch();
        // The sender lives in `self`, so the channel can't close while we wait.
        while !wanted(self) && version.changed().await.is_ok() {}
    }
}

fn append(file: &mut Option<File>, record: &CallRecord) {
    let Some(open) = file else { return };
    let written = serde_json::to_vec(record).map_err(io::Error::from).and_then(|mut line| {
        line.push(b'\n');
        open.write_all(&line)
    });
    if let Err(error) = written {
        tracing::error!(%error, seq = record.seq, "the call log's file can't be written; it ends here");
        *file = None;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    pub(crate) fn record(action: &str, mutating: bool) -> CallRecord {
        CallRecord {
            seq: 0,
            arrived_ms: 1,
            arrived_wall_ms: 2,
            applied_ms: None,
            replied_ms: None,
            caller: None,
            source: String::new(),
            user_agent: String::new(),
            tag: None,
            action: action.to_owned(),
            params: BTreeMap::new(),
            mutating,
            outcome: Outcome::Pending,
            reply: Reply::Pending,
            late: false,
            late_refusal: None,
            faults: Vec::new(),
            changed: Vec::new(),
        }
    }

    #[test]
    fn describes_never_push_out_a_mutation() {
        let log = CallLog::open(None).unwrap();
        log.begin(record("ReplaceRoute", true));
        for _ in 0..=KEPT {
            log.begin(record("DescribeRouteTables", false));
        }
        let mutations = log.mutations_since(0);
        assert_eq!((mutations.calls.len(), mutations.complete), (1, true));
        let all = log.since(0);
        assert_eq!(
            (all.calls.len(), all.complete),
            (KEPT + 1, false),
            "it admits that a describe is missing"
        );
        assert!(log.since(2).complete);
    }

    #[test]
    fn too_many_mutations_are_admitted() {
        let log = CallLog::open(None).unwrap();
        for _ in 0..=KEPT {
            log.begin(record("ReplaceRoute", true));
        }
        assert!(!log.mutations_since(0).complete);
        assert!(log.mutations_since(1).complete);
        assert_eq!(log.last_seq(), KEPT as u64 + 1);
    }

    #[test]
    fn the_file_gets_each_record_once_when_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.jsonl");
        let log = CallLog::open(Some(&path)).unwrap();
        let first = log.begin(record("ReplaceRoute", true));
        let second = log.begin(record("DescribeRouteTables", false));
        log.update(first, |record| {
            record.outcome = Outcome::Refused("InvalidParameterValue".into());
            record.reply = Reply::Sent;
        });
        log.update(first, |record| record.replied_ms = Some(9));
        let lines = || std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines().len(), 1);
        assert!(lines()[0].contains(r#""outcome":{"refused":"InvalidParameterValue"}"#), "{}", lines()[0]);
        log.close();
        assert_eq!(lines().len(), 2, "what is open at the end is written as it stands");
        assert!(lines()[1].contains(&format!(r#""seq":{second}"#)));
    }
}
