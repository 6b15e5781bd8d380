//! What all commands share: the client, the clock of this command, the terminal.

use crate::cli::{Cli, Command, HistoryArgs, Output};
use crate::client::{Admin, CallError, Client, Kind, endpoints};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Readable};
use crate::trust;
use crate::view::{Answered, EventLine, EventView};
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

/// Between two looks while waiting: people don't notice it, and a node doesn't either.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An operator's name is shown on every screen: longer ones are cut.
const NAME_CHARS_MAX: usize = 100;

/// What is taken from the process's surroundings.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The endpoints, separated by commas.
    pub endpoint: Option<String>,
    /// The authorities that are believed.
    pub ca: Option<PathBuf>,
    /// The operator's certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The operator's name.
    pub user: Option<String>,
    /// This host's name.
    pub host: Option<String>,
}

/// How large a screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub lines: usize,
}

/// A screen that a command can have for itself.
pub trait Tty {
    /// How large it is now.
    fn size(&self) -> Size;

    /// Takes the screen: what was on it comes back when it is given back. Keys come one by one from now on, and are not
    /// shown.
    ///
    /// # Errors
    /// What the terminal says.
    fn take(&self) -> std::io::Result<tokio::sync::mpsc::Receiver<u8>>;

    /// Puts everything back. May be called also where nothing was taken.
    fn give_back(&self);
}

/// Where a command writes, and from where it is answered.
pub struct Terminal<'a> {
    /// For what was asked for.
    pub out: &'a mut dyn Write,
    /// For errors and questions.
    pub err: &'a mut dyn Write,
    /// Who can be asked; `None` if nobody sits there.
    pub answers: Option<Box<dyn BufRead + 'a>>,
    /// Whether `out` can be cleared and drawn anew.
    pub redraws: bool,
    /// The screen behind `out`, for whom can have it alone; `None` if `out` leads elsewhere.
    pub tty: Option<&'a dyn Tty>,
    /// Whether `out` shows colour.
    pub colour: bool,
    /// Whether `err` shows colour.
    pub colour_err: bool,
}

/// One command's run.
pub(crate) struct Session<'a, 't> {
    client: Client,
    timeout: Duration,
    deadline: Instant,
    output: Output,
    stale: bool,
    by: String,
    drawn: bool,
    terminal: &'a mut Terminal<'t>,
}

impl<'a, 't> Session<'a, 't> {
    pub(crate) fn open(
        cli: &Cli,
        environment: &Environment,
        terminal: &'a mut Terminal<'t>,
    ) -> Result<Self, Failure> {
        let global = &cli.global;
        if cli.command.writes() && global.stale {
            return Err(Failure::new(Exit::Usage, "`--stale` is for questions: a command needs the leader")
                .hint("leave `--stale` out"));
        }
        let addresses =
            endpoints::choose(&global.endpoint, global.config.as_deref(), environment.endpoint.as_deref())?;
        let credentials = match cli.command {
            // What makes them needs none.
            Command::Pki(_) | Command::Completions(_) | Command::Man(_) => None,
            Command::History(HistoryArgs { backup: Some(_), .. }) => None,
            _ => {
                let credentials = trust::credentials(global, environment)?;
                if credentials.is_none() && !global.insecure_without_tls {
                    trust::must_be_alone(&addresses)?;
                }
                credentials
            }
        };
        let timeout = global.timeout.unwrap_or_else(|| cli.command.patience());
        Ok(Self {
            client: Client::new(addresses, credentials),
            timeout,
            deadline: Instant::now() + timeout,
            output: global.output,
            stale: global.stale,
            by: operator(environment),
            drawn: false,
            terminal,
        })
    }

    /// How questions are to be answered.
    pub(crate) fn asking(&self) -> Option<v1::Asking> {
        Some(v1::Asking { stale: self.stale, forwarded: false })
    }

    /// Who asks.
    pub(crate) fn by(&self) -> &str {
        &self.by
    }

