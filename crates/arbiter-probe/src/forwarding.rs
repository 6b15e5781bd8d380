//! Probing by a look at a setting of the kernel: does this host forward packets?
//!
//! A gateway whose forwarding was switched off (`sysctl --system` with a file that says so, a hardening script) answers every
//! probe, sends its own through the tunnel, and carries nobody's traffic. No packet of the gateway itself can tell.

use crate::refusal::{Fate, Refusal};
use std::io;
use std::net::IpAddr;
use tokio::time::Instant;

/// The setting to look at. It is that of the network namespace in which this process runs.
#[derive(Debug)]
pub(crate) struct ForwardingAim {
    file: &'static str,
    /// As `sysctl` calls it.
    name: &'static str,
}

impl ForwardingAim {
    /// For packets of the same family as this address.
    pub(crate) fn of_family(target: IpAddr) -> Self {
        let (file, name) = match target {
            IpAddr::V4(_) => ("/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
            IpAddr::V6(_) => ("/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"),
        };
        Self { file, name }
    }
}

/// Looks once. The kernel answers from memory, in microseconds, and never waits for anything.
pub(crate) fn look(aim: &ForwardingAim) -> Fate {
    let started = Instant::now();
    let said = std::fs::read_to_string(aim.file);
    match judge(aim, said) {
        Ok(()) => Fate::answered_after(started.elapsed()),
        Err(refusal) => Fate::Refused(refusal),
    }
}

fn judge(aim: &ForwardingAim, said: io::Result<String>) -> Result<(), Refusal> {
    let ForwardingAim { file, name } = aim;
    match said.as_deref().map(str::trim_end) {
        // IPv6 has a 2, too: forward, and heed router advertisements all the same.
        Ok("1" | "2") => Ok(()),
        Ok("0") => {
            Err(Refusal::Network(format!("this host forwards nothing: {name} is 0 (sysctl -w {name}=1)")))
        }
        Ok(_) => Err(Refusal::Ours(format!("{name} can't be understood: {file} holds no known number"))),
        Err(error) => Err(Refusal::Ours(format!("{name} can't be read: {file}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn only_the_kernels_own_no_is_a_loss() {
        let aim = ForwardingAim::of_family("192.0.2.1".parse().unwrap());
        let says = |text: &str| judge(&aim, Ok(text.to_owned()));
        for text in ["1\n", "2\n", "1"] {
            assert_eq!(says(text), Ok(()), "{text:?}");
        }
        let why = "this host forwards nothing: net.ipv4.ip_forward is 0 (sysctl -w net.ipv4.ip_forward=1)";
        assert_eq!(says("0\n"), Err(Refusal::Network(why.to_owned())));
        for text in ["", "\n", "3\n", "yes\n"] {
            assert!(matches!(says(text), Err(Refusal::Ours(_))), "{text:?}");
        }
        let missing = judge(&aim, Err(io::ErrorKind::NotFound.into()));
        let Err(Refusal::Ours(why)) = missing else { panic!("{missing:?}") };
        assert!(
            why.starts_with("net.ipv4.ip_forward can't be read: /proc/sys/net/ipv4/ip_forward: "),
            "{why}"
        );
    }

    /// Both files are where the kernel has them, and say what is understood; there are kernels without IPv6.
    #[test]
    fn this_kernel_can_be_asked() {
        for target in ["192.0.2.1", "2001:db8::1"] {
            let aim = ForwardingAim::of_family(target.parse().unwrap());
            if Path::new(aim.file).exists() || target == "192.0.2.1" {
                let fate = look(&aim);
                assert!(!matches!(fate, Fate::Refused(Refusal::Ours(_))), "{fate:?}");
            }
        }
    }
}
