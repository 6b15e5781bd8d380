//! What a call would act on, as IAM sees it before anybody has tried to understand the call.

use super::request::Request;
use crate::iam::Resource;
use crate::world::World;
use std::collections::BTreeMap;

/// The resources that the parameters name, with their tags. Describes act on `*`, which has no tags; so does a change that
/// names nothing. The target of a route is not acted on: its table is.
pub(super) fn resources(request: &Request, world: &World) -> Vec<Resource> {
    let ids: Vec<&String> = match request.action() {
        "ReplaceRoute" | "CreateRoute" => request.params.get("RouteTableId").into_iter().collect(),
        "StopInstances" | "StartInstances" => {
            let instances = request.params.iter().filter(|(name, _)| name.starts_with("InstanceId."));
            instances.map(|(_, id)| id).collect()
        }
        "ModifyNetworkInterfaceAttribute" => request.params.get("NetworkInterfaceId").into_iter().collect(),
        _ => Vec::new(),
    };
    if ids.is_empty() {
        return vec![Resource { id: "*".to_owned(), tags: BTreeMap::new() }];
    }
    let resource = |id: &String| Resource { id: id.clone(), tags: tags(world, id) };
    ids.into_iter().map(resource).collect()
}

/// The tags of whatever has that id.
fn tags(world: &World, id: &str) -> BTreeMap<String, String> {
    let table = world.tables.get(id).map(|row| &row.tags);
    let instance = world.instances.get(id).map(|row| &row.tags);
    let interface = world.interfaces.get(id).map(|row| &row.tags);
    table.or(instance).or(interface).cloned().unwrap_or_default()
}
