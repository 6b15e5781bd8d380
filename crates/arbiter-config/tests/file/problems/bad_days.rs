//! The bad days of whoever writes the file: what is said of each, whole. More of their kind is in the files beside.

use super::check;
use arbiter_core::bad_days::bad_day;

#[test]
fn an_unknown_key_is_refused() {
    bad_day("unknown-key");
    check(
        r#"interval = "100ms""#,
        "interval_ms = \"100ms\"",
        r#"
f:61:1: error: probe: unknown key `interval_ms`
    61 | interval_ms = "100ms"
       | ^^^^^^^^^^^
  help: write `interval`

1 error
"#,
    );
}

#[test]
fn a_wrong_unit_is_refused() {
    bad_day("wrong-unit");
    check(
        r#"interval = "100ms""#,
        "interval = \"100 msec\"",
        r#"
f:61:12: error: probe.interval: `100 msec` is not a duration
    61 | interval = "100 msec"
       |            ^^^^^^^^^^
  help: write `"100ms"`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "interval = 100",
        r#"
f:61:12: error: probe.interval: the duration 100 has no unit
    61 | interval = 100
       |            ^^^
  help: write `"100ms"` or `"100s"`, whichever is meant

1 error
"#,
    );
    // The unit is known, and a thousand times what can be meant.
    check(
        r#"interval = "100ms""#,
        "interval = \"100s\"",
        r#"
f:61:12: error: probe.interval: 100s is not between 20ms and 1m
    61 | interval = "100s"
       |            ^^^^^^
  help: the nearest allowed is `1m`

1 error
"#,
    );
}

#[test]
fn an_unknown_reference_is_refused() {
    bad_day("unknown-reference");
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
}

#[test]
fn a_duplicate_id_is_refused() {
    bad_day("duplicate-id");
    check(
        "id = 2\n",
        "id = 1\n",
        r#"
f:12:6: error: node.id: node `gw-1` already has the id 1
    12 | id = 1
       |      ^
  help: write `id = 2`, if no node ever had it

1 error
"#,
    );
    check(
        r#"instance = "i-2""#,
        r#"instance = "i-1""#,
        r#"
f:31:12: error: gateway.instance: gateway `gw-1` already has instance `i-1`
    31 | instance = "i-1"
       |            ^^^^^
  help: each has its own

1 error
"#,
    );
    check(
        r#"name = "far-2""#,
        r#"name = "far-1""#,
        r#"
f:49:8: error: probe.name: two probes are named `far-1`
    49 | name = "far-1"
       |        ^^^^^^^
  help: name this one `far-1-2`, for example

1 error
"#,
    );
    check(
        "[[route]]",
        "[[route]]\nname = \"private-0\"\ntable = \"rtb-1\"\ndestination = \"10.10.0.0/16\"\npaths = [\"tunnel-2\"]\n[[route]]",
        r#"
f:43:9: warning: route.paths: route `private-0` has one path only: it can never fail over
    43 | paths = ["tunnel-2"]
       |         ^^^^^^^^^^^^
  help: name a second path

f:47:15: error: route.destination: route `private-0` already keeps `10.10.0.0/16` in `rtb-1`
    47 | destination = "10.10.0.0/16"
       |               ^^^^^^^^^^^^^^
  help: two routes can't own one entry of a table: leave one out

1 error, 1 warning
"#,
    );
}

#[test]
fn an_even_number_of_nodes_is_warned_of() {
    bad_day("even-number-of-nodes");
    check(
        "[[gateway]]",
        "[[node]]\nid = 4\nname = \"witness-2\"\nzone = \"d\"\naddress = \"10.0.4.1:7400\"\n[[gateway]]",
        r#"
f:6:1: warning: node: 4 nodes survive no more failures than 3
     6 | [[node]]
       | ^^^^^^^^
  help: an odd number: add a witness or leave one out
"#,
    );
}

#[test]
fn one_zone_with_the_majority_is_warned_of() {
    bad_day("majority-in-one-zone");
    check(
        r#"zone = "c""#,
        r#"zone = "b""#,
        r#"
f:19:8: warning: node.zone: zone `b` holds 2 of 3 nodes: when it fails, all failover ends
    19 | zone = "b"
       |        ^^^
  help: move nodes until no zone holds more than 1
"#,
    );
}

#[test]
fn a_route_without_paths_is_refused() {
    bad_day("route-without-paths");
    check(
        r#"paths = ["tunnel-1", "tunnel-2"]"#,
        "paths = []",
        r#"
f:43:9: error: route.paths: route `private-1` has no paths
    43 | paths = []
       |         ^^
  help: name its paths, best first, as in `paths = ["tunnel-1", "tunnel-2"]`

1 error
"#,
    );
}

#[test]
fn the_same_address_twice_is_refused() {
    bad_day("same-address-twice");
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "10.0.2.1:7400""#,
        r#"
f:20:11: error: node.address: node `gw-2` already has the address `10.0.2.1:7400`
    20 | address = "10.0.2.1:7400"
       |           ^^^^^^^^^^^^^^^
  help: each node has its own

1 error
"#,
    );
    // As one node sees the others: the second at the first's address, and one at its own.
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nreach = { gw-1 = \"10.0.2.1:7400\", gw-2 = \"10.0.2.2:7400\" }",
        "",
    );
    for (reached, whose) in [("10.0.2.1:7400", "gw-2"), ("10.0.3.1:7400", "witness")] {
        let line = format!("reach = {{ gw-1 = \"{reached}\" }}");
        check(
            r#"address = "10.0.3.1:7400""#,
            &format!("address = \"10.0.3.1:7400\"\n{line}"),
            &format!(
                "f:21:11: error: node.reach: node `{whose}` already has the address `{reached}`\n    21 | {line}\n       \
                 |           ^^^^\n  help: each node has its own\n\n1 error"
            ),
        );
    }
}
