//! What each mutation says of itself in its user agent, whether its request was handed to the connection, and
//! whether what came back is EC2's answer to it.

use crate::pace::Api;
use arbiter_core::tag::CallTag;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a call's request has been handed to the HTTP client. As long as it has not, nothing of it can have left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Departure(Arc<AtomicBool>);

impl Departure {
    /// The request was handed over; whether it arrived is another question.
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Appends the call's tag to the user agent, notes the departure, and reads the answer's first word.
///
/// CloudTrail records `user-agent`; the SDK also sends `x-amz-user-agent` for callers that can't set the former, so
/// the tag is put in both.
#[derive(Debug)]
pub(crate) struct TagCall {
    tag: String,
    /// What every answer of EC2 to this action begins with, and a proxy's page does not.
    answer: String,
    departure: Departure,
}

impl TagCall {
    pub(crate) fn new(api: Api, tag: &CallTag, departure: Departure) -> Self {
        Self { tag: tag.to_string(), answer: format!("<{api}Response"), departure }
    }
}

/// A success without EC2's own words: the SDK takes any page with status 200 for one, since the answer to a
/// `ReplaceRoute` holds nothing that it needs.
#[derive(Debug, thiserror::Error)]
#[error("status 200, but not EC2's `{0}`: does something between here and EC2 answer in its place?")]
struct NotEc2sAnswer(String);

impl Intercept for TagCall {
    fn name(&self) -> &'static str {
        "TagCall"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        for header in ["user-agent", "x-amz-user-agent"] {
            let tagged = match headers.get(header) {
                Some(agent) => format!("{agent} {}", self.tag),
                None => self.tag.clone(),
            };
            headers.try_insert(header, tagged)?;
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.departure.0.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let is_ec2s = body.windows(self.answer.len()).any(|window| window == self.answer.as_bytes());
        if context.output_or_error().is_ok() && !is_ec2s {
            return Err(NotEc2sAnswer(self.answer.clone()).into());
        }
        Ok(())
    }
}
