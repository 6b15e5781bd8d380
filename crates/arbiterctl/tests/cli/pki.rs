//! Certificates: made, shown, renewed, and used.

use crate::fake::{Fake, Play, Say};
use crate::golden;
use crate::run::{Ran, bare, command, ran};
use arbiter_core::ids::NodeId;
use arbiter_proto::v1::StatusReply;
use arbiter_tls::{Credentials, Files, Holder};
use arbiterctl::render::{Readable, json};
use arbiterctl::view::{CertificateView, CertificatesView};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn pki(folder: &Path, arguments: &[&str]) -> Ran {
    let output = command(&[&["pki"], arguments].concat()).current_dir(folder).output().unwrap();
    ran(&output, &[])
}

#[test]
fn a_key_is_made_once_and_a_certificate_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("pki").join(name);
    let before = pki(folder.path(), &["issue", "node/1"]);
    assert_eq!(before.code, 1);
    assert!(before.err.contains("arbiterctl pki init --cluster NAME"), "{before:?}");
    let made = pki(folder.path(), &["init", "--cluster", "my vpn"]);
    assert!(made.code == 0 && made.out.contains("pki/ca.crt"), "{made:?}");
    for (who, name, uri) in [
        ("node/1", "node-1", "arbiter://my%20vpn/node/1"),
        ("viewer/vera", "viewer-vera", "arbiter://my%20vpn/viewer/vera"),
        ("admin/a b", "admin-a%20b", "arbiter://my%20vpn/admin/a%20b"),
    ] {
        let issued = pki(folder.path(), &["issue", who, "--days", "10"]);
        assert!(issued.code == 0 && issued.out.contains(uri), "{issued:?}");
        let key = std::fs::metadata(at(&format!("{name}.key"))).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        let again = pki(folder.path(), &["issue", who]);
        assert!(again.code == 1 && again.err.contains("is there already"), "{again:?}");
    }
    let again = pki(folder.path(), &["init", "--cluster", "my vpn"]);
    assert!(again.code == 1 && again.err.contains("is not written over"), "{again:?}");
    let key = std::fs::read(at("node-1.key")).unwrap();
    assert_eq!(pki(folder.path(), &["renew", "node/1", "--days", "20"]).code, 0);
    assert_eq!(std::fs::read(at("node-1.key")).unwrap(), key);
    let shown = pki(folder.path(), &["show", "pki/node-1.crt", "pki/admin-a%20b.crt", "pki/ca.crt"]);
    // The day that has begun may not have ended yet.
    let lines: Vec<&str> = shown.out.lines().collect();
    for (line, begins, days) in [
        (lines[0], "pki/node-1.crt: arbiter://my%20vpn/node/1, ", [19, 20]),
        (lines[1], "pki/admin-a%20b.crt: arbiter://my%20vpn/admin/a%20b, ", [9, 10]),
        (lines[2], "pki/ca.crt: the authority of `my vpn`, ", [3_649, 3_650]),
    ] {
        let fits = days.iter().any(|days| line == format!("{begins}{days} days left"));
        assert!(fits, "{shown:?}");
    }
}

#[test]
fn how_long_certificates_last_is_a_document_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(pki(folder.path(), &["init", "--cluster", "vpn"]).code, 0);
    assert_eq!(pki(folder.path(), &["issue", "viewer/vera", "--days", "10"]).code, 0);
    let shown = pki(folder.path(), &["show", "-o", "json", "pki/viewer-vera.crt", "pki/ca.crt"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["kind"], "certificates");
    let (vera, ca) = (&shown["certificates"][0], &shown["certificates"][1]);
    assert_eq!((&vera["identity"], &vera["ended"]), (&"arbiter://vpn/viewer/vera".into(), &false.into()));
    assert!(vera["authority_of"].is_null() && ca["identity"].is_null() && ca["authority_of"] == "vpn");
    assert!([9, 10].contains(&vera["days_left"].as_u64().unwrap()), "{vera}");
    let left_ms = vera["ends_wall_ms"].as_u64().unwrap() - shown["wall_ms"].as_u64().unwrap();
    assert_eq!(left_ms / 86_400_000, vera["days_left"].as_u64().unwrap());
    // Two authorities, as while one takes the other's place.
    let pki_folder = folder.path().join("pki");
    let [ca, other] =
        ["ca.crt", "viewer-vera.crt"].map(|name| std::fs::read_to_string(pki_folder.join(name)).unwrap());
    std::fs::write(pki_folder.join("both.crt"), ca + &other).unwrap();
    let both = pki(folder.path(), &["show", "-o", "json", "pki/both.crt"]);
    let both: serde_json::Value = serde_json::from_str(&both.out).unwrap();
    assert_eq!(both["certificates"].as_array().unwrap().len(), 2, "{both}");
    assert_eq!(
        (&both["certificates"][0]["authority_of"], &both["certificates"][1]["identity"]),
        (&"vpn".into(), &vera["identity"])
    );
    std::fs::write(pki_folder.join("key.pem"), "no certificate").unwrap();
    let none = pki(folder.path(), &["show", "pki/key.pem"]);
    assert!(none.code == 1 && none.err.contains("there is no certificate in it"), "{none:?}");
    // As it is published, and as people read it.
    let certificate = |file: &str| CertificateView { file: file.to_owned(), ..CertificateView::default() };
    let now = 1_700_000_000_000;
    let view = CertificatesView {
        wall_ms: now,
        certificates: vec![
            CertificateView {
                identity: Some("arbiter://vpn/node/1".to_owned()),
                ends_wall_ms: now + 5 * 86_400_000,
                days_left: 5,
                ..certificate("node-1.crt")
            },
            CertificateView {
                authority_of: Some("vpn".to_owned()),
                ends_wall_ms: now - 3 * 86_400_000,
                ended: true,
                ..certificate("ca.crt")
            },
        ],
    };
    golden::check("pki/show.json", &json(&view).unwrap());
    golden::check("pki/show.txt", &view.page().text(false));
}

