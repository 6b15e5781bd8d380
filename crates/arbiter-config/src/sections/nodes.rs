//! `[[node]]`: who there is, in which zone, and where to reach them.

use super::Use;
use crate::context::Context;
use crate::reader::Table;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{NodePolicy, suggestion};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

const KEYS: &[&str] = &["id", "name", "zone", "address", "listen", "http", "data_dir", "reach"];

/// One `[[node]]`.
pub(super) struct NodeEntry {
    pub(super) policy: NodePolicy,
    pub(super) address: String,
    /// `None` where it neither is given nor follows from the address; that has been complained of.
    pub(super) listen: Option<SocketAddr>,
    /// Where the status page is served; nowhere unless the file says so, to the world only if it says that.
    pub(super) http: Option<SocketAddr>,
    pub(super) data_dir: PathBuf,
    /// Where this node reaches others, if not at their address.
    pub(super) reach: BTreeMap<String, String>,
}

/// The nodes by name.
pub(super) struct Names {
    ids: BTreeMap<String, NodeId>,
}

impl Names {
    pub(super) fn of(nodes: &[NodePolicy]) -> Self {
        let mut ids = BTreeMap::new();
        for node in nodes.iter().filter(|node| !node.name.is_empty()) {
            ids.entry(node.name.clone()).or_insert(node.id);
        }
        Self { ids }
    }

    /// The node of that name. For an unknown one, which is complained of at `place`, a stand-in that no node has.
    pub(super) fn resolve(&self, context: &mut Context, place: &str, name: &str) -> NodeId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        // An empty one has been complained of as missing or of a wrong type.
        if !name.is_empty() {
            let known = self.ids.keys().map(String::as_str);
            context.error_at(place, format!("unknown node `{name}`"), suggestion(name, known));
        }
        context.silence(place);
        context.stand_in()
    }

    /// All nodes of a list that stands at `table`'s `field`.
    pub(super) fn resolve_all(&self, table: &mut Table<'_, '_>, field: &str, names: &[&str]) -> Vec<NodeId> {
        let resolve = |(i, name): (usize, &&str)| {
            let place = table.place(&format!("{field}[{i}]"));
            self.resolve(table.context, &place, name)
        };
        names.iter().enumerate().map(resolve).collect()
    }
}

/// Reads all `[[node]]` tables.
pub(super) fn read(root: &mut Table<'_, '_>, purpose: Use) -> Vec<NodeEntry> {
    let (mut nodes, mut places) = (Vec::new(), Vec::new());
    for (i, raw) in root.tables("node", "nodes").into_iter().enumerate() {
        let mut table = Table::open(root.context, raw, "node", &format!("nodes[{i}]"), KEYS);
        let (node, reach) = node(&mut table, purpose);
        nodes.push(node);
        places.push(reach);
    }
    ids_differ(root.context, &mut nodes);
    addresses_differ(root.context, &nodes);
    reached_nodes_exist(root.context, &nodes, &places);
    reached_addresses_differ(root.context, &nodes, &places);
    nodes
}

type ReachSpans = BTreeMap<String, Range<usize>>;

fn node(table: &mut Table<'_, '_>, purpose: Use) -> (NodeEntry, ReachSpans) {
    if table.value("id", "id").is_none() {
        table.missing("id", "id", "1");
    }
    let id = table.number("id", "id", "1").map(NodeId);
    if id.is_none() {
        let place = table.place("id");
        table.context.silence(&place);
    }
    let policy = NodePolicy {
        id: id.unwrap_or_else(|| table.context.stand_in()),
        name: table.required_text("name", "name", "\"strongswan-1\""),
        zone: table.required_text("zone", "zone", "\"cn-north-1a\""),
    };
    let address = address(table, purpose);
    let listen = listen(table, &address);
    let http = http(table, listen);
    let data_dir = table.text("data_dir", "data_dir", "\"/var/lib/route-arbiter\"");
    let data_dir = PathBuf::from(data_dir.unwrap_or("/var/lib/route-arbiter"));
    let (reach, spans) = reach(table);
    (NodeEntry { policy, address, listen, http, data_dir, reach }, spans)
}

const HTTP: &str = "\"127.0.0.1:7480\"";

const ADDRESS: &str = "\"172.16.1.157:7400\"";

fn address(table: &mut Table<'_, '_>, purpose: Use) -> String {
    if table.value("address", "address").is_none() {
        if purpose == Use::Node {
            table.missing("address", "address", ADDRESS);
        }
        return String::new();
    }
    let address = table.text("address", "address", ADDRESS).unwrap_or_default();
    if !address.is_empty()
        && let Err(help) = host_and_port(address)
    {
        table.error("address", format!("`{address}` is not a host and a port"), help);
        return String::new();
    }
    address.to_owned()
}

/// Listening follows from the address where that is an IP; a name may stand for an address that isn't the host's.
fn listen(table: &mut Table<'_, '_>, address: &str) -> Option<SocketAddr> {
    if table.value("listen", "listen").is_some() {
        return table.parsed("listen", "listen", "an IP address and a port", ADDRESS);
    }
    let listen = address.parse().ok();
    if listen.is_none() && !address.is_empty() {
        let port = address.rsplit(':').next().unwrap_or("7400");
        table.error(
            "listen",
            format!("`listen` is missing: from the name in `{address}` it doesn't follow where to listen"),
            format!("add `listen = \"172.16.1.157:{port}\"`, with the host's own address"),
        );
    }
    listen
}

