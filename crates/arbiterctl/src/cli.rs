//! The command line.

mod backup;
mod looking;
mod operator;
mod pki;
mod policy;

pub use backup::{BackupArgs, RestoreArgs};
pub use looking::{CompletionsArgs, EventsArgs, ManArgs, ScreenArgs, WatchArgs};
pub use operator::{
    AddArgs, Doing, DrainArgs, GatewayCommand, MemberArgs, MemberCommand, Mode, ModeArgs, PinArgs,
    ReplaceArgs, RestartArgs, UndrainArgs, UnpinArgs,
};
pub use pki::{InitArgs, IssueArgs, PkiCommand, ShowArgs};
pub use policy::{ApplyArgs, DiffArgs, PolicyCommand, PolicyHistoryArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// A wait of more than a day is a mistake.
const TIMEOUT_MAX_MS: u64 = 24 * 3_600_000;

/// A question is answered within a round trip, or after an election, which takes some seconds at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// A route moves within a second; a pause is quiet within some; a handover may wait for an election. Every
/// node that is examined takes a second or two.
const PATIENCE_WAITING: Duration = Duration::from_secs(60);

/// One look of a live screen: a node that is slower than this is left for the next one, and the screen says so.
const PATIENCE_LIVE: Duration = Duration::from_secs(3);

/// A gateway may take minutes to stop, and as many to boot.
const PATIENCE_RESTART: Duration = Duration::from_mins(15);

const AFTER_HELP: &str = "\
Exit codes:
  0  ok
  1  failed: refused, or no node could be reached; nothing was changed
  2  usage: the command line is wrong
  3  degraded: `status` shows a wrong route or a critical alarm, or `doctor` found something
  4  no quorum: no leader that a majority follows; nothing was changed, what is shown may be stale
  5  unknown: the time ran out; what was asked for may have happened, or happen yet

Environment:
  ARBITER_ENDPOINT     the endpoints, if neither --endpoint nor --config is given
  ARBITER_CA           the file for --ca
  ARBITER_CERTIFICATE  the file for --certificate
  ARBITER_KEY          the file for --key
  NO_COLOR             no colour, if it is not empty";

/// Shows what the nodes of a Route Arbiter cluster see, have decided and do, and gives them commands.
///
/// Any node answers: the endpoints are tried in turn, and the one that answers asks the leader.
#[derive(Debug, Parser)]
#[command(name = "arbiterctl", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// For all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// For all commands.
#[derive(Debug, Args)]
#[command(next_help_heading = "For all commands")]
pub struct Global {
    /// A node's host:port; more of them separated by commas, or by repeating this. Default: 127.0.0.1:7400
    #[arg(long, display_order = 100, global = true, value_name = "HOST:PORT", value_delimiter = ',')]
    pub endpoint: Vec<String>,
    /// Take the nodes' addresses from this cluster.toml
    #[arg(long, display_order = 100, global = true, value_name = "FILE", conflicts_with = "endpoint")]
    pub config: Option<PathBuf>,
    /// The authorities whose nodes are believed, in PEM. With --certificate and --key: everything is TLS
    #[arg(long, display_order = 100, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Your certificate, in PEM: it says who you are and what you may do
    #[arg(long, display_order = 100, global = true, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Its key, in PEM, readable by you alone
    #[arg(long, display_order = 100, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Speak with other hosts in the clear, where you have no certificate: whoever is between reads and changes it all
    #[arg(long, display_order = 100, global = true)]
    pub insecure_without_tls: bool,
    /// For people or for programs
    #[arg(short, long, display_order = 100, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Show the answering node's own view without asking the leader: works without a quorum. For questions only
    #[arg(long, display_order = 100, global = true)]
    pub stale: bool,
    /// How long to try. Default: 10s, with --wait 60s
    #[arg(long, display_order = 100, global = true, value_name = "DURATION", value_parser = timeout)]
    pub timeout: Option<Duration>,
}

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For people with wide screens: more of `status` and `routes`
    Wide,
    /// For programs: one versioned document
    Json,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Is traffic right, who leads, is the quorum whole, is anything paused? One screen
    Status(WatchArgs),
    /// Every route: desired, committed and observed side by side
    Routes(WatchArgs),
    /// Every node: its role, and when it was heard
    Members,
    /// Every probe of every observer
    Probes(WatchArgs),
    /// What could keep a failover from working, found before it is needed
    ///
    /// The leader has every node examine itself: dry runs of every call that it may have to make, what EC2 shows of
    /// gateways and routes, whether its way to EC2 is its own, whether it may ping. Nothing is changed. The leader does
    /// so by itself once an hour, and `status` shows what it found. It takes some seconds: --timeout is 60s by default.
    Doctor,
    /// What happened: old → new, by which rule, by whom, why. Newest last
    History(HistoryArgs),
    /// A live screen: routes, paths, gateways, the newest moves, alarms. `q` or Ctrl-C ends it
    Watch(ScreenArgs),
    /// What happened, one line an event; with --follow also what is to come
    Events(EventsArgs),
    /// Why a route is where it is, and not elsewhere
    Explain(ExplainArgs),
    /// Move a route to one of its paths; its first path switches it home
    Switchover(SwitchoverArgs),
    /// Make no new change until resumed
    Pause(PauseArgs),
    /// End a pause
    Resume(ResumeArgs),
    /// Keep traffic off a gateway: its routes move away, and none comes back
    Drain(DrainArgs),
    /// End a drain
    Undrain(UndrainArgs),
    /// Prefer one path of a route above all others, until unpinned
    Pin(PinArgs),
    /// End a pin: the route's own order of paths counts again
    Unpin(UnpinArgs),
    /// Observe only, or act
    Mode(ModeArgs),
    /// Give the leadership to another node
    Handover(HandoverArgs),
    /// Restart a gateway, or replace its instance
    #[command(subcommand)]
    Gateway(GatewayCommand),
    /// The replicated policy: show, diff, apply, history
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Write policy, overrides and history into a file
    Backup(BackupArgs),
    /// Put the policy and the overrides of such a file in force
    #[command(after_help = backup::RESTORE)]
    Restore(RestoreArgs),
    /// The members of the cluster: list, add, promote, remove, replace
    #[command(subcommand)]
    Member(MemberCommand),
    /// Certificates of nodes and people: make and show them
    #[command(subcommand)]
    Pki(PkiCommand),
    /// What a shell needs to complete these commands
    Completions(CompletionsArgs),
    /// The manual pages: arbiterctl(1), and one for each command
    Man(ManArgs),
}

