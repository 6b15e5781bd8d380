//! How much of a node each caller may have: one layer before all services, and before it is judged what a caller may do.
//!
//! ```text
//!  a call ─► is it a node's, on a node's errand? ─► its service
//!         └► pace of the caller ─► pace of all ─► places of the caller and of all ─► room for readings ─► its service
//!                                                  └ held until the answer is taken, or the connection is ended
//! ```
//!
//! Nodes are let through, so that no flood delays a heartbeat, a vote, or a report. Only readings that they pass on take
//! room with the others'.

mod held;
#[cfg(test)]
mod tests;

use arbiter_tls::{Caller, Full, Hangup, Pace, Party, Place, Places, Rate};
use held::Held;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tower_layer::Layer;

/// What each caller may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Calls of one caller.
    pub pace: Rate,
    /// The calls of nodes that come from an address where none is known, without TLS.
    pub pace_of_unknown_node: Rate,
    /// Calls of all callers but nodes.
    pub pace_of_all: Rate,
    /// Calls of one caller at once.
    pub calls: usize,
    /// Calls of all callers at once, but nodes'.
    pub calls_of_all: usize,
    /// A call that is not over by then ends with its connection: whoever sends no more, or takes no answer.
    pub deadline: Duration,
    /// Readings at once, nodes' that pass them on among them.
    pub readings: usize,
    /// How long a reading may wait for its turn.
    pub turn: Duration,
    /// A connection on which so many calls were refused is ended: a refusal costs something, too.
    pub refusals: u32,
}

impl Bounds {
    /// A dashboard asks once a second, `arbiterctl` that waits five times: fifty a second are ten of these behind one
    /// certificate. A reading costs a round of the quorum and a millisecond of a processor; the longest question has 8
    /// MiB, so that all that is being asked has 512 MiB at most. An examination takes 90 s at most. Raft calls each peer ten
    /// times a second, and once for each entry.
    pub const USUAL: Self = Self {
        pace: Rate::per_second(50, 100),
        pace_of_unknown_node: Rate::per_second(500, 1_000),
        pace_of_all: Rate::per_second(200, 400),
        calls: 16,
        calls_of_all: 64,
        deadline: Duration::from_secs(100),
        readings: 16,
        turn: Duration::from_millis(500),
        refusals: 100,
    };
}

/// Callers at once whose pace is kept apart.
const PACES: usize = 1_024;

/// It is said so often of one caller that it is refused.
const SAID: Rate = Rate { every: Duration::from_secs(60), burst: 1 };

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nodes among themselves. Some are streams that go on for as long as both live.
    OfNodes,
    /// A question to the operators' seat that takes a round of the quorum.
    Reading,
    /// All else.
    Other,
}

impl Kind {
    fn of(path: &str) -> Self {
        match path.strip_prefix("/arbiter.v1.").and_then(|path| path.split_once('/')) {
            Some(("RaftPeer" | "Reports" | "Hand" | "Assignments", _)) => Self::OfNodes,
            Some(("Admin", "Status" | "History" | "Explain" | "Preview" | "GetPolicy")) => Self::Reading,
            _ => Self::Other,
        }
    }
}

/// The layer.
#[derive(Clone)]
pub(crate) struct Limits {
    bounds: Bounds,
    shared: Arc<Shared>,
}

struct Shared {
    pace: Pace<Party>,
    pace_of_unknown_node: Pace<Party>,
    pace_of_all: Pace<()>,
    calls: Places<Party>,
    readings: Arc<Semaphore>,
    said: Pace<Party>,
}

impl Limits {
    pub fn new(bounds: Bounds) -> Self {
        let shared = Shared {
            pace: Pace::new(bounds.pace, PACES),
            pace_of_unknown_node: Pace::new(bounds.pace_of_unknown_node, PACES),
            pace_of_all: Pace::new(bounds.pace_of_all, 1),
            calls: Places::new(bounds.calls, bounds.calls_of_all),
            readings: Arc::new(Semaphore::new(bounds.readings)),
            said: Pace::new(SAID, PACES),
        };
        Self { bounds, shared: Arc::new(shared) }
    }

