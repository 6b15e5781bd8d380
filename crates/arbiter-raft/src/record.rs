//! How records look on the disk.
//!
//! Every record begins with a byte that names its format, so that a program never misreads what a later version
//! wrote. After it comes JSON: fields are named, so that a field can be added without a new format, as long as nothing goes
//! wrong where an older program passes it over. What `apply` shall read is written only once the cluster's rules version
//! says that all voters know it ([`check_rules`]). A new word (a command, an event) needs no new format either: a program
//! that does not know it says so, and stops ([`StoreError::Unknown`]).
//!
//! A record that is longer than the store takes is cut in parts. Its first part begins with the record's
//! length; all its parts are written in one batch, so that either all are there or none.

use crate::store::{Batch, MAX_VALUE_BYTES, Store, StoreError};
use arbiter_core::state::{ClusterState, RULES_VERSION};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;

/// The format of all records that this program writes.
pub const FORMAT: u8 = 1;

/// The length prefix of the first part.
const LENGTH_BYTES: usize = 4;

/// Key space of the small records: identity, vote, committed, purged, snapshot.
pub const META: u8 = b'm';
/// Key space of the log.
pub const LOG: u8 = b'l';
/// Key space of the snapshots' parts.
pub const SNAPSHOT: u8 = b's';

/// Turns a value into a record.
///
/// # Errors
/// [`StoreError::Corrupt`] if the value can't be written as JSON, which is a defect of its type.
pub fn encode<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![FORMAT];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| StoreError::Corrupt(format!("{what} can't be written: {error}")))?;
    Ok(bytes)
}

/// Reads a record back.
///
/// # Errors
/// [`StoreError::Newer`] for a format that this program does not know, [`StoreError::Unknown`] for a word in it,
/// [`StoreError::Corrupt`] for what makes no sense.
pub fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&FORMAT, json)) => serde_json::from_slice(json).map_err(|error| unread(what, &error)),
        Some((&found, _)) if found > FORMAT => {
            Err(StoreError::Newer { what: what.to_owned(), found, known: FORMAT })
        }
        Some((found, _)) => Err(StoreError::Corrupt(format!("{what} has the unknown format {found}"))),
        None => Err(StoreError::Corrupt(format!("{what} is empty"))),
    }
}

/// JSON that is whole was written by somebody: most likely by a later version. Damage leaves none.
fn unread(what: &str, error: &serde_json::Error) -> StoreError {
    match not_known(error) {
        Some(found) => StoreError::Unknown { what: what.to_owned(), found },
        None => StoreError::Corrupt(format!("{what} can't be read: {error}")),
    }
}

/// What is not known in a text that is whole JSON. Without its place, so that the same is said with the same words
/// whatever stands around it.
pub(crate) fn not_known(error: &serde_json::Error) -> Option<String> {
    let words = error.to_string();
    let place = words.rfind(" at line ").unwrap_or(words.len());
    error.is_data().then(|| words[..place].to_owned())
}

/// Checks that this program knows the rules that a state follows.
///
/// # Errors
/// [`StoreError::NewerRules`]: by other rules it would come to another state than the rest of the cluster.
pub(crate) fn check_rules(what: &str, state: &ClusterState) -> Result<(), StoreError> {
    let (found, known) = (state.rules_version, RULES_VERSION);
    match found > known {
        true => Err(StoreError::NewerRules { what: what.to_owned(), found, known }),
        false => Ok(()),
    }
}

/// The key of a small record.
pub fn meta_key(name: &str) -> Vec<u8> {
    let mut key = vec![META];
    key.extend_from_slice(name.as_bytes());
    key
}

