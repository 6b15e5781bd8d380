//! Processes that end with this one, however it ends: also by SIGKILL, of which it hears nothing.
//!
//! The kernel sends a process a signal of its choice when its parent ends. The process itself must ask for that, so
//! it is started as this same program, which asks and then becomes the other one ([`become_bound`]). And the "parent"
//! is the *thread* that started it, so that one thread starts all, and lives as long as anybody wants to start one
//! ([`Starter`]).

use anyhow::Context;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::sync::mpsc;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

/// This program, whatever its file is called by now.
const MYSELF: &str = "/proc/self/exe";

/// The subcommand by which this program becomes another one.
const SUBCOMMAND: &str = "bound";

/// Starts that may wait: callers wait for theirs, so there are as many as callers at once, a few.
const WAITING: usize = 16;

/// What to become, and whose end ends it.
#[derive(Debug, Clone, clap::Args)]
pub struct BoundArgs {
    /// The process that started this one.
    #[arg(long)]
    to: i32,
    /// A program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes another program that is killed when its parent ends.
///
/// # Errors
/// The parent has ended already, or the program can't be started.
pub fn become_bound(args: &BoundArgs) -> anyhow::Result<Infallible> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("the kernel binds no process to another")?;
    // It may have ended before the kernel was asked.
    anyhow::ensure!(getppid().map(Pid::as_raw_pid) == Some(args.to), "the process {} has ended", args.to);
    let (program, rest) = args.command.split_first().context("no program is named")?;
    let error = std::process::Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("{} can't be started", program.display()))
}

/// The command for a program that shall end with this one; arguments and environment are to be added.
pub fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(MYSELF);
    command.arg(SUBCOMMAND).arg("--to").arg(std::process::id().to_string()).arg("--").arg(program);
    command
}

struct Order {
    command: Command,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

/// Starts processes, all from one thread.
#[derive(Debug)]
pub(crate) struct Starter {
    orders: mpsc::SyncSender<Order>,
}

impl Starter {
    /// Starts the thread. It ends when this is dropped, and with it what is bound to it.
    pub fn new() -> anyhow::Result<Self> {
        let (orders, queue) = mpsc::sync_channel::<Order>(WAITING);
        let runtime = Handle::current();
        let work = move || {
            let _entered = runtime.enter();
            for mut order in queue {
                // Who asked waits for the answer, or is gone with the whole program.
                drop(order.reply.send(order.command.spawn()));
            }
        };
        std::thread::Builder::new()
            .name("starter".to_owned())
            .spawn(work)
            .context("no thread is to be had")?;
        Ok(Self { orders })
    }

    /// Starts a process, as `spawn` does. Takes as long as that: a millisecond.
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        let ended = || io::Error::other("the thread that starts processes has ended");
        let (reply, started) = mpsc::sync_channel(1);
        self.orders.send(Order { command, reply }).map_err(|_| ended())?;
        started.recv().map_err(|_| ended())?
    }
}
