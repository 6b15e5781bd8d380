//! How a node ends, and how it tells whether its host ends too.

use arbiter_core::evidence::Ending;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

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

/// Waits for a signal.
///
/// SIGINT and SIGTERM end the process; whether the host ends with it, systemd is asked. SIGPWR says that the
/// host ends, for hosts without systemd.
pub(crate) async fn wait_for_reason() -> std::io::Result<Reason> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // SIGPWR, by init's old custom: 30 on Linux.
    let mut power = signal(SignalKind::from_raw(30))?;
    tokio::select! {
        _ = interrupt.recv() => Ok(Reason::Process),
        _ = power.recv() => Ok(Reason::Host),
        _ = terminate.recv() => Ok(if host_is_stopping().await { Reason::Host } else { Reason::Process }),
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
pub(crate) fn notify_ready() {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|datagram| datagram.send_to(b"READY=1", &socket));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told that the node is ready");
    }
}