/// Its own port: what is asked over HTTP must never take the place of what the nodes tell each other.
fn http(table: &mut Table<'_, '_>, listen: Option<SocketAddr>) -> Option<SocketAddr> {
    let http: SocketAddr = table.parsed("http", "http", "an IP address and a port", HTTP)?;
    let taken = listen.is_some_and(|listen| {
        let same_host =
            listen.ip() == http.ip() || listen.ip().is_unspecified() || http.ip().is_unspecified();
        listen.port() == http.port() && same_host
    });
    if taken {
        table.error(
            "http",
            format!("`{http}` is where this node listens for peers and clients"),
            format!("write another port, as in `http = {HTTP}`"),
        );
    }
    Some(http)
}

fn reach(table: &mut Table<'_, '_>) -> (BTreeMap<String, String>, ReachSpans) {
    let (mut reach, mut spans) = (BTreeMap::new(), BTreeMap::new());
    let example = "{ \"strongswan-2\" = \"127.0.0.1:7402\" }";
    let Some(value) = table.value("reach", "reach") else { return (reach, spans) };
    let Some(entries) = value.get_ref().as_table() else {
        table.error(
            "reach",
            "a table of node names and addresses is expected here",
            format!("write `reach = {example}`"),
        );
        return (reach, spans);
    };
    for (name, address) in entries {
        spans.insert(name.get_ref().to_string(), name.span());
        let bad = match address.get_ref().as_str() {
            None => Err(format!("write `reach = {example}`")),
            Some(text) => host_and_port(text),
        };
        match bad {
            Ok(()) => {
                let address = address.get_ref().as_str().unwrap_or_default().to_owned();
                reach.insert(name.get_ref().to_string(), address);
            }
            Err(help) => {
                let span = Some(address.span());
                table.context.error(span, "node.reach", "this is not a host and a port", help);
            }
        }
    }
    (reach, spans)
}

/// Whether the text is `host:port`; otherwise what would be.
pub(super) fn host_and_port(text: &str) -> Result<(), String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match (address.ip().is_unspecified(), address.port()) {
            (true, _) => {
                Err("name the address at which others reach it, not the one that means all".to_owned())
            }
            (_, 0) => Err(format!("write `{}`", SocketAddr::new(address.ip(), 7400))),
            _ => Ok(()),
        };
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Err(format!("write `{}`", SocketAddr::new(address, 7400)));
    }
    if let Some((_, bare)) = text.rsplit_once("://") {
        return Err(host_and_port(bare).map_or_else(|help| help, |()| format!("write `{bare}`")));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    match text.split_once(':') {
        Some((host, port)) if !host.is_empty() && host.chars().all(fits) => match port.parse::<u16>() {
            Ok(1..) if !port.starts_with('+') => Ok(()),
            _ => Err(format!("a port is from 1 to 65535: write `{host}:7400`")),
        },
        None if !text.is_empty() && text.chars().all(fits) => Err(format!("write `{text}:7400`")),
        _ => Err("write it as in `172.16.1.157:7400`".to_owned()),
    }
}

/// Said here rather than by core: with a stand-in, the names of both nodes keep their meaning.
fn ids_differ(context: &mut Context, nodes: &mut [NodeEntry]) {
    let taken: BTreeSet<NodeId> = nodes.iter().map(|node| node.policy.id).collect();
    let free = (1..).map(NodeId).find(|id| !taken.contains(id)).unwrap_or_default();
    let mut seen: BTreeMap<NodeId, String> = BTreeMap::new();
    for (i, node) in nodes.iter_mut().enumerate() {
        if let Some(first) = seen.insert(node.policy.id, node.policy.name.clone()) {
            let message = format!("node `{first}` already has the id {}", node.policy.id);
            let help = format!("write `id = {free}`, if no node ever had it");
            context.error_at(&format!("nodes[{i}].id"), message, help);
            node.policy.id = context.stand_in();
        }
    }
}

fn addresses_differ(context: &mut Context, nodes: &[NodeEntry]) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (i, node) in nodes.iter().enumerate().filter(|(_, node)| !node.address.is_empty()) {
        if let Some(first) = taken.insert(&node.address, &node.policy.name) {
            let message = format!("node `{first}` already has the address `{}`", node.address);
            context.error_at(&format!("nodes[{i}].address"), message, "each node has its own");
        }
    }
}

/// Two nodes at one address would be one node, heard twice.
fn reached_addresses_differ(context: &mut Context, nodes: &[NodeEntry], spans: &[ReachSpans]) {
    for (node, spans) in nodes.iter().zip(spans) {
        let at = |other: &NodeEntry| node.reach.get(&other.policy.name).unwrap_or(&other.address).clone();
        for (name, span) in spans {
            let Some(reached) = node.reach.get(name) else { continue };
            let twin = nodes.iter().find(|other| other.policy.name != *name && at(other) == *reached);
            if let Some(twin) = twin {
                let message = format!("node `{}` already has the address `{reached}`", twin.policy.name);
                context.error(Some(span.clone()), "node.reach", message, "each node has its own");
            }
        }
    }
}

fn reached_nodes_exist(context: &mut Context, nodes: &[NodeEntry], spans: &[ReachSpans]) {
    let names: Vec<&str> = nodes.iter().map(|node| node.policy.name.as_str()).collect();
    for (node, spans) in nodes.iter().zip(spans) {
        let others = || names.iter().copied().filter(|name| *name != node.policy.name);
        for (name, span) in spans {
            if others().all(|other| other != name) {
                let message = format!("`{name}` is not the name of another node");
                let others: Vec<&str> = others().collect();
                context.error(Some(span.clone()), "node.reach", message, suggestion(name, others));
            }
        }
    }
}
