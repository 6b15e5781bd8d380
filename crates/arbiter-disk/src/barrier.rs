//! The first judgement: every claim about a disk comes after a successful sync of the bytes that it rests on.

use crate::disk::Disk;
use crate::talk::{Claim, Claimed, Leader, LogId};
use crate::trace::{Call, Event};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A record as it begins on the disk: its format, and the first field of its JSON.
const VOTE: &[u8] = b"\x01{\"leader_id\":";
const ENTRY: &[u8] = b"\x01{\"log_id\":";
const SNAPSHOT: &[u8] = b"\x01{\"generation\":";

/// What follows a snapshot's number: how far it goes.
const META: &[u8] = b",\"meta\":{\"last_log_id\":";

/// The data file below a node's folder.
const DATA: &str = "store/db";

/// The other file without which the data can't be read.
const SETTINGS: &str = "store/conf";

/// From this line on it survives a power cut.
type Since = usize;

/// A claim that nothing on the disk stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Untrue {
    pub claim: Claim,
    pub why: Why,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was not written anywhere.
    NeverWritten,
    /// It was written, and not synced before the claim.
    NotSynced,
    /// It is synced, in a file whose name a power cut may take away.
    NameNotSynced(PathBuf),
    /// Not enough nodes have it.
    NoMajority,
}

impl fmt::Display for Untrue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Claim { at, node, what } = &self.claim;
        write!(f, "line {}: node {node} acknowledged {what}", at + 1)?;
        match &self.why {
            Why::NeverWritten => write!(f, ", which it has not written"),
            Why::NotSynced => write!(f, " before the sync of what it had written"),
            Why::NameNotSynced(name) => write!(f, "; the name {} was not synced", name.display()),
            Why::NoMajority => write!(f, ", and no majority had synced it"),
        }
    }
}

/// What one node's disk holds, and since when.
#[derive(Debug, Default)]
struct Durable {
    votes: BTreeMap<Leader, Option<Since>>,
    entries: BTreeMap<LogId, Option<Since>>,
    /// By the entry up to which a snapshot goes.
    snapshots: BTreeMap<LogId, Option<Since>>,
    /// Names that were made, and since when the folder that they are in knows them for sure.
    names: BTreeMap<PathBuf, Option<Since>>,
}

/// Judges every claim.
pub(crate) fn judge(events: &[Event], claims: &[Claim], disks: &[Disk]) -> Vec<Untrue> {
    let nodes: BTreeSet<u64> = disks.iter().map(|disk| disk.node).collect();
    let durable: Vec<(&Disk, Durable)> =
        disks.iter().map(|disk| (disk, Durable::read(events, disk))).collect();
    let verdict = |claim: &Claim| {
        let wrong = match claim.what {
            // Committed once is committed for ever, also if one of these disks is lost.
            Claimed::Committed(entry) => {
                let holders = durable.iter().filter(|(_, durable)| durable.holds(entry, claim.at).is_ok());
                let holders: BTreeSet<u64> = holders.map(|(disk, _)| disk.node).collect();
                (holders.len() * 2 <= nodes.len()).then_some(Why::NoMajority)
            }
            _ => {
                let own = durable.iter().find(|(disk, _)| disk.node == claim.node && disk.is_in(claim.at));
                own.map_or(Some(Why::NeverWritten), |(_, durable)| durable.refutes(claim))
            }
        };
        wrong.map(|why| Untrue { claim: *claim, why })
    };
    claims.iter().filter_map(verdict).collect()
}

impl Durable {
    fn read(events: &[Event], disk: &Disk) -> Self {
        let folder = disk.folder.as_path();
        let data = folder.join(DATA);
        let syncs = Syncs::of(disk.events(events));
        let mut durable = Self::default();
        let needed = [folder.join(SETTINGS), data.clone(), folder.join("store"), folder.to_owned()];
        for event in disk.events(events) {
            match &event.call {
                Call::Write { path, bytes, .. } if *path == data => {
                    durable.take_in(bytes, syncs.since(&data, event.end));
                }
                Call::Create { path } | Call::MakeFolder { path } if needed.contains(path) => {
                    let known = durable.names.contains_key(path);
                    if let Some(parent) = path.parent().filter(|_| !known) {
                        durable.names.insert(path.clone(), syncs.since(parent, event.end));
                    }
                }
                _ => {}
            }
        }
        durable
    }

