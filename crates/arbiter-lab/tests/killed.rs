//! A demo that is killed leaves nothing behind that runs.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as the test itself does")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;
use tokio::time::{Duration, Instant, sleep};

/// How long a condition may take to come true on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a condition that can only be asked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Stands in for `arbiterd`: leaves its pid, and lives longer than any test.
const STAND_IN: &str =
    "#!/bin/sh\necho $$ >\"$0.$4.tmp\" && mv \"$0.$4.tmp\" \"$0.$4.pid\" && exec sleep 600\n";

async fn until<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = holds() {
            return seen;
        }
        assert!(Instant::now() < deadline, "never saw: {what}");
        sleep(LOOK_EVERY).await;
    }
}

/// The processes that the stand-ins have become.
fn pids(folder: &Path) -> Vec<u32> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pids = files.filter(|path| path.extension().is_some_and(|it| it == "pid"));
    pids.map(|path| std::fs::read_to_string(path).unwrap().trim().parse().unwrap()).collect()
}

/// Whether a process runs. One that has ended, and that nobody has asked for yet, doesn't.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

#[tokio::test]
async fn a_demo_that_is_killed_takes_its_nodes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("arbiterd");
    std::fs::write(&stand_in, STAND_IN).unwrap();
    std::fs::set_permissions(&stand_in, PermissionsExt::from_mode(0o755)).unwrap();
    // Nobody asks it anything before there is a cluster, which these never form.
    std::fs::write(folder.path().join("arbiterctl"), "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbiter-lab"));
    command.args(["demo", "--bin-dir"]).arg(folder.path()).env("TMPDIR", folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut demo = command.spawn().unwrap();
    let nodes = until("three nodes", || {
        let pids = pids(folder.path());
        (pids.len() == 3).then_some(pids)
    })
    .await;
    assert!(nodes.iter().all(|pid| runs(*pid)), "{nodes:?}");
    demo.kill().await.unwrap();
    until("their end", || nodes.iter().all(|pid| !runs(*pid)).then_some(())).await;
}
