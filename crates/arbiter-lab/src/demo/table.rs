//! The live table: routes, nodes and what they see, in a dozen lines.

use super::cluster::{GATEWAYS, Node, probe_of};
use super::scene::{Scene, probe, route, word};
use arbiter_proto::v1::StatusReply;

/// The table of one moment; `heading` says what is played.
pub(super) fn rows(scene: &Scene, heading: &str) -> Vec<String> {
    let mut rows = vec![String::new(), format!("── {heading} ──")];
    rows.push(format!("{:<11}{:<14}{:<14}{:<14}{}", "route", "table", "points at", "agreed on", "home"));
    let leaders = scene.leaders_view().ok().map(|(_, status)| status);
    for gateway in GATEWAYS {
        let there = scene.points_at(gateway.table).map_or("elsewhere", |it| it.node.name());
        let agreed = leaders.and_then(|status| route(status, gateway.route).ok());
        let agreed = agreed.map_or("?", |route| route.committed.as_str());
        let home = if there == gateway.node.name() { "yes" } else { "no" };
        rows.push(format!("{:<11}{:<14}{there:<14}{agreed:<14}{home}", gateway.route, gateway.table));
    }
    rows.push(format!(
        "{:<14}{:<10}{:<10}{:<10}{:<14}{:<14}{}",
        "node", "answers", "role", "tunnel", "strongswan-1", "strongswan-2", "EC2 says"
    ));
    rows.extend(Node::ALL.map(|node| node_row(scene, node)));
    rows
}

fn node_row(scene: &Scene, node: Node) -> String {
    let Ok(status) = scene.status(node) else {
        return format!("{node:<14}{:<48}{:<10}{}", "no", "", instance(scene, node)).trim_end().to_owned();
    };
    let role = if status.leader == node.name() { "leader" } else { "follower" };
    let tunnel = node.gateway().map_or("–", |gateway| seen(status, gateway.tunnel));
    let sees = |other: Node| if other == node { "–" } else { seen(status, &probe_of(other, node)) };
    let (one, two) = (sees(Node::One), sees(Node::Two));
    let row =
        format!("{node:<14}{:<10}{role:<10}{tunnel:<10}{one:<14}{two:<14}{}", "yes", instance(scene, node));
    row.trim_end().to_owned()
}

/// What a node's own probe says.
fn seen(status: &StatusReply, name: &str) -> &'static str {
    probe(status, name).map_or("?", |probe| word(probe.state()))
}

fn instance(scene: &Scene, node: Node) -> &'static str {
    let instance = node.gateway().and_then(|gateway| scene.world.instances.get(gateway.instance));
    instance.map_or("", |instance| instance.state.name())
}
