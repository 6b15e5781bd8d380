//! The way to the API: to which host the client really speaks, after region, profile and environment have had their
//! say, and which addresses it has.

use crate::provider::Ec2;
use arbiter_control::provider::{ProviderError, ProviderErrorKind};
use arbiter_core::doctor::{ApiWay, judge_api_way};
use arbiter_core::health::{Alarm, Code};
use arbiter_core::policy::Policy;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a name may take to resolve: as long as a whole describe.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Where an endpoint without a port listens.
const HTTPS_PORT: u16 = 443;

/// Host and port of the API, known once the first request was made; it is the same for all of one client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spoken(Arc<OnceLock<(String, u16)>>);

impl Intercept for Spoken {
    fn name(&self) -> &'static str {
        "Spoken"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.get_or_init(|| host_and_port(context.request().uri()));
        Ok(())
    }
}

impl Spoken {
    /// Adds to a failure without an answer who it was that did not answer.
    pub(crate) fn named_in(&self, failure: ProviderError) -> ProviderError {
        match self.0.get() {
            Some((host, port)) if failure.kind == ProviderErrorKind::Unreachable => {
                ProviderError { message: format!("{host}:{port}: {}", failure.message), ..failure }
            }
            _ => failure,
        }
    }
}

fn host_and_port(uri: &str) -> (String, u16) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let split = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = split.unwrap_or((authority, HTTPS_PORT));
    (host.trim_matches(['[', ']']).to_owned(), port)
}

impl Ec2 {
    /// Whether the way to the API depends on a route that we move. Nothing, before the first request.
    pub(crate) async fn judge_way(&self, policy: &Policy) -> Option<Alarm> {
        let (host, port) = self.spoken.0.get()?;
        let lookup = tokio::net::lookup_host((host.as_str(), *port));
        let addresses = match tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await {
            Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
            Ok(Err(error)) => return Some(unresolved(host, error.to_string())),
            Err(_) => return Some(unresolved(host, format!("no answer within {RESOLVE_TIMEOUT:?}"))),
        };
        judge_api_way(policy, &ApiWay { host: host.clone(), addresses })
    }
}

fn unresolved(host: &str, why: String) -> Alarm {
    let remedy = "check this node's DNS, and the endpoint's name if it was set by hand";
    Alarm::new(Code::ProviderUnreachable, host, format!("its name can't be resolved: {why}"))
        .with_remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_from_every_form_of_an_endpoint() {
        for (uri, host, port) in [
            ("https://ec2.example/", "ec2.example", 443),
            ("https://ec2.example", "ec2.example", 443),
            ("http://127.0.0.1:5000/", "127.0.0.1", 5000),
            ("http://[2001:db8::1]:5000/?Action=x", "2001:db8::1", 5000),
            ("https://[2001:db8::1]/", "2001:db8::1", 443),
        ] {
            assert_eq!(host_and_port(uri), (host.to_owned(), port), "{uri}");
        }
    }
}
