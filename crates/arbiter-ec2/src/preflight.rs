//! What can be found wrong before anything has failed: things that the policy names and EC2 lacks, gateways that
//! can't forward or could not come back from a stop, permissions that are missing.
//!
//! Nothing is changed: permissions are tried with `DryRun`, and a route's dry run names the target that the route
//! has already, so that even an endpoint that ignores `DryRun` is left as it was.

mod finding;
mod permissions;

pub use finding::{Finding, Severity};

use crate::provider::Ec2;
use arbiter_control::provider::{
    InstanceSeen, Observation, Provider, ProviderError, ProviderErrorKind, RouteSeen, Scope,
};
use arbiter_core::evidence::InstanceState;
use arbiter_core::policy::{Gateway, Policy, Route, Target};

impl Ec2 {
    /// Checks everything that the policy needs of EC2. An empty answer means that all is well.
    pub async fn preflight(&self, policy: &Policy) -> Vec<Finding> {
        let seen = match self.observe(policy, Scope::All).await {
            Ok(seen) => seen,
            Err(failure) => return vec![unreadable(&failure)],
        };
        let mut findings = judge(policy, &seen);
        findings.extend(self.try_permissions(policy, &seen).await);
        findings
    }
}

/// What one look shows, without asking further.
fn judge(policy: &Policy, seen: &Observation) -> Vec<Finding> {
    let mut findings: Vec<_> = seen.problems.iter().map(missing).collect();
    for route in &policy.routes {
        if let Some(seen) = seen.routes.get(&route.id) {
            judge_route(policy, route, seen, &mut findings);
        }
    }
    for gateway in &policy.gateways {
        if let Some(seen) = seen.instances.get(&gateway.id) {
            judge_gateway(policy, gateway, seen, &mut findings);
        }
    }
    findings
}

fn unreadable(failure: &ProviderError) -> Finding {
    let remedy = match failure.kind {
        ProviderErrorKind::Unreachable => {
            "check the way to the EC2 API (endpoint, DNS, security groups); it must not depend on the routes that are moved"
        }
        ProviderErrorKind::Throttled => "wait; find out what else in this account calls EC2 so often",
        ProviderErrorKind::Denied => "allow this action to the role of this node",
        ProviderErrorKind::NoCredentials => "give the instance an IAM role, or set AWS_PROFILE",
        ProviderErrorKind::Rejected => "read EC2's words; ids and region must fit together",
    };
    Finding::error("ec2-unreadable", &failure.operation, failure.to_string(), remedy)
}

fn missing(problem: &ProviderError) -> Finding {
    let remedy = "correct the id in the policy, or the region of this node";
    Finding::error("missing", &problem.operation, problem.message.clone(), remedy)
}

fn judge_route(policy: &Policy, route: &Route, seen: &RouteSeen, findings: &mut Vec<Finding>) {
    let subject = format!("route {}", route.id);
    let Some(target) = &seen.target else {
        let message = format!("{} has no route to {}", route.table, route.destination);
        let first = route.paths.first().and_then(|id| policy.path(id));
        let target = first.map_or_else(|| "TARGET".to_owned(), |path| path.target.to_string());
        let remedy = format!(
            "create it once: aws ec2 create-route --route-table-id {} {} {} {} {target}",
            route.table,
            destination_option(&route.destination),
            route.destination,
            first.map_or("--network-interface-id", |path| target_option(&path.target)),
        );
        findings.push(Finding::error("route-missing", &subject, message, remedy));
        return;
    };
    if policy.path_by_target(route, target).is_none() {
        let message = format!("it points at {target}, which is none of its paths");
        let remedy = "add a path with that target, or expect it to be treated as drift";
        findings.push(Finding::warning("route-elsewhere", &subject, message, remedy));
    }
    if let Some(shadow) = &seen.shadowed_by {
        let message =
            format!("the propagated route {shadow} takes part of its traffic away, wherever it points");
        let remedy =
            format!("stop the propagation into {}, or make {} as specific", route.table, route.destination);
        findings.push(Finding::warning("route-shadowed", &subject, message, remedy));
    }
}

fn destination_option(destination: &str) -> &'static str {
    if destination.starts_with("pl-") {
        "--destination-prefix-list-id"
    } else if destination.contains(':') {
        "--destination-ipv6-cidr-block"
    } else {
        "--destination-cidr-block"
    }
}

fn target_option(target: &Target) -> &'static str {
    match target {
        Target::Gateway(_) => "--gateway-id",
        Target::TransitGateway(_) => "--transit-gateway-id",
        Target::Interface(_) | Target::Other(_) => "--network-interface-id",
    }
}

fn judge_gateway(policy: &Policy, gateway: &Gateway, seen: &InstanceSeen, findings: &mut Vec<Finding>) {
    let subject = format!("gateway {}", gateway.id);
    let (instance, interface) = (&gateway.instance, &gateway.interface);
    if matches!(seen.state, InstanceState::Absent | InstanceState::Terminated | InstanceState::ShuttingDown) {
        let message = format!("instance {instance} is {}", seen.state);
        let remedy = "name the gateway's present instance and interface in the policy";
        findings.push(Finding::error("instance-missing", &subject, message, remedy));
        return;
    }
    if !seen.interface_attached {
        let message = format!("interface {interface} is not attached to {instance}");
        let remedy = "attach it, or name the right interface in the policy";
        findings.push(Finding::error("interface-detached", &subject, message, remedy));
    }
    if seen.source_dest_check {
        let message =
            format!("the source/destination check of {interface} is on: it drops what it should forward");
        let remedy = format!(
            "aws ec2 modify-network-interface-attribute --network-interface-id {interface} --no-source-dest-check"
        );
        findings.push(Finding::error("source-dest-check", &subject, message, remedy));
    }
    if seen.impaired {
        let message = format!("EC2's status checks call {instance} impaired");
        findings.push(Finding::warning(
            "instance-impaired",
            &subject,
            message,
            "see its status checks in EC2",
        ));
    }
    if policy.remediation.enabled && gateway.remediate {
        judge_remediation(gateway, seen, &subject, findings);
    }
}

/// What makes a stop and start of the gateway impossible; it is refused then, and only people can help it.
fn judge_remediation(gateway: &Gateway, seen: &InstanceSeen, subject: &str, findings: &mut Vec<Finding>) {
    let refused = "so it is never stopped and started";
    if !seen.has_elastic_ip {
        let message = format!(
            "interface {} has no Elastic IP: after a stop its address would change and the tunnel could not come back, {refused}",
            gateway.interface
        );
        let remedy = "associate an Elastic IP, or set `remediate = false` for this gateway";
        findings.push(Finding::warning("no-elastic-ip", subject, message, remedy));
    }
    if let Some(group) = &seen.auto_scaling_group {
        let message = format!(
            "instance {} belongs to the Auto Scaling group `{group}`, which would terminate it when it is stopped, {refused}",
            gateway.instance
        );
        let remedy = "take it out of the group, or set `remediate = false` for this gateway";
        findings.push(Finding::warning("auto-scaling-group", subject, message, remedy));
    }
}

#[cfg(test)]
mod tests;
