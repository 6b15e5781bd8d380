//! A place that is held until an answer has been taken.

use super::{Hangup, Party, Place};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::body::Body;

/// A place of a call. Whoever holds it for longer than the deadline loses the connection, and the place with it: nobody
/// else is asked whether an answer is taken, where the caller lets none of it through.
pub(super) struct Held {
    _place: Place<Party>,
    _over: oneshot::Sender<()>,
}

impl Held {
    pub fn new(place: Place<Party>, connection: Hangup, deadline: Duration) -> Self {
        let (over, is_over) = oneshot::channel::<()>();
        tokio::spawn(async move {
            // Nothing is ever sent: it ends when this is dropped.
            if tokio::time::timeout(deadline, is_over).await.is_err() {
                connection.now();
            }
        });
        Self { _place: place, _over: over }
    }

    /// Until the answer's last part has been taken.
    pub fn with(self, body: Body) -> Answer {
        Answer { body, _held: self }
    }
}

/// An answer that holds its place.
pub(super) struct Answer {
    body: Body,
    _held: Held,
}

impl http_body::Body for Answer {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
