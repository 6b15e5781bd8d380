//! Probes that send no packet, but ask strongSwan or the kernel on the observer's own host: what they must name, and what
//! their word is worth.

use super::super::{Path, Policy, Probe, ProbeKind, ProbeRole, Subject};
use super::Findings;
use crate::ids::PathId;
use std::collections::BTreeMap;

/// Linux's `sun_path` has 108 bytes, the last of which is a zero.
const SOCKET_BYTES_MAX: usize = 107;
/// The length of a name has one byte in the vici protocol; nobody's is a tenth of that.
const CHILD_BYTES_MAX: usize = 255;

/// One probe that asks strongSwan.
pub(super) fn ipsec(i: usize, probe: &Probe, child: &str, socket: &str, findings: &mut Findings) {
    let place = |field: &str| format!("probes[{i}].{field}");
    if let Subject::Gateway(_) = probe.subject {
        findings.error(
            place("subject"),
            format!("probe `{}` asks strongSwan about a tunnel, which is a path and no gateway", probe.id),
            "make it evidence about the tunnel's path",
        );
    }
    if child.is_empty() || child.len() > CHILD_BYTES_MAX || child.chars().any(char::is_control) {
        findings.error(
            place("kind.child"),
            format!("probe `{}` names no child SA that could be", probe.id),
            format!("the child's name in `swanctl.conf`, at most {CHILD_BYTES_MAX} bytes"),
        );
    }
    if !socket.starts_with('/') || socket.contains('\0') {
        findings.error(
            place("kind.socket"),
            "the socket is no absolute path".to_owned(),
            "its whole path, as in `/run/charon.vici`",
        );
    } else if socket.len() > SOCKET_BYTES_MAX {
        findings.error(
            place("kind.socket"),
            format!("{} bytes are too long for the path of a socket", socket.len()),
            format!("at most {SOCKET_BYTES_MAX}"),
        );
    }
    no_packet(i, probe, findings);
}

/// One probe that looks whether the kernel forwards. A path without a gateway leads through none of the observers' hosts.
pub(super) fn forwarding(paths: &BTreeMap<&PathId, &Path>, i: usize, probe: &Probe, findings: &mut Findings) {
    let of_no_gateway = match &probe.subject {
        Subject::Gateway(_) => true,
        Subject::Path(id) => paths.get(id).is_some_and(|path| path.gateway.is_none()),
    };
    if of_no_gateway {
        findings.error(
            format!("probes[{i}].subject"),
            format!("probe `{}` looks whether its observer's own host forwards, and that is asked of a tunnel's gateway", probe.id),
            "make it evidence about a path that has a gateway",
        );
    }
    no_packet(i, probe, findings);
}

fn no_packet(i: usize, probe: &Probe, findings: &mut Findings) {
    for (field, given) in [("source", probe.source.is_some()), ("interface", probe.interface.is_some())] {
        if given {
            findings.error(
                format!("probes[{i}].{field}"),
                format!("probe `{}` sends no packet: it asks on its own host", probe.id),
                "leave it out",
            );
        }
    }
}

/// Paths of which no packet has a required word. strongSwan may call a child SA installed for as long as its dead peer
/// detection is patient, and a kernel that forwards knows nothing of the tunnel, while nothing passes.
pub(super) fn alone(policy: &Policy, findings: &mut Findings) {
    for (i, path) in policy.paths.iter().enumerate() {
        let subject = Subject::Path(path.id.clone());
        let mut required =
            policy.probes_of(&subject).filter(|probe| probe.role == ProbeRole::Required).peekable();
        if required.peek().is_some() && required.all(|probe| sends_nothing(&probe.kind)) {
            findings.warning(
                format!("paths[{i}]"),
                format!(
                    "only its gateway's own word decides about path `{}`, and no packet: it may be called sound while nothing passes",
                    path.id
                ),
                "add a required `icmp` probe to the far end of the tunnel",
            );
        }
    }
}

const fn sends_nothing(kind: &ProbeKind) -> bool {
    match kind {
        ProbeKind::Ipsec { .. } | ProbeKind::Forwarding => true,
        ProbeKind::Icmp { .. } | ProbeKind::Tcp { .. } => false,
    }
}
