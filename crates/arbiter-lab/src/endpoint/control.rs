//! The control routes: JSON for hands outside. They are neither logged as calls nor met by faults.

use super::state::Shared;
use crate::faults::Fault;
use crate::world::{
    BootBehaviour, Cause, Destination, ElasticIp, InstanceState, Refusal, StopBehaviour, Target, Timings,
    World,
};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a hand outside did wrong.
#[derive(Debug)]
struct Wrong {
    status: StatusCode,
    message: String,
}

impl Wrong {
    fn bad(message: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.to_string() }
    }

    fn not_found(message: impl ToString) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.to_string() }
    }
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        Self::bad(refusal)
    }
}

/// What there is, for whoever asks for something else.
const ROUTES: &str = "GET info | world | calls?since=N&mutating=true | faults; POST faults | throttling | \
                      routes | timings | instances/ID | interfaces/ID; DELETE faults | faults/ID";

pub(super) fn serve(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: &str,
    body: &[u8],
) -> Response<Body> {
    let (status, value) = match answer(shared, method, path, query, body) {
        Ok(value) => (StatusCode::OK, value),
        Err(wrong) => (wrong.status, json!({ "error": wrong.message })),
    };
    let mut response = Response::new(Body::from(format!("{value}\n")));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

fn answer(shared: &Shared, method: &Method, path: &str, query: &str, body: &[u8]) -> Result<Value, Wrong> {
    let (head, tail) = path.split_once('/').unwrap_or((path, ""));
    match (method.as_str(), head, tail) {
        ("GET", "info", "") => Ok(json!({
            "now_ms": shared.now_ms(),
            "started_wall_ms": shared.started_wall_ms,
            "last_seq": shared.calls.last_seq(),
        })),
        ("GET", "world", "") => shared.look(0, |world, _| to_json(world)),
        ("GET", "calls", "") => calls(shared, query),
        ("GET", "faults", "") => to_json(&shared.faults.list()),
        ("POST", "faults", "") => {
            let fault: Fault = from_json(body)?;
            Ok(json!({ "id": shared.faults.set(fault).map_err(Wrong::bad)? }))
        }
        ("DELETE", "faults", "") => {
            shared.faults.clear();
            Ok(json!({}))
        }
        ("DELETE", "faults", id) => match id.parse() {
            Ok(id) if shared.faults.remove(id) => Ok(json!({})),
            _ => Err(Wrong::not_found(format!("there is no fault {id}; GET /_lab/faults lists them"))),
        },
        ("POST", "throttling", "") => {
            let Throttling { enabled } = from_json(body)?;
            shared.faults.set_throttling(enabled);
            Ok(json!({}))
        }
        ("POST", "routes", "") => set_route(shared, from_json(body)?),
        ("POST", "timings", "") => {
            let timings: Timings = from_json(body)?;
            shared.edit(Cause::Hand, |world, _| world.timings = timings);
            to_json(&timings)
        }
        ("POST", "instances", id) => edit_instance(shared, id, &from_json(body)?),
        ("POST", "interfaces", id) => edit_interface(shared, id, from_json(body)?),
        _ => Err(Wrong::not_found(format!("no such route: {method} /_lab/{path}; there are: {ROUTES}"))),
    }
}

fn to_json(value: &impl Serialize) -> Result<Value, Wrong> {
    serde_json::to_value(value)
        .map_err(|error| Wrong { status: StatusCode::INTERNAL_SERVER_ERROR, message: error.to_string() })
}

fn from_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Wrong> {
    serde_json::from_slice(body).map_err(Wrong::bad)
}

fn calls(shared: &Shared, query: &str) -> Result<Value, Wrong> {
    let mut since = 0;
    let mut mutating = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let wrong = || Wrong::bad(format!("{name}={value} makes no sense; try since=0 or mutating=true"));
        match name.as_ref() {
            "since" => since = value.parse().map_err(|_| wrong())?,
            "mutating" => mutating = value.parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        }
    }
    to_json(&if mutating { shared.calls.mutations_since(since) } else { shared.calls.since(since) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Throttling {
    enabled: bool,
}

/// A route by an outside hand. Without a target it is taken away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEdit {
    table: String,
    destination: String,
    target: Option<String>,
    /// It comes from a virtual private gateway.
    #[serde(default)]
    propagated: bool,
}

fn set_route(shared: &Shared, edit: RouteEdit) -> Result<Value, Wrong> {
    let destination = Destination::parse(&edit.destination)?;
    let target = match edit.target.as_deref() {
        None => None,
        Some("local") => Some(Target::Local),
        Some(id) => Some(Target::of_id(id).ok_or_else(|| {
            Wrong::bad(format!("`{id}` can't be a target: give eni-…, igw-…, vgw-…, tgw-…, nat-… or local"))
        })?),
    };
    let set = if edit.propagated { World::propagate_route } else { World::set_route };
    shared.edit(Cause::Hand, |world, act| set(world, act, &edit.table, &destination, target)).0?;
    Ok(json!({}))
}

/// What a hand can do to an instance; what isn't given stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceEdit {
    state: Option<InstanceState>,
    stop: Option<StopBehaviour>,
    boot: Option<BootBehaviour>,
    system_impaired: Option<bool>,
    instance_impaired: Option<bool>,
    /// Null takes it out of its group.
    #[serde(default, deserialize_with = "given")]
    auto_scaling_group: Option<Option<String>>,
    /// It is not in any answer any more.
    #[serde(default)]
    forget: bool,
}

/// Tells `null`, which is a wish, from nothing, which is none.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

fn edit_instance(shared: &Shared, id: &str, edit: &InstanceEdit) -> Result<Value, Wrong> {
    let (edited, _, _) = shared.edit(Cause::Hand, |world, act| {
        if let Some(stop) = edit.stop {
            world.set_stop_behaviour(act, id, stop)?;
        }
        if let Some(boot) = edit.boot {
            world.set_boot_behaviour(id, boot)?;
        }
        world.set_impaired(id, edit.system_impaired, edit.instance_impaired)?;
        if let Some(group) = &edit.auto_scaling_group {
            world.set_auto_scaling_group(id, group.as_deref())?;
        }
        if let Some(state) = edit.state {
            world.set_instance_state(act, id, state)?;
        }
        if edit.forget {
            world.forget_instance(act, id)?;
        }
        Ok::<_, Refusal>(world.instances.get(id).cloned())
    });
    to_json(&edited?)
}

/// What a hand can do to an interface; what isn't given stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InterfaceEdit {
    source_dest_check: Option<bool>,
    /// Null detaches it.
    #[serde(default, deserialize_with = "given")]
    attached_to: Option<Option<String>>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "given")]
    elastic_ip: Option<Option<String>>,
}

fn edit_interface(shared: &Shared, id: &str, edit: InterfaceEdit) -> Result<Value, Wrong> {
    let (edited, _, _) = shared.edit(Cause::Hand, |world, act| {
        if let Some(on) = edit.source_dest_check {
            world.set_source_dest_check(act, id, on)?;
        }
        if let Some(instance) = &edit.attached_to {
            world.attach(act, id, instance.as_deref())?;
        }
        if let Some(public_ip) = edit.elastic_ip {
            let suffix = id.trim_start_matches("eni-");
            let elastic_ip = public_ip.map(|public_ip| ElasticIp {
                public_ip,
                allocation: format!("eipalloc-{suffix}"),
                association: format!("eipassoc-{suffix}"),
            });
            world.set_elastic_ip(act, id, elastic_ip)?;
        }
        world.interface(id).cloned()
    });
    to_json(&edited?)
}
