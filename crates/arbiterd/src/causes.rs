//! What is behind a gRPC error: tonic's own words only say that there was an error in transport.

use std::error::Error;
use tonic::Status;

/// The causes of an error that was made on this side, outermost first. What the other side says itself has none.
pub(crate) fn causes(error: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// The innermost cause in words, or what the other side says.
pub(crate) fn innermost(error: &Status) -> String {
    causes(error).last().map_or_else(|| error.message().to_owned(), ToString::to_string)
}
