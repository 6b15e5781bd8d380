use super::*;
use crate::disk::Disk;
use crate::log_store::LogStore;
use crate::machine::StateMachine;
use crate::store::{Batch, MemStore, Visit};
use crate::types::Entry;
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Action, Cause, Command, Intent, Mode, Proposal};
use arbiter_core::ids::{Epoch, IntentId, LogIndex, PathId, RouteId};
use arbiter_core::policy::{Policy, Target};
use arbiter_core::rules::proves;
use arbiter_core::state::{Event, RECOVERY_GAP, Unsettled};
use arbiter_core::time::LogMs;
use openraft::EntryPayload;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

const DOUBT: IntentId = IntentId { epoch: Epoch(2), number: 1 };

fn at(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(3, 3), index)
}

fn voters(ids: &[u64]) -> Membership<u64, BasicNode> {
    let nodes: BTreeMap<u64, BasicNode> = ids.iter().map(|id| (*id, BasicNode::default())).collect();
    Membership::new(vec![ids.iter().copied().collect()], nodes)
}

fn admit(node: u64) -> EntryPayload<crate::types::TypeConfig> {
    let command = Command::Admit { node: NodeId(node), incarnation: Incarnation(node) };
    EntryPayload::Normal(Proposal { wall_ms: UnixMs(1), command })
}

/// What the snapshot holds: a formed cluster of three, with one call in doubt, as of entry 5.
fn snapshot() -> ClusterState {
    let mut state = ClusterState::default();
    let form = Command::Form {
        cluster_id: "old".into(),
        policy: Box::new(Policy { cluster: "test".to_owned(), ..Policy::default() }),
        members: (1..=3).map(|id| (NodeId(id), Incarnation(10 + id))).collect(),
        mode: Mode::Act,
    };
    state.apply(entry_id(&at(4)), &Proposal { wall_ms: UnixMs(1), command: form });
    state.skip(entry_id(&at(5)));
    let target = || Target::Interface("eni-1".to_owned());
    let action = Action::SetRoute {
        route: RouteId("r".into()),
        before: None,
        path: PathId("p".into()),
        after: target(),
    };
    let intent = Intent { id: DOUBT, action, cause: Cause::Failover, reasons: vec![] };
    let doubt = Unsettled { intent, entry: entry_id(&at(5)), at: LogMs(0), wait_ms: 3_000 };
    state.unsettled.insert(DOUBT, doubt);
    // Long enough for several batches.
    state.requests = (0..4_000).map(|number| format!("{number}-{}", "x".repeat(100))).collect();
    state
}

/// Node 1's disk: the snapshot, and entries up to 8, of which it knows that a majority had those up to 6.
fn survivor() -> MemStore {
    let store = MemStore::new();
    let meta = SnapshotMeta {
        last_log_id: Some(at(5)),
        last_membership: StoredMembership::new(Some(at(0)), voters(&[1, 2, 3])),
        snapshot_id: "5".to_owned(),
    };
    let staged = stage(&store, None, &meta, &picture(&snapshot()).unwrap()).unwrap();
    let mut batch = staged.switch;
    let identity = Identity {
        cluster_name: "test".to_owned(),
        node: NodeId(1),
        incarnation: Incarnation(11),
        cluster: Some("old".into()),
        founders: BTreeMap::from([(NodeId(1), Incarnation(11))]),
        admitted_at: 0,
        succeeded_by: None,
    };
    identity.put(&mut batch).unwrap();
    batch.put(meta_key("vote"), record::encode("vote", &Vote::new(7, 2)).unwrap());
    batch.put(meta_key("purged"), record::encode("purged", &at(3)).unwrap());
    batch.put(meta_key("committed"), record::encode("committed", &Some(at(6))).unwrap());
    for index in 4..=8 {
        let payload = if index == 7 { EntryPayload::Blank } else { admit(1_000 + index) };
        let entry = Entry { log_id: at(index), payload };
        record::put_parts(&mut batch, LOG, index, &record::encode("a log entry", &entry).unwrap());
    }
    staged.before.iter().for_each(|batch| store.apply(batch).unwrap());
    store.apply(&batch).unwrap();
    store.sync().unwrap();
    store
}

fn decision() -> Decision {
    Decision {
        by: "anna".to_owned(),
        wall_ms: UnixMs(9),
        cluster_id: "new".into(),
        incarnation: Incarnation(99),
        address: "10.0.0.1:7400".to_owned(),
    }
}

fn examine(store: &dyn Store) -> Result<Survivor, RecoverError> {
    Survivor::examine(store, NodeId(1), "test")
}

fn recovered(store: &MemStore) {
    examine(store).unwrap().recover(store, &decision()).unwrap();
}

#[test]
fn what_is_found_is_the_whole_log() {
    let store = survivor();
    let found = examine(&store).unwrap();
    assert_eq!((found.last, found.committed), (at(8), Some(at(6))));
    assert_eq!(found.others(), BTreeSet::from([NodeId(2), NodeId(3)]));
    let admitted: Vec<_> = found.state.members.keys().filter(|id| id.0 > 1_000).map(|id| id.0).collect();
    assert_eq!(admitted, [1_006, 1_008], "each entry after the snapshot once, up to the last");
    assert!(found.state.unsettled.contains_key(&DOUBT));
    assert_eq!(store.unsynced(), 0, "looking writes nothing");
}