    /// Makes one call; `name` is the command, for what is said if it fails.
    pub(crate) async fn call<Q, A, F>(
        &mut self,
        name: &str,
        kind: Kind,
        request: Q,
        send: F,
    ) -> Result<A, Failure>
    where
        Q: Clone,
        F: AsyncFn(&mut Admin, Request<Q>) -> Result<Response<A>, Status>,
    {
        let answer = self.client.call(kind, self.deadline, request, send).await;
        answer.map_err(|error: CallError| error.failure(name, kind))
    }

    /// Asks for everything at one moment.
    pub(crate) async fn status(&mut self, name: &str) -> Result<v1::StatusReply, Failure> {
        let request = v1::StatusRequest { asking: self.asking() };
        self.call(name, Kind::Read, request, async |admin, request| admin.status(request).await).await
    }

    /// Puts an operation into the log. The same `request_id` may be sent again: it takes effect once
    /// (but for changes of members, which are never sent again).
    ///
    /// A refusal is a failure: nothing was changed.
    pub(crate) async fn operate(
        &mut self,
        name: &str,
        request_id: &str,
        operation: Operation,
    ) -> Result<v1::OperateReply, Failure> {
        // All others are done once under their id. Sent again, a readmission could admit a second empty disk, and a
        // change of members be refused because it was made.
        let kind = match operation {
            Operation::Readmit(_)
            | Operation::AddMember(_)
            | Operation::PromoteMember(_)
            | Operation::RemoveMember(_) => Kind::Write,
            _ => Kind::WriteOnce,
        };
        let request = v1::OperateRequest {
            asking: self.asking(),
            request_id: request_id.to_owned(),
            by: self.by.clone(),
            operation: Some(operation),
        };
        let send = async |admin: &mut Admin, request| admin.operate(request).await;
        let reply = self.call(name, kind, request, send).await?;
        if reply.accepted {
            return Ok(reply);
        }
        Err(Failure::new(Exit::Failed, format!("`{name}` was refused: {}", reply.refusal))
            .hint("`arbiterctl status` shows what stands; nothing was changed"))
    }

    /// Writes a view as it was asked for.
    pub(crate) fn show<T: Readable>(&mut self, view: &T) -> Result<(), Failure> {
        let text = self.text(view)?;
        write_out(self.terminal, text.as_bytes()).map(drop)
    }

    /// Writes a view over the one before, or below it where nothing can be written over. `false` once nobody reads.
    pub(crate) fn redraw<T: Readable>(&mut self, view: &T) -> Result<bool, Failure> {
        let before = match (self.terminal.redraws, self.drawn) {
            // To the upper left corner, and clear what is there.
            (true, _) => "\x1b[H\x1b[2J",
            (false, true) => "\n",
            (false, false) => "",
        };
        let text = format!("{before}{}", self.text(view)?);
        self.drawn = true;
        write_out(self.terminal, text.as_bytes())
    }

    /// Writes one event: a line for people, or a document without line feeds. `false` once nobody reads.
    pub(crate) fn line(&mut self, event: &EventView) -> Result<bool, Failure> {
        let text = match self.output {
            Output::Table | Output::Wide => render::event_line(event).text(self.terminal.colour),
            Output::Json => render::json_line(&EventLine { event }).map_err(no_json)?,
        };
        write_out(self.terminal, text.as_bytes())
    }

    fn text<T: Readable>(&self, view: &T) -> Result<String, Failure> {
        match self.output {
            Output::Table => Ok(view.page().text(self.terminal.colour)),
            Output::Wide => Ok(view.wide().text(self.terminal.colour)),
            Output::Json => render::json(view).map_err(no_json),
        }
    }

    /// Says why one attempt of several has failed.
    pub(crate) fn complain(&mut self, failure: &Failure) {
        complain(self.output, self.terminal, failure);
    }

    /// How answers are to be written.
    pub(crate) const fn output(&self) -> Output {
        self.output
    }

