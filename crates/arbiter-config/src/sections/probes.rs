//! `[[probe]]`: what is checked, by whom, how, and how patiently.

use super::nodes::Names;
use crate::reader::Table;
use arbiter_core::ids::{NodeId, ProbeId};
use arbiter_core::policy::{Policy, Probe, ProbeKind, ProbeRole, Subject};
use std::net::{IpAddr, Ipv4Addr};

/// The numbers of a probe that names none. Why these: `arbiter_core::probe`, "Which settings".
const INTERVAL_MS: u64 = 100;
const FALL: u32 = 2;
const RISE: u32 = 3;
const TIMEOUT_MIN_MS: u64 = 20;
const TIMEOUT_MAX_MS: u64 = 500;
/// What `ping` sends; with IP's and ICMP's headers it makes 84 bytes.
const SIZE_BYTES: u16 = 56;
/// Where strongSwan opens its vici socket by default.
const VICI_SOCKET: &str = "/run/charon.vici";

const KEYS: &[&str] = &[
    "name",
    "path",
    "gateway",
    "observers",
    "target",
    "kind",
    "port",
    "size",
    "dont_fragment",
    "child",
    "vici",
    "role",
    "interval",
    "fall",
    "rise",
    "timeout_min",
    "timeout_max",
    "source",
    "interface",
];

pub(super) fn read(root: &mut Table<'_, '_>, names: &Names, policy: &Policy) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (i, raw) in root.tables("probe", "probes").into_iter().enumerate() {
        let mut table = Table::open(root.context, raw, "probe", &format!("probes[{i}]"), KEYS);
        probes.push(probe(&mut table, names, policy));
    }
    probes
}

fn probe(table: &mut Table<'_, '_>, names: &Names, policy: &Policy) -> Probe {
    let id = ProbeId(table.required_text("name", "id", "\"tunnel-1\""));
    let subject = subject(table);
    let observers = observers(table, names, policy, subject.as_ref());
    if table.value("target", "target").is_none() {
        table.missing("target", "target", "\"169.254.100.1\"");
    }
    let example = "\"169.254.100.1\"";
    let target = table.parsed("target", "target", "an IP address", example);
    let kind = kind(table);
    let source: Option<IpAddr> = table.parsed("source", "source", "an IP address", "\"169.254.100.2\"");
    if target.is_none() {
        // Without the target it can't be told whether the source fits it.
        for field in ["target", "source"] {
            let place = table.place(field);
            table.context.silence(&place);
        }
    }
    let roles = [("required", ProbeRole::Required), ("advisory", ProbeRole::Advisory)];
    Probe {
        id,
        subject: subject.unwrap_or(Subject::Path("".into())),
        observers,
        target: target.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        kind,
        role: table.choice("role", "role", &roles).unwrap_or_default(),
        interval_ms: table.duration_ms("interval", "interval_ms").unwrap_or(INTERVAL_MS),
        fall: table.number("fall", "fall", "2").unwrap_or(FALL),
        rise: table.number("rise", "rise", "3").unwrap_or(RISE),
        timeout_min_ms: table.duration_ms("timeout_min", "timeout_min_ms").unwrap_or(TIMEOUT_MIN_MS),
        timeout_max_ms: table.duration_ms("timeout_max", "timeout_max_ms").unwrap_or(TIMEOUT_MAX_MS),
        source,
        interface: table.text("interface", "interface", "\"eth0\"").map(str::to_owned),
    }
}

/// What the probe is evidence about: a path or a gateway, one of them.
fn subject(table: &mut Table<'_, '_>) -> Option<Subject> {
    let has_path = table.value("path", "subject").is_some();
    let has_gateway = table.value("gateway", "subject").is_some();
    if has_path && has_gateway {
        table.error("subject", "a probe is of a path or of a gateway, not of both", "make two probes of it");
    }
    if !has_path && !has_gateway {
        table.error(
            "subject",
            "this probe is of nothing: it names neither a path nor a gateway",
            "add `path = \"tunnel-1\"` or `gateway = \"strongswan-1\"`",
        );
    }
    // The last to be read is where core's complaints go.
    let subject = if has_path {
        table.text("path", "subject", "\"tunnel-1\"").map(|id| Subject::Path(id.into()))
    } else {
        table.text("gateway", "subject", "\"strongswan-1\"").map(|id| Subject::Gateway(id.into()))
    };
    if subject.is_none() {
        let place = table.place("subject");
        table.context.silence(&place);
    }
    subject
}

