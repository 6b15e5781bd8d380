//! The way of one call: noted, met by faults, judged, done, answered (or not).

use super::actions::{self, Look, Prepared};
use super::acts_on;
use super::args::Args;
use super::listener::Connection;
use super::request::Request;
use super::state::{Shared, wall_ms};
use super::xml::Xml;
use crate::calllog::{CallRecord, Outcome, Reply, Tag};
use crate::faults::{Plan, Silence};
use crate::world::{Act, Cause, Refusal};
use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::{Duration, sleep};

/// The only version of the API that the endpoint speaks, and the one that SDKs speak.
const VERSION: &str = "2016-11-15";

/// What the caller gets.
enum Fate {
    Answer(Response<Body>),
    Silence(Silence),
}

/// Serves one call. The work goes on when the caller has given up: EC2 doesn't take back what it has begun either.
pub(super) async fn serve(shared: Arc<Shared>, request: Request, connection: Connection) -> Response<Body> {
    let mutating = actions::is_mutating(request.action()) && !request.is_dry_run();
    let plan = shared.faults.plan(&request.facts(mutating));
    let seq = shared.calls.begin(record(&shared, &request, &plan, mutating));
    let (sender, receiver) = oneshot::channel();
    let call = Call { shared: Arc::clone(&shared), request, plan, seq };
    tokio::spawn(async move {
        let fate = call.run().await;
        let lost = matches!(fate, Fate::Silence(_));
        let gone = sender.send(fate).is_err();
        let now_ms = call.shared.now_ms();
        call.shared.calls.update(seq, |record| {
            record.replied_ms = Some(now_ms);
            record.reply = match (lost, gone) {
                (true, _) => Reply::Lost,
                (false, true) => Reply::CallerGone,
                (false, false) => Reply::Sent,
            };
        });
    });
    match receiver.await {
        Ok(Fate::Answer(response)) => return response,
        // A sender that is dropped without a word is a call that panicked: close as well.
        Ok(Fate::Silence(Silence::Close)) | Err(_) => connection.cut.cancel(),
        Ok(Fate::Silence(Silence::Hang)) => {}
    }
    // Until the caller, or the end of the endpoint, closes the connection.
    std::future::pending().await
}

fn record(shared: &Shared, request: &Request, plan: &Plan, mutating: bool) -> CallRecord {
    CallRecord {
        seq: 0,
        arrived_ms: shared.now_ms(),
        arrived_wall_ms: wall_ms(),
        applied_ms: None,
        replied_ms: None,
        caller: request.caller.clone(),
        source: request.peer.to_string(),
        tag: Tag::find(&request.user_agent),
        user_agent: request.user_agent.clone(),
        action: request.action().to_owned(),
        params: request.params.clone(),
        mutating,
        outcome: Outcome::Pending,
        reply: Reply::Pending,
        late: false,
        late_refusal: None,
        faults: plan.met.clone(),
        changed: Vec::new(),
    }
}

struct Call {
    shared: Arc<Shared>,
    request: Request,
    plan: Plan,
    seq: u64,
}

impl Call {
    async fn run(&self) -> Fate {
        if let Some(silence) = self.plan.lose_request {
            self.decided(Outcome::NeverArrived);
            return Fate::Silence(silence);
        }
        delay(self.plan.before_ms).await;
        let result = self.judge();
        let response = match &result {
            Ok(xml) => {
                let text = Xml::answer(self.request.action(), &self.request_id(), xml);
                respond(StatusCode::OK, text)
            }
            Err(refusal) => {
                let status =
                    StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                respond(status, Xml::refusal(&refusal.code, &refusal.message, &self.request_id()))
            }
        };
        self.decided(match result {
            Ok(_) => Outcome::Ok,
            Err(refusal) => Outcome::Refused(refusal.code),
        });
        delay(self.plan.after_ms).await;
        match self.plan.lose_reply {
            Some(silence) => Fate::Silence(silence),
            None => Fate::Answer(response),
        }
    }

    fn decided(&self, outcome: Outcome) {
        self.shared.calls.update(self.seq, |record| record.outcome = outcome);
    }

