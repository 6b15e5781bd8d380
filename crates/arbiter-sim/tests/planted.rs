//! What docs/safety.md says of the planted bugs.

use arbiter_sim::cluster::PLANTED;

/// A row of the document's table: the bug, the promise that it broke, the seed, and within how many it must be found.
fn rows() -> Vec<Vec<&'static str>> {
    let text = include_str!("../../../docs/safety.md");
    let table = text.lines().skip_while(|line| !line.starts_with("| planted bug |")).skip(2);
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    table.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn the_document_has_every_planted_bug_with_the_seed_that_found_it() {
    let rows = rows();
    assert_eq!(rows.len(), PLANTED.len(), "docs/safety.md has rows of bugs that are gone, or lacks some");
    for (bug, row) in PLANTED.iter().zip(&rows) {
        let [name, says, broke, seed, within] = row[..] else { panic!("{row:?} has not five cells") };
        assert_eq!(name, format!("`{}`", bug.name), "the rows stand as the catalogue does");
        assert_eq!(says, bug.says, "of {name}");
        assert!(
            ["S1", "S2", "S3", "S4", "S5", "S6", "S7", "L1", "L2"].contains(&broke),
            "{name} breaks {broke}"
        );
        let seed: u64 = seed.parse().expect("a seed is a number");
        assert_eq!(within, bug.within.to_string(), "of {name}");
        assert!((1..=bug.within).contains(&seed), "{name} was found by seed {seed}, too late");
    }
}
