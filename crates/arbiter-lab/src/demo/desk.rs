//! The operator's desk: what `arbiterctl status` and `arbiterctl explain private-1` say in each step, as they are
//! really printed, held against the pages of `golden/steps`.
//!
//! A reader of those pages alone must be able to say whether traffic is right, who decides, what happened, why, and
//! what to do. So they are written to be read, and a change of them is a change to be looked at. They are made anew by
//! `scripts/demo --bless crates/arbiter-lab/golden/steps`.

use super::cluster::{Addresses, GATEWAY_1, Node};
use super::outcome::Step;
use super::redact::{redacted, without_leader};
use crate::seeing::LOOK_EVERY;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// How long a page may take to say what it shall. Alarms come and go within seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// A page that is blessed has read the same for so many looks: it is no passing moment.
const STEADY_LOOKS: usize = 6;
/// One command; it answers within milliseconds.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// The questions of every step.
const QUESTIONS: [&[&str]; 2] = [&["status"], &["explain", GATEWAY_1.route]];

/// The page of a step; none for the old way, which has no desk.
const fn golden(step: Step) -> Option<&'static str> {
    Some(match step {
        Step::Start => include_str!("../../golden/steps/start.txt"),
        Step::TunnelCut => include_str!("../../golden/steps/tunnel-cut.txt"),
        Step::TunnelHeal => include_str!("../../golden/steps/tunnel-heal.txt"),
        Step::GatewayDead => include_str!("../../golden/steps/gateway-dead.txt"),
        Step::GatewayRestart => include_str!("../../golden/steps/gateway-restart.txt"),
        Step::GatewayHome => include_str!("../../golden/steps/gateway-home.txt"),
        Step::LeaderKilled => include_str!("../../golden/steps/leader-killed.txt"),
        Step::LineCut => include_str!("../../golden/steps/line-cut.txt"),
        Step::LineCutOld => return None,
    })
}

/// `arbiterctl`, and where the nodes are.
#[derive(Debug)]
pub(super) struct Desk {
    program: PathBuf,
    endpoints: String,
    /// Pages are written there, instead of being held against those that are known.
    bless: Option<PathBuf>,
}

impl Desk {
    pub fn new(bin_dir: &Path, addresses: &Addresses, bless: Option<PathBuf>) -> anyhow::Result<Self> {
        let program = bin_dir.join("arbiterctl");
        anyhow::ensure!(program.is_file(), "{} is not there; `scripts/demo` builds it", program.display());
        let endpoints: Vec<_> = addresses.listen.values().map(ToString::to_string).collect();
        Ok(Self { program, endpoints: endpoints.join(","), bless })
    }

    /// Reads the pages of a step until they say what they shall. `by_chance`: a leader that was elected by chance.
    pub async fn read(&self, step: Step, by_chance: Option<Node>) -> anyhow::Result<()> {
        let known = golden(step).with_context(|| format!("{} has no page", step.name()))?;
        if let Some(folder) = &self.bless {
            let text = self.steady(by_chance).await?;
            let path = folder.join(format!("{}.txt", step.name()));
            return std::fs::write(&path, text)
                .with_context(|| format!("{} can't be written", path.display()));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.page(by_chance).await?;
            if text == known {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "arbiterctl does not say what golden/steps/{}.txt shows (- wanted, + said):\n{}",
                step.name(),
                difference(known, &text)
            );
            sleep(LOOK_EVERY).await;
        }
    }

    /// A page that has read the same for a while.
    async fn steady(&self, by_chance: Option<Node>) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let (mut newest, mut looks) = (String::new(), 0);
        while looks < STEADY_LOOKS {
            anyhow::ensure!(Instant::now() < deadline, "the page goes on changing:\n{newest}");
            let text = self.page(by_chance).await?;
            looks = if text == newest { looks + 1 } else { 0 };
            newest = text;
            sleep(LOOK_EVERY).await;
        }
        Ok(newest)
    }

    /// All that the questions bring, with their exit codes, without what differs from run to run.
    async fn page(&self, by_chance: Option<Node>) -> anyhow::Result<String> {
        let mut page = String::new();
        for words in QUESTIONS {
            let asked = tokio::time::timeout(COMMAND_TIMEOUT, self.command(words).output());
            let name = words.join(" ");
            let said = asked.await.with_context(|| format!("arbiterctl {name} does not end"))?;
            let said = said.with_context(|| format!("{} can't be run", self.program.display()))?;
            let code = said.status.code().with_context(|| format!("arbiterctl {name} was killed"))?;
            let text = redacted(&String::from_utf8_lossy(&said.stdout));
            let text = by_chance.map_or_else(|| text.clone(), |leader| without_leader(&text, leader.name()));
            page += &format!("$ arbiterctl {name}      # exit code {code}\n\n{text}\n");
        }
        Ok(page)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("ARBITER_ENDPOINT", &self.endpoints)
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// The lines that only one of the two has, in the order in which they stand there.
fn difference(known: &str, said: &str) -> String {
    let only = |mark: &str, a: &str, b: &str| {
        let there: Vec<_> = b.lines().collect();
        a.lines()
            .filter(|line| !there.contains(line))
            .map(|line| format!("{mark} {line}\n"))
            .collect::<String>()
    };
    format!("{}{}", only("-", known, said), only("+", said, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_answers_the_five_questions() {
        let mut pages = 0;
        for step in Step::ALL {
            let Some(page) = golden(step) else { continue };
            pages += 1;
            let says = |word: &str| page.lines().any(|line| line.starts_with(word));
            for (question, word) in [
                ("is traffic right", "TRAFFIC"),
                ("who decides", "LEADER"),
                ("what happened", "BEFORE"),
                ("why", "WHY"),
                ("what to do", "ALARMS"),
                ("whose word is it", "VIEW"),
            ] {
                assert!(says(word), "{}: {question}?\n{page}", step.name());
            }
            let alarms = page.lines().filter(|line| is_alarm(line)).count();
            let remedies = page.lines().filter(|line| line.starts_with("            do: ")).count();
            assert_eq!(alarms, remedies, "{}: every alarm says what to do\n{page}", step.name());
        }
        assert_eq!(pages, Step::ALL.len() - 1, "all steps but the old way");
    }

    fn is_alarm(line: &str) -> bool {
        ["  critical  ", "  warning  ", "  info  "].iter().any(|severity| line.starts_with(severity))
    }

    #[test]
    fn what_differs_is_shown() {
        assert_eq!(difference("a\nb\n", "a\nc\n"), "- b\n+ c\n");
        assert_eq!(difference("a\n", "a\n"), "");
    }
}
