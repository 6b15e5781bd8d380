//! One node of the followed cluster, listened to again and again.

use super::{Word, Words};
use crate::assignments::{ASSIGNED_VERSION, SAID_EVERY};
use crate::causes::innermost;
use crate::line::LOOK_UP_AND_CONNECT_TIMEOUT;
use arbiter_core::follow::FollowedRoute;
use arbiter_core::ids::{ClusterId, Epoch, LogIndex, PathId, RouteId};
use arbiter_core::policy::FOLLOWING_ROUTES_MAX;
use arbiter_core::time::MonoMs;
use arbiter_proto::v1;
use arbiter_proto::v1::assignments_client::AssignmentsClient;
use arbiter_tls::Line;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::Status;

/// A stream that is silent for so long is broken: the other side speaks every second.
const SILENCE: Duration = Duration::from_secs(3);

/// The wait before the next try doubles with each failure, from the first to the second of these. The way to a node may
/// lead over a route that is moving just now: it must be tried again soon.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LAST: Duration = Duration::from_secs(2);

/// A few kilobytes for a hundred routes; more is no answer of ours.
const WORD_BYTES: usize = 256 * 1024;

/// Of a foreign cluster's name so many characters are shown: it may be as long as a word.
const NAME_SHOWN: usize = 200;

/// Listens at one address.
pub(super) struct Listener {
    pub follower: String,
    /// The name of the cluster that is meant.
    pub cluster: String,
    pub address: String,
    pub line: Line,
    pub words: Arc<Words>,
}

impl Listener {
    /// Ends with the sender of the routes: when the node ends.
    pub async fn keep_listening(self, mut routes: watch::Receiver<BTreeSet<RouteId>>) {
        let (mut wait, mut said) = (RETRY_FIRST, String::new());
        loop {
            let asked = routes.borrow_and_update().clone();
            if asked.is_empty() {
                match routes.changed().await {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            let mut heard = false;
            let ended = tokio::select! {
                ended = self.listen(&asked, &mut heard) => ended,
                alive = routes.changed() => match alive {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            if heard {
                if !said.is_empty() {
                    tracing::info!(address = self.address, "the followed cluster was heard again");
                }
                (wait, said) = (RETRY_FIRST, String::new());
            }
            let error = match ended {
                // It has ended in good order, as each does after a while: begun again at once, on a new connection.
                Ok(()) if heard => continue,
                Ok(()) => "it has ended the stream without a word".to_owned(),
                Err(error) => innermost(&error),
            };
            if said != error {
                tracing::warn!(
                    address = self.address,
                    error,
                    "the followed cluster is not heard at this address"
                );
                said = error;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_LAST);
        }
    }

    /// Listens until the stream ends.
    async fn listen(&self, routes: &BTreeSet<RouteId>, heard: &mut bool) -> Result<(), Status> {
        let late = |_| Status::deadline_exceeded(format!("no answer within {LOOK_UP_AND_CONNECT_TIMEOUT:?}"));
        let begin = async {
            let channel = self.line.connect().await.map_err(|error| Status::from_error(Box::new(error)))?;
            let mut client = AssignmentsClient::new(channel).max_decoding_message_size(WORD_BYTES);
            let routes = routes.iter().map(|route| route.0.clone()).collect();
            client.watch(v1::WatchRequest { follower: self.follower.clone(), routes }).await
        };
        let mut stream =
            tokio::time::timeout(LOOK_UP_AND_CONNECT_TIMEOUT, begin).await.map_err(late)??.into_inner();
        loop {
            let silent = |_| {
                let why =
                    format!("nothing was said for {SILENCE:?}, although it speaks every {SAID_EVERY:?}");
                Status::deadline_exceeded(why)
            };
            let said = tokio::time::timeout(SILENCE, stream.message()).await.map_err(silent)??;
            let Some(assigned) = said else { return Ok(()) };
            let word = read(assigned, &self.cluster, self.words.clock.now())?;
            self.words.heard(&self.address, word);
            *heard = true;
        }
    }
}

/// Reads what was said at `at`, if it is of the cluster that is meant.
pub(super) fn read(assigned: v1::Assigned, meant: &str, at: MonoMs) -> Result<Word, Status> {
    let refused = |why: String| Err(Status::failed_precondition(why));
    if assigned.version != ASSIGNED_VERSION {
        let version = assigned.version;
        return refused(format!(
            "it says version {version}, this program reads {ASSIGNED_VERSION}: install the same version of the program on \
             both; until then what was heard last is kept"
        ));
    }
    if assigned.cluster != meant || assigned.cluster_id.is_empty() {
        let theirs: String = assigned.cluster.chars().take(NAME_SHOWN).collect();
        return refused(format!("it is of cluster `{theirs}`, and `{meant}` is meant"));
    }
    if assigned.routes.len() > FOLLOWING_ROUTES_MAX {
        return refused(format!("it says {} routes: too many", assigned.routes.len()));
    }
    let route = |route: v1::AssignedRoute| {
        let (path, epoch, index) = (PathId(route.path), Epoch(route.epoch), LogIndex(route.index));
        (RouteId(route.route), FollowedRoute { path, epoch, index })
    };
    Ok(Word {
        cluster: ClusterId(assigned.cluster_id),
        node: assigned.node,
        routes: assigned.routes.into_iter().map(route).collect(),
        at,
        as_of_ms: assigned.as_of_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_version_says_is_not_taken() {
        let says = |version| v1::Assigned {
            version,
            cluster: "cloud".to_owned(),
            cluster_id: "c".to_owned(),
            ..v1::Assigned::default()
        };
        assert!(read(says(ASSIGNED_VERSION), "cloud", MonoMs(1)).is_ok());
        let Err(refused) = read(says(ASSIGNED_VERSION + 1), "cloud", MonoMs(1)) else {
            panic!("a later version was taken");
        };
        for word in ["version 2", "reads 1", "install the same version"] {
            assert!(refused.message().contains(word), "`{word}` in: {refused}");
        }
    }
}