/// The observers that are named, or those whose word counts for the subject.
fn observers(
    table: &mut Table<'_, '_>,
    names: &Names,
    policy: &Policy,
    subject: Option<&Subject>,
) -> Vec<NodeId> {
    let given = table.texts("observers", "observers", "[\"strongswan-2\", \"witness\"]");
    if let Some(given) = given {
        return names.resolve_all(table, "observers", &given);
    }
    let others = |own: NodeId| policy.nodes.iter().map(|node| node.id).filter(|id| *id != own).collect();
    let default: Option<Vec<NodeId>> = match subject {
        Some(Subject::Gateway(id)) => policy.gateway(id).map(|gateway| others(gateway.node)),
        Some(Subject::Path(id)) => policy.path(id).and_then(|path| match &path.gateway {
            Some(id) => policy.gateway(id).map(|gateway| vec![gateway.node]),
            None => Some(path.observers.clone()),
        }),
        None => None,
    };
    // Nobody wrote these, so that whatever is wrong with them is wrong elsewhere and said there.
    let place = table.place("observers");
    table.context.silence(&place);
    default.unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Icmp,
    Tcp,
    Ipsec,
    Forwarding,
}

/// Each key that belongs to one kind alone, with core's word for it.
const KINDS_OWN: &[(Kind, &str, &str)] = &[
    (Kind::Icmp, "size", "kind.size_bytes"),
    (Kind::Icmp, "dont_fragment", "kind.dont_fragment"),
    (Kind::Tcp, "port", "kind.port"),
    (Kind::Ipsec, "child", "kind.child"),
    (Kind::Ipsec, "vici", "kind.socket"),
];

impl Kind {
    const WORDS: [(&'static str, Self); 4] =
        [("icmp", Self::Icmp), ("tcp", Self::Tcp), ("ipsec", Self::Ipsec), ("forwarding", Self::Forwarding)];

    const fn word(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Ipsec => "ipsec",
            Self::Forwarding => "forwarding",
        }
    }

    /// As it is called in a sentence.
    const fn title(self) -> &'static str {
        match self {
            Self::Icmp => "an ICMP",
            Self::Tcp => "a TCP",
            Self::Ipsec => "an IPsec",
            Self::Forwarding => "a forwarding",
        }
    }
}

fn kind(table: &mut Table<'_, '_>) -> ProbeKind {
    let kind = table.choice("kind", "kind", &Kind::WORDS).unwrap_or(Kind::Icmp);
    let port = table.number("port", "kind.port", "22");
    let size_bytes = table.number("size", "kind.size_bytes", "56").unwrap_or(SIZE_BYTES);
    let dont_fragment = table.flag("dont_fragment", "kind.dont_fragment").unwrap_or(false);
    let child = table.text("child", "kind.child", "\"tunnel\"").map(str::to_owned);
    let socket = table.text("vici", "kind.socket", "\"/run/charon.vici\"").unwrap_or(VICI_SOCKET).to_owned();
    for (of, key, field) in KINDS_OWN.iter().filter(|(of, ..)| *of != kind) {
        if table.value(key, field).is_some() {
            table.error(
                field,
                format!("{} probe has no `{key}`", kind.title()),
                format!("leave it out, or write `kind = \"{}\"`", of.word()),
            );
        }
    }
    match kind {
        Kind::Icmp => ProbeKind::Icmp { size_bytes, dont_fragment },
        Kind::Forwarding => ProbeKind::Forwarding,
        Kind::Tcp => {
            if table.value("port", "kind.port").is_none() {
                table.missing("port", "kind.port", "22");
            }
            ProbeKind::Tcp { port: port.unwrap_or_default() }
        }
        Kind::Ipsec => {
            if table.value("child", "kind.child").is_none() {
                table.missing("child", "kind.child", "\"tunnel\"");
            }
            ProbeKind::Ipsec { child: child.unwrap_or_default(), socket }
        }
    }
}
