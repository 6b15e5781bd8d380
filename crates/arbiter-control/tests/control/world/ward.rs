//! Nodes that are examined: what each finds on itself, how long that takes, and who had it examined when.

use arbiter_control::examiner::Examiner;
use arbiter_core::health::Alarm;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// A usual examination of one node.
pub const EXAMINATION_MS: u64 = 1_000;

/// How a node's examination goes.
#[derive(Debug, Clone)]
pub enum Examination {
    Finds(Vec<Alarm>),
    Fails(&'static str),
    NeverEnds,
    Panics,
}

/// One examination.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    pub at: Instant,
    pub by: NodeId,
    pub of: NodeId,
}

#[derive(Default)]
struct Inner {
    scripts: BTreeMap<NodeId, Examination>,
    visits: Vec<Visit>,
}

#[derive(Clone, Default)]
pub struct Ward(Arc<Mutex<Inner>>);

impl Ward {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().expect("no test panics while holding it"))
    }

    /// From now on; a node that was never set finds nothing.
    pub fn set(&self, node: NodeId, examination: Examination) {
        self.with(|inner| inner.scripts.insert(node, examination));
    }

    pub fn visits(&self) -> Vec<Visit> {
        self.with(|inner| inner.visits.clone())
    }

    pub fn handle(&self, node: NodeId) -> Arc<dyn Examiner> {
        Arc::new(Handle { by: node, ward: self.clone() })
    }
}

struct Handle {
    by: NodeId,
    ward: Ward,
}

#[async_trait]
impl Examiner for Handle {
    async fn examine(&self, node: NodeId, _: &Policy) -> Result<Vec<Alarm>, String> {
        let script = self.ward.with(|inner| {
            inner.visits.push(Visit { at: Instant::now(), by: self.by, of: node });
            inner.scripts.get(&node).cloned()
        });
        tokio::time::sleep(Duration::from_millis(EXAMINATION_MS)).await;
        match script.unwrap_or(Examination::Finds(Vec::new())) {
            Examination::Finds(alarms) => Ok(alarms),
            Examination::Fails(why) => Err(why.to_owned()),
            Examination::NeverEnds => std::future::pending().await,
            Examination::Panics => panic!("told to"),
        }
    }
}
