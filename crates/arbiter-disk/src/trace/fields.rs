//! The fields of one line of `strace -yy -xx`: descriptors with their names, strings in hex, numbers.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What a descriptor stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(PathBuf),
    /// A TCP connection, `local->remote`.
    Connection(String),
    Other,
}

/// Reads the text of a call's arguments from left to right.
pub(super) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    fn take(&mut self, expected: &str) -> Option<()> {
        self.rest = self.rest.trim_start_matches([',', ' ']).strip_prefix(expected)?;
        Some(())
    }

    fn until(&mut self, end: &str) -> Option<&'a str> {
        let (found, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(found)
    }

    /// A number: an offset, a length.
    pub fn number(&mut self) -> Option<u64> {
        self.take("")?;
        let length = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        digits.parse().ok()
    }

    /// A descriptor, `3<name>`, or `AT_FDCWD<name>`.
    pub fn descriptor(&mut self) -> Option<Target> {
        self.take("")?;
        let length = self.rest.find(['<', ',', ')', ' ']).unwrap_or(self.rest.len());
        self.rest = &self.rest[length..];
        if self.rest.starts_with("<TCP:[") || self.rest.starts_with("<TCPv6:[") {
            self.until(":[")?;
            let name = self.until("]>")?;
            return Some(if name.contains("->") {
                Target::Connection(name.to_owned())
            } else {
                Target::Other
            });
        }
        if !self.rest.starts_with('<') {
            return Some(Target::Other);
        }
        self.take("<")?;
        let name = self.until(">")?;
        // A file that has no name any more is written to no purpose.
        let gone = self.rest.starts_with("(deleted)");
        let path = unhex(name).filter(|_| !gone);
        Some(path.map_or(Target::Other, |bytes| Target::File(OsString::from_vec(bytes).into())))
    }

    /// A string in quotes. `None` too if `strace` has shortened it.
    pub fn string(&mut self) -> Option<Vec<u8>> {
        self.take("\"")?;
        let bytes = unhex(self.until("\"")?)?;
        (!self.rest.starts_with("...")).then_some(bytes)
    }

    pub fn path(&mut self) -> Option<PathBuf> {
        self.string().map(|bytes| OsString::from_vec(bytes).into())
    }

    /// The parts of a list of buffers, one behind the other.
    pub fn buffers(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while self.until("iov_base=").is_some() {
            bytes.extend(self.string()?);
        }
        Some(bytes)
    }

    pub fn rest(&self) -> &'a str {
        self.rest
    }
}

/// `\x61\x62` is `ab`; anything else but the empty string is not hex.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let chunks = text.as_bytes().chunks(4);
    chunks
        .map(|chunk| match *chunk {
            [b'\\', b'x', high, low] => Some(digit(high)? * 16 + digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_strings_and_numbers_are_read() {
        let mut fields = Fields::new(r#"3<\x2f\x61>, "\x62\x00", 2, 4096"#);
        assert_eq!(fields.descriptor(), Some(Target::File("/a".into())));
        assert_eq!(fields.string(), Some(b"b\0".to_vec()));
        assert_eq!((fields.number(), fields.number()), (Some(2), Some(4_096)));
        let mut fields = Fields::new(
            r#"6<TCP:[127.0.0.1:5->127.0.0.1:7]>, {msg_iov=[{iov_base="\x61", iov_len=1}, {iov_base="\x62", iov_len=1}]"#,
        );
        assert_eq!(fields.descriptor(), Some(Target::Connection("127.0.0.1:5->127.0.0.1:7".into())));
        assert_eq!(fields.buffers(), Some(b"ab".to_vec()));
        assert_eq!(Fields::new(r"3<\x2f\x61>(deleted), 1").descriptor(), Some(Target::Other));
        assert_eq!(Fields::new("5<TCP:[127.0.0.1:5]>").descriptor(), Some(Target::Other));
        assert_eq!(Fields::new(r#""\x62"..., 2"#).string(), None, "a part of the bytes proves nothing");
    }
}
