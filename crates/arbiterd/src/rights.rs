//! Who may do what: one table, by which every call is judged before a service sees it.
//!
//! It counts where certificates are shown. Without TLS nobody is known, and everybody who reaches the port may do everything.

use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_raft::network::CertifiedNode;
use arbiter_tls::{Caller, Identity, Role, Who};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Request, Status};
use tower_layer::Layer;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nodes of this cluster.
    Node,
    /// Nodes of this cluster, and of those that follow it.
    Listener,
    /// People of that role or a higher one; and nodes of this cluster, if they pass it on for somebody whom they have judged.
    Person(Role),
}

/// Every call that there is, and who may make it.
pub const RIGHTS: &[(&str, Right)] = &[
    ("/arbiter.v1.Admin/Status", Right::Person(Role::Viewer)),
    ("/arbiter.v1.Admin/History", Right::Person(Role::Viewer)),
    ("/arbiter.v1.Admin/Explain", Right::Person(Role::Viewer)),
    ("/arbiter.v1.Admin/Preview", Right::Person(Role::Viewer)),
    ("/arbiter.v1.Admin/GetPolicy", Right::Person(Role::Viewer)),
    ("/arbiter.v1.Admin/Doctor", Right::Person(Role::Viewer)),
    // What some operations need more: `role_for`.
    ("/arbiter.v1.Admin/Operate", Right::Person(Role::Operator)),
    ("/arbiter.v1.Admin/HandOver", Right::Person(Role::Operator)),
    ("/arbiter.v1.Assignments/Watch", Right::Listener),
    ("/arbiter.v1.Hand/Show", Right::Node),
    ("/arbiter.v1.Hand/CarryOut", Right::Node),
    ("/arbiter.v1.RaftPeer/AppendEntries", Right::Node),
    ("/arbiter.v1.RaftPeer/Vote", Right::Node),
    ("/arbiter.v1.RaftPeer/InstallSnapshot", Right::Node),
    ("/arbiter.v1.RaftPeer/CallElection", Right::Node),
    ("/arbiter.v1.RaftPeer/Formation", Right::Node),
    ("/arbiter.v1.RaftPeer/Found", Right::Node),
    ("/arbiter.v1.RaftPeer/Admit", Right::Node),
    ("/arbiter.v1.Reports/Exchange", Right::Node),
];

/// The role that an operation takes. What changes the cluster itself is an admin's; what moves its routes, an operator's.
pub const fn role_for(operation: &Operation) -> Role {
    match operation {
        Operation::SetMode(_)
        | Operation::ReplaceGateway(_)
        | Operation::Readmit(_)
        | Operation::AddMember(_)
        | Operation::PromoteMember(_)
        | Operation::RemoveMember(_)
        | Operation::ApplyPolicy(_) => Role::Admin,
        Operation::Switchover(_)
        | Operation::Pause(_)
        | Operation::Resume(_)
        | Operation::Drain(_)
        | Operation::Undrain(_)
        | Operation::Pin(_)
        | Operation::Unpin(_)
        | Operation::RestartGateway(_)
        | Operation::CancelRestart(_) => Role::Operator,
    }
}

/// Whether somebody may make a call of a node of `cluster`.
fn judge(path: &str, identity: &Identity, cluster: &str) -> Result<(), String> {
    let Some((_, right)) = RIGHTS.iter().find(|(known, _)| *known == path) else {
        return Err("nobody may make a call that is not known here".to_owned());
    };
    let own = identity.cluster == cluster;
    match (right, &identity.who) {
        (Right::Listener, Who::Node(_)) => Ok(()),
        (Right::Node | Right::Person(_), Who::Node(_)) if own => Ok(()),
        (Right::Person(needed), Who::Person { role, .. }) if own => match role >= needed {
            true => Ok(()),
            false => Err(format!("it takes the role `{}`", needed.name())),
        },
        (Right::Node | Right::Listener, Who::Person { .. }) if own => {
            Err("this call is for nodes among themselves".to_owned())
        }
        _ => Err(format!("it is of the cluster `{}`, which may hear assignments only", identity.cluster)),
    }
}

/// The layer that judges.
#[derive(Clone)]
pub(crate) struct Judge {
    cluster: String,
}

impl Judge {
    /// For a node of that cluster.
    pub fn of(cluster: &str) -> Self {
        Self { cluster: cluster.to_owned() }
    }
}

