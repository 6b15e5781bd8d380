//! `[[gateway]]`, `[[path]]`, `[[route]]`.

use super::check;

#[test]
fn gateways_paths_routes() {
    check(
        r#"node = "gw-1""#,
        r#"node = "gw1""#,
        r#"
f:23:8: error: gateway.node: unknown node `gw1`
    23 | node = "gw1"
       |        ^^^^^
  help: write `gw-1`

1 error
"#,
    );
    check(
        r#"node = "gw-1""#,
        r#"node = "zebra""#,
        r#"
f:23:8: error: gateway.node: unknown node `zebra`
    23 | node = "zebra"
       |        ^^^^^^^
  help: known: `gw-1`, `gw-2`, `witness`

1 error
"#,
    );
    check(
        "node = \"gw-1\"\n",
        "",
        r#"
f:21:1: error: gateway.node: `node` is missing
    21 | [[gateway]]
       | ^^^^^^^^^^^
  help: add `node = "strongswan-1"`

1 error
"#,
    );
    check(
        r#"node = "gw-1""#,
        "node = 1",
        r#"
f:23:8: error: gateway.node: a text is expected here, not the number 1
    23 | node = 1
       |        ^
  help: write `node = "strongswan-1"`

1 error
"#,
    );
    check(
        r#"instance = "i-1""#,
        r#"instance = "eni-1""#,
        r#"
f:25:12: error: gateway.instance: `eni-1` is not the id of an instance
    25 | instance = "eni-1"
       |            ^^^^^^^
  help: its form is that of `i-0a1b2c3d`

1 error
"#,
    );
    check(
        r#"interface = "eni-1""#,
        r#"interface = "ENI-1""#,
        r#"
f:26:13: error: gateway.interface: `ENI-1` is not the id of a network interface
    26 | interface = "ENI-1"
       |             ^^^^^^^
  help: write `eni-1`

1 error
"#,
    );
    check(
        r#"gateway = "gw-1""#,
        r#"gateway = "gw1""#,
        r#"
f:35:11: error: path.gateway: unknown gateway `gw1`
    35 | gateway = "gw1"
       |           ^^^^^
  help: write `gw-1`

1 error
"#,
    );
    check(
        r#"gateway = "gw-1""#,
        "",
        r#"
f:33:1: error: path.gateway: this path leads nowhere: it has neither a gateway nor a target
    33 | [[path]]
       | ^^^^^^^^
  help: add `gateway = "strongswan-1"`, or `target` and `observers` for a path without an instance

1 error
"#,
    );
    check(
        r#"gateway = "gw-1""#,
        "gateway = 1",
        r#"
f:35:11: error: path.gateway: a text is expected here, not the number 1
    35 | gateway = 1
       |           ^
  help: write `gateway = "strongswan-1"`

1 error
"#,
    );
    check(
        r#"gateway = "gw-1""#,
        "gateway = \"gw-1\"\ntarget = \"eni-1\"",
        r#"
f:36:10: error: path.target: a path has a gateway or a target, not both
    36 | target = "eni-1"
       |          ^^^^^^^
  help: leave `target` out: it is the gateway's interface

1 error
"#,
    );
    check(
        r#"gateway = "gw-1""#,
        "target = \"nat-1\"\nobservers = [\"gw-1\", \"gw-2\", \"witnes\"]",
        r#"
f:21:1: warning: gateway: no path uses gateway `gw-1`
    21 | [[gateway]]
       | ^^^^^^^^^^^
  help: leave it out, or use it

f:35:10: error: path.target: `nat-1` is not the id of a target that routes can be given
    35 | target = "nat-1"
       |          ^^^^^^^
  help: its form is that of `eni-0a1b2c3d` or `vgw-0a1b2c3d` or `igw-0a1b2c3d` or `tgw-0a1b2c3d`

f:36:30: error: path.observers: unknown node `witnes`
    36 | observers = ["gw-1", "gw-2", "witnes"]
       |                              ^^^^^^^^
  help: write `witness`

2 errors, 1 warning
"#,
    );
    check(
        r#"paths = ["tunnel-1", "tunnel-2"]"#,
        "",
        r#"
f:39:1: error: route.paths: `paths` is missing
    39 | [[route]]
       | ^^^^^^^^^
  help: add `paths = ["tunnel-1", "tunnel-2"]`

1 error
"#,
    );
    check(
        r#"paths = ["tunnel-1", "tunnel-2"]"#,
        r#"paths = "tunnel-1""#,
        r#"
f:43:9: error: route.paths: a list of texts is expected here, not the text `tunnel-1`
    43 | paths = "tunnel-1"
       |         ^^^^^^^^^^
  help: write `paths = ["tunnel-1"]`

1 error
"#,
    );
    check(
        r#"paths = ["tunnel-1", "tunnel-2"]"#,
        r#"paths = ["tunnel-1", 2]"#,
        r#"
f:43:22: error: route.paths: a list of texts is expected here, not the number 2
    43 | paths = ["tunnel-1", 2]
       |                      ^
  help: write `paths = ["tunnel-1", "tunnel-2"]`

1 error
"#,
    );
    check(
        r#"paths = ["tunnel-1", "tunnel-2"]"#,
        r#"paths = ["tunnel-1", "tunel-2"]"#,
        r#"
f:43:22: error: route.paths: unknown path `tunel-2`
    43 | paths = ["tunnel-1", "tunel-2"]
       |                      ^^^^^^^^^
  help: write `tunnel-2`

1 error
"#,
    );
    check(
        r#"paths = ["tunnel-1", "tunnel-2"]"#,
        r#"paths = ["tunnel-1"]"#,
        r#"
f:36:1: warning: path: no route uses path `tunnel-2`
    36 | [[path]]
       | ^^^^^^^^
  help: leave it out, or use it

f:43:9: warning: route.paths: route `private-1` has one path only: it can never fail over
    43 | paths = ["tunnel-1"]
       |         ^^^^^^^^^^^^
  help: name a second path
"#,
    );
    check(
        r#"destination = "10.10.0.0/16""#,
        r#"destination = "10.10.0.1/16""#,
        r#"
f:42:15: error: route.destination: `10.10.0.1/16` has bits set beyond its prefix
    42 | destination = "10.10.0.1/16"
       |               ^^^^^^^^^^^^^^
  help: write `10.10.0.0/16`

1 error
"#,
    );
    check(
        r#"destination = "10.10.0.0/16""#,
        "destination = \"10.10.0.0/16\"\ndrift = \"ignore\"",
        r#"
f:43:9: error: route.drift: unknown drift `ignore`
    43 | drift = "ignore"
       |         ^^^^^^^^
  help: known: `repair`, `report`

1 error
"#,
    );
}
