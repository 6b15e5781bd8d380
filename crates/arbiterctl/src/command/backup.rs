//! `backup FILE`: what operators would miss, at one moment, in one file.

use super::deed::before;
use super::{file, history, policy};
use crate::cli::{BackupArgs, HistoryArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::session::{Session, no_json};
use crate::view::{Answered, BackupView, VERSION, View, WrittenView};
use serde::Deserialize;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A thousand events of some KiB, and the largest policy.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(args: &BackupArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let backup = take(session).await?;
    let exit = session.exit_of(&backup.answered);
    if exit != Exit::Ok {
        let why = because(&backup.answered);
        return Err(Failure::new(exit, format!("no file was written, for the view is stale: {why}"))
            .hint("with `--stale` that is written down which the node has that answers"));
    }
    write(&args.file, &render::json(&backup).map_err(no_json)?)?;
    let (file, counted) = (args.file.display(), render::counted);
    let says = format!(
        "{file}: {} at log index {}, policy version {}, {}, {}",
        backup.cluster,
        backup.answered.applied,
        backup.policy_version,
        counted(backup.overrides(), "override"),
        counted(backup.events.len(), "event"),
    );
    let mut says = vec![says];
    if !backup.answered.linearizable {
        says.push(format!("it may lack the newest, for the view is stale: {}", because(&backup.answered)));
    }
    let command = "backup".to_owned();
    session.show(&WrittenView { answered: backup.answered, command, says, ..WrittenView::default() })?;
    Ok(Exit::Ok)
}

fn because(answered: &Answered) -> &str {
    answered.stale_because.as_deref().unwrap_or("no quorum confirms its leader")
}

/// Policy and history are asked for one after the other: they belong together if the same was in force before and after.
async fn take(session: &mut Session<'_, '_>) -> Result<BackupView, Failure> {
    let name = "backup";
    let all = HistoryArgs { limit: history::EVENTS_KEPT, ..HistoryArgs::default() };
    let mut found = BackupView::of(&before(name, session).await?);
    loop {
        let policy = policy::in_force(name, session).await?;
        let events = history::ask(&all, name, session).await?.events;
        let after = BackupView::of(&before(name, session).await?);
        if policy.policy_version == 0 {
            let what = "no policy is in force: the cluster is not formed yet; no file was written";
            return Err(Failure::new(Exit::NoQuorum, what).hint("`arbiterctl status` says what it waits for"));
        }
        if after.agrees(&found) && policy.policy_version == after.policy_version {
            return Ok(BackupView { toml: policy.toml, events, ..after });
        }
        found = after;
        if !session.next_look().await {
            let what = "what is in force changes while it is read; no file was written";
            return Err(
                Failure::new(Exit::Failed, what).hint("`arbiterctl history --limit 5` shows who changes it")
            );
        }
    }
}

/// The whole file, or none: on the disk before anybody is told that it is there.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::new(Exit::Failed, format!("can't {what} {}: {error}", path.display()))
    };
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    let mut file = made.map_err(|error| {
        failed("make", error).hint("a file that is there already is never written over: name another")
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a backup is none. If even that can't be removed, `restore` will refuse it.
        drop(std::fs::remove_file(path));
        failed("write", error)
    })
}

/// What tells a backup from other files.
#[derive(Deserialize)]
struct Head {
    version: u32,
    kind: String,
}

/// Reads one.
pub(super) fn read(path: &Path) -> Result<BackupView, Failure> {
    let name = path.display();
    let wrong = |why: String| Failure::new(Exit::Usage, format!("{name} {why}; nothing was asked"));
    let text = file::text(path, FILE_BYTES_MAX)?;
    let no_backup = |error: serde_json::Error| wrong(format!("is no backup: {error}"));
    let head: Head = serde_json::from_str(&text).map_err(no_backup)?;
    if head.kind != BackupView::KIND {
        return Err(wrong(format!("is no backup, but a document of kind `{}`", head.kind)));
    }
    if head.version != VERSION {
        let why = format!("has version {} of its form, and this program knows {VERSION}", head.version);
        return Err(wrong(why).hint("use the `arbiterctl` that wrote it, or a newer one"));
    }
    serde_json::from_str(&text).map_err(no_backup)
}
