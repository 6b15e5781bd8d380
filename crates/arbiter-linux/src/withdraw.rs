//! Withdrawing all routes of ours from a host.

use crate::kernel::{Kernel, KernelError, KernelRoute, PROTOCOL};

/// Removes every route of ours, in whichever table, and no other. Says which they were.
///
/// # Errors
/// The kernel refused; some may be gone already.
pub async fn withdraw(kernel: &dyn Kernel) -> Result<Vec<KernelRoute>, KernelError> {
    let ours = kernel.routes(None, Some(PROTOCOL)).await?;
    for route in &ours {
        kernel.remove(route).await?;
    }
    Ok(ours)
}
