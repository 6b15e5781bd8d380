//! Units, types, ranges.

use super::check;

#[test]
fn durations_and_numbers() {
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
    check(
        r#"interval = "100ms""#,
        "interval = 0.1",
        r#"
f:61:12: error: probe.interval: the duration 0.1 has no unit
    61 | interval = 0.1
       |            ^^^
  help: write `"100ms"`, if seconds are meant

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"interval = "100""#,
        r#"
f:61:12: error: probe.interval: the duration 100 has no unit
    61 | interval = "100"
       |            ^^^^^
  help: write `"100ms"` or `"100s"`, whichever is meant

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"interval = "1.5 seconds""#,
        r#"
f:61:12: error: probe.interval: `1.5 seconds` is not a duration
    61 | interval = "1.5 seconds"
       |            ^^^^^^^^^^^^^
  help: write `"1500ms"`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "interval = true",
        r#"
f:61:12: error: probe.interval: a duration is expected here, not `true`
    61 | interval = true
       |            ^^^^
  help: write `interval = "250ms"`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"intreval = "100ms""#,
        r#"
f:61:1: error: probe: unknown key `intreval`
    61 | intreval = "100ms"
       | ^^^^^^^^
  help: write `interval`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "fall = -2",
        r#"
f:61:8: error: probe.fall: -2 is not between 0 and 4294967295
    61 | fall = -2
       |        ^^
  help: write it as in `fall = 2`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"fall = "2""#,
        r#"
f:61:8: error: probe.fall: a whole number is expected here, not the text `2`
    61 | fall = "2"
       |        ^^^
  help: write `fall = 2`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "fall = 5000000000",
        r#"
f:61:8: error: probe.fall: 5000000000 is not between 0 and 4294967295
    61 | fall = 5000000000
       |        ^^^^^^^^^^
  help: write it as in `fall = 2`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "size = 70000",
        r#"
f:61:8: error: probe.size: 70000 is not between 0 and 65535
    61 | size = 70000
       |        ^^^^^
  help: write it as in `size = 56`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"dont_fragment = "no""#,
        r#"
f:61:17: error: probe.dont_fragment: `true` or `false` is expected here, not the text `no`
    61 | dont_fragment = "no"
       |                 ^^^^
  help: write `dont_fragment = false`

1 error
"#,
    );
    check(
        r#"cooldown = "10m""#,
        r#"cooldown = "0s""#,
        r#"
f:65:12: error: remediation.cooldown: 0ms is not between 1ms and 168h
    65 | cooldown = "0s"
       |            ^^^^
  help: the nearest allowed is `1ms`

1 error
"#,
    );
    check(
        r#"report_interval = "100ms""#,
        r#"report_interval = "1s""#,
        r#"
f:62:1: error: timing.report_stale_after: 300ms is less than 2s: two report intervals, so that one lost report makes nobody stale
    62 | [timing]
       | ^^^^^^^^
  help: at least `2s`

1 error
"#,
    );
    check(
        r#"report_interval = "100ms""#,
        "freeze_moves = 1",
        r#"
f:63:16: error: timing.freeze_moves: 1 is not between 2 and 1000
    63 | freeze_moves = 1
       |                ^
  help: the nearest allowed is 2

1 error
"#,
    );
    check(
        r#"heartbeat_interval = "150ms""#,
        r#"heartbeat_interval = "1ms""#,
        r#"
f:5:22: error: raft.heartbeat_interval: 1ms is not between 20ms and 5s
     5 | heartbeat_interval = "1ms"
       |                      ^^^^^
  help: the nearest allowed is `20ms`

1 error
"#,
    );
    check(
        r#"heartbeat_interval = "150ms""#,
        r#"heartbeat_interval = "1s""#,
        r#"
f:4:1: error: raft.election_timeout_min: 600ms is less than 3 heartbeats of 1s
     4 | [raft]
       | ^^^^^^
  help: at least `3s`

1 error
"#,
    );
    check(
        r#"heartbeat_interval = "150ms""#,
        r#"election_timeout_max = "600ms""#,
        r#"
f:5:24: error: raft.election_timeout_max: 600ms is not more than the least election timeout of 600ms
     5 | election_timeout_max = "600ms"
       |                        ^^^^^^^
  help: it is drawn at random between the two, so that two nodes seldom call an election at once

1 error
"#,
    );
    check(
        r#"heartbeat_interval = "150ms""#,
        r#"election_timeout_max = "2m""#,
        r#"
f:5:24: error: raft.election_timeout_max: 2m is more than 1m
     5 | election_timeout_max = "2m"
       |                        ^^^^
  help: at most `1m`

1 error
"#,
    );
}
