//! Writing: one request per mutation, once, with an end, and an honest word on how it ended.

use crate::connect::timeouts;
use crate::failure::mutation_failed;
use crate::pace::Api;
use crate::provider::Ec2;
use crate::tagging::{Departure, TagCall};
use arbiter_control::provider::Call;
use arbiter_core::command::{Action, Outcome};
use arbiter_core::destination::Destination;
use arbiter_core::policy::Target;
use arbiter_core::tag::CallTag;
use aws_sdk_ec2::config::Builder as Override;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::replace_route::builders::ReplaceRouteFluentBuilder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::retry::RetryConfig;
use std::error::Error;
use std::time::Duration;

impl Ec2 {
    /// Sends one mutation. Never repeated, here or in the SDK; ended by both the SDK's timeout and our own, which
    /// also covers what the SDK's may not (a resolver that hangs, say).
    pub(crate) async fn send(&self, call: &Call, timeout_ms: u64) -> Outcome {
        let departure = Departure::default();
        let work = self.dispatch(call, timeout_ms, &departure);
        match tokio::time::timeout(Duration::from_millis(timeout_ms), work).await {
            Ok(outcome) => outcome,
            Err(_) if departure.happened() => {
                Outcome::NoAnswer { message: format!("no answer within {timeout_ms} ms") }
            }
            Err(_) => Outcome::NotSent {
                reason: format!("not ready to send within {timeout_ms} ms: are credentials to be had?"),
            },
        }
    }

    async fn dispatch(&self, call: &Call, timeout_ms: u64, departure: &Departure) -> Outcome {
        let api = match &call.action {
            Action::SetRoute { .. } => Api::ReplaceRoute,
            Action::Stop { .. } => Api::StopInstances,
            Action::Start { .. } => Api::StartInstances,
        };
        // All that can be wrong with the call itself is found before a token is spent.
        let replacement = match &call.action {
            Action::SetRoute { after, .. } => match self.replacement(&call.table, &call.destination, after) {
                Ok(replacement) => Some(replacement),
                Err(reason) => return Outcome::NotSent { reason },
            },
            _ => None,
        };
        if let Err(paced) = self.take(api) {
            let reason = format!("EC2's pace allows the next {api} in {} ms", paced.wait_ms);
            return Outcome::NotSent { reason };
        }
        let tag = CallTag { cluster: call.cluster.clone(), intent: call.intent };
        let tag = TagCall::new(api, &tag, departure.clone());
        let change = self.only_once(timeout_ms);
        match (&call.action, replacement) {
            (Action::SetRoute { .. }, Some(request)) => {
                let sent = request.customize().interceptor(tag).config_override(change).send().await;
                explain_missing_route(self.outcome(api, sent, departure), &call.table, &call.destination)
            }
            (Action::Stop { instance, force, .. }, _) => {
                let request = self.client.stop_instances().instance_ids(instance.as_str()).force(*force);
                let sent = request.customize().interceptor(tag).config_override(change).send().await;
                self.outcome(api, sent, departure)
            }
            (Action::Start { instance, .. }, _) => {
                let request = self.client.start_instances().instance_ids(instance.as_str());
                let sent = request.customize().interceptor(tag).config_override(change).send().await;
                self.outcome(api, sent, departure)
            }
            (Action::SetRoute { .. }, None) => {
                Outcome::NotSent { reason: "a route's change without a request".to_owned() }
            }
        }
    }

    /// A `ReplaceRoute` of that route to that target, not sent yet; or why there can be none.
    pub(crate) fn replacement(
        &self,
        table: &str,
        destination: &str,
        target: &Target,
    ) -> Result<ReplaceRouteFluentBuilder, String> {
        if table.is_empty() {
            return Err("the call names no route table".to_owned());
        }
        let request = self.client.replace_route().route_table_id(table);
        let request = match Destination::parse(destination).map_err(|err| err.to_string())? {
            Destination::PrefixList(id) => request.destination_prefix_list_id(id),
            Destination::Network(_) if destination.contains(':') => {
                request.destination_ipv6_cidr_block(destination)
            }
            Destination::Network(_) => request.destination_cidr_block(destination),
        };
        match target {
            Target::Interface(id) => Ok(request.network_interface_id(id)),
            Target::Gateway(id) => Ok(request.gateway_id(id)),
            Target::TransitGateway(id) => Ok(request.transit_gateway_id(id)),
            other @ (Target::NextHop { .. } | Target::Other(_)) => {
                Err(format!("`{other}` is not a target that routes are moved to"))
            }
        }
    }

    /// Said again for each mutation, whatever the client's defaults become: no repetition, and an end.
    fn only_once(&self, timeout_ms: u64) -> Override {
        Override::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(&self.settings, timeout_ms))
    }

    fn outcome<T, E>(
        &self,
        api: Api,
        sent: Result<T, SdkError<E, HttpResponse>>,
        departure: &Departure,
    ) -> Outcome
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let outcome = match sent {
            Ok(_) => Outcome::Done,
            Err(err) => mutation_failed(&err, departure.happened()),
        };
        match &outcome {
            failed if failed.is_throttled() => self.refused(api),
            Outcome::Done | Outcome::Failed { .. } => self.accepted(api),
            Outcome::NoAnswer { .. } | Outcome::NotSent { .. } => {}
        }
        outcome
    }
}

/// EC2 answers a `ReplaceRoute` of a route that doesn't exist with one of two codes, of which one is also used for
/// much else, and neither says what to do.
fn explain_missing_route(outcome: Outcome, table: &str, destination: &str) -> Outcome {
    match outcome {
        Outcome::Failed { code, message } if says_missing_route(&code, &message) => {
            let message = format!(
                "route {destination} is missing in {table}: ReplaceRoute changes only a route that exists; create it once (aws ec2 create-route --route-table-id {table} ...), or drop it from the policy. EC2 said: {message}"
            );
            Outcome::Failed { code, message }
        }
        other => other,
    }
}

fn says_missing_route(code: &str, message: &str) -> bool {
    let words = message.to_ascii_lowercase();
    code == "InvalidRoute.NotFound"
        || (code == "InvalidParameterValue" && (words.contains("no route") || words.contains("createroute")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str, message: &str) -> Outcome {
        Outcome::Failed { code: code.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn a_missing_route_is_called_missing_whichever_code_ec2_chooses() {
        let words =
            "There is no route defined for '10.10.0.0/16' in the route table. Use CreateRoute instead.";
        for code in ["InvalidParameterValue", "InvalidRoute.NotFound"] {
            let Outcome::Failed { code: kept, message } =
                explain_missing_route(failed(code, words), "rtb-1", "10.10.0.0/16")
            else {
                panic!("still failed")
            };
            assert_eq!(kept, code);
            assert!(message.starts_with("route 10.10.0.0/16 is missing in rtb-1"), "{message}");
        }
        let other = failed("InvalidParameterValue", "interface eni-1 is not usable");
        assert_eq!(explain_missing_route(other.clone(), "rtb-1", "10.10.0.0/16"), other);
    }
}
