//! What happened in a partition test, as lines of JSON: written here, judged by `tests/partition`, and readable by anybody's
//! checker. Each line is one [`Line`], in the order in which it was written down; times are milliseconds since the EC2
//! endpoint started, by one monotonic clock for all of them.

use crate::calllog::{CallRecord, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Line {
    /// What is run; the first line.
    Start(Start),
    /// A nemesis has been mended: what it was, and whether it had an effect.
    Nemesis(Nemesis),
    /// What is really so from now on.
    Truth(Truth),
    /// An operator asks.
    Invoke(Invoke),
    /// An operator is answered, or gives up.
    Return(Return),
    /// A node tells of an event in its history.
    Event(Event),
    /// A call that changes something has come to EC2.
    Call(Call),
    /// How it all ended; the last line.
    End(End),
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Who guards the routes: `ours`, or another by its name.
    pub who: String,
    /// The seed of all choices.
    pub seed: u64,
    /// For how long there is trouble, in seconds.
    pub seconds: u64,
    /// The kinds of nemeses that may come.
    pub nemeses: Vec<String>,
    /// The nodes, or those who stand in their place.
    pub nodes: Vec<NodeFacts>,
    /// The gateways.
    pub gateways: Vec<GatewayFacts>,
    /// After so long a caller has given up: what lands later is EC2's doing. In milliseconds.
    pub call_timeout_ms: u64,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// The access key that it signs with: [`Call::caller`].
    pub caller: String,
}

/// A gateway and the route that is at home on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayFacts {
    /// Its name, also its node's.
    pub name: String,
    /// Its instance.
    pub instance: String,
    /// Its interface.
    pub interface: String,
    /// Its path.
    pub path: String,
    /// The route that is at home on it.
    pub route: String,
    /// That route's table.
    pub table: String,
}

/// A nemesis that has been mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nemesis {
    /// Its kind.
    pub name: String,
    /// To whom.
    pub whom: String,
    /// From when.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// What it did: packets dropped, processes stopped or killed, calls met. Zero: it never landed.
    pub landed: u64,
}

/// What is really so. What becomes bad is written down before it does, what becomes good after it did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Since when.
    pub at_ms: u64,
    /// Gateways whose host is off, or about to be.
    pub hosts_off: BTreeSet<String>,
    /// Gateways the far end of whose tunnel doesn't answer the lab.
    pub tunnels_silent: BTreeSet<String>,
    /// From whom no packet reaches whom.
    pub cuts: BTreeSet<(String, String)>,
    /// Nodes whose process stands still or is dead.
    pub processes_still: BTreeSet<String>,
    /// Nodes that run with an empty disk, and whom no operator has asked to let in again.
    pub disks_lost: BTreeSet<String>,
    /// Of a hundred packets between nodes so many are lost.
    pub loss_percent: u8,
}

/// An operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// When.
    pub at_ms: u64,
    /// The number of the request, in this history.
    pub id: u64,
    /// Who: a name that no other request has; the log keeps it.
    pub by: String,
    /// Which node is asked.
    pub node: String,
    /// What is asked for.
    pub what: Asked,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "op")]
pub enum Asked {
    /// Everything at one moment.
    Read,
    /// No new mutation.
    Pause,
    /// The end of that.
    Resume,
    /// A route on another path.
    Switchover {
        /// The route.
        route: String,
        /// The path.
        path: String,
    },
    /// A path preferred above all others.
    Pin {
        /// The route.
        route: String,
        /// The path.
        path: String,
    },
    /// The end of that.
    Unpin {
        /// The route.
        route: String,
    },
    /// No traffic over a gateway.
    Drain {
        /// The gateway.
        gateway: String,
    },
    /// The end of that.
    Undrain {
        /// The gateway.
        gateway: String,
    },
    /// A node whose disk was lost is let in again.
    Readmit {
        /// The node.
        node: String,
    },
}

/// An operator is answered, or gives up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// When.
    pub at_ms: u64,
    /// The request's number.
    pub id: u64,
    /// The answer.
    pub answer: Answer,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "came")]
pub enum Answer {
    /// It took effect.
    Accepted {
        /// Where it stands in the log.
        index: u64,
        /// A pause: nothing that was sent before can still land.
        quiet: bool,
    },
    /// `apply` or the node refused it: it has no effect.
    Refused {
        /// Why.
        why: String,
    },
    /// A reading.
    Seen {
        /// A quorum confirmed the leadership meanwhile.
        linearizable: bool,
        /// The log index up to which it shows everything.
        applied: u64,
        /// The cluster is paused.
        paused: bool,
    },
    /// Nobody knows: it may take effect at any time from its invocation on, or never.
    Unknown {
        /// What was said, if anything.
        why: String,
    },
}

