//! Takes out of a printed page what differs from run to run, so that two runs of one step read the same.

use regex_lite::Regex;
use std::sync::LazyLock;

/// So many of the newest entries of a history are kept: a move, and how its call ended.
const ENTRIES_KEPT: usize = 2;

/// What is replaced, by what, in this order.
static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let rules = [
        // Whether the leader has come to examine the nodes yet is a question of time.
        (r"EXAMINED .*\n", ""),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "WHEN"),
        // 250ms, 3.2s, 2h10m
        (r"\b\d+(\.\d+)?(ms|s|m|h|d)(\d+(s|m|h))*\b", "TIME"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"\b(term|epoch|log index) \d+\b", "$1 N"),
        (r"\b(intent|LAST CALL|UNSETTLED) +\d+\.\d+\b", "$1 N"),
        (r"\(\d+\.\d+, for TIME\)", "(N, for TIME)"),
        // Who led when an old entry was written may have been chance.
        (r", by (strongswan-1|strongswan-2|witness)\n", ", by ONE-OF-THEM\n"),
        // It decays within seconds in the demo.
        (r"; \d+ failovers? (is|are) remembered, which lengthens? that time", ""),
        // Columns are as wide as the times in them.
        (r"(\S)  +", "$1  "),
        (r" +(\n|$)", "$1"),
    ];
    let compiled = rules.map(|(pattern, by)| Regex::new(pattern).map(|regex| (regex, by)));
    // A pattern that is none would be left out: the test below counts them.
    compiled.into_iter().flatten().collect()
});

/// The page without what differs from run to run. Of a history only the newest entries stay.
pub(super) fn redacted(page: &str) -> String {
    let text =
        RULES.iter().fold(page.to_owned(), |text, (regex, by)| regex.replace_all(&text, *by).into_owned());
    newest_entries(&text)
}

/// The page, with a leader that chance has chosen called so where it is named as one.
pub(super) fn without_leader(page: &str, leader: &str) -> String {
    let named = [("LEADER  ", ","), ("of ", " at WHEN")];
    named.into_iter().fold(page.to_owned(), |text, (before, after)| {
        text.replace(&format!("{before}{leader}{after}"), &format!("{before}THE-LEADER{after}"))
    })
}

/// Cuts the oldest entries off the history of `explain`.
fn newest_entries(page: &str) -> String {
    const HEADING: &str = "BEFORE, newest last\n";
    let Some((head, rest)) = page.split_once(HEADING) else { return page.to_owned() };
    let (history, tail) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let lines: Vec<_> = history.lines().collect();
    let begins = |line: &str| line.starts_with("  WHEN");
    let starts: Vec<_> = (0..lines.len()).filter(|i| begins(lines[*i])).collect();
    let from = starts[starts.len().saturating_sub(ENTRIES_KEPT)..].first().copied().unwrap_or(0);
    format!("{head}{HEADING}{}\n\n{tail}", lines[from..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_replaced_and_what_matters_stays() {
        assert_eq!(RULES.len(), 11, "every pattern is one");
        for (page, expected) in [
            ("FOR    EC2\n2m11s  eni-2d75e606\n", "FOR  EC2\nTIME  eni-2d75e606\n"),
            ("called at +12ms: under way", "called at +TIME: under way"),
            ("LAST CALL  17.4 private-1: tunnel-1", "LAST CALL N private-1: tunnel-1"),
            ("nobody knows yet (17.4, for 118ms)", "nobody knows yet (N, for TIME)"),
            ("witness, term 3, epoch 17; 3 of 3 voters", "witness, term N, epoch N; 3 of 3 voters"),
            ("EXAMINED   3 nodes, 4.1s ago: nothing found\nCLUSTER    demo\n", "CLUSTER  demo\n"),
            ("private-1: 10.10.0.0/16 in rtb-468f5222", "private-1: 10.10.0.0/16 in rtb-468f5222"),
            ("intent N, rule failover, by witness\n", "intent N, rule failover, by ONE-OF-THEM\n"),
            ("stopped; 1 failover is remembered, which lengthens that time", "stopped"),
            ("at 2026-01-31 09:00:00Z, applied up to log index 431", "at WHEN, applied up to log index N"),
        ] {
            assert_eq!(redacted(page), expected);
        }
    }

    #[test]
    fn of_a_history_the_newest_entries_stay() {
        let page =
            "A\nBEFORE, newest last\n  WHEN 1\n      x\n  WHEN 2\n      y\n  WHEN 3\n      z\n\nVIEW\n";
        assert_eq!(redacted(page), "A\nBEFORE, newest last\n  WHEN 2\n      y\n  WHEN 3\n      z\n\nVIEW\n");
    }

    #[test]
    fn a_leader_by_chance_keeps_its_name_as_a_gateway() {
        let page = "LEADER  strongswan-2, term N\nstrongswan-2  Up\nVIEW  of strongswan-2 at WHEN\n";
        let expected = "LEADER  THE-LEADER, term N\nstrongswan-2  Up\nVIEW  of THE-LEADER at WHEN\n";
        assert_eq!(without_leader(page, "strongswan-2"), expected);
    }
}
