//! Waiting for what shall be seen: looking again and again, with an end to it, and saying meanwhile what is missing.

use crate::demo::scene::Not;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How patiently to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For so long. Generous where it is going to happen: the wait ends as soon as it has happened.
    pub longest: Duration,
    /// How often to say what is waited for.
    pub tell_every: Duration,
}

/// Looks until something is seen; fails when it never is, with what was missing last. After each look that did not end
/// it, `check` says whether everything that should run still does.
pub(crate) async fn until<T>(
    what: &str,
    patience: Patience,
    say: impl Fn(&str),
    mut look: impl FnMut() -> anyhow::Result<Result<T, Not>>,
    check: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience.longest;
    let mut tell = Instant::now() + patience.tell_every;
    loop {
        match look()? {
            Ok(seen) => return Ok(seen),
            Err(Not::Ever(wrong)) => anyhow::bail!("{what}: {wrong}"),
            Err(Not::Yet(missing)) if Instant::now() >= deadline => {
                anyhow::bail!("{what}: not seen within {} s: {missing}", patience.longest.as_secs());
            }
            Err(Not::Yet(missing)) if Instant::now() >= tell => {
                say(&format!("still waiting ({what}): {missing}"));
                tell = Instant::now() + patience.tell_every;
            }
            Err(Not::Yet(_)) => {}
        }
        check().await?;
        sleep(LOOK_EVERY).await;
    }
}

/// Looks for a while at what must go on holding.
pub(crate) async fn hold(
    how_long: Duration,
    mut look: impl FnMut() -> anyhow::Result<Result<(), String>>,
    check: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let end = Instant::now() + how_long;
    while Instant::now() < end {
        look()?.map_err(anyhow::Error::msg)?;
        check().await?;
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
