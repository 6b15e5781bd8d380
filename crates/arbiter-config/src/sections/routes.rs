//! `[[gateway]]`, `[[path]]`, `[[route]]`.

use super::nodes::Names;
use super::site;
use crate::reader::Table;
use arbiter_core::ids::{GatewayId, InstanceId, NodeId, PathId, RouteId};
use arbiter_core::policy::{DriftAction, Gateway, Path, Route, Target};

/// The words for what to do about drift.
pub(crate) const DRIFT: [(&str, DriftAction); 2] =
    [("repair", DriftAction::Repair), ("report", DriftAction::Report)];

/// The kernel's table that everybody uses.
const MAIN: &str = "main";

/// The importance of a route that names none. Lower moves first.
const IMPORTANCE: u32 = 100;

pub(super) fn gateways(root: &mut Table<'_, '_>, names: &Names, on_premises: bool) -> Vec<Gateway> {
    let keys = &["name", "node", "zone", "instance", "interface", "remediate"];
    let mut gateways = Vec::new();
    for (i, raw) in root.tables("gateway", "gateways").into_iter().enumerate() {
        let mut table = Table::open(root.context, raw, "gateway", &format!("gateways[{i}]"), keys);
        let id = GatewayId(table.required_text("name", "id", "\"strongswan-1\""));
        let node = table.required_text("node", "node", "\"strongswan-1\"");
        let place = table.place("node");
        let (instance, interface) = machine(&mut table, &id, on_premises);
        gateways.push(Gateway {
            id,
            node: names.resolve(table.context, &place, &node),
            zone: table.required_text("zone", "zone", "\"cn-north-1a\""),
            instance,
            interface,
            remediate: table.flag("remediate", "remediate").unwrap_or(!on_premises),
        });
    }
    gateways
}

/// A gateway's instance and interface. A router on premises is nobody's instance: its own name stands for it.
fn machine(table: &mut Table<'_, '_>, id: &GatewayId, on_premises: bool) -> (InstanceId, String) {
    if on_premises {
        site::none_on_premises(table, ["instance", "interface"]);
        return (InstanceId(id.0.clone()), String::new());
    }
    let instance = table.required_text("instance", "instance", "\"i-0f1e2d3c4b5a69788\"");
    (InstanceId(instance), table.required_text("interface", "interface", "\"eni-23fbd87a\""))
}

pub(super) fn paths(
    root: &mut Table<'_, '_>,
    names: &Names,
    gateways: &[Gateway],
    on_premises: bool,
) -> Vec<Path> {
    let keys = &["name", "gateway", "target", "next_hop", "dev", "observers", "follows"];
    let mut paths = Vec::new();
    for (i, raw) in root.tables("path", "paths").into_iter().enumerate() {
        let place = format!("paths[{i}]");
        let mut table = Table::open(root.context, raw, "path", &place, keys);
        let id = PathId(table.required_text("name", "id", "\"tunnel-1\""));
        let gateway = table.text("gateway", "gateway", "\"strongswan-1\"").map(GatewayId::from);
        let has_gateway = table.value("gateway", "gateway").is_some();
        let observers =
            table.texts("observers", "observers", "[\"strongswan-1\", \"witness\"]").unwrap_or_default();
        let observers = names.resolve_all(&mut table, "observers", &observers);
        let follows = table.text("follows", "follows", "\"tunnel-1\"").map(PathId::from);
        if on_premises {
            let target = site::next_hop(&mut table, i);
            paths.push(Path { id, gateway, target, observers, follows });
            continue;
        }
        site::only_on_premises(&mut table, ["next_hop", "dev"]);
        let target = target(&mut table, i, has_gateway, gateway.as_ref(), gateways);
        // It was to be one kind or the other, and that has been complained of: for core an unknown gateway, so
        // that nothing that would follow from it is said.
        let unclear = gateway.is_none() && (has_gateway || table.value("target", "target").is_none());
        if unclear {
            let place = table.place("gateway");
            table.context.silence(&place);
        }
        let gateway = gateway.or_else(|| unclear.then(|| GatewayId::from("")));
        paths.push(Path { id, gateway, target, observers, follows });
    }
    paths
}

