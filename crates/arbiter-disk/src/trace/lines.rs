//! Lines of `strace -f`: a call is one line, or two with other threads' lines between.

use super::fields::{Fields, Target};
use super::{Call, Event};
use std::collections::BTreeMap;

/// A line that should have been understood. What can't be read proves nothing, so nothing is proved.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the trace can't be read: {text}")]
pub(crate) struct Unreadable {
    pub line: usize,
    pub text: String,
}

/// How much of a line is shown.
const SHOWN: usize = 160;

/// A call that has begun: its line, its name, the text of its arguments so far.
type Begun<'a> = (usize, &'a str, String);

/// Reads a trace.
///
/// # Errors
/// A traced call has an unexpected form.
pub(crate) fn read(trace: &str) -> Result<Vec<Event>, Unreadable> {
    let mut events = Vec::new();
    let mut begun: BTreeMap<&str, Begun<'_>> = BTreeMap::new();
    for (line, text) in trace.lines().enumerate() {
        let unreadable = || Unreadable { line: line + 1, text: text.chars().take(SHOWN).collect() };
        let (thread, what) = text.split_once(' ').ok_or_else(unreadable)?;
        let what = what.trim_start();
        if what.starts_with("+++ ") {
            // What the thread was at may have been done, or half done, or not.
            if let Some((begin, name, arguments)) = begun.remove(thread)
                && let Some(Some(call)) = call_of(name, &arguments, None)
            {
                events.push(Event { begin, end: line, call });
            }
        } else if what.starts_with("--- ") {
        } else if let Some(resumed) = what.strip_prefix("<... ") {
            let (_, rest) = resumed.split_once(" resumed>").ok_or_else(unreadable)?;
            let (begin, name, mut arguments) = begun.remove(thread).ok_or_else(unreadable)?;
            arguments.push_str(rest);
            events.extend(ended(begin, line, name, &arguments).ok_or_else(unreadable)?);
        } else {
            let (name, arguments) = what.split_once('(').ok_or_else(unreadable)?;
            match arguments.strip_suffix(" <unfinished ...>").or(arguments.strip_suffix("<unfinished ...>")) {
                Some(first) => drop(begun.insert(thread, (line, name, first.to_owned()))),
                None => events.extend(ended(line, line, name, arguments).ok_or_else(unreadable)?),
            }
        }
    }
    for (begin, name, arguments) in begun.into_values() {
        let call = call_of(name, &arguments, None).flatten();
        events.extend(call.map(|call| Event { begin, end: usize::MAX, call }));
    }
    events.sort_by_key(|event| (event.end, event.begin));
    Ok(events)
}

/// A call with its result. `None`: unreadable; nothing within: of no interest.
fn ended(begin: usize, end: usize, name: &str, text: &str) -> Option<Option<Event>> {
    let (arguments, result) = text.rsplit_once(" = ")?;
    let number = result.split([' ', '<']).next()?;
    // `?`: the process ended within.
    let number: Option<i64> = if number == "?" { None } else { Some(number.parse().ok()?) };
    if number.is_some_and(|number| number < 0) && !matches!(name, "fsync" | "fdatasync") {
        return Some(None);
    }
    let call = call_of(name, arguments, number)?;
    Some(call.map(|call| Event { begin, end, call }))
}

/// What a call does. `result` is unknown for one that was cut short: then it may have done all of it. `None`:
/// unreadable; nothing within: of no interest.
fn call_of(name: &str, arguments: &str, result: Option<i64>) -> Option<Option<Call>> {
    let mut fields = Fields::new(arguments);
    if name.ends_with("at") || name == "renameat2" {
        fields.descriptor()?;
    }
    let call = match name {
        "openat" | "open" | "creat" => {
            let path = fields.path()?;
            let creates = name == "creat" || fields.rest().contains("O_CREAT");
            if creates { Call::Create { path } } else { Call::Open { path } }
        }
        "mkdirat" | "mkdir" => Call::MakeFolder { path: fields.path()? },
        "unlink" | "unlinkat" => Call::Remove { path: fields.path()? },
        "rename" => Call::Rename { from: fields.path()?, to: fields.path()? },
        "renameat" | "renameat2" => {
            let from = fields.path()?;
            fields.descriptor()?;
            Call::Rename { from, to: fields.path()? }
        }
        "fsync" | "fdatasync" => match fields.descriptor()? {
            Target::File(path) => Call::Sync { path, only_data: name == "fdatasync", ok: result == Some(0) },
            _ => return Some(None),
        },
        "ftruncate" => match fields.descriptor()? {
            Target::File(path) => Call::Resize { path, length: fields.number()? },
            _ => return Some(None),
        },
        _ => return transfer(name, &mut fields, result),
    };
    Some(Some(call))
}

