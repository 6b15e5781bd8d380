//! Programs of the system, run to their end: `ip`, `nft`, `swanctl`. What they complain about becomes the error.

use anyhow::Context;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// None of these programs takes a second; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a program with `input` on its standard input; gives its standard output.
///
/// # Errors
/// It is not there, fails, or hangs. The error has its name, its arguments and what it said.
pub(super) async fn run(words: &[&str], input: &str) -> anyhow::Result<String> {
    let (program, arguments) = words.split_first().context("a program has a name")?;
    let line = words.join(" ");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("`{program}` can't be started; is its package installed?"))?;
    let mut stdin = child.stdin.take().context("a pipe was asked for")?;
    let talk = async {
        // One that doesn't read its input has its reason, and tells it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = timeout(LIMIT, talk).await.with_context(|| format!("`{line}` hangs"))??;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let to_it = if input.is_empty() { String::new() } else { format!("; its input was:\n{input}") };
    anyhow::bail!("`{line}` failed ({}): {}{to_it}", output.status, said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn input_goes_in_output_comes_out_and_complaints_are_errors() {
        assert_eq!(run(&["cat"], "a\nb\n").await.unwrap(), "a\nb\n");
        let error = run(&["sh", "-c", "echo no >&2; exit 3"], "x").await.unwrap_err().to_string();
        assert!(error.contains("no") && error.contains('3') && error.contains("input was:\nx"), "{error}");
        let error = run(&["no-such-program-here"], "").await.unwrap_err().to_string();
        assert!(error.contains("is its package installed?"), "{error}");
    }
}
