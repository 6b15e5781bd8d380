//! The help texts, which are also the reference.

use crate::golden;
use crate::run::bare;

#[test]
fn every_help_text() {
    let all = [
        "",
        "status",
        "routes",
        "members",
        "probes",
        "history",
        "explain",
        "switchover",
        "pause",
        "resume",
        "handover",
    ];
    for name in all {
        let arguments: Vec<&str> = [name, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let ran = bare(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        let name = if name.is_empty() { "arbiterctl" } else { name };
        golden::check(&format!("help/{name}.txt"), &ran.out);
    }
}
