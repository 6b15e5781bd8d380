//! What can be set of the EC2 client. Everything else comes from the standard AWS environment.

/// How to reach EC2 and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where EC2's API is; `None`: `AWS_ENDPOINT_URL_EC2`, `AWS_ENDPOINT_URL`, the profile, or what the region says.
    pub endpoint_url: Option<String>,
    /// The region; `None`: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, or the instance that this runs on.
    pub region: Option<String>,
    /// One describe, all its pages and its one repetition included, ends after this.
    pub describe_timeout_ms: u64,
    /// TCP and TLS to EC2 must be up after this; also a mutation that has not even connected by then was never sent.
    pub connect_timeout_ms: u64,
    /// Named in the user agent of every call as `app/NAME`.
    pub app_name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            region: None,
            // A describe takes 100 to 500 ms; one that takes longer than this tells nothing that a reconcile in
            // ten seconds can wait for.
            describe_timeout_ms: 3_000,
            // Half of the default `call_timeout`, so that the other half is left for the call itself.
            connect_timeout_ms: 1_000,
            app_name: "route-arbiter".to_owned(),
        }
    }
}