    /// Where this command writes.
    pub(crate) fn terminal(&mut self) -> &mut Terminal<'t> {
        self.terminal
    }

    /// Gives the next question the whole time again.
    pub(crate) fn renew(&mut self) {
        self.deadline = Instant::now() + self.timeout;
    }

    /// The exit code of a question's answer: one that is stale without having been asked for so lacks a quorum.
    pub(crate) fn exit_of(&self, answered: &Answered) -> Exit {
        if answered.linearizable || self.stale { Exit::Ok } else { Exit::NoQuorum }
    }

    /// Asks the operator; without one, `--yes` is needed. The time for the answer is not counted.
    pub(crate) fn confirm(&mut self, question: &str) -> Result<(), Failure> {
        let Some(answers) = &mut self.terminal.answers else {
            return Err(Failure::new(Exit::Usage, format!("nobody is there to confirm it: {question}"))
                .hint("add `--yes` if it shall be done"));
        };
        let (mut answer, question) = (String::new(), render::printable(question));
        let asked = write!(self.terminal.err, "{question}? [y/N] ").and_then(|()| self.terminal.err.flush());
        // An answer is one word; a line without an end is none.
        asked
            .and_then(|()| answers.take(100).read_line(&mut answer))
            .map_err(|error| Failure::new(Exit::Failed, format!("can't ask: {error}")))?;
        self.renew();
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, "not confirmed: nothing was changed"))
    }

    /// Waits until the next look is due; `false` once the time has run out.
    pub(crate) async fn next_look(&self) -> bool {
        let next = Instant::now() + LOOK_EVERY;
        tokio::time::sleep_until(next.min(self.deadline)).await;
        next < self.deadline
    }

    /// The time that this command was given, for what is said when it has run out.
    pub(crate) fn patience(&self) -> HumanMs {
        HumanMs(u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Writes it all at once. `false` if whoever read it has had enough: `arbiterctl history | head`.
pub(crate) fn write_out(terminal: &mut Terminal<'_>, text: &[u8]) -> Result<bool, Failure> {
    match terminal.out.write_all(text).and_then(|()| terminal.out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't write to standard output: {error}"))),
        Ok(()) => Ok(true),
    }
}

/// Says why a command has failed.
pub(crate) fn complain(output: Output, terminal: &mut Terminal<'_>, failure: &Failure) {
    let text = match output {
        Output::Table | Output::Wide => render::failure_page(failure).text(terminal.colour_err),
        Output::Json => render::failure_json(failure).unwrap_or_else(|error| format!("error: {error}\n")),
    };
    // Where even this can't be written, the exit code must do.
    drop(terminal.err.write_all(text.as_bytes()));
}

pub(crate) fn no_json(error: serde_json::Error) -> Failure {
    Failure::new(Exit::Failed, format!("can't write JSON: {error}"))
}

/// `user@host`, as far as they are known.
fn operator(environment: &Environment) -> String {
    let user = environment.user.as_deref().unwrap_or("unknown");
    let host = environment.host.as_deref().map(str::trim).filter(|host| !host.is_empty());
    let name = host.map_or_else(|| user.to_owned(), |host| format!("{user}@{host}"));
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// A random name for one request, so that sending it twice does it once.
pub(crate) fn request_id() -> Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).map_err(
        |error| Failure::new(Exit::Failed, format!("can't read /dev/urandom: {error}; nothing was asked")),
    )?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_named_by_what_is_known() {
        let name = |user: Option<&str>, host: Option<&str>| {
            operator(&Environment {
                user: user.map(Into::into),
                host: host.map(Into::into),
                ..Environment::default()
            })
        };
        assert_eq!(name(Some("anna"), Some("bastion\n")), "anna@bastion");
        assert_eq!(name(Some("an\x1bna"), None), "anna");
        assert_eq!(name(None, Some("")), "unknown");
    }

    #[test]
    fn request_ids_differ() {
        let (one, two) = (request_id().unwrap(), request_id().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}
