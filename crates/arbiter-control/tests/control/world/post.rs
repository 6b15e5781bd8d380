//! The post between the nodes: parcels arrive after a moment, unless the line is cut.

use arbiter_control::Control;
use arbiter_control::transport::Transport;
use arbiter_core::ids::NodeId;
use arbiter_core::report::Parcel;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// A line within a region.
const LINE_MS: u64 = 2;

#[derive(Default)]
struct Inner {
    controls: BTreeMap<NodeId, Control>,
    cut: BTreeSet<(NodeId, NodeId)>,
    sent: Vec<(Instant, NodeId, NodeId)>,
}

#[derive(Clone, Default)]
pub struct Post(Arc<Mutex<Inner>>);

impl Post {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().expect("no test panics while holding it"))
    }

    pub fn register(&self, node: NodeId, control: Control) {
        self.with(|inner| inner.controls.insert(node, control));
    }

    pub fn forget(&self, node: NodeId) {
        self.with(|inner| inner.controls.remove(&node));
    }

    pub fn control(&self, node: NodeId) -> Control {
        self.with(|inner| inner.controls[&node].clone())
    }

    /// Both directions of one line.
    pub fn cut(&self, a: NodeId, b: NodeId) {
        self.with(|inner| inner.cut.extend([(a, b), (b, a)]));
    }

    pub fn mend(&self, a: NodeId, b: NodeId) {
        self.with(|inner| inner.cut.retain(|line| *line != (a, b) && *line != (b, a)));
    }

    /// When each report of `from` left for `to`.
    pub fn sent(&self, from: NodeId, to: NodeId) -> Vec<Instant> {
        self.with(|inner| {
            inner.sent.iter().filter(|(_, f, t)| (*f, *t) == (from, to)).map(|(at, ..)| *at).collect()
        })
    }

    pub fn handle(&self, node: NodeId) -> Arc<dyn Transport> {
        Arc::new(Handle { node, post: self.clone() })
    }
}

struct Handle {
    node: NodeId,
    post: Post,
}

impl Transport for Handle {
    fn offer(&self, to: NodeId, parcel: Parcel) {
        let (from, post) = (self.node, self.post.clone());
        post.with(|inner| inner.sent.push((Instant::now(), from, to)));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(LINE_MS)).await;
            let control = post.with(|inner| {
                if inner.cut.contains(&(from, to)) { None } else { inner.controls.get(&to).cloned() }
            });
            control.map(|control| control.deliver(parcel));
        });
    }
}
