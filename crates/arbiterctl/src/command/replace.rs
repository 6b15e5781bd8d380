//! `gateway replace GATEWAY`: it gets a new instance and interface, because the old instance is gone.

use super::deed::{Deed, before, gateway};
use super::drain::routes_on;
use crate::cli::ReplaceArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &ReplaceArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("gateway replace {}", args.gateway);
    let status = before(&name, session).await?;
    let old = gateway(&status, &args.gateway)?;
    let says = old.state.as_deref().unwrap_or("not known");
    let routes: Vec<&str> = routes_on(&status, &old.id).map(|route| route.id.as_str()).collect();
    let routes = match routes.is_empty() {
        true => "no route is on it".to_owned(),
        false => format!("{} will point at {}", routes.join(", "), args.eni),
    };
    let deed = Deed {
        command: "gateway replace",
        does: format!(
            "replace {}: {} ({says}) by {}, {} by {}; {routes}; the policy becomes version {}",
            old.id,
            old.instance,
            args.instance,
            old.interface,
            args.eni,
            status.policy_version.saturating_add(1)
        ),
        then: "write both ids into cluster.toml as well; `arbiterctl status` shows the gateway".to_owned(),
        operation: Operation::ReplaceGateway(v1::ReplaceGateway {
            gateway: old.id.clone(),
            instance: args.instance.clone(),
            interface: args.eni.clone(),
        }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}
