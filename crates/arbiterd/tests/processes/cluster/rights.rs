//! Nodes with fewer rights than the test itself has.

use super::started_by;
use rustix::process::geteuid;
use tokio::process::Command;

/// A group that `net.ipv4.ping_group_range` can't cover: its numbers end at 2³¹ - 1.
const GROUP: &str = "4000000000";

/// The same command without one of root's capabilities. Whoever is not root has none anyhow.
pub fn without(capability: &str, command: &Command) -> Command {
    if !geteuid().is_root() {
        return started_by("env", &[], command);
    }
    let less = format!("-{capability}");
    started_by("setpriv", &["--inh-caps", &less, "--bounding-set", &less, "--"], command)
}

/// The same command without the right to ping, by either kind of socket; `None` where it can't be taken away.
pub async fn without_ping(command: &Command) -> Option<Command> {
    if !geteuid().is_root() {
        let denied = arbiter_probe::icmp_preflight().is_err();
        return denied.then(|| started_by("env", &[], command));
    }
    let less =
        ["--inh-caps", "-net_raw", "--bounding-set", "-net_raw", "--regid", GROUP, "--clear-groups", "--"];
    let works = Command::new("setpriv").args(less).arg("true").status().await;
    works.is_ok_and(|status| status.success()).then(|| started_by("setpriv", &less, command))
}
