//! gRPC messages out of the bytes of an HTTP/2 connection.
//!
//! Only what carries messages is read: `DATA` frames, by stream. Headers are not; which call a message belongs to shows
//! in the message. No HTTP/2 library reads a recording from the side, hence these few lines.

use std::collections::BTreeMap;

/// What a client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADER: usize = 9;
const DATA: u8 = 0;
const PADDED: u8 = 8;

/// A longer frame than this nobody may send unasked. What begins with one is another protocol.
const FIRST_MOST: usize = 16 * 1024;

/// A gRPC message before its bytes: a flag, and its length.
const PREFIX: usize = 5;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Direction {
    bytes: Vec<u8>,
    streams: BTreeMap<u32, Vec<u8>>,
    begun: bool,
    foreign: bool,
}

impl Direction {
    /// Adds bytes; returns the messages that are complete now, with their stream.
    pub fn add(&mut self, bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
        if self.foreign {
            return Vec::new();
        }
        self.bytes.extend_from_slice(bytes);
        if !self.begun {
            if self.bytes.len() < PREFACE.len() && PREFACE.starts_with(&self.bytes) {
                return Vec::new();
            }
            if self.bytes.starts_with(PREFACE) {
                self.bytes.drain(..PREFACE.len());
            }
            let Some([l0, l1, l2]) = self.bytes.first_chunk().copied() else { return Vec::new() };
            self.begun = true;
            if u32::from_be_bytes([0, l0, l1, l2]) as usize > FIRST_MOST {
                self.foreign = true;
                self.bytes = Vec::new();
                return Vec::new();
            }
        }
        let mut messages = Vec::new();
        while let Some(header) = self.bytes.first_chunk::<HEADER>() {
            let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *header;
            let length = HEADER + u32::from_be_bytes([0, l0, l1, l2]) as usize;
            if self.bytes.len() < length {
                break;
            }
            let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
            let frame: Vec<u8> = self.bytes.drain(..length).skip(HEADER).collect();
            if kind == DATA {
                let padding =
                    if flags & PADDED == 0 { None } else { frame.first().copied().map(usize::from) };
                let body = match padding {
                    Some(padding) => frame.get(1..frame.len().saturating_sub(padding)).unwrap_or_default(),
                    None => &frame,
                };
                let buffer = self.streams.entry(stream).or_default();
                buffer.extend_from_slice(body);
                while let Some(message) = message_of(buffer) {
                    messages.push((stream, message));
                }
                if buffer.is_empty() {
                    self.streams.remove(&stream);
                }
            }
        }
        messages
    }
}

fn message_of(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let [_, l0, l1, l2, l3] = *buffer.first_chunk::<PREFIX>()?;
    let length = PREFIX + u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    (buffer.len() >= length).then(|| buffer.drain(..length).skip(PREFIX).collect())
}

/// A message as it stands on a stream.
#[cfg(test)]
pub(super) fn framed(stream: u32, message: &[u8]) -> Vec<u8> {
    let body_length = u32::try_from(message.len() + PREFIX).unwrap();
    let mut bytes = body_length.to_be_bytes()[1..].to_vec();
    bytes.extend([DATA, 0]);
    bytes.extend(stream.to_be_bytes());
    bytes.push(0);
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend([0, 0, 2, 4, 0, 0, 0, 0, 0, 1, 2]); // settings: of no interest
        bytes.extend(framed(1, b"one"));
        bytes.extend(framed(3, b"three"));
        let mut whole = Direction::default();
        let wanted = [(1, b"one".to_vec()), (3, b"three".to_vec())];
        assert_eq!(whole.add(&bytes), wanted);
        let mut cut = Direction::default();
        let found: Vec<_> = bytes.chunks(1).flat_map(|byte| cut.add(byte)).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_not_http_2_says_nothing() {
        let mut other = Direction::default();
        assert_eq!(other.add(b"HTTP/1.1 200 OK\r\n"), []);
        assert_eq!(other.add(&framed(1, b"one")), []);
    }
}
