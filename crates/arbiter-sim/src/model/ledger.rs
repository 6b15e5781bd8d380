//! Every log that the model meets, as a tree, with what the real `apply` makes of it.
//!
//! A log is a place in the tree: its newest entry, and the log before. What a log adds up to depends on nothing else, so
//! `apply` runs once for each log, however many worlds hold it.

use super::bounds::Setting;
use super::command;
use super::entry::{Act, Entry, Id, Kind, Wish, twin};
use super::facts::{self, Facts};
use arbiter_core::command::{Applied, Proposal};
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;

/// A log, by its place in the tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub(super) u32);

struct Log {
    before: LogId,
    entry: Option<Entry>,
    index: u8,
    last_term: u8,
    state: ClusterState,
    facts: Facts,
    /// The same log with nodes 1 and 2 in each other's places.
    twin: LogId,
}

#[expect(clippy::disallowed_types, reason = "a look-up for each move; nothing ever depends on its order")]
type Places = std::collections::HashMap<(LogId, Entry), Option<LogId>, foldhash::fast::FixedState>;

/// All logs.
pub struct Ledger {
    setting: Setting,
    logs: Vec<Log>,
    /// What comes of an entry after a log; none if `apply` refuses it there.
    places: Places,
}

/// The log that every world begins with (`command::beginning`), all of it of term 1 and node 0.
pub const BASE: LogId = LogId(0);

impl Ledger {
    /// A ledger with nothing but the beginning.
    pub fn new(setting: Setting) -> Self {
        let mut state = ClusterState::default();
        let mut index = 0;
        for command in command::beginning(setting) {
            index += 1;
            let entry = Entry { term: 1, node: 0, kind: Kind::Begin };
            state.apply(command::place(index, entry), &Proposal { wall_ms: UnixMs(0), command });
        }
        for kind in command::inherited(setting) {
            index += 1;
            let entry = Entry { term: 1, node: 0, kind };
            let command = command::of(setting, &state, entry);
            state.apply(command::place(index, entry), &Proposal { wall_ms: UnixMs(0), command });
        }
        let facts = facts::of(&state);
        let base = Log { before: BASE, entry: None, index, last_term: 1, state, facts, twin: BASE };
        Self { setting, logs: vec![base], places: Places::default() }
    }

    /// The log that results when an entry is appended; none if `apply` refuses the entry there.
    ///
    /// Its twin is made with it, by another run of `apply`, and the two must agree: that nodes 1 and 2 can change places
    /// is not taken for granted.
    pub fn append(&mut self, log: LogId, entry: Entry) -> Option<LogId> {
        if let Some(place) = self.places.get(&(log, entry)) {
            return *place;
        }
        let place = self.grow(log, entry);
        let (other_log, other_entry) = (self.at(log).twin, entry.twin());
        if (other_log, other_entry) != (log, entry) {
            let other = self.grow(other_log, other_entry);
            assert_eq!(place.is_some(), other.is_some(), "`apply` does not treat nodes alike: {entry:?}");
            if let (Some(place), Some(other)) = (place, other) {
                let facts = Facts { node: twin(self.at(place).facts.node), ..self.at(place).facts };
                assert_eq!(facts, self.at(other).facts, "`apply` does not treat nodes alike: {entry:?}");
                self.logs[place.0 as usize].twin = other;
                self.logs[other.0 as usize].twin = place;
            }
        }
        place
    }

    fn grow(&mut self, log: LogId, entry: Entry) -> Option<LogId> {
        let before = self.at(log);
        let index = before.index + 1;
        let (state, accepted) = self.applied(&before.state, index, entry);
        let place = LogId(u32::try_from(self.logs.len()).unwrap_or(u32::MAX));
        let accepted = accepted.then_some(place);
        self.places.insert((log, entry), accepted);
        if accepted.is_some() {
            let mut facts = facts::of(&state);
            facts.startable = [1, 2].map(|gateway| self.startable(&state, index, &facts, gateway));
            let last_term = entry.term;
            self.logs.push(Log {
                before: log,
                entry: Some(entry),
                index,
                last_term,
                state,
                facts,
                twin: place,
            });
        }
        accepted
    }

    fn applied(&self, before: &ClusterState, index: u8, entry: Entry) -> (ClusterState, bool) {
        let mut state = before.clone();
        let command = command::of(self.setting, before, entry);
        let answer = state.apply(command::place(index, entry), &Proposal { wall_ms: UnixMs(0), command });
        // No rule reads the history; without it the states are small.
        state.history.clear();
        let accepted = match &answer {
            // Of a batch one may be accepted and the other not.
            Applied::Intents(answers) => answers.iter().any(|(_, answer)| answer.is_ok()),
            Applied::Accepted => true,
            Applied::Nothing | Applied::Repeated | Applied::Refused(_) => false,
        };
        (state, accepted)
    }

    /// Whether `apply` would take a start from the leader in office.
    fn startable(&self, state: &ClusterState, index: u8, facts: &Facts, gateway: u8) -> bool {
        let id = Id { epoch: facts.epoch, number: facts.last_intent + 1 };
        let wish = Wish { id, act: Act::Start(gateway), policy: facts.policy, carried: true };
        let entry = Entry { term: facts.term, node: facts.node, kind: Kind::Intent(wish) };
        self.applied(state, index + 1, entry).1
    }

    fn at(&self, log: LogId) -> &Log {
        &self.logs[log.0 as usize]
    }

    /// How many logs are known.
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// There is always the beginning.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// What a log adds up to.
    pub fn facts(&self, log: LogId) -> &Facts {
        &self.at(log).facts
    }

    /// The same log with nodes 1 and 2 in each other's places.
    pub fn twin(&self, log: LogId) -> LogId {
        self.at(log).twin
    }

    /// The index of its newest entry.
    pub fn index(&self, log: LogId) -> u8 {
        self.at(log).index
    }

    /// Raft's measure of how far a log is: the term and the index of its newest entry.
    pub fn progress(&self, log: LogId) -> (u8, u8) {
        (self.at(log).last_term, self.at(log).index)
    }

    /// Its entries after the beginning, newest first, each with its index and the log before it.
    pub fn entries(&self, log: LogId) -> impl Iterator<Item = (u8, Entry, LogId)> + '_ {
        let mut here = log;
        std::iter::from_fn(move || {
            let log = self.at(here);
            here = log.before;
            log.entry.map(|entry| (log.index, entry, log.before))
        })
    }

    /// The entry at an index, if the log reaches so far and the index is not of the beginning.
    pub fn entry(&self, log: LogId, index: u8) -> Option<Entry> {
        let mut entries = self.entries(log).skip_while(|(at, ..)| *at > index);
        entries.next().filter(|(at, ..)| *at == index).map(|(_, entry, _)| entry)
    }

    /// Whether `log` is `end`, or one that `end` grew from.
    pub fn is_prefix(&self, log: LogId, mut end: LogId) -> bool {
        while self.at(end).index > self.at(log).index && end != BASE {
            end = self.at(end).before;
        }
        end == log
    }
}
