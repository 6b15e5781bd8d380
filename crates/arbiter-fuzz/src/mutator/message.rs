//! Changes to protobuf messages that leave them messages: a byte put in anywhere else only breaks the lengths around it.

use super::{Dice, change_text};

/// Messages within messages that are looked into.
const DEPTH: usize = 8;

/// Numbers at the ends of their types.
const NUMBERS: [u64; 8] = [0, 1, 2, 127, 1 << 31, u32::MAX as u64, i64::MAX as u64, u64::MAX];

/// One field: its key, and what follows it.
struct Field<'a> {
    key: u64,
    value: Value<'a>,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed(&'a [u8]),
}

/// Changes one field somewhere in a message. Bytes that are no message stay as they are.
pub(super) fn change_message(bytes: &[u8], dice: &mut Dice, words: &[&str]) -> Vec<u8> {
    change_within(bytes, dice, words, DEPTH).unwrap_or_else(|| bytes.to_vec())
}

fn change_within(bytes: &[u8], dice: &mut Dice, words: &[&str], depth: usize) -> Option<Vec<u8>> {
    let fields = fields(bytes)?;
    let chosen = dice.below(fields.len());
    let mut changed = Vec::with_capacity(bytes.len());
    for (at, field) in fields.iter().enumerate() {
        if at != chosen {
            write(&mut changed, field.key, &field.value);
            continue;
        }
        match (&field.value, dice.below(8)) {
            (_, 0) => {}
            (value, 1) => {
                let times = 1 << dice.below(12);
                let room = super::INPUT_BYTES_MAX / bytes.len().max(1);
                (0..times.min(room)).for_each(|_| write(&mut changed, field.key, value));
            }
            // As another field: of another type, or one that nobody knows.
            (value, 2) => write(&mut changed, field.key ^ (8 << dice.below(6)), value),
            (Value::Number(_), _) => {
                let number = NUMBERS[dice.below(NUMBERS.len())];
                write(&mut changed, field.key, &Value::Number(number));
            }
            (Value::Fixed(value), _) => write(&mut changed, field.key, &Value::Fixed(value)),
            (Value::Bytes(value), _) => {
                let inner = if depth > 0 { change_within(value, dice, words, depth - 1) } else { None };
                let value = inner.unwrap_or_else(|| {
                    let mut value = value.to_vec();
                    change_text(&mut value, dice, &[], words);
                    value
                });
                write(&mut changed, field.key, &Value::Bytes(&value));
            }
        }
    }
    Some(changed)
}

/// The fields of a message; none if it is no message, or an empty one.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?),
            1 => Value::Fixed(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(number(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Fixed(take(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push(Field { key, value });
    }
    (!fields.is_empty()).then_some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write(into: &mut Vec<u8>, key: u64, value: &Value<'_>) {
    write_number(into, key);
    match value {
        Value::Number(number) => write_number(into, *number),
        Value::Fixed(bytes) => into.extend_from_slice(bytes),
        Value::Bytes(bytes) => {
            write_number(into, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            into.extend_from_slice(bytes);
        }
    }
}

fn write_number(into: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_a_message_stays_one() {
        // 1: 150, 2: "testing", 3: { 1: 150 }
        let message = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01";
        assert_eq!(fields(message).map(|fields| fields.len()), Some(3));
        let mut changed = std::collections::BTreeSet::new();
        for round in 0..2_000 {
            let bytes = change_message(message, &mut Dice::new(1, round), &["word"]);
            assert!(bytes.is_empty() || fields(&bytes).is_some(), "{bytes:?}");
            changed.insert(bytes);
        }
        assert!(changed.len() > 200, "{} different messages", changed.len());
        assert!(changed.iter().any(|bytes| bytes.len() > 1_000), "some fields come many times");
    }
}
