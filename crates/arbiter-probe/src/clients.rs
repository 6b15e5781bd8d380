//! ICMP sockets, shared by all probes that can share one.

use crate::permission::IcmpNotPermitted;
use crate::refusal::{Refusal, Stage};
use arbiter_core::time::MonoMs;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use surge_ping::{Client, Config, ICMP, PingIdentifier};

/// The most sockets. Each raw one gets a copy of every ICMP message of the host, so many are dear; a node that
/// uses each of its addresses with each of its interfaces is far below this.
const MAX_CLIENTS: usize = 64;

/// A socket that could not be opened is tried again after this long: four times a second is often enough for a
/// tunnel interface that comes back, and cheap for a permission that doesn't.
const REOPEN_AFTER_MS: u64 = 250;

/// What probes must have in common to share a socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientKey {
    pub(crate) v6: bool,
    pub(crate) source: Option<IpAddr>,
    pub(crate) interface: Option<String>,
    pub(crate) dont_fragment: bool,
}

/// The numbers of the echoes on one socket.
///
/// On an unprivileged socket a reply is matched by host and sequence number only, so two probes to one host
/// would take each other's answers if each counted for itself.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    start: u16,
    last: Mutex<BTreeMap<IpAddr, u16>>,
}

impl Sequences {
    /// The next number for that host. After 65,536 they begin anew; those in flight are far fewer.
    pub(crate) fn next(&self, host: IpAddr) -> u16 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let number = last.entry(host).or_insert(self.start);
        *number = number.wrapping_add(1);
        *number
    }
}

/// One open socket, as one echo uses it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) client: Client,
    /// Ours among all who ping from this host over raw sockets.
    pub(crate) ident: PingIdentifier,
    pub(crate) sequences: Arc<Sequences>,
}

enum Slot {
    Open(Line),
    Closed { why: Refusal, retry_at: MonoMs },
}

/// All sockets of one prober.
#[derive(Default)]
pub(crate) struct Clients {
    slots: BTreeMap<ClientKey, Slot>,
}

impl Clients {
    /// The socket for `key`, opened if need be.
    pub(crate) fn line(&mut self, key: &ClientKey, now: MonoMs) -> Result<Line, Refusal> {
        match self.slots.get(key) {
            Some(Slot::Open(line)) => return Ok(line.clone()),
            Some(Slot::Closed { why, retry_at }) if now < *retry_at => return Err(why.clone()),
            None if self.slots.len() >= MAX_CLIENTS => {
                let text = format!(
                    "the probes name more than {MAX_CLIENTS} combinations of source, interface and don't-fragment"
                );
                return Err(Refusal::Ours(text));
            }
            _ => {}
        }
        let opened = open(key);
        let slot = match &opened {
            Ok(line) => Slot::Open(line.clone()),
            Err(why) => Slot::Closed { why: why.clone(), retry_at: now.plus_ms(REOPEN_AFTER_MS) },
        };
        self.slots.insert(key.clone(), slot);
        opened
    }

    /// Forgets a socket that is of no more use; the next echo opens another. Echoes in flight keep theirs.
    pub(crate) fn forget(&mut self, key: &ClientKey) {
        self.slots.remove(key);
    }

    /// Closes the sockets that no probe needs any more.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&ClientKey) -> bool) {
        self.slots.retain(|key, _| wanted(key));
    }
}

fn open(key: &ClientKey) -> Result<Line, Refusal> {
    let mut config = Config::builder().kind(if key.v6 { ICMP::V6 } else { ICMP::V4 });
    if let Some(source) = key.source {
        config = config.bind(SocketAddr::new(source, 0));
    }
    if let Some(interface) = &key.interface {
        config = config.interface(interface);
    }
    let refuse = |error: io::Error| {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Refusal::Ours(IcmpNotPermitted::new(error).to_string());
        }
        Refusal::from_io(Stage::Open, &format!("open an ICMP socket{}", bound_to(key)), &error)
    };
    let client = Client::new(&config.build()).map_err(refuse)?;
    let fragmentation = set_dont_fragment(client.get_socket().get_native_sock(), key);
    // Without the bit asked for the probe would prove nothing; a bit too many is only stricter than asked.
    if let (true, Err(error)) = (key.dont_fragment, fragmentation) {
        return Err(Refusal::Ours(format!("set don't-fragment on an ICMP socket: {error}")));
    }
    let dice = RandomState::new().hash_one(key.v6).to_le_bytes();
    let ident = PingIdentifier(u16::from_le_bytes([dice[0], dice[1]]));
    let start = u16::from_le_bytes([dice[2], dice[3]]);
    Ok(Line { client, ident, sequences: Arc::new(Sequences { start, ..Sequences::default() }) })
}

fn bound_to(key: &ClientKey) -> String {
    let source = key.source.map(|source| format!(" from {source}")).unwrap_or_default();
    let interface = key.interface.as_ref().map(|interface| format!(" on {interface}")).unwrap_or_default();
    source + &interface
}

/// Sets or clears don't-fragment.
///
/// `PROBE` sets the bit and ignores what the kernel has learned of the path's MTU: so each probe finds out
/// anew, and a path that has been mended is seen at once, not after the ten minutes for which the kernel
/// remembers. IPv6 routers never fragment; there it keeps this host from doing so on their word.
fn set_dont_fragment(native: RawFd, key: &ClientKey) -> io::Result<()> {
    let socket = duplicate(native)?;
    if key.v6 {
        let discovery =
            if key.dont_fragment { Ipv6PathMtuDiscovery::PROBE } else { Ipv6PathMtuDiscovery::WANT };
        sockopt::set_ipv6_mtu_discover(&socket, discovery)?;
    } else {
        let discovery =
            if key.dont_fragment { Ipv4PathMtuDiscovery::PROBE } else { Ipv4PathMtuDiscovery::DONT };
        sockopt::set_ip_mtu_discover(&socket, discovery)?;
    }
    Ok(())
}

/// Another descriptor of the same socket. surge-ping shows its socket as a bare number only, and to use that as
/// it is would take unsafe code; the kernel duplicates it for us instead, and options belong to the socket.
fn duplicate(native: RawFd) -> io::Result<OwnedFd> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(ourselves, native, PidfdGetfdFlags::empty())?)
}

/// The scope of a link-local target: the number of the interface that the probe names. None where it has none,
/// or the interface is not there.
pub(crate) fn scope_of(target: IpAddr, interface: Option<&str>) -> Option<u32> {
    let (IpAddr::V6(v6), Some(interface)) = (target, interface) else { return None };
    if !v6.is_unicast_link_local() || interface.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{interface}/ifindex")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_probes_to_one_host_never_share_a_number() {
        let sequences = Sequences { start: u16::MAX - 1, ..Sequences::default() };
        let one = IpAddr::from([127, 0, 0, 1]);
        let other = IpAddr::from([127, 0, 0, 2]);
        assert_eq!([sequences.next(one), sequences.next(one), sequences.next(one)], [u16::MAX, 0, 1]);
        assert_eq!(sequences.next(other), u16::MAX, "each host has its own count");
    }

    #[test]
    fn only_a_link_local_target_on_a_known_interface_has_a_scope() {
        let local: IpAddr = "fe80::1".parse().unwrap();
        assert_eq!(scope_of(local, Some("lo")), Some(1));
        assert_eq!(scope_of(local, Some("no-such-interface")), None);
        assert_eq!(scope_of(local, None), None);
        assert_eq!(scope_of("2001:db8::1".parse().unwrap(), Some("lo")), None);
    }
}
