//! What the kernel tells of a process: its memory and its time on a processor.

use anyhow::Context;

/// Linux tells programs of processor time in hundredths of a second, whatever it counts in itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory, in bytes.
///
/// # Errors
/// There is no such process any more.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024)
}

/// Time on a processor since its start, in seconds: its own, and the kernel's for it.
///
/// # Errors
/// There is no such process any more.
pub(crate) fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = read(pid, "stat")?;
    // The second field is the name in brackets, which may contain anything.
    let (_, fields) = stat.rsplit_once(')').context("no name in brackets")?;
    let ticks = |index: usize| -> anyhow::Result<f64> {
        let word = fields.split_whitespace().nth(index).context("too few fields")?;
        Ok(word.parse::<f64>()?)
    };
    // utime and stime are fields 14 and 15; the first one here is field 3.
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).with_context(|| format!("{path} can't be read: the process has ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_spends_time() {
        let own = std::process::id();
        assert!(resident_bytes(own).unwrap() > 100 * 1_024);
        let before = processor_seconds(own).unwrap();
        let mut sum = 0_u64;
        // Bounded: thirty seconds of spinning are more than any scheduler forgets.
        let start = tokio::time::Instant::now();
        while processor_seconds(own).unwrap() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
            assert!(start.elapsed().as_secs() < 30, "no time was counted");
        }
        assert!(resident_bytes(u32::MAX).is_err());
    }
}
