//! Whose routes a node's cluster keeps: EC2's, or the kernels' of hosts on premises.

use crate::admin::forward::Peers;
use crate::hosts::{HandService, OtherHosts};
use anyhow::Context;
use arbiter_config::LocalConfig;
use arbiter_control::provider::Provider;
use arbiter_core::health::{Alarm, Code};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use arbiter_ec2::Ec2;
use arbiter_linux::{Fence, Hand, Linux, Netlink, keep, may_set_routes};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One of the two.
pub(crate) enum Side {
    /// EC2's route tables.
    Ec2(Arc<Ec2>),
    /// Kernel routes; this host's own hand.
    Linux(Arc<Hand>),
}

impl Side {
    /// Reaches for the side that the policy is about.
    pub async fn open(local: &LocalConfig, policy: &Policy) -> anyhow::Result<Self> {
        if policy.linux.is_none() {
            return Ok(Self::Ec2(Arc::new(connect_ec2(local).await?)));
        }
        let folder = &local.data_dir;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("the data folder {} can't be made", folder.display()))?;
        let fence = Fence::open(folder)?;
        Ok(Self::Linux(Arc::new(Hand::new(local.id, Arc::new(Netlink), fence))))
    }

    /// The provider for the control loop. This host's own kernel routes are kept from now on.
    pub fn provider(
        &self,
        me: NodeId,
        peers: &Peers,
        state: &watch::Receiver<Arc<ClusterState>>,
    ) -> Arc<dyn Provider> {
        match self {
            Self::Ec2(ec2) => Arc::clone(ec2) as _,
            Self::Linux(hand) => {
                tokio::spawn(keep(Arc::clone(hand), state.clone()));
                let others = Arc::new(OtherHosts(peers.clone()));
                Arc::new(Linux::new(me, Arc::clone(hand), others, state.clone()))
            }
        }
    }

    /// The service by which the leader asks for this host's routes, if it has any of ours.
    pub fn service(&self, state: watch::Receiver<Arc<ClusterState>>) -> Option<HandService> {
        match self {
            Self::Ec2(_) => None,
            Self::Linux(hand) => Some(HandService::new(Arc::clone(hand), state)),
        }
    }

    /// What would keep this node from doing its part.
    pub async fn preflight(&self, me: NodeId, policy: &Policy) -> Vec<Alarm> {
        match self {
            Self::Ec2(ec2) => ec2.preflight(policy).await,
            Self::Linux(hand) => {
                let refused = may_set_routes().err().filter(|_| hand.own(policy).next().is_some());
                let remedy = "give arbiterd CAP_NET_ADMIN on this host; then `arbiterctl doctor`";
                let alarm =
                    |why| Alarm::new(Code::NotPermitted, policy.node_name(me), why).with_remedy(remedy);
                refused.map(alarm).into_iter().collect()
            }
        }
    }
}

/// EC2 as the node's file and environment say; nothing is asked yet.
pub(crate) async fn ec2_of(local: &LocalConfig) -> anyhow::Result<Ec2> {
    let settings = arbiter_ec2::Settings {
        endpoint_url: local.ec2.endpoint.clone(),
        region: local.ec2.region.clone(),
        ..arbiter_ec2::Settings::default()
    };
    Ok(Ec2::connect(settings).await?)
}

async fn connect_ec2(local: &LocalConfig) -> anyhow::Result<Ec2> {
    let ec2 = ec2_of(local).await?;
    tracing::info!(region = ec2.region(), "EC2");
    // Credentials are fetched before they are needed. Without them the node still probes, votes and decides.
    if let Err(error) = ec2.warm_up().await {
        tracing::error!(%error, "EC2 can't be used yet");
    }
    Ok(ec2)
}

/// Takes all kernel routes of ours from this host, while its node does not run, and says which.
///
/// # Errors
/// The node runs and would only set them again, or the kernel refuses.
pub async fn withdraw_routes(local: &LocalConfig) -> anyhow::Result<Vec<String>> {
    let listener = TcpListener::bind(local.listen).await;
    let _port = listener.with_context(|| {
        let address = local.listen;
        format!("{address} is taken: arbiterd runs here and would set its routes again. Stop it first")
    })?;
    may_set_routes().map_err(|why| anyhow::anyhow!("{why}; or run this as root"))?;
    let gone = arbiter_linux::withdraw(&Netlink).await?;
    Ok(gone.iter().map(ToString::to_string).collect())
}