/// The key before all parts of record `number` in a key space.
pub fn part_prefix(space: u8, number: u64) -> Vec<u8> {
    let mut key = vec![space];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number of the record that a part's key belongs to.
pub fn number_of(key: &[u8]) -> Option<u64> {
    let bytes = key.get(1..9)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// The key after all records of a key space.
pub fn space_end(space: u8) -> Vec<u8> {
    vec![space + 1]
}

/// A record in parts, ready to be put in a batch.
pub fn parts(space: u8, number: u64, record: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut whole = Vec::with_capacity(LENGTH_BYTES + record.len());
    // A record is at most a few MiB: proposals and snapshots are bounded where they are made.
    whole.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
    whole.extend_from_slice(record);
    let part_key = |part: usize| {
        let mut key = part_prefix(space, number);
        key.extend_from_slice(&u32::try_from(part).unwrap_or(u32::MAX).to_be_bytes());
        key
    };
    let chunks = whole.chunks(MAX_VALUE_BYTES).enumerate();
    chunks.map(|(part, chunk)| (part_key(part), chunk.to_vec())).collect()
}

/// Adds a record to a batch, in parts.
pub fn put_parts(batch: &mut Batch, space: u8, number: u64, record: &[u8]) {
    for (key, value) in parts(space, number, record) {
        batch.put(key, value);
    }
}

/// Visits whole records of a key space with numbers in `from..to`, in order.
///
/// # Errors
/// [`StoreError::Corrupt`] if parts are missing; what reading can fail with.
pub fn visit_records(
    store: &dyn Store,
    space: u8,
    from: u64,
    to: Option<u64>,
    visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let end = to.map_or_else(|| space_end(space), |to| part_prefix(space, to));
    let mut current: Option<(u64, Vec<u8>)> = None;
    let mut stopped = false;
    let mut broken = None;
    store.scan(&part_prefix(space, from), &end, &mut |key, part| {
        let Some(number) = number_of(key) else {
            broken = Some(StoreError::Corrupt("a record has a malformed key".to_owned()));
            return ControlFlow::Break(());
        };
        match &mut current {
            Some((open, bytes)) if *open == number => bytes.extend_from_slice(part),
            slot => {
                if let Some((done, bytes)) = slot.replace((number, part.to_vec())) {
                    match whole(done, &bytes) {
                        Ok(record) => stopped = visit(done, record).is_break(),
                        Err(error) => broken = Some(error),
                    }
                    if stopped || broken.is_some() {
                        return ControlFlow::Break(());
                    }
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = broken {
        return Err(error);
    }
    if let Some((number, bytes)) = current.filter(|_| !stopped) {
        let _ = visit(number, whole(number, &bytes)?);
    }
    Ok(())
}

fn whole(number: u64, bytes: &[u8]) -> Result<&[u8], StoreError> {
    let (length, record) = bytes
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or_else(|| StoreError::Corrupt(format!("record {number} is cut short")))?;
    let expected = u32::from_be_bytes(*length) as usize;
    if record.len() == expected {
        Ok(record)
    } else {
        Err(StoreError::Corrupt(format!(
            "record {number} should have {expected} bytes, and has {}",
            record.len()
        )))
    }
}

/// Adds the removal of all parts of the records `from..to` to a batch.
///
/// # Errors
/// What reading can fail with.
pub fn delete_records(
    store: &dyn Store,
    batch: &mut Batch,
    space: u8,
    from: u64,
    to: Option<u64>,
) -> Result<(), StoreError> {
    let end = to.map_or_else(|| space_end(space), |to| part_prefix(space, to));
    store.scan(&part_prefix(space, from), &end, &mut |key, _| {
        batch.delete(key.to_vec());
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemStore;

    fn read(store: &MemStore, from: u64, to: Option<u64>) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let mut found = Vec::new();
        visit_records(store, LOG, from, to, &mut |number, record| {
            found.push((number, record.to_vec()));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    #[test]
    fn records_of_any_length_come_back_whole() {
        let store = MemStore::new();
        let mut batch = Batch::default();
        let lengths = [0, 1, MAX_VALUE_BYTES - LENGTH_BYTES, MAX_VALUE_BYTES, 5 * MAX_VALUE_BYTES + 1];
        for (number, length) in lengths.iter().enumerate() {
            put_parts(&mut batch, LOG, number as u64, &vec![7; *length]);
        }
        store.apply(&batch).unwrap();
        let found = read(&store, 0, None).unwrap();
        assert_eq!(found.iter().map(|(_, record)| record.len()).collect::<Vec<_>>(), lengths);
        assert_eq!(read(&store, 1, Some(3)).unwrap().len(), 2);

        let mut batch = Batch::default();
        delete_records(&store, &mut batch, LOG, 2, Some(5)).unwrap();
        store.apply(&batch).unwrap();
        assert_eq!(read(&store, 0, None).unwrap().len(), 2);
    }

    #[test]
    fn a_missing_part_is_noticed() {
        let store = MemStore::new();
        let mut batch = Batch::default();
        put_parts(&mut batch, LOG, 4, &vec![1; 3 * MAX_VALUE_BYTES]);
        let mut last = part_prefix(LOG, 4);
        last.extend_from_slice(&2_u32.to_be_bytes());
        batch.delete(last);
        store.apply(&batch).unwrap();
        assert!(matches!(read(&store, 0, None), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn a_later_format_is_refused_and_says_what_to_do() {
        let error = decode::<u64>("the vote", &[FORMAT + 1, b'1']).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
        assert!(error.to_string().contains("the vote") && error.to_string().contains("install the version"));
        for json in ["{\"teleport\":{}}", "{\"begin-epoch\":{\"node\":\"x\"}}"] {
            let later = [&[FORMAT], json.as_bytes()].concat();
            let error = decode::<arbiter_core::command::Command>("a log entry", &later).unwrap_err();
            assert!(matches!(error, StoreError::Unknown { .. }), "{error}");
            assert!(
                !error.to_string().contains(" line ") && error.to_string().contains("install the version")
            );
        }
        for cut in ["{\"begin-epoch\":", "\u{1}"] {
            let damaged = [&[FORMAT], cut.as_bytes()].concat();
            let error = decode::<arbiter_core::command::Command>("a log entry", &damaged).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        }
        assert!(matches!(decode::<u64>("x", &[]), Err(StoreError::Corrupt(_))));
        assert!(matches!(decode::<u64>("x", &[0, b'1']), Err(StoreError::Corrupt(_))));
        assert_eq!(decode::<u64>("x", &encode("x", &17_u64).unwrap()).unwrap(), 17);
    }
}
