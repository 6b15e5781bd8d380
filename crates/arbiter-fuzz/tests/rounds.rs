//! Some rounds of every target; and bugs planted in a target are found, whatever they do to the process.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use arbiter_fuzz::driver;
use arbiter_fuzz::targets::{PLANTED, TARGETS};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Rounds of a target of cost 1. All of them together take some seconds, unoptimized.
const ROUNDS: &str = "2000";

/// Seconds that one input may take: the slowest takes one, and the machine may have much else to do.
const PATIENCE: &str = "120";

fn fuzz(arguments: &[&str], out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbiter-fuzz"));
    command.args(["run", "--json", "--out"]).arg(out).args(arguments).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

#[test]
fn no_input_breaks_a_target() {
    let out = tempfile::tempdir().unwrap();
    let output = fuzz(&["--rounds", ROUNDS, "--patience", PATIENCE], out.path());
    let report = report(&output);
    assert!(output.status.success() && report["ok"] == true, "{}", String::from_utf8_lossy(&output.stderr));
    let targets = report["targets"].as_array().unwrap();
    let names: Vec<&str> = targets.iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(names, TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
    for (told, target) in targets.iter().zip(TARGETS) {
        // Inputs that are all refused at the door would say little.
        let (rounds, taken) = (told["rounds"].as_u64().unwrap(), told["taken"].as_u64().unwrap());
        assert!(rounds > 0 && taken * 20 >= rounds, "{}: {taken} of {rounds} inputs are taken", target.name);
    }
}

#[test]
fn every_target_has_seeds_that_it_takes() {
    for target in TARGETS {
        let seeds = driver::seeds(target).unwrap();
        let taken = seeds.iter().filter(|seed| (target.run)(seed) == arbiter_fuzz::Seen::Taken).count();
        assert!(taken > 0, "none of the {} seeds of {} is taken", seeds.len(), target.name);
    }
}

#[test]
fn every_kind_of_bug_is_found_and_its_input_kept() {
    for planted in PLANTED {
        let out = tempfile::tempdir().unwrap();
        let arguments = ["--rounds", "3000", "--patience", "3", "--target", planted.name];
        let output = fuzz(&arguments, out.path());
        let report = report(&output);
        assert!(!output.status.success() && report["ok"] == false, "{} is not found", planted.name);
        let crash = &report["targets"][0]["crash"];
        let input = std::fs::read(crash["input"].as_str().unwrap()).unwrap();
        let mark = input.windows(4).any(|window| window == b"mark");
        assert!(mark, "{}: the input that was kept is not the one that did it", planted.name);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let round = format!("round {} of seed 1", crash["round"]);
        assert!(words.contains(planted.name) && words.contains(&round), "{words}");
    }
}
