//! The file as a whole, and its small sections.

use super::check;

#[test]
fn the_format() {
    check(
        "version = 1",
        "",
        r#"
f: error: version: `version` is missing
  help: add `version = 1`

1 error
"#,
    );
    check(
        "version = 1",
        "version = 2",
        r#"
f:1:11: error: version: version 2 of this file's format is not known here
     1 | version = 2
       |           ^
  help: write `version = 1`, or use the release that the file was written for

1 error
"#,
    );
    check(
        "version = 1",
        r#"version = "1""#,
        r#"
f:1:11: error: version: a whole number is expected here, not the text `1`
     1 | version = "1"
       |           ^^^
  help: write `version = 1`

1 error
"#,
    );
    check(
        r#"name = "vpn""#,
        r#"name = "vpn"#,
        r#"
f:3:12: error: this is not TOML: invalid basic string, expected `"`
     3 | name = "vpn
       |            ^

1 error
"#,
    );
    check(
        "[[gateway]]",
        "[gateway]",
        r#"
f:27:3: error: this is not TOML: duplicate key
    27 | [[gateway]]
       |   ^^^^^^^
  help: a key stands once in its table; tables that repeat are written as in `[[node]]`, all of them

1 error
"#,
    );
    check(
        "id = 2",
        "id = 2\nid = 4",
        r#"
f:13:1: error: this is not TOML: duplicate key
    13 | id = 4
       | ^^
  help: a key stands once in its table; tables that repeat are written as in `[[node]]`, all of them

1 error
"#,
    );
    check(
        "[cluster]",
        "[custer]",
        r#"
f:2:2: error: unknown key `custer`
     2 | [custer]
       |  ^^^^^^
  help: write `cluster`

1 error
"#,
    );
    check(
        "[cluster]\nname = \"vpn\"",
        "",
        r#"
f: error: cluster: the section `[cluster]` is missing
  help: add `[cluster]`, and below it `name = "vpn"`

1 error
"#,
    );
    check(
        "[cluster]\nname = \"vpn\"",
        r#"cluster = "vpn""#,
        r#"
f:2:11: error: cluster: a table is expected here, not the text `vpn`
     2 | cluster = "vpn"
       |           ^^^^^
  help: write `[cluster]`, and its keys below

1 error
"#,
    );
    check(
        r#"name = "vpn""#,
        "",
        r#"
f:2:1: error: cluster.name: `name` is missing
     2 | [cluster]
       | ^^^^^^^^^
  help: add `name = "vpn"`

1 error
"#,
    );
    check(
        "[log]",
        "[metrics]\nport = 1\n[log]",
        r#"
f:67:2: error: unknown key `metrics`
    67 | [metrics]
       |  ^^^^^^^
  help: known: `version`, `cluster`, `raft`, `node`, `gateway`, `path`, `route`, `probe`, `timing`, `remediation`, `linux`, `follow`, `tls`, `ec2`, `log`

1 error
"#,
    );
    check(
        "[timing]",
        "[timing]\nburst = 5",
        r#"
f:63:1: error: timing: unknown key `burst`
    63 | burst = 5
       | ^^^^^
  help: known: `clock_rate_error_ppm`, `report_interval`, `report_stale_after`, `unknown_grace`, `failback_after`, `failback_max`, `flap_decay`, `freeze_window`, `freeze_for`, `reconcile_interval`, `drift_grace`, `drift_window`, `dispatch_window`, `call_timeout`, `stall_allowance`, `freeze_moves`, `drift_repairs`

1 error
"#,
    );
    check(
        "[[route]]",
        "[route]",
        r#"
f:39:1: error: route: repeated tables are expected here, not a table
    39 | [route]
       | ^^^^^^^
  help: write `[[route]]`

1 error
"#,
    );
    check(
        "version = 1",
        "version = 1\nroute = 3",
        r#"
f:40:3: error: this is not TOML: duplicate key
    40 | [[route]]
       |   ^^^^^
  help: a key stands once in its table; tables that repeat are written as in `[[node]]`, all of them

1 error
"#,
    );
    check(
        "[raft]",
        "[rfat]",
        r#"
f:4:2: error: unknown key `rfat`
     4 | [rfat]
       |  ^^^^
  help: write `raft`

1 error
"#,
    );
}

#[test]
fn local_sections() {
    check(
        "[ec2]",
        "[ec2]\nendpoint = \"ec2.internal\"",
        r#"
f:67:12: error: ec2.endpoint: `ec2.internal` is not the URL of an endpoint
    67 | endpoint = "ec2.internal"
       |            ^^^^^^^^^^^^^^
  help: write it as in `https://ec2.cn-north-1.amazonaws.com.cn`

1 error
"#,
    );
    check(
        "[ec2]",
        "[ec2]\nregion = \"CN North\"",
        r#"
f:67:10: error: ec2.region: `CN North` is not the name of a region
    67 | region = "CN North"
       |          ^^^^^^^^^^
  help: write it as in `cn-north-1`

1 error
"#,
    );
    check(
        r#"format = "text""#,
        r#"format = "jsno""#,
        r#"
f:68:10: error: log.format: unknown format `jsno`
    68 | format = "jsno"
       |          ^^^^^^
  help: write `json`

1 error
"#,
    );
    check(
        r#"format = "text""#,
        "filter = 3",
        r#"
f:68:10: error: log.filter: a text is expected here, not the number 3
    68 | filter = 3
       |          ^
  help: write `filter = "info"`

1 error
"#,
    );
}
