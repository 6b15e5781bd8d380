//! A file that is nothing but problems costs what it is long, not the square of it.

use arbiter_config::{Refused, parse_policy};
use arbiter_core::policy::Severity;
use std::path::Path;

fn refused(text: &str) -> Refused {
    parse_policy(Path::new("cluster.toml"), text).expect_err("it is nothing but problems")
}

#[test]
fn a_line_without_end_is_not_repeated_with_each_of_its_problems() {
    let text = format!("version = 1\nroute = [{}]\n", "{},".repeat(20_000));
    let refused = refused(&text);
    let words = refused.to_string();
    assert!(refused.problems.len() < 2_000 && words.len() < 1_000_000, "{} bytes of words", words.len());
    assert!(words.contains("there are more problems of this kind"), "{}", &words[words.len() - 500..]);
    assert!(words.contains("20000 tables are too many"), "what was not read is said");
}

#[test]
fn errors_that_are_not_kept_still_refuse_the_file() {
    let warnings = refused("").problems.iter().filter(|it| it.severity == Severity::Warning).count();
    let keys: String = (0..5_000).map(|key| format!("unknown_{key} = 1\n")).collect();
    let refused = refused(&keys);
    let errors = refused.problems.iter().filter(|it| it.severity == Severity::Error).count();
    assert!(errors == 1_000 && warnings < 1_000, "{errors} errors");
}

#[test]
fn a_list_without_end_is_not_read_to_its_end() {
    let observers = "\"x\",".repeat(50_000);
    let text = format!("version = 1\n[[probe]]\nname = \"p\"\nobservers = [{observers}]\n");
    let refused = refused(&text);
    assert!(refused.to_string().contains("50000 texts are too many"), "{refused}");
}
