//! The EC2 client: region, credentials, HTTPS, timeouts.

use crate::failure::words;
use crate::settings::Settings;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_ec2::config::IdentityCache;
use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use std::time::Duration;

/// An idle connection is kept this long. It must outlast a few reconcile intervals (10 s by default), whose
/// describes keep it warm, and end before EC2 would end it.
const POOL_IDLE: Duration = Duration::from_secs(45);

/// Idle connections kept. A full look makes four calls at once, and a batch of moves finds them warm; more than
/// these would only be opened again for each batch.
const POOL_MAX_IDLE: usize = 8;

/// Credentials are renewed this long before they expire, so that one of the regular describes waits for it, not a
/// mutation.
const CREDENTIALS_BUFFER: Duration = Duration::from_secs(60);

/// Finding the region and the first credentials may ask the instance metadata service, which retries for a few
/// seconds where there is none.
const ENVIRONMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the EC2 client can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No region is set anywhere.
    #[error(
        "no AWS region is set: set AWS_REGION (as in AWS_REGION=cn-north-1), or `region` in the profile that AWS_PROFILE names, or run on an EC2 instance with its metadata service enabled"
    )]
    NoRegion,
    /// No credentials could be had.
    #[error(
        "no AWS credentials: {0}; give the instance an IAM role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials(String),
    /// The name can't stand in a user agent.
    #[error("`{0}` can't be the application's name: use letters, digits and -._ only")]
    AppName(String),
    /// TLS can't be set up.
    #[error(
        "TLS can't be set up: {0}; are this machine's certificate authorities in order (ca-certificates)?"
    )]
    Tls(String),
    /// The environment took too long.
    #[error(
        "the AWS environment gave no answer within {} s: is the instance metadata service (169.254.169.254) reachable? AWS_EC2_METADATA_DISABLED=true turns it off",
        ENVIRONMENT_TIMEOUT.as_secs()
    )]
    Timeout,
}

/// A client by the standard AWS environment and these settings.
pub(crate) async fn load(
    settings: &Settings,
    credentials: Option<Credentials>,
) -> Result<SdkConfig, StartError> {
    let app_name = AppName::new(settings.app_name.clone())
        .map_err(|_| StartError::AppName(settings.app_name.clone()))?;
    let http = aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_MAX_IDLE)
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(trust()?)
        .build_https();
    let mut loader: ConfigLoader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .app_name(app_name)
        .identity_cache(IdentityCache::lazy().buffer_time(CREDENTIALS_BUFFER).build())
        // EC2 does not fence us: a call that the SDK repeats by itself could land after another leader's. Reads are
        // repeated once, by `describe`.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(settings, settings.describe_timeout_ms));
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(credentials);
    }
    let config =
        tokio::time::timeout(ENVIRONMENT_TIMEOUT, loader.load()).await.map_err(|_| StartError::Timeout)?;
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(StartError::NoRegion);
    }
    Ok(config)
}

/// Trusts the certificate authorities of this machine. Where there are none (a bare container), endpoints without
/// TLS must work all the same; the HTTP client itself would take that for a fault of the program.
fn trust() -> Result<tls::TlsContext, StartError> {
    let has_authorities = !rustls_native_certs::load_native_certs().certs.is_empty();
    if !has_authorities {
        tracing::warn!(
            "no certificate authorities on this machine: no https endpoint can be reached; install ca-certificates"
        );
    }
    let store = tls::TrustStore::empty().with_native_roots(has_authorities);
    let context = tls::TlsContext::builder().with_trust_store(store).build();
    context.map_err(|err| StartError::Tls(words(&err)))
}

/// The timeouts of one operation. The connect timeout is the same for all, because the HTTP client keeps a pool of
/// connections for each: a mutation must find the describes' warm connections.
pub(crate) fn timeouts(settings: &Settings, operation_ms: u64) -> TimeoutConfig {
    let operation = Duration::from_millis(operation_ms);
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .disable_read_timeout()
        .operation_timeout(operation)
        .operation_attempt_timeout(operation)
        .build()
}

/// Asks for credentials once, so that a missing role or profile shows at start.
pub(crate) async fn check_credentials(config: &SdkConfig) -> Result<(), StartError> {
    let provider = config
        .credentials_provider()
        .ok_or_else(|| StartError::NoCredentials("no source of them is configured".to_owned()))?;
    match tokio::time::timeout(ENVIRONMENT_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(err)) => Err(StartError::NoCredentials(words(&err))),
        Err(_) => Err(StartError::Timeout),
    }
}