/// An event in a node's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Which node tells of it.
    pub node: String,
    /// The index of its entry; several events may have the same.
    pub index: u64,
    /// The epoch in office.
    pub epoch: u64,
    /// Its name: `intended`, `ended`, `operated`, …
    pub event: String,
    /// The route, gateway or node that it is about.
    pub subject: String,
    /// In words.
    pub summary: String,
    /// By which rule.
    pub cause: String,
    /// Who.
    pub actor: String,
    /// The intent, as `epoch.number`.
    pub intent: String,
}

/// A call that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number in the endpoint's log: their true order.
    pub seq: u64,
    /// When its last byte had arrived.
    pub arrived_ms: u64,
    /// When it took effect, if it did.
    pub applied_ms: Option<u64>,
    /// Who signed it.
    pub caller: String,
    /// The epoch that it names; none without a tag.
    pub epoch: Option<u64>,
    /// The intent that it names, as `epoch.number`.
    pub intent: String,
    /// What it does.
    pub action: String,
    /// To what: a route table or an instance.
    pub resource: String,
    /// The interface that a route is to point at; empty for all else.
    pub target: String,
    /// It was accepted.
    pub ok: bool,
    /// A fault of the endpoint put its effect off, beyond what its caller waited for.
    pub late: bool,
}

impl Call {
    /// What the endpoint's record says.
    pub fn of(record: &CallRecord, put_off: bool) -> Self {
        let intent = |tag: &crate::calllog::Tag| format!("{}.{}", tag.epoch, tag.intent);
        let resource = record.param("RouteTableId").or_else(|| record.param("InstanceId.1"));
        Self {
            seq: record.seq,
            arrived_ms: record.arrived_ms,
            applied_ms: record.applied_ms,
            caller: record.caller.clone().unwrap_or_default(),
            epoch: record.tag.as_ref().map(|tag| tag.epoch),
            intent: record.tag.as_ref().map(intent).unwrap_or_default(),
            action: record.action.clone(),
            resource: resource.unwrap_or_default().to_owned(),
            target: record.param("NetworkInterfaceId").unwrap_or_default().to_owned(),
            ok: record.outcome == Outcome::Ok,
            late: put_off,
        }
    }
}

/// How it all ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When all nemeses were mended, and all operators had withdrawn what they had asked for.
    pub healed_ms: u64,
    /// When all was well again; none if it never was.
    pub well_ms: Option<u64>,
    /// What was missing last.
    pub missing: String,
}

/// Writes a history.
#[derive(Debug)]
pub struct Writer {
    file: Mutex<BufWriter<File>>,
}

impl Writer {
    /// A new file, or an old one emptied.
    ///
    /// # Errors
    /// It can't be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(BufWriter::new(File::create(path)?)) })
    }

    fn file(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, line: &Line) -> io::Result<()> {
        let mut file = self.file();
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn flush(&self) -> io::Result<()> {
        self.file().flush()
    }
}

/// Reads a history.
///
/// # Errors
/// It can't be read, or a line is none: the error has its number.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    let bad = |number: usize, error: serde_json::Error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}:{}: {error}", path.display(), number + 1))
    };
    let lines = BufReader::new(File::open(path)?).lines().enumerate();
    lines.map(|(number, line)| serde_json::from_str(&line?).map_err(|error| bad(number, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let lines = [
            Line::Truth(Truth { at_ms: 3, cuts: [("a".into(), "b".into())].into(), ..Truth::default() }),
            Line::Invoke(Invoke {
                at_ms: 5,
                id: 1,
                by: "operator-1".into(),
                node: "witness".into(),
                what: Asked::Pin { route: "private-1".into(), path: "tunnel-2".into() },
            }),
            Line::Return(Return { at_ms: 9, id: 1, answer: Answer::Accepted { index: 7, quiet: false } }),
        ];
        let writer = Writer::create(&path).unwrap();
        for line in &lines {
            writer.write(line).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!(read(&path).unwrap(), lines);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""kind":"invoke","at_ms":5"#) && text.contains(r#""op":"pin""#), "{text}");
        std::fs::write(&path, text + "nonsense\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("history.jsonl:4: "), "{error}");
    }
}
