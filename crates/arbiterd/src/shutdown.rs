//! How a node ends, and how it tells whether its host ends too.

use arbiter_core::evidence::Ending;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long `systemctl` may take to say whether the host shuts down. It answers in some milliseconds.
const ASK_SYSTEMD: Duration = Duration::from_millis(500);

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Only this process: an upgrade, a restart. The host goes on forwarding.
    Process,
    /// The host shuts down.
    Host,
}

impl Reason {
    pub const fn ending(self) -> Ending {
        match self {
            Self::Process => Ending::Process,
            Self::Host => Ending::Host,
        }
    }
}

/// The signals that end a node. From its making on they wait to be heeded: none ends the process unannounced.
///
/// SIGINT and SIGTERM end the process; whether the host ends with it, systemd is asked. SIGPWR says that the
/// host ends, for hosts without systemd.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    power: Signal,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // SIGPWR, by init's old custom: 30 on Linux.
            power: signal(SignalKind::from_raw(30))?,
        })
    }

    /// Waits for one.
    pub async fn reason(&mut self) -> Reason {
        tokio::select! {
            _ = self.interrupt.recv() => Reason::Process,
            _ = self.power.recv() => Reason::Host,
            _ = self.terminate.recv() => if host_is_stopping().await { Reason::Host } else { Reason::Process },
        }
    }
}

async fn host_is_stopping() -> bool {
    let asked = Command::new("systemctl").arg("is-system-running").kill_on_drop(true).output();
    match tokio::time::timeout(ASK_SYSTEMD, asked).await {
        Ok(Ok(output)) => output.stdout.starts_with(b"stopping"),
        // No systemd, or one that does not answer: then nobody is told that the host goes, and the others find
        // out by its silence.
        Ok(Err(_)) | Err(_) => false,
    }
}

/// Tells systemd that the node is up, where it asked to be told (`Type=notify`).
///
/// Up, not ready: a node that is started alone has no quorum and waits for the others, and systemd must not kill it
/// for that. When it has joined them, the log says `ready`.
pub(crate) fn notify_started() {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|datagram| datagram.send_to(b"READY=1", &socket));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told that the node is up");
    }
}
