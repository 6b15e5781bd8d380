//! An EC2 whose answers are given beforehand, without a network: for tests of what is made of answers.

use crate::provider::Ec2;
use crate::settings::Settings;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use std::collections::BTreeMap;

/// For each action (`DescribeRouteTables`, …) the status and the body of its answer. An action that is not named gets an
/// answer of EC2's that says nothing.
pub type Answers = BTreeMap<String, (u16, Vec<u8>)>;

impl Ec2 {
    /// A client whose every request is answered at once as `answers` says. The answers are read by the same code as those of
    /// the real EC2, the SDK's part of it included; only the connection is left out.
    pub fn answering(answers: Answers) -> Self {
        let credentials = Credentials::new("id", "secret", None, None, "canned");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("test-1"))
            .endpoint_url("http://ec2.example")
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(Canned { answers })
            .build();
        Self::with_config(config, Settings::default())
    }
}

#[derive(Debug, Clone)]
struct Canned {
    answers: Answers,
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        let silent = || (200, format!("<{action}Response></{action}Response>").into_bytes());
        let (status, body) = self.answers.get(action).cloned().unwrap_or_else(silent);
        let answer = StatusCode::try_from(status)
            .map(|status| HttpResponse::new(status, SdkBody::from(body)))
            .map_err(|error| ConnectorError::other(Box::new(error), None));
        HttpConnectorFuture::ready(answer)
    }
}
