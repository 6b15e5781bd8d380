//! A place that is held until an answer has been taken.

use super::{Hangup, Party, Place};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::Bytes;

/// What the server keeps at once of an answer that is not taken, in bytes: a frame of HTTP/2.
const PIECE_BYTES: usize = 16 * 1024;

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

    /// Until the answer's last piece has been taken.
    pub fn with(self, body: Body) -> Answer {
        Answer { body, rest: Bytes::new(), _held: self }
    }
}

/// An answer that holds its place.
///
/// It is given in pieces: the next is asked for when the caller lets some of the one before through. The server would
/// otherwise keep all of it for a caller who takes one byte.
pub(super) struct Answer {
    body: Body,
    /// Of the part that was taken from the body.
    rest: Bytes,
    _held: Held,
}

impl http_body::Body for Answer {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(piece);
        Poll::Ready(Some(Ok(http_body::Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
