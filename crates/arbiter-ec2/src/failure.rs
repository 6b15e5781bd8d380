//! What a failed call means: for a look, why it failed; for a mutation, whether it may have happened.

use crate::pace::Api;
use arbiter_control::provider::{ProviderError, ProviderErrorKind};
use arbiter_core::command::{Outcome, is_throttling};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error;

/// EC2's words for "not you" and "not this".
const DENIED: &[&str] = &[
    "UnauthorizedOperation",
    "AuthFailure",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "ExpiredToken",
    "RequestExpired",
    "AccessDenied",
    "AccessDeniedException",
    "OptInRequired",
    "Blocked",
    "PendingVerification",
    "UnrecognizedClientException",
];

/// Whether EC2 refused a call for who made it.
pub(crate) fn is_denial(code: &str) -> bool {
    DENIED.contains(&code)
}

/// Codes that come with a 5xx status and yet say that nothing was done: EC2 looked for room and found none.
fn is_refusal_of_the_server(code: &str) -> bool {
    is_throttling(code) || (code.starts_with("Insufficient") && code.ends_with("Capacity"))
}

/// Codes that say that EC2 itself stumbled, whatever the status: the mutation may have happened, or happen yet.
fn is_doubtful(code: &str) -> bool {
    matches!(
        code,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" | "RequestTimeout"
    )
}

/// What the SDK's layers say of themselves, which helps nobody.
const WRAPPERS: &[&str] = &["dispatch failure", "io error", "other", "unhandled error"];

/// An error and its causes, in words; what only wraps another is left out.
pub(crate) fn words(err: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(err), |&err| err.source());
    // Some of them are tables.
    let causes = causes.map(|cause| cause.to_string().split_whitespace().collect::<Vec<_>>().join(" "));
    let mut said: Vec<String> = Vec::new();
    for cause in causes.filter(|cause| !WRAPPERS.contains(&cause.as_str())) {
        if !said.last().is_some_and(|last| last.ends_with(&cause)) {
            said.push(cause);
        }
    }
    said.join(": ")
}

/// Why a look failed.
pub(crate) fn look_failed<E>(api: Api, err: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, code, message) = match err {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = context.err().code().map_or_else(|| format!("Http{status}"), str::to_owned);
            let message = context.err().message().unwrap_or("no message").to_owned();
            (kind_of(&code), code, message)
        }
        SdkError::ResponseError(context) => {
            let message = format!("an answer that is not EC2's: {}", words(err));
            (ProviderErrorKind::Rejected, format!("Http{}", context.raw().status().as_u16()), message)
        }
        SdkError::TimeoutError(_) => {
            (ProviderErrorKind::Unreachable, "Timeout".to_owned(), "no answer in time".to_owned())
        }
        _ if is_missing_credentials(err) => {
            let message = words(err);
            (ProviderErrorKind::NoCredentials, "NoCredentials".to_owned(), message)
        }
        _ => {
            let code = if never_connected(err) { "ConnectFailed" } else { "ConnectionLost" };
            (ProviderErrorKind::Unreachable, code.to_owned(), words(err))
        }
    };
    ProviderError { kind, operation: api.name().to_owned(), code, message }
}

fn kind_of(code: &str) -> ProviderErrorKind {
    if is_throttling(code) {
        ProviderErrorKind::Throttled
    } else if is_denial(code) {
        ProviderErrorKind::Denied
    } else {
        ProviderErrorKind::Rejected
    }
}

/// How a failed mutation ended. `departed`: its request was handed to the HTTP client.
///
/// Only EC2's own word that it refused makes it `Failed`, and only proof that nothing left makes it `NotSent`;
/// everything else may have happened.
pub(crate) fn mutation_failed<E>(err: &SdkError<E, HttpResponse>, departed: bool) -> Outcome
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match err {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = context.err().code();
            let message = context.err().message().unwrap_or("no message").to_owned();
            match code {
                Some(code) if is_refusal(status, code) => Outcome::Failed { code: code.to_owned(), message },
                Some(code) => Outcome::NoAnswer {
                    message: format!("EC2 stumbled ({code}, HTTP {status}): {message}; it may have happened"),
                },
                None => Outcome::NoAnswer {
                    message: format!("HTTP {status} without a word of EC2's own about it"),
                },
            }
        }
        SdkError::ConstructionFailure(_) => not_sent(err),
        _ if !departed || never_connected(err) => not_sent(err),
        SdkError::TimeoutError(_) => Outcome::NoAnswer { message: "no answer in time".to_owned() },
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            Outcome::NoAnswer { message: format!("unreadable answer (HTTP {status}): {}", words(err)) }
        }
        _ => Outcome::NoAnswer { message: format!("the answer was lost: {}", words(err)) },
    }
}

fn is_refusal(status: u16, code: &str) -> bool {
    is_refusal_of_the_server(code) || (status < 500 && !is_doubtful(code))
}

fn not_sent<E: Error + 'static>(err: &SdkError<E, HttpResponse>) -> Outcome {
    Outcome::NotSent { reason: words(err) }
}

/// The connection never came up (refused, no route, no name, no TLS), so no byte of the request was written.
fn never_connected<E: Error + 'static>(err: &SdkError<E, HttpResponse>) -> bool {
    match err {
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .and_then(|err| find::<hyper_util::client::legacy::Error>(err))
            .is_some_and(hyper_util::client::legacy::Error::is_connect),
        _ => false,
    }
}

fn is_missing_credentials<E: Error + 'static>(err: &SdkError<E, HttpResponse>) -> bool {
    find::<CredentialsError>(err).is_some()
}

fn find<'a, T: Error + 'static>(err: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(err), |&err| err.source()).find_map(|err| err.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ec2s_own_refusal_proves_that_nothing_happened() {
        let cases = [
            (400, "InvalidRouteTableID.NotFound", true),
            (400, "IncorrectInstanceState", true),
            (403, "UnauthorizedOperation", true),
            (412, "DryRunOperation", true),
            (503, "RequestLimitExceeded", true),
            (500, "InsufficientInstanceCapacity", true),
            (500, "InternalError", false),
            (400, "InternalError", false),
            (503, "Unavailable", false),
            (503, "ServiceUnavailable", false),
            (500, "SomethingNew", false),
        ];
        for (status, code, refused) in cases {
            assert_eq!(is_refusal(status, code), refused, "{status} {code}");
        }
    }

    #[test]
    fn a_code_says_which_kind_of_failure_a_look_met() {
        assert_eq!(kind_of("RequestLimitExceeded"), ProviderErrorKind::Throttled);
        assert_eq!(kind_of("UnauthorizedOperation"), ProviderErrorKind::Denied);
        assert_eq!(kind_of("InternalError"), ProviderErrorKind::Rejected);
    }
}
