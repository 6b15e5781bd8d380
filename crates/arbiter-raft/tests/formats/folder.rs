//! A data folder as a text: sled's own files, byte for byte.
//!
//! Kept are the files that this version's sled has written, and not only the records in them: a later program must open
//! what lies on its users' disks, and a later sled is part of that. They are text because a reviewer shall see what is in
//! them, and because half a mebibyte of mostly zeros is not worth a place in the repository: printable bytes stand as they
//! are, the others as `\xx`, and long stretches of zeros are left out.

use std::fmt::Write as _;
use std::path::Path;

/// So many zeros and more are left out.
const GAP: usize = 16;

/// So many bytes stand in one line at most.
const LINE: usize = 2_048;

/// What nobody needs: who held the folder.
const LEFT_OUT: &str = "lock";

/// Writes a folder down.
pub fn pack(folder: &Path, remark: &str) -> String {
    let mut files = Vec::new();
    list(folder, folder, &mut files);
    files.sort();
    let mut text = String::new();
    for line in remark.lines() {
        writeln!(text, "# {line}").unwrap();
    }
    for name in files.iter().filter(|name| *name != LEFT_OUT) {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        writeln!(text, "file {} {name}", bytes.len()).unwrap();
        for (at, stretch) in stretches(&bytes) {
            for (number, part) in stretch.chunks(LINE).enumerate() {
                writeln!(text, "{} {}", at + number * LINE, escaped(part)).unwrap();
            }
        }
    }
    text
}

/// Makes the folder again.
pub fn unpack(text: &str, folder: &Path) {
    let mut open: Option<(String, Vec<u8>)> = None;
    let write = |open: Option<(String, Vec<u8>)>| {
        if let Some((name, bytes)) = open {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("file ") {
            let (length, name) = head.split_once(' ').unwrap();
            write(open.replace((name.to_owned(), vec![0; length.parse().unwrap()])));
        } else {
            let (at, stretch) = line.split_once(' ').unwrap();
            let (at, bytes) = (at.parse::<usize>().unwrap(), unescaped(stretch));
            let (_, file) = open.as_mut().unwrap();
            file[at..at + bytes.len()].copy_from_slice(&bytes);
        }
    }
    write(open);
}

fn list(top: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(top, &path, files);
        } else {
            files.push(path.strip_prefix(top).unwrap().display().to_string());
        }
    }
}

/// What is left of a file without its long stretches of zeros, and where it stands.
fn stretches(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut found = Vec::new();
    let (mut start, mut end) = (0, 0);
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        if at >= end + GAP {
            found.push((start, &bytes[start..end]));
            start = at;
        }
        end = at + 1;
    }
    found.push((start, &bytes[start..end]));
    found.retain(|(_, stretch)| !stretch.is_empty());
    found
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\\' | 0..=b' ' | 0x7f.. => write!(text, "\\{byte:02x}").unwrap(),
            plain => text.push(char::from(*plain)),
        }
    }
    text
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first == b'\\' {
            let (digits, more) = more.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = more;
        } else {
            bytes.push(*first);
        }
    }
    bytes
}

#[test]
fn a_folder_comes_back_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let (was, is) = (home.path().join("was"), home.path().join("is"));
    let mut bytes = vec![0; 10_000];
    bytes[3..7].copy_from_slice(b"a\\b ");
    (0..=255).for_each(|byte| bytes[5_000 + usize::from(byte) * 12] = byte);
    std::fs::create_dir_all(was.join("store")).unwrap();
    std::fs::write(was.join("store/db"), &bytes).unwrap();
    std::fs::write(was.join("zeros"), [0; 100]).unwrap();
    unpack(&pack(&was, "a remark\nof two lines"), &is);
    assert_eq!(std::fs::read(is.join("store/db")).unwrap(), bytes);
    assert_eq!(std::fs::read(is.join("zeros")).unwrap(), [0; 100]);
}
