//! `[[probe]]`.

use super::check;

#[test]
fn probes() {
    check(
        r#"path = "tunnel-1""#,
        "",
        r#"
f:44:1: error: probe.gateway: this probe is of nothing: it names neither a path nor a gateway
    44 | [[probe]]
       | ^^^^^^^^^
  help: add `path = "tunnel-1"` or `gateway = "strongswan-1"`

1 error
"#,
    );
    check(
        r#"path = "tunnel-1""#,
        r#"pth = "tunnel-1""#,
        r#"
f:46:1: error: probe: unknown key `pth`
    46 | pth = "tunnel-1"
       | ^^^
  help: write `path`

1 error
"#,
    );
    check(
        r#"path = "tunnel-1""#,
        r#"path = "tunnel-9""#,
        r#"
f:46:8: error: probe.path: unknown path `tunnel-9`
    46 | path = "tunnel-9"
       |        ^^^^^^^^^^
  help: write `tunnel-1`

1 error
"#,
    );
    check(
        r#"path = "tunnel-1""#,
        "path = \"tunnel-1\"\ngateway = \"gw-1\"",
        r#"
f:47:11: error: probe.gateway: a probe is of a path or of a gateway, not of both
    47 | gateway = "gw-1"
       |           ^^^^^^
  help: make two probes of it

1 error
"#,
    );
    check(
        r#"observers = ["gw-1", "witness"]"#,
        r#"observers = ["gw-1", "witnes"]"#,
        r#"
f:59:22: error: probe.observers: unknown node `witnes`
    59 | observers = ["gw-1", "witnes"]
       |                      ^^^^^^^^
  help: write `witness`

1 error
"#,
    );
    check(
        r#"observers = ["gw-1", "witness"]"#,
        r#"observers = ["gw-1"]"#,
        r#"
f:27:1: error: gateway: 1 of 2 other nodes watch gateway `gw-2`: without 2 it can never be found `Down`
    27 | [[gateway]]
       | ^^^^^^^^^^^
  help: have all other nodes send a required probe of it

1 error
"#,
    );
    check(
        r#"observers = ["gw-1", "witness"]"#,
        r#"observers = "witness""#,
        r#"
f:59:13: error: probe.observers: a list of texts is expected here, not the text `witness`
    59 | observers = "witness"
       |             ^^^^^^^^^
  help: write `observers = ["witness"]`

1 error
"#,
    );
    check(
        r#"observers = ["gw-1", "witness"]"#,
        "observers = []",
        r#"
f:27:1: error: gateway: 0 of 2 other nodes watch gateway `gw-2`: without 2 it can never be found `Down`
    27 | [[gateway]]
       | ^^^^^^^^^^^
  help: have all other nodes send a required probe of it

f:59:13: error: probe.observers: nobody sends probe `host-2`
    59 | observers = []
       |             ^^
  help: name its observers

2 errors
"#,
    );
    check(
        r#"target = "10.0.2.1""#,
        "",
        r#"
f:56:1: error: probe.target: `target` is missing
    56 | [[probe]]
       | ^^^^^^^^^
  help: add `target = "169.254.100.1"`

1 error
"#,
    );
    check(
        r#"target = "10.0.2.1""#,
        r#"target = "gw-2.internal""#,
        r#"
f:60:10: error: probe.target: `gw-2.internal` is not an IP address
    60 | target = "gw-2.internal"
       |          ^^^^^^^^^^^^^^^
  help: write it as in `target = "169.254.100.1"`

1 error
"#,
    );
    check(
        r#"target = "10.0.2.1""#,
        "target = \"10.0.2.1\"\nsource = \"fd00::1\"",
        r#"
f:61:10: error: probe.source: `fd00::1` can't send to `10.0.2.1`
    61 | source = "fd00::1"
       |          ^^^^^^^^^
  help: source and target must be both IPv4 or both IPv6

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"kind = "udp""#,
        r#"
f:61:8: error: probe.kind: unknown kind `udp`
    61 | kind = "udp"
       |        ^^^^^
  help: known: `icmp`, `tcp`, `ipsec`, `forwarding`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"kind = "tcp""#,
        r#"
f:56:1: error: probe.port: `port` is missing
    56 | [[probe]]
       | ^^^^^^^^^
  help: add `port = 22`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "kind = \"tcp\"\nport = 443\nsize = 56",
        r#"
f:63:8: error: probe.size: a TCP probe has no `size`
    63 | size = 56
       |        ^^
  help: leave it out, or write `kind = "icmp"`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        "port = 443",
        r#"
f:61:8: error: probe.port: an ICMP probe has no `port`
    61 | port = 443
       |        ^^^
  help: leave it out, or write `kind = "tcp"`

1 error
"#,
    );
    check(
        r#"interval = "100ms""#,
        r#"role = "optional""#,
        r#"
f:61:8: error: probe.role: unknown role `optional`
    61 | role = "optional"
       |        ^^^^^^^^^^
  help: known: `required`, `advisory`

1 error
"#,
    );
}

#[test]
fn probes_that_ask_strongswan() {
    check(
        r#"path = "tunnel-1""#,
        "path = \"tunnel-1\"\nkind = \"ipsec\"\nchild = \"tunnel\"",
        r#"
f:33:1: warning: path: only its gateway's own word decides about path `tunnel-1`, and no packet: it may be called sound while nothing passes
    33 | [[path]]
       | ^^^^^^^^
  help: add a required `icmp` probe to the far end of the tunnel
"#,
    );
    check(
        r#"interval = "100ms""#,
        "kind = \"ipsec\"\nport = 443\nvici = \"charon.vici\"",
        r#"
f:56:1: error: probe.child: `child` is missing
    56 | [[probe]]
       | ^^^^^^^^^
  help: add `child = "tunnel"`

f:58:11: error: probe.gateway: probe `host-2` asks strongSwan about a tunnel, which is a path and no gateway
    58 | gateway = "gw-2"
       |           ^^^^^^
  help: make it evidence about the tunnel's path

f:62:8: error: probe.port: an IPsec probe has no `port`
    62 | port = 443
       |        ^^^
  help: leave it out, or write `kind = "tcp"`

f:63:8: error: probe.vici: the socket is no absolute path
    63 | vici = "charon.vici"
       |        ^^^^^^^^^^^^^
  help: its whole path, as in `/run/charon.vici`

4 errors
"#,
    );
    check(
        r#"interval = "100ms""#,
        "child = \"tunnel\"",
        r#"
f:61:9: error: probe.child: an ICMP probe has no `child`
    61 | child = "tunnel"
       |         ^^^^^^^^
  help: leave it out, or write `kind = "ipsec"`

1 error
"#,
    );
}

#[test]
fn probes_that_look_whether_the_kernel_forwards() {
    check(
        r#"interval = "100ms""#,
        "kind = \"forwarding\"\nsize = 56",
        r#"
f:58:11: error: probe.gateway: probe `host-2` looks whether its observer's own host forwards, and that is asked of a tunnel's gateway
    58 | gateway = "gw-2"
       |           ^^^^^^
  help: make it evidence about a path that has a gateway

f:62:8: error: probe.size: a forwarding probe has no `size`
    62 | size = 56
       |        ^^
  help: leave it out, or write `kind = "icmp"`

2 errors
"#,
    );
}
