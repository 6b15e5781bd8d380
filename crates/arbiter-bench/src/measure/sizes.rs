//! The programs' sizes.

use super::Run;
use crate::sheet::{Sheet, mib};
use anyhow::Context;

pub(crate) fn measure(run: &Run, sheet: &mut Sheet) -> anyhow::Result<()> {
    for (id, name) in [("size.arbiterd", "arbiterd"), ("size.arbiterctl", "arbiterctl")] {
        let path = run.bin_dir.join(name);
        let file = std::fs::metadata(&path)
            .with_context(|| format!("{} is not there; scripts/bench builds it", path.display()))?;
        sheet.put(id, mib(file.len()), "the file");
    }
    Ok(())
}
