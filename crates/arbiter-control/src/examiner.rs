//! What the control loop needs to have nodes examined.

use arbiter_core::health::Alarm;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use async_trait::async_trait;

/// Finds out what could keep a failover or a remediation from working, before it is needed.
#[async_trait]
pub trait Examiner: Send + Sync + 'static {
    /// What a node finds when it examines itself: its permissions, its way to the provider, what the provider shows
    /// it. This node does so itself, another one is asked. Changes nothing, and takes nothing that a failover needs.
    ///
    /// # Errors
    /// Why it could not be examined, in words.
    async fn examine(&self, node: NodeId, policy: &Policy) -> Result<Vec<Alarm>, String>;
}
