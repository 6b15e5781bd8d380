//! Whether this node may do what it may have to do.

use crate::failure::{is_denial, look_failed};
use crate::pace::Api;
use crate::provider::Ec2;
use arbiter_control::provider::Observation;
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::{Alarm, Code};
use arbiter_core::policy::Policy;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::collections::BTreeSet;
use std::error::Error;

/// How many tables are tried. A permission may name tables one by one, but each try costs a token of the bucket that
/// failovers draw from, and every node tries at its start and once an hour.
const TABLES_TRIED: usize = 5;

impl Ec2 {
    pub(super) async fn try_permissions(&self, policy: &Policy, seen: &Observation) -> Vec<Alarm> {
        let mut tables = BTreeSet::new();
        let mut replacements = Vec::new();
        for route in &policy.routes {
            let target = seen.routes.get(&route.id).and_then(|seen| seen.target.as_ref());
            let request = target.and_then(|it| self.replacement(&route.table, &route.destination, it).ok());
            let Some(request) = request else { continue };
            if tables.len() < TABLES_TRIED && tables.insert(&route.table) {
                let request = request.dry_run(true).send();
                replacements.push(self.try_out(Api::ReplaceRoute, &route.table, request));
            }
        }
        let instances: Vec<_> = policy
            .gateways
            .iter()
            .filter(|gateway| policy.remediation.enabled && gateway.remediate)
            .filter(|gateway| {
                seen.instances.get(&gateway.id).is_some_and(|it| it.state != InstanceState::Absent)
            })
            .map(|gateway| gateway.instance.0.clone())
            .collect();
        // All at once: whoever asked is a person who waits.
        let (replacements, others) =
            tokio::join!(futures::future::join_all(replacements), self.try_stop_and_start(instances));
        replacements.into_iter().flatten().chain(others).collect()
    }

    /// All instances in one call each: `StartInstances` has five tokens, and every node tries.
    async fn try_stop_and_start(&self, instances: Vec<String>) -> Vec<Alarm> {
        if instances.is_empty() {
            return Vec::new();
        }
        let subject = instances.join(", ");
        let stop = self.client.stop_instances().set_instance_ids(Some(instances.clone())).dry_run(true);
        let start = self.client.start_instances().set_instance_ids(Some(instances)).dry_run(true);
        let (stop, start) = tokio::join!(
            self.try_out(Api::StopInstances, &subject, stop.send()),
            self.try_out(Api::StartInstances, &subject, start.send()),
        );
        stop.into_iter().chain(start).collect()
    }

    /// One dry run, if the bucket is so full that a failover that begins now would not miss its token.
    async fn try_out<T, E>(
        &self,
        api: Api,
        subject: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Option<Alarm>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Err(paced) = self.take_spare(api) {
            let detail =
                format!("on {subject} it was not tried: EC2's pace allows it in {} ms", paced.wait_ms);
            return Some(Alarm::new(Code::PermissionUnclear, api.name(), detail));
        }
        verdict(api, subject, request.await)
    }
}

/// EC2's words of a denial, without what is of one caller or one call: who asked, and a text for whoever may decode it. So
/// that the same of several nodes is one finding, and stays the same the next time.
pub(super) fn for_all(message: &str) -> String {
    let message = message.split(" Encoded authorization failure message:").next().unwrap_or_default();
    let said = message.split_once(" User: ").and_then(|(before, after)| {
        let (_, what) = after.split_once(" is not authorized to perform: ")?;
        Some(format!("{before} Not allowed: {what}"))
    });
    said.unwrap_or_else(|| message.to_owned())
}

/// EC2 says yes to a dry run by the error `DryRunOperation`.
fn verdict<T, E>(api: Api, subject: &str, tried: Result<T, SdkError<E, HttpResponse>>) -> Option<Alarm>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Err(err) = tried else {
        let detail = format!("on {subject} it was answered as if it had been done");
        return Some(Alarm::new(Code::DryRunIgnored, api.name(), detail));
    };
    let failure = look_failed(api, &err);
    if failure.code == "DryRunOperation" {
        return None;
    }
    let detail = format!("on {subject}: {}: {}", failure.code, for_all(&failure.message));
    Some(if is_denial(&failure.code) {
        let remedy = format!("allow ec2:{api} on {subject} to the node's role");
        Alarm::new(Code::NotPermitted, api.name(), detail).with_remedy(remedy)
    } else {
        Alarm::new(Code::PermissionUnclear, api.name(), detail)
    })
}