    /// What bytes that went into the data file say.
    fn take_in(&mut self, bytes: &[u8], since: Option<Since>) {
        // A log position begins as a vote does.
        for (leader, _) in heads(bytes, VOTE).filter(|(_, rest)| rest.starts_with(b",\"committed\":")) {
            note(&mut self.votes, leader, since);
        }
        for (entry, _) in heads(bytes, ENTRY) {
            note(&mut self.entries, entry, since);
        }
        for (_, rest) in heads::<u64>(bytes, SNAPSHOT) {
            if let Some((Some(upto), _)) = rest.strip_prefix(META).and_then(head::<Option<LogId>>) {
                note(&mut self.snapshots, upto, since);
            }
        }
    }

    /// What is wrong with a claim about this disk alone.
    fn refutes(&self, claim: &Claim) -> Option<Why> {
        let at = claim.at;
        let held = match claim.what {
            Claimed::Vote(leader) => best(self.votes.range(leader..).map(|(_, since)| *since), at),
            Claimed::Entry(entry) | Claimed::Committed(entry) => self.holds(entry, at),
            Claimed::Snapshot(upto) => best(self.snapshots.range(upto..).map(|(_, since)| *since), at),
        };
        let late = |(name, since): (&PathBuf, &Option<Since>)| {
            since.is_none_or(|since| since >= at).then(|| Why::NameNotSynced(name.clone()))
        };
        held.err().or_else(|| self.names.iter().find_map(late))
    }

    /// An entry is in the log, or in a snapshot.
    fn holds(&self, entry: LogId, at: usize) -> Result<(), Why> {
        let own = self.entries.get(&entry).copied();
        let within = self.snapshots.iter().filter(|(upto, _)| upto.index >= entry.index);
        best(own.into_iter().chain(within.map(|(_, since)| *since)), at)
    }
}

/// Whether one of several records that would do was durable before that line.
fn best(records: impl Iterator<Item = Option<Since>>, at: usize) -> Result<(), Why> {
    let mut why = Why::NeverWritten;
    for since in records {
        if since.is_some_and(|since| since < at) {
            return Ok(());
        }
        why = Why::NotSynced;
    }
    Err(why)
}

/// The same record may be written again, when the store tidies up: the first time counts.
fn note<K: Ord>(known: &mut BTreeMap<K, Option<Since>>, key: K, since: Option<Since>) {
    known.entry(key).or_insert(since);
}

/// Successful syncs, by what was synced.
struct Syncs<'a>(BTreeMap<&'a Path, Vec<(usize, usize)>>);

impl<'a> Syncs<'a> {
    fn of(events: impl Iterator<Item = &'a Event>) -> Self {
        let mut syncs: BTreeMap<&Path, Vec<_>> = BTreeMap::new();
        for event in events {
            if let Call::Sync { path, ok: true, .. } = &event.call {
                syncs.entry(path).or_default().push((event.begin, event.end));
            }
        }
        Self(syncs)
    }

    /// Since when what was done to a file, or in a folder, by that line is durable: a sync that began after it has ended.
    fn since(&self, path: &Path, done: usize) -> Option<Since> {
        let later = self.0.get(path)?.iter().filter(|(begin, _)| *begin > done);
        later.map(|(_, end)| *end).min()
    }
}

/// The values behind each place where a kind of record begins, and what comes after. An entry may go on elsewhere, hence
/// only its head is read.
fn heads<'a, T: DeserializeOwned>(bytes: &'a [u8], begin: &'a [u8]) -> impl Iterator<Item = (T, &'a [u8])> {
    let places = bytes.windows(begin.len()).enumerate().filter(move |(_, window)| *window == begin);
    places.filter_map(move |(at, _)| head(bytes.get(at + begin.len()..)?))
}