/// Bytes to or from a file or a connection. What a file says is of no interest.
fn transfer(name: &str, fields: &mut Fields<'_>, result: Option<i64>) -> Option<Option<Call>> {
    let target = fields.descriptor()?;
    let reads = matches!(name, "read" | "readv" | "recvfrom" | "recvmsg");
    if target == Target::Other || (reads && matches!(target, Target::File(_))) {
        return Some(None);
    }
    if reads && result.is_none() {
        return Some(None);
    }
    let listed = matches!(name, "readv" | "recvmsg" | "writev" | "sendmsg");
    let mut bytes = if listed { fields.buffers()? } else { fields.string()? };
    if let Some(count) = result {
        bytes.truncate(usize::try_from(count).ok()?);
    }
    Some(Some(match target {
        Target::Connection(by) if reads => Call::Receive { by, bytes },
        Target::Connection(by) => Call::Send { by, bytes },
        Target::File(path) if name == "pwrite64" => {
            fields.number()?;
            Call::Write { path, at: Some(fields.number()?), bytes }
        }
        // The store has no use for `pwritev`: should it begin to, this must learn it.
        Target::File(_) if name.starts_with("pwritev") => return None,
        Target::File(path) => Call::Write { path, at: None, bytes },
        Target::Other => return Some(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r"4<\x2f\x61>";

    #[test]
    fn calls_of_one_line_and_of_two_are_put_in_order_of_their_ends() {
        let trace = format!(
            "7  pwrite64({FILE}, \"\\x61\\x62\", 2, 9 <unfinished ...>\n\
             8  fdatasync({FILE}) = 0 (DELAYED)\n\
             7  <... pwrite64 resumed>) = 1\n\
             8  fsync({FILE}) = -1 EIO (Input/output error)\n\
             8  sendto(5<TCP:[1.1.1.1:2->1.1.1.1:3]>, \"\\x63\", 1, MSG_NOSIGNAL, NULL, 0 <unfinished ...>\n\
             8  +++ killed by SIGKILL +++\n"
        );
        let path: std::path::PathBuf = "/a".into();
        let events = read(&trace).unwrap();
        let wanted = [
            (1, 1, Call::Sync { path: path.clone(), only_data: true, ok: true }),
            // One byte of two went in.
            (0, 2, Call::Write { path: path.clone(), at: Some(9), bytes: b"a".to_vec() }),
            (3, 3, Call::Sync { path, only_data: false, ok: false }),
            (4, 5, Call::Send { by: "1.1.1.1:2->1.1.1.1:3".into(), bytes: b"c".to_vec() }),
        ];
        let wanted = wanted.map(|(begin, end, call)| Event { begin, end, call });
        assert_eq!(events, wanted);
    }

    #[test]
    fn what_is_not_understood_is_no_proof() {
        for line in [
            "7 pwrite64(4<\\x2f\\x61>, \"\\x61\"..., 2, 9) = 2",
            "7 pwritev(4<\\x2f\\x61>, [{iov_base=\"\\x61\", iov_len=1}], 1, 0) = 1",
            "7 <... pwrite64 resumed>) = 1",
            "strace: something went wrong",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        // Other descriptors than files and connections are of no interest.
        assert_eq!(read("7 write(4<pipe:[5]>, \"\\x61\", 1) = 1").unwrap(), []);
    }
}