impl Command {
    /// Whether it asks for a change: then it needs the leader.
    pub fn writes(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Routes(_)
            | Self::Members
            | Self::Probes(_)
            | Self::Doctor
            | Self::Watch(_)
            | Self::Events(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Backup(_)
            | Self::Pki(_)
            | Self::History(_)
            | Self::Explain(_) => false,
            Self::Policy(command) => matches!(command, PolicyCommand::Apply(_)),
            Self::Member(command) => !matches!(command, MemberCommand::List),
            Self::Switchover(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Drain(_)
            | Self::Undrain(_)
            | Self::Pin(_)
            | Self::Unpin(_)
            | Self::Mode(_)
            | Self::Restore(_)
            | Self::Handover(_)
            | Self::Gateway(_) => true,
        }
    }

    /// Whether it was told to wait for what comes of it.
    pub fn waits(&self) -> bool {
        match self {
            Self::Switchover(args) => args.wait,
            Self::Pause(args) => args.wait,
            Self::Handover(args) => args.wait,
            Self::Gateway(GatewayCommand::Restart(args)) => args.wait,
            Self::Drain(args) => args.wait,
            Self::Pin(args) => args.wait,
            Self::Policy(PolicyCommand::Apply(args)) => args.wait,
            _ => false,
        }
    }

    /// How long it tries, if nobody says.
    pub fn patience(&self) -> Duration {
        match self {
            Self::Gateway(GatewayCommand::Restart(args)) if args.wait => PATIENCE_RESTART,
            Self::Doctor => PATIENCE_WAITING,
            Self::Watch(_) => PATIENCE_LIVE,
            _ if self.waits() => PATIENCE_WAITING,
            _ => PATIENCE,
        }
    }
}

/// Which events.
#[derive(Debug, Default, Args)]
pub struct HistoryArgs {
    /// The newest so many, at most 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Only of this route, gateway or node
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Only after this log index
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub after: u64,
    /// Only what would have been done, and what others did meanwhile: for the time of `mode observe`
    #[arg(long)]
    pub would_have: bool,
    /// Of a file that `backup` wrote; no node is asked
    #[arg(long, value_name = "FILE", conflicts_with = "stale")]
    pub backup: Option<PathBuf>,
}

/// Which route.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The route's name
    pub route: String,
}

/// Which route, and where to.
#[derive(Debug, Args)]
pub struct SwitchoverArgs {
    /// The route's name
    pub route: String,
    /// The path's name
    pub path: String,
    /// Wait until EC2 shows it there
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// How.
    #[command(flatten)]
    pub doing: Doing,
}

/// Why, and for how long.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Why, shown to everybody who looks
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Ends by itself after this long, as in 30m or 1h30m. Default: only `resume` ends it
    #[arg(long = "for", value_name = "DURATION", value_parser = duration_ms)]
    pub for_ms: Option<u64>,
    /// Wait until it is quiet: nothing that was sent before can still land
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// Say what the cluster would answer and what would follow, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// How.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Say what the cluster would answer and what would follow, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// To whom.
#[derive(Debug, Args)]
pub struct HandoverArgs {
    /// The node that shall lead
    pub node: String,
    /// Wait until it leads
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// Say what the cluster would answer and what should be known before, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn duration_ms(text: &str) -> Result<u64, String> {
    match arbiter_config::duration_ms(text) {
        Ok(0) => Err("it must be more than nothing".to_owned()),
        Ok(ms) => Ok(ms),
        Err(wrong) => Err(wrong.to_string()),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match duration_ms(text)? {
        ms if ms > TIMEOUT_MAX_MS => Err("it must be at most 24h".to_owned()),
        ms => Ok(Duration::from_millis(ms)),
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why: everybody who looks will read it".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_those_of_the_file() {
        assert_eq!(duration_ms("1h30m"), Ok(5_400_000));
        assert_eq!(timeout("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["", "5", "0s", "1.5h", "-1s", "25h"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }
}
