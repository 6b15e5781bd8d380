//! The model in small: worlds and clauses that are explored within seconds, without optimisation. `scripts/test` runs
//! the whole slice.

use arbiter_sim::model::bounds::{Bounds, Setting};
use arbiter_sim::model::clause::{CLAUSES, Clause, LeftOut};
use arbiter_sim::model::report::{explore_sound, leave_out};
use std::collections::BTreeSet;

fn clause(name: &str) -> &'static Clause {
    CLAUSES.iter().find(|clause| clause.name == name).expect("the catalogue has it")
}

#[test]
fn small_worlds_keep_every_promise() {
    let small = [
        Bounds::routes(0, 1, 1),
        Bounds::routes(1, 0, 1),
        Bounds { pauses: 1, ..Bounds::instances(0, 0, 1, 1) },
        Bounds { setting: Setting::LateStops, ..Bounds::instances(0, 0, 1, 1) },
        Bounds { policies: 1, setting: Setting::Drops, ..Bounds::instances(0, 0, 1, 1) },
    ];
    for bounds in small {
        let worlds = explore_sound(bounds);
        assert!(worlds.ok, "{bounds}: {:?}", worlds.broken);
        assert!(worlds.states > 50, "{bounds}: {} worlds only", worlds.states);
    }
}

/// These need no switch of the core: it is the process that does wrong.
#[test]
fn habits_that_break_a_promise_soon_are_found() {
    for name in [
        "epoch.same-term-restart",
        "dispatch.accepted-only",
        "dispatch.ends-at-timeout",
        "ending.after-the-call",
        "ending.no-answer-is-not-failed",
        "ending.nothing-sent-afterwards",
        "pause.quiet",
        "pause.names-open-remediation",
    ] {
        let missed = leave_out(clause(name));
        assert!(missed.counterexample_steps.is_some(), "{name} is not missed in {} worlds", missed.states);
    }
}

#[test]
fn a_counterexample_is_the_shortest_and_can_be_read() {
    let missed = leave_out(clause("dispatch.accepted-only"));
    assert_eq!(missed.counterexample_steps, Some(3));
    assert_eq!(
        missed.counterexample,
        [
            "node 0 appends: Intent 2.1: route → tunnel-2",
            "node 0 finds intent 2.1 in time, and is about to send",
            "node 0 sends the call of intent 2.1: route → tunnel-2",
            "S2: the call of intent 2.1 is sent, which is not committed",
        ]
    );
}

#[test]
fn names_stand_once_and_no_switch_of_the_core_is_without_a_clause() {
    let names: BTreeSet<_> = CLAUSES.iter().map(|clause| clause.name).collect();
    assert_eq!(names.len(), CLAUSES.len());
    let used: BTreeSet<_> = CLAUSES
        .iter()
        .filter_map(|clause| match clause.left_out {
            LeftOut::Guard(bug) => Some(format!("{bug:?}")),
            LeftOut::Habit(_) => None,
        })
        .collect();
    let source = include_str!("../../arbiter-core/src/planted.rs");
    let body = source.split("pub enum Bug {").nth(1).and_then(|rest| rest.split("\n}").next());
    let switches: BTreeSet<_> = body
        .expect("the switches are listed")
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','))
        .filter(|line| !line.starts_with("///"))
        .map(String::from)
        .collect();
    assert!(switches.len() > 20, "the list was read: {switches:?}");
    // What the model has no clause for, the simulation must find.
    let simulated = include_str!("../src/cluster/planted/catalogue.rs");
    let unused: Vec<_> = switches
        .iter()
        .filter(|bug| !used.contains(*bug) && !simulated.contains(&format!("Guard(Bug::{bug})")))
        .collect();
    assert!(unused.is_empty(), "neither the model nor the simulation plants {unused:?}");
    assert!(used.is_subset(&switches));
}

#[test]
fn the_document_has_every_clause_with_its_bug() {
    let text = include_str!("../../../docs/safety.md");
    for clause in CLAUSES {
        let bug = match clause.left_out {
            LeftOut::Guard(bug) => format!("guard `{bug:?}`"),
            LeftOut::Habit(habit) => format!("habit `{habit:?}`"),
        };
        let row = format!("| `{}` | {bug} |", clause.name);
        assert!(text.contains(&row), "docs/safety.md lacks the row {row}");
    }
    let rows = text.lines().filter(|line| line.contains("| guard `") || line.contains("| habit `")).count();
    assert_eq!(rows, CLAUSES.len(), "docs/safety.md has rows of clauses that are gone");
}

#[cfg(feature = "planted")]
#[test]
fn guards_that_break_a_promise_soon_are_found() {
    let quick = |clause: &&Clause| {
        let Bounds { elections, .. } = clause.bounds;
        matches!(clause.left_out, LeftOut::Guard(_)) && elections == 0
    };
    let mut tried = 0;
    for clause in CLAUSES.iter().filter(quick) {
        let missed = leave_out(clause);
        assert!(missed.counterexample_steps.is_some(), "{} is not missed", clause.name);
        tried += 1;
    }
    assert!(tried > 15, "only {tried} guards were tried");
}

/// What is built with the workspace can't be switched.
#[cfg(not(feature = "planted"))]
#[test]
fn without_the_feature_no_guard_can_be_left_out() {
    for clause in CLAUSES.iter().filter(|clause| matches!(clause.left_out, LeftOut::Guard(_))) {
        let missed = leave_out(clause);
        assert_eq!((missed.counterexample_steps, missed.states), (None, 0), "{}", clause.name);
    }
}