    /// Lets a call in, with the place that it holds; or says why not, and when to come again.
    fn admit(&self, caller: &Caller, kind: Kind) -> Result<Option<Place<Party>>, Refused> {
        let party = match caller.party() {
            Some(party) if !caller.node => party,
            _ => return Ok(None),
        };
        let now = Instant::now();
        let (shared, bounds) = (&self.shared, &self.bounds);
        if kind == Kind::OfNodes && caller.identity.is_none() {
            let paced = shared.pace_of_unknown_node.take(party, now);
            return paced.map(|()| None).map_err(|wait| Refused::fast(bounds.pace_of_unknown_node, wait));
        }
        shared.pace.take(party.clone(), now).map_err(|wait| Refused::fast(bounds.pace, wait))?;
        // A follower's stream lasts a minute, and its places are counted by its service.
        if kind == Kind::OfNodes {
            return Ok(None);
        }
        shared.pace_of_all.take((), now).map_err(|wait| Refused {
            why: format!("all callers together ask more than {} times a second", rate(bounds.pace_of_all)),
            wait,
        })?;
        let crowded = |full| Refused {
            why: match full {
                Full::ByOne(most) => format!("{most} calls of yours are under way already"),
                Full::ByAll(most) => format!("{most} calls are under way already"),
            },
            wait: Duration::from_secs(1),
        };
        shared.calls.take(party).map(Some).map_err(crowded)
    }

    fn refuse(&self, caller: &Caller, refused: &Refused) -> Status {
        let count = caller.hangup.refused();
        if count >= self.bounds.refusals {
            caller.hangup.now();
        }
        let party = caller.party();
        if let Some(party) =
            party.filter(|party| self.shared.said.take(party.clone(), Instant::now()).is_ok())
        {
            tracing::warn!(%party, why = refused.why, "calls are refused: they are too many");
        }
        refused.status()
    }
}

const fn rate(rate: Rate) -> u128 {
    1_000_000 / rate.every.as_micros()
}

/// Why a call is not let in.
struct Refused {
    why: String,
    /// When it may be.
    wait: Duration,
}

impl Refused {
    fn fast(pace: Rate, wait: Duration) -> Self {
        Self { why: format!("you ask more than {} times a second", rate(pace)), wait }
    }

    /// In words, and in the form that gRPC's clients know.
    fn status(&self) -> Status {
        let wait_ms = self.wait.as_millis().max(1);
        let words = format!("{}; nothing was done. Come again in {wait_ms} ms", self.why);
        let mut status = Status::resource_exhausted(words);
        if let Ok(wait) = wait_ms.to_string().parse() {
            status.metadata_mut().insert("grpc-retry-pushback-ms", wait);
        }
        status
    }
}

impl<S> Layer<S> for Limits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: self.clone() }
    }
}

/// A service of which each may have its share.
#[derive(Clone)]
pub(crate) struct Limited<S> {
    inner: S,
    limits: Limits,
}

type Answering<S> = Pin<
    Box<dyn Future<Output = Result<http::Response<Body>, <S as Service<http::Request<Body>>>::Error>> + Send>,
>;

impl<S> Service<http::Request<Body>> for Limited<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answering<S>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        let kind = Kind::of(request.uri().path());
        let Some(caller) = caller.filter(|caller| !(caller.node && kind == Kind::OfNodes)) else {
            return Box::pin(self.inner.call(request));
        };
        let place = match self.limits.admit(caller, kind) {
            Ok(place) => place,
            Err(refused) => {
                let status = self.limits.refuse(caller, &refused);
                return Box::pin(std::future::ready(Ok(status.into_http())));
            }
        };
        if kind == Kind::OfNodes {
            return Box::pin(self.inner.call(request));
        }
        let (caller, limits) = (caller.clone(), self.limits.clone());
        // The one that is ready is called; its copy waits to be.
        let waits = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waits);
        Box::pin(async move {
            let until = place.map(|place| Held::new(place, caller.hangup.clone(), limits.bounds.deadline));
            let Ok(turn) = limits.turn(kind).await else {
                let why = format!("{} readings are under way already", limits.bounds.readings);
                let refused = Refused { why, wait: Duration::from_secs(1) };
                return Ok(limits.refuse(&caller, &refused).into_http());
            };
            let answer = inner.call(request).await?;
            drop(turn);
            Ok(match until {
                Some(held) => answer.map(|body| Body::new(held.with(body))),
                None => answer,
            })
        })
    }
}

impl Limits {
    /// Room for a reading; nothing else needs any.
    async fn turn(&self, kind: Kind) -> Result<Option<OwnedSemaphorePermit>, ()> {
        if kind != Kind::Reading {
            return Ok(None);
        }
        let readings = Arc::clone(&self.shared.readings);
        match timeout(self.bounds.turn, readings.acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            Ok(Err(_)) | Err(_) => Err(()),
        }
    }
}
