//! Certificates: made, shown, renewed, and used.

use crate::run::{Ran, bare, command, ran};
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
