//! Probes that ask strongSwan: what they must name, and what their word is worth.

use super::super::{Policy, Probe, ProbeKind, ProbeRole, Subject};
use super::Findings;

/// Linux's `sun_path` has 108 bytes, the last of which is a zero.
const SOCKET_BYTES_MAX: usize = 107;
/// The length of a name has one byte in the vici protocol; nobody's is a tenth of that.
const CHILD_BYTES_MAX: usize = 255;

/// One probe of the kind.
pub(super) fn check(i: usize, probe: &Probe, child: &str, socket: &str, findings: &mut Findings) {
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
    for (field, given) in [("source", probe.source.is_some()), ("interface", probe.interface.is_some())] {
        if given {
            findings.error(
                place(field),
                format!("probe `{}` sends no packet: it asks on its own host", probe.id),
                "leave it out",
            );
        }
    }
}

/// Paths of which nobody but strongSwan has a required word. It may call a child SA installed for as long as its dead
/// peer detection is patient, while nothing passes.
pub(super) fn alone(policy: &Policy, findings: &mut Findings) {
    for (i, path) in policy.paths.iter().enumerate() {
        let subject = Subject::Path(path.id.clone());
        let mut required =
            policy.probes_of(&subject).filter(|probe| probe.role == ProbeRole::Required).peekable();
        if required.peek().is_some() && required.all(|probe| matches!(probe.kind, ProbeKind::Ipsec { .. })) {
            findings.warning(
                format!("paths[{i}]"),
                format!(
                    "only strongSwan's word decides about path `{}`: it may call a tunnel installed through which nothing passes",
                    path.id
                ),
                "add a required `icmp` probe to the far end of the tunnel",
            );
        }
    }
}