    fn request_id(&self) -> String {
        format!("{:08x}-0000-4000-8000-{:012x}", self.shared.started_wall_ms & 0xffff_ffff, self.seq)
    }

    /// In the order in which EC2 looks at a request: is it one, who asks, how often, is it allowed, does it make
    /// sense.
    fn judge(&self) -> Result<Xml, Refusal> {
        let action = self.request.action.as_deref().ok_or_else(Refusal::missing_action)?;
        let version = self.request.version.as_deref().unwrap_or_default();
        if version != VERSION {
            return Err(Refusal::no_such_version(version));
        }
        let Some(caller) = self.request.caller.as_deref() else { return Err(Refusal::auth_failure()) };
        let mut args = Args::new(&self.request.params);
        let dry_run = args.flag("DryRun");
        let prepared = actions::prepare(action, &mut args);
        // An unknown action has no bucket; one that can't be understood costs its token nevertheless.
        if !matches!(&prepared, Err(refusal) if refusal.code == "InvalidAction") {
            let filtered = !matches!(&prepared, Ok(Prepared::Look(look)) if !look.is_filtered());
            if !self.shared.faults.take_token(self.shared.now_ms(), action, filtered) {
                return Err(Refusal::throttled());
            }
            let resources = self.shared.look(0, |world, _| acts_on::resources(&self.request, world));
            self.shared.roles.judge(caller, action, self.request.is_dry_run(), &resources)?;
        }
        if let Some(refusal) = &self.plan.refuse {
            return Err(refusal.clone());
        }
        let dry_run = dry_run?;
        match prepared? {
            Prepared::Look(_) if dry_run => Err(Refusal::dry_run()),
            Prepared::Look(look) => self.look(&look),
            Prepared::Change(mutation) if dry_run => {
                self.try_out(&mutation)?;
                Err(Refusal::dry_run())
            }
            Prepared::Change(mutation) => match self.plan.apply_late_ms {
                None => self.apply(&mutation),
                Some(delay_ms) => {
                    let answer = self.try_out(&mutation)?;
                    self.apply_late(mutation, delay_ms);
                    Ok(answer)
                }
            },
        }
    }

    fn look(&self, look: &Look) -> Result<Xml, Refusal> {
        let (shown, at_ms) =
            self.shared.look(self.plan.stale_ms, |world, at_ms| (look.show(world, at_ms), at_ms));
        self.shared.calls.update(self.seq, |record| record.applied_ms = Some(at_ms));
        shown
    }

    /// Does it to a copy of the world.
    fn try_out(&self, mutation: &actions::Mutation) -> Result<Xml, Refusal> {
        let (mut copy, now_ms) = self.shared.look(0, |world, now_ms| (world.clone(), now_ms));
        mutation.apply(&mut copy, Act::by_call(now_ms, self.seq))
    }

    fn apply(&self, mutation: &actions::Mutation) -> Result<Xml, Refusal> {
        let (result, now_ms, changes) =
            self.shared.edit(Cause::Call(self.seq), |world, act| mutation.apply(world, act));
        self.shared.calls.update(self.seq, |record| {
            if result.is_ok() {
                record.applied_ms = Some(now_ms);
                record.changed = changes.into_iter().map(|change| change.what).collect();
            }
        });
        result
    }

    fn apply_late(&self, mutation: actions::Mutation, delay_ms: u64) {
        self.shared.calls.update(self.seq, |record| record.late = true);
        let shared = Arc::clone(&self.shared);
        let seq = self.seq;
        tokio::spawn(async move {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = delay(delay_ms) => {}
            }
            let (result, now_ms, changes) =
                shared.edit(Cause::Call(seq), |world, act| mutation.apply(world, act));
            shared.calls.update(seq, |record| {
                record.late = false;
                match result {
                    Ok(_) => {
                        record.applied_ms = Some(now_ms);
                        record.changed = changes.into_iter().map(|change| change.what).collect();
                    }
                    Err(refusal) => record.late_refusal = Some(refusal.code),
                }
            });
        });
    }
}

async fn delay(ms: u64) {
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}

pub(super) fn respond(status: StatusCode, xml: String) -> Response<Body> {
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static("text/xml;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