impl<S> Layer<S> for Judge {
    type Service = Judged<S>;

    fn layer(&self, inner: S) -> Judged<S> {
        Judged { inner, cluster: self.cluster.clone() }
    }
}

/// A service that is called by those who may.
#[derive(Clone)]
pub(crate) struct Judged<S> {
    inner: S,
    cluster: String,
}

impl<S, B> Service<http::Request<Body>> for Judged<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>();
        if let Some(identity) = caller.and_then(|caller| caller.identity.clone()) {
            let path = request.uri().path();
            if let Err(why) = judge(path, &identity, &self.cluster) {
                let call = path.rsplit('/').next().unwrap_or_default();
                tracing::warn!(%identity, call, why, "a call is refused");
                let status = Status::permission_denied(format!("`{identity}` may not call {call}: {why}"));
                return Box::pin(std::future::ready(Ok(status.into_http())));
            }
            if let Who::Node(node) = identity.who {
                request.extensions_mut().insert(CertifiedNode(node));
            }
        }
        Box::pin(self.inner.call(request))
    }
}

/// A node passes on what people ask; by itself it asks nothing of the operators' seat.
pub(crate) fn by_people<T>(
    request: Request<T>,
    asking: impl Fn(&T) -> Option<v1::Asking>,
) -> Result<T, Status> {
    let passed_on = asking(request.get_ref()).is_some_and(|asking| asking.forwarded);
    match request.extensions().get::<CertifiedNode>() {
        Some(CertifiedNode(node)) if !passed_on => {
            let words =
                format!("node {node} may pass on what people ask, and asks by itself: nothing was done");
            Err(Status::permission_denied(words))
        }
        _ => Ok(request.into_inner()),
    }
}

/// The person whose certificate came with a request.
fn person<T>(request: &Request<T>) -> Option<(Role, &str)> {
    let identity = request.extensions().get::<Caller>()?.identity.as_ref()?;
    match &identity.who {
        Who::Person { role, name } => Some((*role, name)),
        Who::Node(_) => None,
    }
}

/// The name by which something is recorded: what a certificate says counts more than what its author says. Who has none, or was
/// judged by the node that passes it on, is taken at their word.
pub(crate) fn named<T>(request: &Request<T>, says: impl Fn(&T) -> &str) -> String {
    let certified = person(request).map(|(_, name)| name);
    certified.unwrap_or_else(|| says(request.get_ref())).to_owned()
}

/// The name by which an operation is recorded, if its author may do it.
pub(crate) fn author(request: &Request<v1::OperateRequest>) -> Result<String, Status> {
    let operation = &request.get_ref().operation;
    let Some((role, name)) = person(request) else {
        return Ok(request.get_ref().by.clone());
    };
    match operation.as_ref().map(role_for) {
        Some(needed) if role < needed => {
            let words = format!(
                "`{name}` is {}, and this takes the role `{}`: nothing was done",
                role.name(),
                needed.name()
            );
            Err(Status::permission_denied(words))
        }
        _ => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::ids::NodeId;

    #[test]
    fn every_call_has_a_right_and_every_right_a_call() {
        let mut known: Vec<&str> = RIGHTS.iter().map(|(path, _)| *path).collect();
        let mut calls = arbiter_proto::CALLS.to_vec();
        known.sort_unstable();
        calls.sort_unstable();
        assert_eq!(known, calls);
    }

    #[test]
    fn each_call_is_refused_to_all_others() {
        let mut refused = 0;
        for (path, right) in RIGHTS {
            let everybody = [
                (
                    Identity::node("vpn", NodeId(1)),
                    matches!(right, Right::Node | Right::Listener | Right::Person(_)),
                ),
                (Identity::node("site", NodeId(1)), *right == Right::Listener),
                (Identity::person("site", Role::Admin, "eve"), false),
            ];
            let people = Role::ALL.map(|role| {
                let may = matches!(right, Right::Person(needed) if role >= *needed);
                (Identity::person("vpn", role, "anna"), may)
            });
            for (identity, may) in everybody.into_iter().chain(people) {
                assert_eq!(judge(path, &identity, "vpn").is_ok(), may, "{path} {identity}");
                refused += usize::from(!may);
            }
        }
        assert!(refused > 60, "{refused}");
        assert!(
            judge("/arbiter.v1.Admin/Unknown", &Identity::person("vpn", Role::Admin, "anna"), "vpn").is_err()
        );
    }
}
