use super::*;
use crate::store::MemStore;
use openraft::storage::RaftLogStorageExt;
use openraft::{CommittedLeaderId, EntryPayload};

fn blank(term: u64, index: u64) -> Entry {
    let log_id = LogId::new(CommittedLeaderId::new(term, 1), index);
    Entry { log_id, payload: EntryPayload::Blank }
}

fn open(store: &MemStore) -> LogStore {
    LogStore::open(Disk::start(Arc::new(store.clone())).unwrap()).unwrap()
}

async fn indexes(log: &mut LogStore) -> Vec<(u64, u64)> {
    let entries = log.try_get_log_entries(..).await.unwrap();
    entries.iter().map(|entry| (entry.log_id.leader_id.term, entry.log_id.index)).collect()
}

#[tokio::test]
async fn votes_entries_and_truncations_are_durable_when_they_return() {
    let store = MemStore::new();
    let mut log = open(&store);
    log.save_vote(&Vote::new(3, 1)).await.unwrap();
    log.blocking_append((0..5).map(|index| blank(1, index))).await.unwrap();
    log.truncate(blank(1, 3).log_id).await.unwrap();
    let store = store.crash(0);
    let mut log = open(&store);
    assert_eq!(log.read_vote().await.unwrap(), Some(Vote::new(3, 1)));
    assert_eq!(indexes(&mut log).await, [(1, 0), (1, 1), (1, 2)]);
    // Another leader's entries take the place of those that were cut off.
    log.blocking_append([blank(2, 3)]).await.unwrap();
    let mut log = open(&store.crash(0));
    assert_eq!(indexes(&mut log).await, [(1, 0), (1, 1), (1, 2), (2, 3)]);
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, Some(blank(2, 3).log_id));
}

#[tokio::test]
async fn entries_that_left_the_memory_are_read_from_the_disk() {
    let mut log = open(&MemStore::new());
    let count = RECENT_ENTRIES as u64 * 3;
    for index in 0..count {
        log.blocking_append([blank(1, index)]).await.unwrap();
    }
    assert!(log.lock().recent.len() <= RECENT_ENTRIES);
    let all: Vec<(u64, u64)> = (0..count).map(|index| (1, index)).collect();
    assert_eq!(indexes(&mut log).await, all);
    let some = log.limited_get_log_entries(10, count - 10).await.unwrap();
    assert_eq!(some.len() as u64, count - 20);
}

#[tokio::test]
async fn a_lost_purge_leaves_the_log_as_it_was() {
    let store = MemStore::new();
    let mut log = open(&store);
    log.blocking_append((0..5).map(|index| blank(1, index))).await.unwrap();
    log.disk().snapshot_is_durable(Some(blank(1, 2).log_id));
    log.purge(blank(1, 2).log_id).await.unwrap();
    assert_eq!(indexes(&mut log).await, [(1, 3), (1, 4)]);
    let mut log = open(&store.crash(0));
    assert_eq!(log.get_log_state().await.unwrap().last_purged_log_id, None);
    assert_eq!(indexes(&mut log).await.len(), 5);
}

#[tokio::test]
async fn a_log_with_a_gap_is_refused() {
    let store = MemStore::new();
    let mut log = open(&store);
    log.blocking_append((0..5).map(|index| blank(1, index))).await.unwrap();
    let mut batch = Batch::default();
    record::delete_records(&store, &mut batch, LOG, 2, Some(3)).unwrap();
    store.apply(&batch).unwrap();
    let error = LogStore::open(log.disk()).err().unwrap();
    assert!(matches!(&error, StoreError::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("entry 2 must follow"), "{error}");
}

/// Raft purges the log for a snapshot that it has been sent while the snapshot is still being written.
#[tokio::test]
async fn a_log_is_purged_on_the_disk_only_when_a_durable_snapshot_covers_it() {
    let store = MemStore::new();
    let mut log = open(&store);
    log.blocking_append((0..5).map(|index| blank(1, index))).await.unwrap();
    log.purge(blank(1, 3).log_id).await.unwrap();
    assert_eq!(indexes(&mut log).await, [(1, 4)], "in memory it is purged at once");
    // The newest entry follows the others: it need not wait.
    log.blocking_append([blank(1, 5)]).await.unwrap();
    assert_eq!(indexes(&mut open(&store.crash(9))).await.len(), 6, "the power was cut: nothing is lost");

    let store = MemStore::new();
    let mut log = open(&store);
    log.blocking_append((0..5).map(|index| blank(1, index))).await.unwrap();
    log.purge(blank(1, 9).log_id).await.unwrap();
    let disk = log.disk();
    let next = tokio::spawn(async move {
        log.blocking_append([blank(1, 10)]).await.unwrap();
        log
    });
    // What is queued now would be behind the entry, had it not waited.
    disk.settle().await.unwrap();
    assert_eq!(store.unsynced(), 0, "an entry after a gap waits for the snapshot");
    disk.snapshot_is_durable(Some(blank(1, 9).log_id));
    let mut log = next.await.unwrap();
    assert_eq!(indexes(&mut log).await, [(1, 10)]);
    let mut log = open(&store.crash(0));
    assert_eq!(indexes(&mut log).await, [(1, 10)], "the purge went before it");
    assert!(log.check_covered().is_err(), "and without its snapshot it is refused");
    log.disk().snapshot_is_durable(Some(blank(1, 9).log_id));
    log.check_covered().unwrap();
}
