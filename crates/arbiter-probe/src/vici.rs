//! As much of strongSwan's vici protocol as it takes to ask for its SAs. No I/O but [`receive`].
//!
//! Written here, because the one crate for it (rsvici 0.1.5) is not for a task that must never be held up: it goes on
//! reading a connection that was closed, without a pause, and takes memory for whatever length a packet claims. Facts:
//! strongSwan's `src/libcharon/plugins/vici/README.md`.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What a packet is: its first byte.
pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 1;
pub(crate) const REGISTER: u8 = 3;
pub(crate) const CONFIRMED: u8 = 5;
pub(crate) const EVENT: u8 = 7;

/// The most sections within each other: an IKE SA, its child SAs, one of these; and one more than is known.
const DEPTH_MAX: usize = 4;

/// Why an answer can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its answer is no vici message")]
    Garbage,
    #[error("it refuses to list its SAs")]
    Refused,
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
}

/// One element of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    /// A section begins.
    Section(&'a [u8]),
    /// It ends.
    SectionEnd,
    /// A key with its value.
    Value(&'a [u8], &'a [u8]),
    /// A list, or something in it, which nobody here asks for.
    List,
}

/// A packet with a name: a command or the registration for an event. `message` follows a command's name.
pub(crate) fn packet(kind: u8, name: &str, message: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, length(name)];
    body.extend_from_slice(&name.as_bytes()[..length(name).into()]);
    body.extend_from_slice(message);
    let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [size.to_be_bytes().to_vec(), body].concat()
}

/// A key with its value, for a command's message.
pub(crate) fn value(key: &str, value: &str) -> Vec<u8> {
    const KEY_VALUE: u8 = 3;
    let size = u16::from(length(value));
    [&[KEY_VALUE, length(key)], key.as_bytes(), &size.to_be_bytes(), &value.as_bytes()[..size.into()]]
        .concat()
}

/// Names here are ours, or were bounded when the policy was accepted.
fn length(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}

/// Receives one packet: what it is, and its rest. It and all that come after may take `left` bytes.
pub(crate) async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    left: &mut usize,
    most: usize,
) -> Result<(u8, Vec<u8>), Unusable> {
    let size = stream.read_u32().await?;
    let size = usize::try_from(size).map_err(|_| Unusable::TooLong(most))?;
    *left = left.checked_sub(size).ok_or(Unusable::TooLong(most))?;
    if size == 0 {
        return Err(Unusable::Garbage);
    }
    let kind = stream.read_u8().await?;
    let mut rest = vec![0; size - 1];
    stream.read_exact(&mut rest).await?;
    Ok((kind, rest))
}

/// The name of an event, and its message.
pub(crate) fn event(rest: &[u8]) -> Result<(&[u8], &[u8]), Unusable> {
    let mut rest = Reader(rest);
    let name = rest.short()?;
    Ok((name, rest.0))
}

/// The elements of a message, of which every section that begins also ends.
pub(crate) fn elements(message: &[u8]) -> Result<Vec<Element<'_>>, Unusable> {
    let mut rest = Reader(message);
    let (mut found, mut depth, mut in_list) = (Vec::new(), 0_usize, false);
    while !rest.0.is_empty() {
        let element = match (rest.byte()?, in_list) {
            (1, false) if depth < DEPTH_MAX => {
                depth += 1;
                Element::Section(rest.short()?)
            }
            (2, false) => {
                depth = depth.checked_sub(1).ok_or(Unusable::Garbage)?;
                Element::SectionEnd
            }
            (3, false) => Element::Value(rest.short()?, rest.long()?),
            (4, false) => {
                rest.short()?;
                in_list = true;
                Element::List
            }
            (5, true) => {
                rest.long()?;
                Element::List
            }
            (6, true) => {
                in_list = false;
                Element::List
            }
            _ => return Err(Unusable::Garbage),
        };
        found.push(element);
    }
    if depth > 0 || in_list { Err(Unusable::Garbage) } else { Ok(found) }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unusable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unusable::Garbage)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Unusable> {
        Ok(self.take(1)?[0])
    }

    /// A name: one byte of length.
    fn short(&mut self) -> Result<&'a [u8], Unusable> {
        let count = self.byte()?;
        self.take(count.into())
    }

    /// A value: two bytes of length.
    fn long(&mut self) -> Result<&'a [u8], Unusable> {
        let count = u16::from_be_bytes([self.byte()?, self.byte()?]);
        self.take(count.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written_as_the_protocol_has_it() {
        let written = packet(REQUEST, "list-sas", &value("noblock", "yes"));
        assert_eq!(written, b"\0\0\0\x18\0\x08list-sas\x03\x07noblock\0\x03yes");
        assert_eq!(packet(REGISTER, "list-sa", &[]), b"\0\0\0\x09\x03\x07list-sa");
    }

    #[test]
    fn a_message_is_read_element_by_element() {
        let message = b"\x01\x03gw1\x03\x05state\0\x02UP\x04\x02ts\x05\0\x01a\x06\x02";
        let expected = [
            Element::Section(b"gw1"),
            Element::Value(b"state", b"UP"),
            Element::List,
            Element::List,
            Element::List,
            Element::SectionEnd,
        ];
        assert_eq!(elements(message).unwrap(), expected);
    }

    /// Each is wrong in one way only; and no part of a message that is right is one itself, but the empty one.
    #[test]
    fn what_is_no_message_is_refused() {
        let wrong: [&[u8]; 7] = [
            b"\x02",
            b"\x01\x03gw1",
            b"\x09",
            b"\x03\x05state\0\x09UP",
            b"\x05\0\x01a",
            b"\x04\x02ts\x02",
            b"\x01\x01a\x01\x01a\x01\x01a\x01\x01a\x01\x01a\x02\x02\x02\x02\x02",
        ];
        for message in wrong {
            assert!(elements(message).is_err(), "{message:?}");
        }
        let right = b"\x01\x03gw1\x03\x05state\0\x02UP\x04\x02ts\x05\0\x01a\x06\x02";
        assert!((1..right.len()).all(|end| elements(&right[..end]).is_err()));
    }

    #[tokio::test]
    async fn a_length_is_believed_only_within_the_bound() {
        let mut left = 10;
        let mut stream: &[u8] = b"\0\0\0\x0a\x01123456789\0\0\0\x01\x01";
        let (kind, rest) = receive(&mut stream, &mut left, 10).await.unwrap();
        assert_eq!((kind, rest.as_slice(), left), (RESPONSE, b"123456789".as_slice(), 0));
        assert!(matches!(receive(&mut stream, &mut left, 10).await, Err(Unusable::TooLong(10))));
        let mut claims: &[u8] = b"\xff\xff\xff\xff\x01";
        assert!(matches!(receive(&mut claims, &mut 10, 10).await, Err(Unusable::TooLong(10))));
    }
}
