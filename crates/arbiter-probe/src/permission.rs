//! Whether this process may send ICMP, and how to grant it.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::path::PathBuf;

/// Neither kind of ICMP socket is permitted. Its message says how to grant one.
#[derive(Debug, thiserror::Error)]
#[error(
    "no permission to send ICMP echo (neither a datagram nor a raw socket): grant it by one of: \
     `setcap cap_net_raw+ep {program}`; `AmbientCapabilities=CAP_NET_RAW` in the systemd unit; or \
     `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, which covers IPv6 as well"
)]
pub struct IcmpNotPermitted {
    program: String,
    /// What the kernel said when asked for the raw socket.
    #[source]
    source: io::Error,
}

impl IcmpNotPermitted {
    pub(crate) fn new(source: io::Error) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/arbiterd"));
        Self { program: program.display().to_string(), source }
    }
}

/// Tries whether ICMP probes can be sent at all, so that a start-up can say so before the first probe does.
///
/// # Errors
///
/// [`IcmpNotPermitted`] if the kernel permits neither kind of socket. Anything else that goes wrong (no file
/// descriptors left) is not a question of permission, and is left to the probes to report.
pub fn icmp_preflight() -> Result<(), IcmpNotPermitted> {
    let open = |kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4));
    match open(Type::DGRAM).or_else(|_| open(Type::RAW)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(IcmpNotPermitted::new(error)),
        _ => Ok(()),
    }
}
