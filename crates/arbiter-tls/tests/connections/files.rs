//! What is said of files that can't be used.

use crate::world::{World, open_node, set_mode, write};
use arbiter_pki::Validity;
use arbiter_tls::{Credentials, Files, Holder, LoadError};

fn refused(files: &Files) -> LoadError {
    open_node(files.clone(), 1).expect_err("they can't be used")
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let nowhere = |name: &str| format!("/nowhere/{name}").into();
    let files = Files { ca: nowhere("ca.crt"), certificate: nowhere("own.crt"), key: nowhere("own.key") };
    let error = refused(&files);
    assert_eq!(error.problems.len(), 3);
    let words = error.to_string();
    for name in ["ca.crt", "own.crt", "own.key", "No such file", "arbiterctl pki issue"] {
        assert!(words.contains(name), "{words}");
    }
    let world = World::new();
    let files = world.files("arbiter://vpn/node/1", Validity::days(9));
    for file in [&files.certificate, &files.key] {
        write(file, "nothing of the kind");
    }
    let files = Files { ca: files.certificate.clone(), ..files };
    assert_eq!(refused(&files).problems.len(), 3, "{}", refused(&files));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let world = World::new();
    let files = world.files("arbiter://vpn/node/1", Validity::days(9));
    for mode in [0o600, 0o400, 0o640, 0o440] {
        set_mode(&files.key, mode);
        assert!(open_node(files.clone(), 1).is_ok(), "{mode:o}");
    }
    for mode in [0o644, 0o604, 0o660, 0o666, 0o602, 0o601] {
        set_mode(&files.key, mode);
        let words = refused(&files).to_string();
        let says = format!("its mode is {mode:o}");
        assert!(words.contains(&says) && words.contains("chmod 600"), "{mode:o}: {words}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let world = World::new();
    let files = world.files("arbiter://vpn/node/1", Validity::days(9));
    let other = world.files("arbiter://vpn/node/2", Validity::days(9));
    let mixed = Files { key: other.key.clone(), ..files.clone() };
    assert!(refused(&mixed).to_string().contains("it is not the key of"), "{}", refused(&mixed));
    let words = refused(&other).to_string();
    assert!(words.contains("`arbiter://vpn/node/2`") && words.contains("`arbiter://vpn/node/1`"), "{words}");
    let stranger = World::new();
    let words = refused(&Files { ca: stranger.ca(), ..files.clone() }).to_string();
    assert!(words.contains("no certificate authority of this side's"), "{words}");
    let words = Credentials::open(files, Holder::Person, Vec::new()).unwrap_err().to_string();
    assert!(words.contains("one of a person is needed"), "{words}");
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let world = World::new();
    let files = world.files("arbiter://vpn/node/1", Validity::days(9));
    let words = refused(&Files { ca: "/dev/zero".into(), ..files.clone() }).to_string();
    assert!(words.contains("it is no file"), "{words}");
    write(&files.certificate, &"x".repeat(300 * 1024));
    assert!(refused(&files).to_string().contains("more than 262144 bytes"), "{}", refused(&files));
}