/// A path's target: its gateway's interface, or what is named; never both.
fn target(
    table: &mut Table<'_, '_>,
    i: usize,
    has_gateway: bool,
    gateway: Option<&GatewayId>,
    gateways: &[Gateway],
) -> Target {
    let example = "\"vgw-0a1b2c3d\"";
    let given = table.text("target", "target", example);
    let is_given = table.value("target", "target").is_some();
    if has_gateway && is_given {
        table.error(
            "target",
            "a path has a gateway or a target, not both",
            "leave `target` out: it is the gateway's interface",
        );
    } else if !has_gateway && !is_given {
        table.error(
            "gateway",
            "this path leads nowhere: it has neither a gateway nor a target",
            "add `gateway = \"strongswan-1\"`, or `target` and `observers` for a path without an instance",
        );
        for field in ["target", "observers"] {
            let place = table.place(field);
            table.context.silence(&place);
        }
    }
    if let Some(gateway) = gateways.iter().find(|it| Some(&it.id) == gateway) {
        return Target::Interface(gateway.interface.clone());
    }
    match given.filter(|_| !has_gateway) {
        Some(id) => target_of(id),
        // Each its own, so that two unknown ones aren't taken for the same.
        None => Target::Other(format!("unknown-{i}")),
    }
}

/// The provider's ids say by their prefix what they name.
fn target_of(id: &str) -> Target {
    let id = id.to_owned();
    match id.split('-').next() {
        Some("eni") => Target::Interface(id),
        Some("vgw" | "igw") => Target::Gateway(id),
        Some("tgw") => Target::TransitGateway(id),
        _ => Target::Other(id),
    }
}

pub(super) fn routes(root: &mut Table<'_, '_>, names: &Names, on_premises: bool) -> Vec<Route> {
    let keys = &["name", "host", "table", "destination", "paths", "drift", "importance", "follows"];
    let mut routes = Vec::new();
    for (i, raw) in root.tables("route", "routes").into_iter().enumerate() {
        let mut table = Table::open(root.context, raw, "route", &format!("routes[{i}]"), keys);
        let example = "[\"tunnel-1\", \"tunnel-2\"]";
        if table.value("paths", "paths").is_none() {
            table.missing("paths", "paths", example);
        }
        let paths = table.texts("paths", "paths", example).unwrap_or_else(|| {
            let place = table.place("paths");
            table.context.silence(&place);
            vec![]
        });
        let id = RouteId(table.required_text("name", "id", "\"private-1\""));
        let host = host(&mut table, names, on_premises);
        let of = match on_premises {
            true => table.text("table", "table", "\"main\"").unwrap_or(MAIN).to_owned(),
            false => table.required_text("table", "table", "\"rtb-468f5222\""),
        };
        routes.push(Route {
            id,
            table: of,
            destination: table.required_text("destination", "destination", "\"10.10.0.0/16\""),
            paths: paths.into_iter().map(PathId::from).collect(),
            drift: table.choice("drift", "drift", &DRIFT).unwrap_or_default(),
            importance: table.number("importance", "importance", "100").unwrap_or(IMPORTANCE),
            host,
            follows: table.text("follows", "follows", "\"private-1\"").map(RouteId::from),
        });
    }
    routes
}

/// The node on whose host a kernel route is.
fn host(table: &mut Table<'_, '_>, names: &Names, on_premises: bool) -> Option<NodeId> {
    if !on_premises {
        site::only_on_premises(table, ["host"]);
        let place = table.place("host");
        table.context.silence(&place);
        return None;
    }
    let name = table.required_text("host", "host", "\"core\"");
    let place = table.place("host");
    Some(names.resolve(table.context, &place, &name))
}
