//! A request as it came over HTTP.

use crate::faults::Facts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The longest user agent that is kept, in bytes: SDKs write some 200, and the log keeps thousands of them.
const LONGEST_USER_AGENT: usize = 1_024;

/// A request of the Query API, read but not yet understood.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub action: Option<String>,
    pub version: Option<String>,
    /// All parameters but `Action` and `Version`.
    pub params: BTreeMap<String, String>,
    /// The access key id, if there is an `Authorization` header that can be read.
    pub caller: Option<String>,
    pub user_agent: String,
    pub peer: SocketAddr,
}

impl Request {
    /// Reads a form. Of a parameter that is given twice the last one counts.
    pub(super) fn read(headers: &HeaderMap, form: &[u8], peer: SocketAddr) -> Self {
        let mut params: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut user_agent = header(USER_AGENT.as_str()).unwrap_or_default().to_owned();
        if let Some(of_sdk) = header("x-amz-user-agent") {
            user_agent.push(' ');
            user_agent.push_str(of_sdk);
        }
        let end = user_agent.floor_char_boundary(LONGEST_USER_AGENT);
        user_agent.truncate(end);
        Self {
            action: params.remove("Action").filter(|action| !action.is_empty()),
            version: params.remove("Version"),
            caller: header(AUTHORIZATION.as_str()).and_then(access_key).map(str::to_owned),
            params,
            user_agent,
            peer,
        }
    }

    pub(super) fn action(&self) -> &str {
        self.action.as_deref().unwrap_or_default()
    }

    /// Only asks whether it would be allowed.
    pub(super) fn is_dry_run(&self) -> bool {
        self.params.get("DryRun").is_some_and(|value| value == "true")
    }

    pub(super) fn facts(&self, mutating: bool) -> Facts<'_> {
        Facts {
            action: self.action(),
            mutating,
            caller: self.caller.as_deref(),
            user_agent: &self.user_agent,
            params: &self.params,
        }
    }
}

/// The key id in `AWS4-HMAC-SHA256 Credential=AKID/20260101/region/ec2/aws4_request, SignedHeaders=…`. Signatures
/// are not checked: the lab has nothing to protect, and tells callers apart by this alone.
fn access_key(authorization: &str) -> Option<&str> {
    let (_, rest) = authorization.split_once("Credential=")?;
    let (key, _) = rest.split_once('/')?;
    (!key.is_empty() && key.len() <= 128).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_the_access_key_of_the_signature() {
        let good =
            "AWS4-HMAC-SHA256 Credential=AKIDNODE1/20260101/cn-north-1/ec2/aws4_request, SignedHeaders=host";
        assert_eq!(access_key(good), Some("AKIDNODE1"));
        for wrong in ["", "Basic abc", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=/2026"] {
            assert_eq!(access_key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_form_is_read_with_both_user_agents() {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", "sdk/1".parse().unwrap());
        headers.insert("x-amz-user-agent", "sdk/1 arbiter/c#1.2".parse().unwrap());
        let form = b"Action=ReplaceRoute&Version=2016-11-15&DestinationCidrBlock=10.10.0.0%2F16";
        let request = Request::read(&headers, form, "127.0.0.1:1".parse().unwrap());
        assert_eq!(request.action(), "ReplaceRoute");
        assert_eq!(request.params["DestinationCidrBlock"], "10.10.0.0/16");
        assert_eq!(request.params.len(), 1);
        assert_eq!(request.user_agent, "sdk/1 sdk/1 arbiter/c#1.2");
        assert_eq!(request.caller, None);
    }
}
