//! Something that happens to nodes again and again, and who waits for the next time.

use arbiter_core::ids::NodeId;
use tokio::sync::watch;

/// Where it is told. Clones share it.
#[derive(Debug, Clone)]
pub struct Happening(watch::Sender<Option<NodeId>>);

/// Who waits for it.
#[derive(Debug)]
pub struct Waiting(watch::Receiver<Option<NodeId>>);

impl Happening {
    /// It has not happened yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// It happens to this node.
    pub fn happens(&self, node: NodeId) {
        self.0.send_replace(Some(node));
    }

    /// From now on.
    pub fn wait(&self) -> Waiting {
        let mut waiting = self.0.subscribe();
        waiting.mark_unchanged();
        Waiting(waiting)
    }
}

impl Waiting {
    /// To whom it has happened since the last question, or happens next.
    pub async fn next(&mut self) -> NodeId {
        loop {
            if self.0.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(node) = *self.0.borrow_and_update() {
                return node;
            }
        }
    }
}
