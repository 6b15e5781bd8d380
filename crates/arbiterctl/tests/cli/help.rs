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
        "doctor",
        "history",
        "events",
        "explain",
        "switchover",
        "pause",
        "resume",
        "handover",
        "drain",
        "undrain",
        "pin",
        "unpin",
        "mode",
        "gateway",
        "gateway replace",
        "gateway restart",
        "member",
        "member readmit",
        "policy",
        "policy show",
        "policy diff",
        "policy apply",
        "policy history",
        "completions",
    ];
    for name in all {
        let arguments: Vec<&str> = name.split_whitespace().chain(["--help"]).collect();
        let ran = bare(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        let name = if name.is_empty() { "arbiterctl".to_owned() } else { name.replace(' ', "-") };
        golden::check(&format!("help/{name}.txt"), &ran.out);
    }
}