/// The value at the beginning of bytes, and what comes after.
fn head<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, bytes.get(values.byte_offset()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::{append, claims, exchange, vote};

    const FOLDER: &str = "/n";

    fn write(at: usize, path: &str, bytes: &str) -> Event {
        let call = Call::Write { path: path.into(), at: Some(0), bytes: bytes.as_bytes().to_vec() };
        Event { begin: at, end: at, call }
    }

    fn sync(at: (usize, usize), path: &str, ok: bool) -> Event {
        Event { begin: at.0, end: at.1, call: Call::Sync { path: path.into(), only_data: true, ok } }
    }

    fn wrong(mut events: Vec<Event>) -> Vec<Why> {
        events.sort_by_key(|event| (event.end, event.begin));
        let (claims, _) = claims(&events);
        assert!(!claims.is_empty());
        let disks = Disk::all(&events, &[(2, FOLDER.into())].into());
        judge(&events, &claims, &disks).into_iter().map(|untrue| untrue.why).collect()
    }

    const VOTED: &str = "key\u{1}{\"leader_id\":{\"term\":4,\"node_id\":1},\"committed\":false}";
    const ENTERED: &str =
        "key\u{1}{\"log_id\":{\"leader_id\":{\"term\":4,\"node_id\":1},\"index\":7},\"payload\":\"Bl";

    #[test]
    fn a_vote_is_granted_after_the_sync_of_the_file_that_remembers_it() {
        let granted = |syncs: Vec<Event>| {
            let mut events = exchange(1, (10, 30), vote(4)).to_vec();
            events.push(write(20, "/n/store/db", VOTED));
            events.extend(syncs);
            wrong(events)
        };
        assert_eq!(granted(vec![sync((22, 25), "/n/store/db", true)]), []);
        let late = [
            vec![],
            vec![sync((22, 31), "/n/store/db", true)],
            vec![sync((15, 25), "/n/store/db", true)],
            vec![sync((22, 25), "/n/store/db", false)],
            vec![sync((22, 25), "/n/barrier", true)],
            vec![sync((22, 25), "/other/store/db", true)],
        ];
        for syncs in late {
            assert_eq!(granted(syncs.clone()), [Why::NotSynced], "{syncs:?}");
        }
    }

    #[test]
    fn what_another_file_remembers_or_another_term_is_not_the_vote() {
        for (path, bytes) in [
            ("/n/store/conf", VOTED.to_owned()),
            ("/n/store/db", VOTED.replace("\"term\":4", "\"term\":3")),
            // A log position looks almost like a vote.
            ("/n/store/db", VOTED.replace("\"committed\":false", "\"index\":1")),
        ] {
            let mut events = exchange(1, (10, 30), vote(4)).to_vec();
            events.extend([write(20, path, &bytes), sync((22, 25), path, true)]);
            assert_eq!(wrong(events), [Why::NeverWritten], "{path} {bytes}");
        }
    }

    #[test]
    fn a_disk_that_was_lost_remembers_nothing_for_the_next() {
        let mut events = exchange(1, (10, 30), vote(4)).to_vec();
        events.extend([write(20, "/n/store/db", VOTED), sync((22, 25), "/n/store/db", true)]);
        let call = Call::Rename { from: FOLDER.into(), to: "/lost".into() };
        events.push(Event { begin: 27, end: 27, call });
        assert_eq!(wrong(events), [Why::NeverWritten]);
    }

    #[test]
    fn an_entry_is_acknowledged_after_it_and_its_leader_are_synced() {
        let answered = |written: &str, to: usize| {
            let mut events = exchange(1, (10, to), append(4, 7)).to_vec();
            events.extend([write(20, "/n/store/db", written), sync((22, 25), "/n/store/db", true)]);
            wrong(events)
        };
        let both = format!("{VOTED}{ENTERED}");
        assert_eq!(answered(&both, 30), []);
        assert_eq!(answered(&both, 24), [Why::NotSynced, Why::NotSynced]);
        assert_eq!(answered(VOTED, 30), [Why::NeverWritten]);
        assert_eq!(answered(&both.replace("\"index\":7", "\"index\":8"), 30), [Why::NeverWritten]);
    }

    #[test]
    fn a_synced_file_needs_a_synced_name() {
        let made = |folder_synced: usize| {
            let mut events = exchange(1, (10, 30), vote(4)).to_vec();
            let call = Call::Create { path: "/n/store/db".into() };
            events.push(Event { begin: 18, end: 18, call });
            events.extend([write(20, "/n/store/db", VOTED), sync((22, 25), "/n/store/db", true)]);
            events.push(sync((folder_synced, folder_synced), "/n/store", true));
            wrong(events)
        };
        assert_eq!(made(26), []);
        for at in [17, 31] {
            assert_eq!(made(at), [Why::NameNotSynced("/n/store/db".into())]);
        }
    }
}
