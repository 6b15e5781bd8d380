//! What the process may do: what it needs, and no more. Whoever takes it over has no more than that.

use arbiter_config::Config;
use rustix::io;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

/// Ports below this one are opened by whoever may.
const FREE_PORTS: u16 = 1024;

/// Gives up for good what a node doesn't need, also where it is started by root; and lets nobody read its memory, where keys
/// are: no debugger but root's, and no core dump. To be called before there is a second thread: each has capabilities of its
/// own.
///
/// # Errors
/// What the kernel says; it lets every process give up what it has.
pub fn keep_what_is_needed(config: &Config) -> io::Result<()> {
    let had = capabilities(None)?;
    let kept = |set: CapabilitySet| set & needed(config);
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept(had.effective),
            permitted: kept(had.permitted),
            inheritable: kept(had.inheritable),
        },
    )?;
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

fn needed(config: &Config) -> CapabilitySet {
    // ICMP by a raw socket, and probes that are bound to an interface.
    let mut needed = CapabilitySet::NET_RAW;
    if config.policy.linux.is_some() {
        needed |= CapabilitySet::NET_ADMIN;
    }
    let ports = [Some(config.local.listen.port()), config.local.http.map(|http| http.port())];
    if ports.into_iter().flatten().any(|port| port < FREE_PORTS) {
        needed |= CapabilitySet::NET_BIND_SERVICE;
    }
    needed
}
