//! `[[node]]`.

use super::check;

#[test]
fn nodes() {
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
        "id = 2\n",
        "",
        r#"
f:11:1: error: node.id: `id` is missing
    11 | [[node]]
       | ^^^^^^^^
  help: add `id = 1`

1 error
"#,
    );
    check(
        "id = 2\n",
        "id = \"two\"\n",
        r#"
f:12:6: error: node.id: a whole number is expected here, not the text `two`
    12 | id = "two"
       |      ^^^^^
  help: write `id = 1`

1 error
"#,
    );
    check(
        r#"zone = "c""#,
        r#"zone = """#,
        r#"
f:19:8: error: node.zone: this zone has no name
    19 | zone = ""
       |        ^^
  help: a name is letters, digits, `.`, `_` and `-`

1 error
"#,
    );
    check(
        r#"zone = "c""#,
        "",
        r#"
f:16:1: error: node.zone: `zone` is missing
    16 | [[node]]
       | ^^^^^^^^
  help: add `zone = "cn-north-1a"`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        "",
        r#"
f:16:1: error: node.address: `address` is missing
    16 | [[node]]
       | ^^^^^^^^
  help: add `address = "172.16.1.157:7400"`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "10.0.3.1""#,
        r#"
f:20:11: error: node.address: `10.0.3.1` is not a host and a port
    20 | address = "10.0.3.1"
       |           ^^^^^^^^^^
  help: write `10.0.3.1:7400`

1 error
"#,
    );
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
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "0.0.0.0:7400""#,
        r#"
f:20:11: error: node.address: `0.0.0.0:7400` is not a host and a port
    20 | address = "0.0.0.0:7400"
       |           ^^^^^^^^^^^^^^
  help: name the address at which others reach it, not the one that means all

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "10.0.3.1:0""#,
        r#"
f:20:11: error: node.address: `10.0.3.1:0` is not a host and a port
    20 | address = "10.0.3.1:0"
       |           ^^^^^^^^^^^^
  help: write `10.0.3.1:7400`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "witness.internal""#,
        r#"
f:20:11: error: node.address: `witness.internal` is not a host and a port
    20 | address = "witness.internal"
       |           ^^^^^^^^^^^^^^^^^^
  help: write `witness.internal:7400`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "witness.internal:7400""#,
        r#"
f:16:1: error: node.listen: `listen` is missing: from the name in `witness.internal:7400` it doesn't follow where to listen
    16 | [[node]]
       | ^^^^^^^^
  help: add `listen = "172.16.1.157:7400"`, with the host's own address

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "witness.internal:http""#,
        r#"
f:20:11: error: node.address: `witness.internal:http` is not a host and a port
    20 | address = "witness.internal:http"
       |           ^^^^^^^^^^^^^^^^^^^^^^^
  help: a port is from 1 to 65535: write `witness.internal:7400`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        r#"address = "http://witness:7400""#,
        r#"
f:20:11: error: node.address: `http://witness:7400` is not a host and a port
    20 | address = "http://witness:7400"
       |           ^^^^^^^^^^^^^^^^^^^^^
  help: write `witness:7400`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nlisten = \"eth0\"",
        r#"
f:21:10: error: node.listen: `eth0` is not an IP address and a port
    21 | listen = "eth0"
       |          ^^^^^^
  help: write it as in `listen = "172.16.1.157:7400"`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nreach = { gw-3 = \"127.0.0.1:1\", witness = \"127.0.0.1:2\", gw-2 = \"127.0.0.1\" }",
        r#"
f:21:11: error: node.reach: `gw-3` is not the name of another node
    21 | reach = { gw-3 = "127.0.0.1:1", witness = "127.0.0.1:2", gw-2 = "127.0.0.1" }
       |           ^^^^
  help: write `gw-1`

f:21:33: error: node.reach: `witness` is not the name of another node
    21 | reach = { gw-3 = "127.0.0.1:1", witness = "127.0.0.1:2", gw-2 = "127.0.0.1" }
       |                                 ^^^^^^^
  help: known: `gw-1`, `gw-2`

f:21:65: error: node.reach: this is not a host and a port
    21 | reach = { gw-3 = "127.0.0.1:1", witness = "127.0.0.1:2", gw-2 = "127.0.0.1" }
       |                                                                 ^^^^^^^^^^^
  help: write `127.0.0.1:7400`

3 errors
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nreach = \"127.0.0.1:1\"",
        r#"
f:21:9: error: node.reach: a table of node names and addresses is expected here
    21 | reach = "127.0.0.1:1"
       |         ^^^^^^^^^^^^^
  help: write `reach = { "strongswan-2" = "127.0.0.1:7402" }`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nport = 7400",
        r#"
f:21:1: error: node: unknown key `port`
    21 | port = 7400
       | ^^^^
  help: known: `id`, `name`, `zone`, `address`, `listen`, `http`, `data_dir`, `reach`

1 error
"#,
    );
    check(
        r#"name = "witness""#,
        r#"name = "whitness""#,
        r#"
f:59:22: error: probe.observers: unknown node `witness`
    59 | observers = ["gw-1", "witness"]
       |                      ^^^^^^^^^
  help: write `whitness`

f: error: --node: no `[[node]]` is named `witness`
  help: write `whitness`

2 errors
"#,
    );
}

#[test]
fn the_status_port() {
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nhttp = \"127.0.0.1\"",
        r#"
f:21:8: error: node.http: `127.0.0.1` is not an IP address and a port
    21 | http = "127.0.0.1"
       |        ^^^^^^^^^^^
  help: write it as in `http = "127.0.0.1:7480"`

1 error
"#,
    );
    check(
        r#"address = "10.0.3.1:7400""#,
        "address = \"10.0.3.1:7400\"\nhttp = 7480",
        r#"
f:21:8: error: node.http: a text is expected here, not the number 7480
    21 | http = 7480
       |        ^^^^
  help: write `http = "127.0.0.1:7480"`

1 error
"#,
    );
    for http in ["10.0.3.1:7400", "0.0.0.0:7400"] {
        let line = format!("http = \"{http}\"");
        let marks = "^".repeat(http.len() + 2);
        check(
            r#"address = "10.0.3.1:7400""#,
            &format!("address = \"10.0.3.1:7400\"\n{line}"),
            &format!(
                "f:21:8: error: node.http: `{http}` is where this node listens for peers and clients\n    \
                 21 | {line}\n       |        {marks}\n  \
                 help: write another port, as in `http = \"127.0.0.1:7480\"`\n\n1 error"
            ),
        );
    }
}
