//! What each call says of itself in its user agent, and whether its request was handed to the connection.

use arbiter_core::tag::CallTag;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
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

/// Appends the call's tag to the user agent, and notes the departure.
///
/// CloudTrail records `user-agent`; the SDK also sends `x-amz-user-agent` for callers that can't set the former, so
/// the tag is put in both.
#[derive(Debug)]
pub(crate) struct TagCall {
    tag: String,
    departure: Departure,
}

impl TagCall {
    pub(crate) fn new(tag: &CallTag, departure: Departure) -> Self {
        Self { tag: tag.to_string(), departure }
    }
}

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
}
