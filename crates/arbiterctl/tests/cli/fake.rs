//! A node that answers by script, and remembers what it was asked.

use arbiter_proto::v1::admin_server::{Admin, AdminServer};
use arbiter_proto::v1::{
    DoctorReply, DoctorRequest, ExplainReply, ExplainRequest, GetPolicyReply, GetPolicyRequest,
    HandOverReply, HandOverRequest, HistoryReply, HistoryRequest, OperateReply, OperateRequest, PreviewReply,
    PreviewRequest, StatusReply, StatusRequest,
};
use arbiter_tls::{Bounds, Credentials, incoming};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// What is said to one call.
#[derive(Clone)]
pub enum Say<T> {
    This(T),
    Error(Status),
    /// Never answers.
    Nothing,
}

/// What is said to the first, second, … call of a kind; the last of them also to all further ones.
pub type Script<T> = Vec<Say<T>>;

/// Everything that the node will say.
#[derive(Clone, Default)]
pub struct Play {
    pub status: Script<StatusReply>,
    pub history: Script<HistoryReply>,
    pub explain: Script<ExplainReply>,
    pub operate: Script<OperateReply>,
    pub hand_over: Script<HandOverReply>,
    pub get_policy: Script<GetPolicyReply>,
    pub doctor: Script<DoctorReply>,
    pub preview: Script<PreviewReply>,
}

/// What the node was asked.
#[derive(Default)]
pub struct Asked {
    pub status: Vec<StatusRequest>,
    pub history: Vec<HistoryRequest>,
    pub explain: Vec<ExplainRequest>,
    pub operate: Vec<OperateRequest>,
    pub hand_over: Vec<HandOverRequest>,
    pub get_policy: Vec<GetPolicyRequest>,
    pub doctor: Vec<DoctorRequest>,
    pub preview: Vec<PreviewRequest>,
    /// How long each asker said that it would wait, in the form of gRPC's own header.
    pub patience: Vec<String>,
}

/// The node. It ends with this value.
pub struct Fake {
    pub address: String,
    asked: Arc<Mutex<Asked>>,
    /// Dropping it ends the server.
    _end: oneshot::Sender<()>,
}

struct Node {
    play: Play,
    asked: Arc<Mutex<Asked>>,
}

impl Fake {
    pub fn start(play: Play) -> Self {
        Self::start_with(play, None)
    }

    /// With certificates.
    pub fn start_with(play: Play, credentials: Option<Credentials>) -> Self {
        let asked = Arc::new(Mutex::new(Asked::default()));
        let node = Node { play, asked: Arc::clone(&asked) };
        let (end, ended) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap().to_string()).unwrap();
                let incoming = incoming(listener, credentials, Bounds::USUAL, Arc::new(|_| true));
                let serving = Server::builder().add_service(AdminServer::new(node));
                tokio::select! {
                    served = serving.serve_with_incoming(incoming) => served.unwrap(),
                    _ = ended => {}
                }
            });
        });
        Self { address: told.recv().unwrap(), asked, _end: end }
    }

    pub fn asked<R>(&self, read: impl FnOnce(&Asked) -> R) -> R {
        read(&self.asked.lock().unwrap())
    }
}

impl Node {
    async fn say<Q, A: Clone>(
        &self,
        request: Request<Q>,
        list: impl FnOnce(&mut Asked) -> &mut Vec<Q>,
        script: &Script<A>,
    ) -> Result<Response<A>, Status> {
        let nth = {
            let mut asked = self.asked.lock().unwrap();
            let patience = request.metadata().get("grpc-timeout").map(|text| text.to_str().unwrap());
            asked.patience.push(patience.unwrap_or_default().to_owned());
            let list = list(&mut asked);
            list.push(request.into_inner());
            list.len() - 1
        };
        match script.get(nth).or(script.last()) {
            Some(Say::This(answer)) => Ok(Response::new(answer.clone())),
            Some(Say::Error(status)) => Err(status.clone()),
            Some(Say::Nothing) => std::future::pending().await,
            None => panic!("the scene has no answer to this call"),
        }
    }
}

#[tonic::async_trait]
impl Admin for Node {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        self.say(request, |asked| &mut asked.status, &self.play.status).await
    }

    async fn history(&self, request: Request<HistoryRequest>) -> Result<Response<HistoryReply>, Status> {
        self.say(request, |asked| &mut asked.history, &self.play.history).await
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainReply>, Status> {
        self.say(request, |asked| &mut asked.explain, &self.play.explain).await
    }

    async fn operate(&self, request: Request<OperateRequest>) -> Result<Response<OperateReply>, Status> {
        self.say(request, |asked| &mut asked.operate, &self.play.operate).await
    }

    async fn doctor(&self, request: Request<DoctorRequest>) -> Result<Response<DoctorReply>, Status> {
        self.say(request, |asked| &mut asked.doctor, &self.play.doctor).await
    }

    async fn hand_over(&self, request: Request<HandOverRequest>) -> Result<Response<HandOverReply>, Status> {
        self.say(request, |asked| &mut asked.hand_over, &self.play.hand_over).await
    }

    async fn preview(&self, request: Request<PreviewRequest>) -> Result<Response<PreviewReply>, Status> {
        self.say(request, |asked| &mut asked.preview, &self.play.preview).await
    }

    async fn get_policy(
        &self,
        request: Request<GetPolicyRequest>,
    ) -> Result<Response<GetPolicyReply>, Status> {
        self.say(request, |asked| &mut asked.get_policy, &self.play.get_policy).await
    }
}
