//! Data folders of nodes on file systems of their own, small enough to be filled.

use super::exec;
use anyhow::Context;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Room for the store of some hours of trouble.
const OPTIONS: &str = "size=48m,mode=0700";
/// What takes the room.
const FILLER: &str = "filler";

fn data(home: &Path) -> PathBuf {
    home.join("data")
}

/// Mounts one for the node whose host has this folder, before that host is switched on: a host sees what was there then.
pub(super) async fn mount(home: &Path) -> anyhow::Result<()> {
    let data = data(home);
    std::fs::create_dir_all(&data).with_context(|| format!("{} can't be made", data.display()))?;
    exec::run(&["mount", "-t", "tmpfs", "-o", OPTIONS, "small", &data.display().to_string()], "").await?;
    Ok(())
}

/// Takes it away; nothing if there is none.
pub(super) async fn unmount(home: &Path) -> anyhow::Result<()> {
    let data = data(home);
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts can't be read")?;
    let path = data.display().to_string();
    if mounts.lines().any(|line| line.split(' ').nth(1) == Some(path.as_str())) {
        exec::run(&["umount", "--lazy", &path], "").await?;
    }
    Ok(())
}

/// Puts an empty one in its place: nothing of what it held is left.
pub(super) fn empty(home: &Path) -> anyhow::Result<()> {
    let data = data(home);
    let entries = std::fs::read_dir(&data).with_context(|| format!("{} can't be read", data.display()))?;
    for entry in entries {
        let path = entry?.path();
        let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        gone.with_context(|| format!("{} can't be removed", path.display()))?;
    }
    Ok(())
}

/// Takes all of its room, to the last byte.
pub(super) fn fill(home: &Path) -> anyhow::Result<()> {
    let path = data(home).join(FILLER);
    let filler = File::options().create(true).append(true).open(&path);
    // A disk may be too full for another file's name.
    let mut filler = match filler {
        Ok(filler) => filler,
        Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} can't be made", path.display())),
    };
    for block in [[0; 65_536].as_slice(), &[0; 512], &[0]] {
        loop {
            match filler.write_all(block) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => {
                    return Err(error).with_context(|| format!("{} can't be written", path.display()));
                }
            }
        }
    }
    Ok(())
}

/// Gives the room back.
pub(super) fn free(home: &Path) -> anyhow::Result<()> {
    let path = data(home).join(FILLER);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} can't be removed", path.display()))
        }
        _ => Ok(()),
    }
}
