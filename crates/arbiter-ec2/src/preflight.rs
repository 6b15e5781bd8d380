//! What can be found wrong before anything has failed: things that the policy names and EC2 lacks, gateways that
//! can't forward or could not come back from a stop, permissions that are missing, a way to the API that a failover
//! could cut.
//!
//! Nothing is changed: permissions are tried with `DryRun`, and a route's dry run names the target that the route
//! has already, so that even an endpoint that ignores `DryRun` is left as it was.

mod permissions;

use crate::provider::Ec2;
use arbiter_control::provider::{
    InstanceSeen, Observation, Provider, ProviderError, ProviderErrorKind, RouteSeen, Scope,
};
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::{Alarm, Code};
use arbiter_core::policy::{Gateway, Policy, Route, Target};

impl Ec2 {
    /// Checks everything that the policy needs of EC2. An empty answer means that all is well.
    pub async fn preflight(&self, policy: &Policy) -> Vec<Alarm> {
        let mut findings = match self.observe(policy, Scope::All).await {
            Ok(seen) => {
                let mut findings = judge(policy, &seen);
                findings.extend(self.try_permissions(policy, &seen).await);
                findings
            }
            Err(failure) => vec![unreadable(&failure)],
        };
        // Also when the API does not answer: this may be why.
        findings.extend(self.judge_way(policy).await);
        findings
    }
}

/// What one look shows, without asking further.
fn judge(policy: &Policy, seen: &Observation) -> Vec<Alarm> {
    let mut findings: Vec<_> = seen.problems.iter().map(missing).collect();
    for route in &policy.routes {
        if let Some(seen) = seen.routes.get(&route.id) {
            judge_route(policy, route, seen, &mut findings);
        }
    }
    for gateway in &policy.gateways {
        let names = |problem: &ProviderError| problem.message.split(' ').any(|it| it == gateway.interface);
        let Some(it) = seen.instances.get(&gateway.id) else { continue };
        // Of an interface that does not exist enough was said.
        if !is_missing(gateway, it, &mut findings) && !seen.problems.iter().any(names) {
            judge_gateway(policy, gateway, it, &mut findings);
        }
    }
    findings
}

fn unreadable(failure: &ProviderError) -> Alarm {
    let allow = format!("allow ec2:{} to the node's role", failure.operation);
    let remedy = match failure.kind {
        ProviderErrorKind::Denied => allow.as_str(),
        ProviderErrorKind::Unreachable => {
            "check the way to the EC2 API (endpoint, DNS, security groups); it must not depend on the routes that are moved"
        }
        ProviderErrorKind::Throttled => "wait; find out what else in this account calls EC2 so often",
        ProviderErrorKind::NoCredentials => "give the instance an IAM role, or set AWS_PROFILE",
        ProviderErrorKind::Rejected => "read EC2's words; ids and region must fit together",
    };
    let code = match failure.kind {
        ProviderErrorKind::Denied => Code::NotPermitted,
        kind => kind.code(),
    };
    let detail = permissions::for_all(&failure.to_string());
    Alarm::new(code, &failure.operation, detail).with_remedy(remedy)
}

fn missing(problem: &ProviderError) -> Alarm {
    let remedy = "correct the id in the policy, or the region of this node";
    Alarm::new(Code::ProviderLacks, &problem.operation, problem.to_string()).with_remedy(remedy)
}

fn judge_route(policy: &Policy, route: &Route, seen: &RouteSeen, findings: &mut Vec<Alarm>) {
    let Some(target) = &seen.target else {
        let detail = format!("{} has no route to {}", route.table, route.destination);
        let first = route.paths.first().and_then(|id| policy.path(id));
        let target = first.map_or_else(|| "TARGET".to_owned(), |path| path.target.to_string());
        let remedy = format!(
            "create it once: aws ec2 create-route --route-table-id {} {} {} {} {target}",
            route.table,
            destination_option(&route.destination),
            route.destination,
            first.map_or("--network-interface-id", |path| target_option(&path.target)),
        );
        findings.push(Alarm::new(Code::RouteMissing, &route.id, detail).with_remedy(remedy));
        return;
    };
    if policy.path_by_target(route, target).is_none() {
        let detail = format!("it points at {target}, which is none of its paths");
        let remedy = "add a path with that target, or find out who pointed it there: it is treated as drift";
        findings.push(Alarm::new(Code::Drift, &route.id, detail).with_remedy(remedy));
    }
    if let Some(shadow) = &seen.shadowed_by {
        let remedy =
            format!("stop the propagation into {}, or make {} as specific", route.table, route.destination);
        findings.push(Alarm::new(Code::Shadowed, &route.id, shadow).with_remedy(remedy));
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
        Target::Interface(_) | Target::NextHop { .. } | Target::Other(_) => "--network-interface-id",
    }
}

fn is_missing(gateway: &Gateway, seen: &InstanceSeen, findings: &mut Vec<Alarm>) -> bool {
    let gone =
        matches!(seen.state, InstanceState::Absent | InstanceState::Terminated | InstanceState::ShuttingDown);
    if gone {
        let detail = format!("instance {} is {}", gateway.instance, seen.state);
        let remedy = "name the gateway's present instance and interface: `arbiterctl gateway replace`";
        findings.push(Alarm::new(Code::ProviderLacks, &gateway.id, detail).with_remedy(remedy));
    }
    gone
}

fn judge_gateway(policy: &Policy, gateway: &Gateway, seen: &InstanceSeen, findings: &mut Vec<Alarm>) {
    let (instance, interface) = (&gateway.instance, &gateway.interface);
    if !seen.interface_attached {
        let remedy = format!("attach it to {instance}, or name the right interface in the policy");
        findings.push(Alarm::new(Code::InterfaceDetached, &gateway.id, interface).with_remedy(remedy));
    }
    if seen.source_dest_check {
        let remedy = format!(
            "aws ec2 modify-network-interface-attribute --network-interface-id {interface} --no-source-dest-check"
        );
        findings.push(Alarm::new(Code::SourceDestCheck, &gateway.id, interface).with_remedy(remedy));
    }
    if seen.impaired {
        findings.push(Alarm::new(Code::InstanceImpaired, &gateway.id, instance.to_string()));
    }
    if policy.remediation.enabled && gateway.remediate {
        judge_remediation(gateway, seen, findings);
    }
}

/// What makes a stop and start of the gateway impossible; it is refused then, and only people can help it.
fn judge_remediation(gateway: &Gateway, seen: &InstanceSeen, findings: &mut Vec<Alarm>) {
    if !seen.has_elastic_ip {
        let detail = format!(
            "interface {}: after a stop its address would change, and the tunnel could not come back",
            gateway.interface
        );
        findings.push(Alarm::new(Code::NoElasticIp, &gateway.id, detail));
    }
    if let Some(group) = &seen.auto_scaling_group {
        let detail = format!("`{group}` would terminate instance {} when it is stopped", gateway.instance);
        findings.push(Alarm::new(Code::AutoScalingMember, &gateway.id, detail));
    }
}

#[cfg(test)]
mod tests;