#[tokio::test]
async fn a_recovered_store_opens_as_the_only_voter_of_a_new_cluster() {
    proves("recovery.new-cluster");
    proves("recovery.doubts-stay");
    let store = survivor();
    recovered(&store);
    assert_eq!(store.unsynced(), 0, "it is durable when it is said to be done");
    let store = store.crash(0);
    let disk = Disk::start(Arc::new(store)).unwrap();
    let identity = Identity::open(&disk, NodeId(1), "test", || 0).await.unwrap();
    assert_eq!((identity.cluster, identity.incarnation), (Some("new".into()), Incarnation(99)));
    let log = LogStore::open(disk.clone()).unwrap();
    let (readers, state) = watch::channel(Arc::default());
    let mut machine = StateMachine::open(disk, readers).unwrap();
    log.check_covered().unwrap();
    let last = log.last().unwrap();
    assert_eq!((last.index, last.leader_id.term), (8 + RECOVERY_GAP, 8), "above all that it ever promised");
    assert_eq!(log.stored_vote().unwrap(), Some(Vote::new_committed(8, 1)));
    let (applied, membership) =
        openraft::storage::RaftStateMachine::applied_state(&mut machine).await.unwrap();
    assert_eq!(applied, Some(last));
    assert_eq!(membership.voter_ids().collect::<Vec<_>>(), [1]);
    let state = state.borrow().clone();
    assert_eq!(state.unsettled, snapshot().unsettled, "epoch and all");
    assert_eq!(state.cluster_id, Some("new".into()));
    assert!(state.succeeds(&"old".into()));
    assert_eq!(state.applied, entry_id(&last));
    let event = &state.history.back().unwrap().event;
    assert!(matches!(event, Event::Recovered { by, last: LogIndex(8), .. } if by == "anna"), "{event:?}");
}

/// A disk whose power is cut at one of its writes and barriers.
struct Cut {
    store: MemStore,
    left: AtomicUsize,
}

impl Cut {
    fn passes(&self) -> Result<(), StoreError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| StoreError::Stopped)
    }
}

impl Store for Cut {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(from, to, visit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        self.passes()?;
        self.store.apply(batch)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.passes()?;
        self.store.sync()
    }
}

#[test]
fn a_crash_at_any_write_leaves_the_old_member_or_the_new_cluster() {
    proves("recovery.whole-or-not");
    let (mut old, mut new) = (0, 0);
    for passing in 0.. {
        let mut ended = false;
        // A disk writes some of what was not synced by itself, but never a later batch without the earlier ones.
        for survivors in 0..20 {
            let cut = Cut { store: survivor(), left: AtomicUsize::new(passing) };
            ended = examine(&cut).unwrap().recover(&cut, &decision()).is_ok();
            let store = cut.store.crash(survivors);
            match examine(&store) {
                Ok(found) => {
                    assert!(!ended, "what was said to be done is gone");
                    assert_eq!((found.identity.cluster, found.last), (Some("old".into()), at(8)));
                    assert_eq!(found.state.unsettled, snapshot().unsettled);
                    // And it can be recovered now, over what was left behind.
                    recovered(&store);
                    assert!(matches!(examine(&store), Err(RecoverError::Alone { .. })));
                    old += 1;
                }
                Err(RecoverError::Alone { cluster, .. }) => {
                    assert_eq!(cluster, "new".into());
                    new += 1;
                }
                Err(other) => panic!("after {passing} writes, {survivors} unsynced: {other}"),
            }
        }
        if ended {
            break;
        }
    }
    assert!(old > 50 && new > 20, "{old} {new}");
}

#[test]
fn a_disk_that_failed_is_said_to_have_failed() {
    let store = survivor();
    store.fail_syncs("no space");
    let failed = examine(&store).unwrap().recover(&store, &decision());
    assert!(matches!(failed, Err(StoreError::Io { verb: "synced", .. })));
    assert!(examine(&store.crash(0)).is_ok(), "as before");
}

fn change_identity(store: &MemStore, change: impl FnOnce(&mut Identity)) {
    let mut identity = Identity::read(store).unwrap().unwrap();
    change(&mut identity);
    let mut batch = Batch::default();
    identity.put(&mut batch).unwrap();
    store.apply(&batch).unwrap();
}

fn refused(change: impl FnOnce(&MemStore)) -> String {
    let store = survivor();
    change(&store);
    let refused = examine(&store).err().expect("refused").to_string();
    assert!(!refused.is_empty());
    refused
}

#[test]
fn what_is_no_survivor_is_refused_in_words() {
    bad_day("majority-lost-for-good");
    let empty = examine(&MemStore::new()).err().unwrap().to_string();
    assert!(empty.contains("never took part in a formed cluster"), "{empty}");
    let other = Survivor::examine(&survivor(), NodeId(2), "test").err().unwrap().to_string();
    assert!(other.contains("belongs to node 1, this is node 2"), "{other}");
    let other = Survivor::examine(&survivor(), NodeId(1), "green").err().unwrap().to_string();
    assert!(other.contains("`test`") && other.contains("`green`"), "{other}");
    let again = refused(recovered);
    assert!(again.contains("the only voter of the cluster new already"), "{again}");
    let old = refused(|store| change_identity(store, |identity| identity.incarnation = Incarnation(12)));
    assert!(old.contains("another disk was admitted for node 1"), "{old}");
    let left = refused(|store| change_identity(store, |identity| identity.succeeded_by = Some("new".into())));
    assert!(left.contains("was recovered on another node, as new"), "{left}");
    let gap = refused(|store| {
        let mut batch = Batch::default();
        record::delete_records(store, &mut batch, LOG, 6, Some(7)).unwrap();
        store.apply(&batch).unwrap();
    });
    assert!(gap.contains("it is damaged"), "{gap}");
}
