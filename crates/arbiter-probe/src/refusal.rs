//! Why a probe did not go through: the network's fault, or ours?

use rustix::io::Errno;
use std::io;
use std::time::Duration;

/// How one probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered after this many microseconds.
    Answered { rtt_us: u64 },
    /// Nothing came for as long as anybody listened.
    Silent,
    /// It did not go through.
    Refused(Refusal),
}

impl Fate {
    pub(crate) fn answered_after(rtt: Duration) -> Self {
        Self::Answered { rtt_us: u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX) }
    }
}

/// Why it did not go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The network or the target said no: a loss.
    Network(String),
    /// We could not send it: no evidence.
    Ours(String),
}

/// What was being done when the error came; the same number can mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Opening, binding or configuring a socket.
    Open,
    /// Sending or connecting.
    Send,
}

impl Refusal {
    /// Sorts an error. `doing` says what was tried, for people: `send to 192.0.2.1`.
    pub(crate) fn from_io(stage: Stage, doing: &str, error: &io::Error) -> Self {
        let text = format!("{doing}: {error}");
        if is_ours(stage, error) { Self::Ours(text) } else { Self::Network(text) }
    }
}

/// Whether the error says something about this process or host rather than about the network.
fn is_ours(stage: Stage, error: &io::Error) -> bool {
    match Errno::from_io_error(error) {
        // Resources of this process or host.
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => true,
        // A kernel without this protocol, or a permission that is missing. While sending, these are a
        // firewall's or a `prohibit` route's doing, and that is the network.
        Some(Errno::ACCESS | Errno::PERM | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::INVAL) => {
            stage == Stage::Open
        }
        Some(Errno::NOBUFS) => stage == Stage::Open,
        // While opening: the source address is not on this host (any more), as when a tunnel is gone. While
        // connecting: all our ports are taken.
        Some(Errno::ADDRNOTAVAIL) => stage == Stage::Send,
        Some(_) => false,
        // Not the kernel's: surge-ping's or ours.
        None => true,
    }
}

/// Whether the socket itself is of no more use: the interface that it is bound to is gone, and the one that
/// comes back under the same name is another one.
pub(crate) fn socket_is_stale(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NODEV | Errno::NXIO | Errno::BADF | Errno::INVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_blamed_for_its_own_faults_only() {
        let network = [
            (Stage::Send, Errno::NETUNREACH),
            (Stage::Send, Errno::HOSTUNREACH),
            (Stage::Send, Errno::CONNREFUSED),
            (Stage::Send, Errno::PERM),
            (Stage::Send, Errno::ACCESS),
            (Stage::Send, Errno::NOBUFS),
            (Stage::Send, Errno::MSGSIZE),
            (Stage::Send, Errno::NODEV),
            (Stage::Open, Errno::NODEV),
            (Stage::Open, Errno::ADDRNOTAVAIL),
        ];
        let ours = [
            (Stage::Open, Errno::PERM),
            (Stage::Open, Errno::ACCESS),
            (Stage::Open, Errno::MFILE),
            (Stage::Open, Errno::AFNOSUPPORT),
            (Stage::Send, Errno::MFILE),
            (Stage::Send, Errno::ADDRNOTAVAIL),
        ];
        for (stage, errno) in network {
            let refusal = Refusal::from_io(stage, "send", &errno.into());
            assert!(matches!(refusal, Refusal::Network(_)), "{stage:?} {refusal:?}");
        }
        for (stage, errno) in ours {
            let refusal = Refusal::from_io(stage, "send", &errno.into());
            assert!(matches!(refusal, Refusal::Ours(_)), "{stage:?} {refusal:?}");
        }
    }
}
