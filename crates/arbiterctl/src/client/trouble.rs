//! Why a call has no answer.

use super::Kind;
use crate::exit::Exit;
use crate::failure::{Failure, Place};
use std::error::Error;
use tonic::{Code, Status};

/// Why no endpoint gave an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No endpoint could be connected to: nothing was asked.
    #[error("no node could be reached")]
    Unreachable(Vec<Place>),
    /// Nodes answered that there is no leader that a majority follows: nothing was done.
    #[error("there is no leader that a majority of the nodes follows")]
    NoQuorum(Vec<Place>),
    /// At least one node was asked and did not answer: it may have happened, or happen yet.
    #[error("no answer came in time")]
    Unknown(Vec<Place>),
    /// A node refused the call.
    #[error("{}", .0.why)]
    Refused(Place, Code),
}

/// What came of one attempt, if not an answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was never sent.
    NotSent(String),
    /// The node says that there is no leader or quorum: nothing was done.
    NoQuorum(String),
    /// It was sent, and what became of it is unknown.
    Lost(String),
    /// The node refused it.
    Refused(String, Code),
}

/// What is said of a node that took the request and did not answer.
pub(super) const SILENT: &str = "connected, but no answer came";

/// Either end may notice first that the time has run out: it is the same to whoever reads it.
fn timed_out(status: &Status) -> bool {
    let ours = status.source().is_some_and(|source| source.is::<tonic::TimeoutExpired>());
    let words = tonic::TimeoutExpired(()).to_string();
    ours || (status.code() == Code::Cancelled && status.message() == words)
}

/// How it is said that a connection broke.
const BROKE: &str = "the connection broke";

impl Trouble {
    /// The same with what is likely, if the asker has no certificate: a node that wants one ends the connection.
    pub(super) fn of_asker(self, certified: bool) -> Self {
        match self {
            Self::Lost(why) if !certified && why.starts_with(BROKE) => Self::Lost(format!(
                "{why}; has it `[tls]`? Then it takes `--ca`, `--certificate` and `--key`"
            )),
            other => other,
        }
    }

    /// Reads an error status. A status that has a source was made here, because the connection broke.
    pub(super) fn of(status: &Status) -> Self {
        let words = status.message().to_owned();
        match status.code() {
            _ if timed_out(status) => Self::Lost(SILENT.to_owned()),
            _ if status.source().is_some() => {
                Self::Lost(format!("{BROKE}: {}", deepest(status)))
            }
            Code::Unavailable => Self::NoQuorum(words),
            code @ (Code::NotFound
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            // A node that is asked too much has not begun.
            | Code::ResourceExhausted
            | Code::Unauthenticated) => Self::Refused(words, code),
            // Whoever does not know the call has not done it.
            Code::Unimplemented => Self::NotSent(format!(
                "it is no node's port, or its program is older than this one ({words})"
            )),
            Code::DeadlineExceeded => Self::Lost(words),
            // All others can also come from half-way.
            code => Self::Lost(format!("{code:?}: {words}")),
        }
    }
}

impl CallError {
    /// For people: what, where, why, and what to type.
    pub fn failure(self, call: &str, kind: Kind) -> Failure {
        match self {
            Self::Unreachable(places) => Failure {
                exit: Exit::Failed,
                what: format!("`{call}`: no node could be reached; nothing was asked"),
                places,
                hints: vec![
                    "start it there: `systemctl start arbiterd`, or `arbiterd --config cluster.toml --node NAME`".into(),
                    "or name other nodes with `--endpoint host:port` or `--config cluster.toml`".into(),
                ],
            },
            Self::NoQuorum(places) => {
                let asked = if kind == Kind::Read { "" } else { "; nothing was done" };
                let hint = match kind {
                    Kind::Read => format!("`arbiterctl {call} --stale` shows one node's own view"),
                    _ => "`arbiterctl status --stale` shows who hears whom".to_owned(),
                };
                let what = format!("`{call}`: there is no leader that a majority of the nodes follows{asked}");
                Failure { exit: Exit::NoQuorum, what, places, hints: vec![hint] }
            }
            Self::Unknown(places) => {
                let (what, hint) = match kind {
                    Kind::Read => ("no answer came in time", "ask again with a longer `--timeout`, or another node with `--endpoint`"),
                    Kind::Write => (
                        "no answer came in time: it may have taken effect, or take effect yet",
                        "`arbiterctl status` shows what stands now",
                    ),
                    Kind::WriteOnce => (
                        "no answer came in time: it may have taken effect, or take effect yet",
                        "`arbiterctl history --limit 5` shows whether it did; asking again does no harm",
                    ),
                };
                Failure { exit: Exit::Unknown, what: format!("`{call}`: {what}"), places, hints: vec![hint.into()] }
            }
            Self::Refused(place, code) => {
                let failure = Failure::new(Exit::Failed, format!("`{call}`: {}", place.why));
                let failure = Failure { places: vec![Place { why: "refused it".into(), ..place }], ..failure };
                match code {
                    Code::ResourceExhausted => failure.hint("whatever asks under the same certificate, or from the same address, counts with it"),
                    Code::NotFound => failure.hint("`arbiterctl routes` lists the routes, `arbiterctl members` the nodes"),
                    _ => failure,
                }
            }
        }
    }
}

/// The innermost reason: the layers above it only repeat that something failed.
pub(super) fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::ConnectionRefused) => "connection refused: nothing listens there".to_owned(),
        _ => innermost.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_did_not_happen_is_not_called_lost() {
        let cases = [
            (Code::Unavailable, "no-quorum"),
            (Code::DeadlineExceeded, "lost"),
            (Code::Cancelled, "lost"),
            (Code::Unknown, "lost"),
            (Code::Internal, "lost"),
            (Code::NotFound, "refused"),
            (Code::FailedPrecondition, "refused"),
            (Code::ResourceExhausted, "refused"),
            (Code::Unimplemented, "not-sent"),
        ];
        for (code, expected) in cases {
            let found = match Trouble::of(&Status::new(code, "words")) {
                Trouble::NotSent(_) => "not-sent",
                Trouble::NoQuorum(_) => "no-quorum",
                Trouble::Lost(_) => "lost",
                Trouble::Refused(..) => "refused",
            };
            assert_eq!(found, expected, "{code:?}");
        }
        let Trouble::NotSent(words) = Trouble::of(&Status::unimplemented("no such call")) else { return };
        assert!(words.contains("its program is older than this one (no such call)"), "{words}");
        let broken = Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
        assert!(matches!(Trouble::of(&broken), Trouble::Lost(_)));
    }
}
