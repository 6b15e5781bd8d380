//! `[tls]`: all three files or none, and what goes with them.

use super::{BASE, check};
use arbiter_config::{TlsConfig, TlsFiles, is_loopback, parse};
use std::path::Path;

fn tls(section: &str) -> TlsConfig {
    let text = BASE.replacen("[log]", &format!("[tls]\n{section}\n[log]"), 1);
    parse(Path::new("/etc/x/f"), &text, "witness").unwrap_or_else(|it| panic!("{it}")).config.local.tls
}

#[test]
fn relative_paths_start_where_the_file_is() {
    let files =
        tls("ca = \"ca.crt\"\ncertificate = \"/y/own.crt\"\nkey = \"own.key\"\nfollowers = [\"site\"]");
    let wanted = TlsFiles {
        ca: "/etc/x/ca.crt".into(),
        certificate: "/y/own.crt".into(),
        key: "/etc/x/own.key".into(),
    };
    assert_eq!((files.files, files.followers), (Some(wanted), vec!["site".to_owned()]));
    assert_eq!(tls(""), TlsConfig::default());
    assert!(tls("insecure_without_tls = true").insecure_without_tls);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let said = |section: &str, words: &[&str]| {
        let text = BASE.replacen("[log]", &format!("[tls]\n{section}\n[log]"), 1);
        let refused = parse(Path::new("f"), &text, "witness").expect_err(section).to_string();
        for word in words {
            assert!(refused.contains(word), "{section}: `{word}` in {refused}");
        }
    };
    said("ca = \"ca.crt\"", &["`certificate` is missing", "`key` is missing", "2 errors"]);
    said(
        "ca = \"\"\ncertificate = 1\nkey = \"k\"",
        &["this is no path of a file", "a text is expected here"],
    );
    said("followers = [\"site\"]", &["without TLS nobody knows who follows"]);
    let all = "ca = \"a\"\ncertificate = \"b\"\nkey = \"c\"\n";
    said(&format!("{all}insecure_without_tls = true"), &["with certificates nothing is without TLS"]);
    said("insecure_without_tls = \"yes\"", &["`true` or `false` is expected here"]);
    said("insecure = true", &["unknown key `insecure`"]);
    check("[log]", "[log]", "");
}

#[test]
fn only_what_stays_on_this_host_is_loopback() {
    for address in ["127.0.0.1:7400", "127.9.9.9:1", "[::1]:7400", "localhost:7400"] {
        assert!(is_loopback(address), "{address}");
    }
    for address in
        ["0.0.0.0:7400", "[::]:7400", "192.0.2.1:7400", "node-1:7400", "localhost.example:7400", "127.1:7400"]
    {
        assert!(!is_loopback(address), "{address}");
    }
}