#[test]
fn whoever_can_not_be_named_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(pki(folder.path(), &["init", "--cluster", "vpn"]).code, 0);
    let long = format!("admin/{}", "a".repeat(201));
    for who in
        ["anna", "owner/anna", "node/0", "node/01", "node/+1", "node/x", "admin/", "viewer/a\nb", &long]
    {
        let refused = pki(folder.path(), &["issue", who]);
        assert!(refused.code == 2 && refused.err.contains("operator/otto"), "{who}: {refused:?}");
    }
    let nothing = pki(folder.path(), &["show", "nowhere.crt"]);
    assert!(nothing.code == 1 && nothing.err.contains("nowhere.crt"), "{nothing:?}");
}

#[test]
fn a_certificate_without_its_key_or_a_key_that_others_read_is_not_used() {
    let alone = bare(&["status", "--certificate", "a.crt"]);
    assert!(alone.code == 2 && alone.err.contains("ARBITER_KEY"), "{alone:?}");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(pki(folder.path(), &["init", "--cluster", "vpn"]).code, 0);
    assert_eq!(pki(folder.path(), &["issue", "admin/anna"]).code, 0);
    let own = ["--ca", "pki/ca.crt", "--certificate", "pki/admin-anna.crt", "--key", "pki/admin-anna.key"];
    let status = || {
        let arguments = [&["status", "--endpoint", "127.0.0.1:1"], own.as_slice()].concat();
        ran(&command(&arguments).current_dir(folder.path()).output().unwrap(), &[])
    };
    // They are good; nobody listens there.
    let nobody = status();
    assert!(nobody.code == 1 && nobody.err.contains("nothing listens there"), "{nobody:?}");
    let key = folder.path().join("pki/admin-anna.key");
    std::fs::set_permissions(key, PermissionsExt::from_mode(0o644)).unwrap();
    let open = status();
    assert!(
        open.code == 2 && open.err.contains("its mode is 644") && open.err.contains("chmod 600"),
        "{open:?}"
    );
}

#[test]
fn in_the_clear_it_speaks_with_its_own_host_alone() {
    let cases: [&[&str]; 4] = [
        &["status", "--endpoint", "192.0.2.7:7400"],
        &["pause", "--reason", "a look", "--endpoint", "127.0.0.1:1,node-1.invalid:7400"],
        &["watch", "--endpoint", "[2001:db8::1]:7400"],
        &["status", "--config", concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml")],
    ];
    for arguments in cases {
        let ran = bare(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        for words in
            ["without a certificate only loopback addresses", "--certificate", "--insecure-without-tls"]
        {
            assert!(ran.err.contains(words), "{words}: {ran:?}");
        }
    }
    let named = bare(cases[1]);
    assert!(
        named.err.contains("others: node-1.invalid:7400"),
        "the one that stays here is not named: {named:?}"
    );
    // Whoever says so is let go on; nobody is there.
    let insecure =
        ["status", "--endpoint", "node-1.invalid:7400", "--insecure-without-tls", "--timeout", "2s"];
    let ran = bare(&insecure);
    assert!(ran.code == 1 && ran.err.contains("no node could be reached"), "{ran:?}");
    // What asks nobody needs nothing.
    assert_eq!(bare(&["completions", "bash"]).code, 0);
}

#[test]
fn a_node_with_certificates_is_spoken_with_by_certificate_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(pki(folder.path(), &["init", "--cluster", "vpn"]).code, 0);
    for who in ["node/1", "viewer/vera"] {
        assert_eq!(pki(folder.path(), &["issue", who]).code, 0);
    }
    let at = |name: &str| folder.path().join("pki").join(name);
    let files = Files { ca: at("ca.crt"), certificate: at("node-1.crt"), key: at("node-1.key") };
    let holder = Holder::Node { cluster: "vpn".to_owned(), id: NodeId(1) };
    let node = Fake::start_with(
        Play { status: vec![Say::This(StatusReply::default())], ..Play::default() },
        Some(Credentials::open(files, holder, Vec::new()).unwrap()),
    );
    let own = ["--ca", "pki/ca.crt", "--certificate", "pki/viewer-vera.crt", "--key", "pki/viewer-vera.key"];
    let status = |more: &[&str]| {
        let endpoint = ["status", "-o", "json", "--timeout", "20s", "--endpoint", &node.address];
        let arguments = [endpoint.as_slice(), more].concat();
        ran(&command(&arguments).current_dir(folder.path()).output().unwrap(), &[&node.address])
    };
    let seen = status(&own);
    assert!(seen.out.contains("\"kind\": \"status\""), "{seen:?}");
    let clear = status(&[]);
    assert!(clear.code == 5 && clear.err.contains("has it `[tls]`? Then it takes `--ca`"), "{clear:?}");
    assert_eq!(node.asked(|asked| asked.status.len()), 1, "nothing was asked in the clear");
    // Another authority's node is not believed.
    let other = tempfile::tempdir().unwrap();
    assert_eq!(pki(other.path(), &["init", "--cluster", "vpn"]).code, 0);
    let ca = other.path().join("pki/ca.crt");
    let stranger = status(&["--ca", ca.to_str().unwrap(), own[2], own[3], own[4], own[5]]);
    assert!(stranger.code != 0 && stranger.err.contains("authority"), "{stranger:?}");
    assert_eq!(node.asked(|asked| asked.status.len()), 1);
}
