//! The provider: one look, one mutation, one pace.

use crate::answers::Bounded;
use crate::connect::{self, StartError};
use crate::describe::is_unknown_instance;
use crate::facts::{instance_seen, route_seen};
use crate::pace::{Api, Paced, Pacer};
use crate::settings::Settings;
use crate::way::Spoken;
use arbiter_control::provider::{
    Call, CallKind, InstanceSeen, Observation, Provider, ProviderError, ProviderErrorKind, Scope,
};
use arbiter_core::command::Outcome;
use arbiter_core::ids::GatewayId;
use arbiter_core::policy::Policy;
use arbiter_core::time::MonoMs;
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// EC2, as one node reaches it.
#[derive(Debug)]
pub struct Ec2 {
    pub(crate) client: aws_sdk_ec2::Client,
    pub(crate) settings: Settings,
    config: SdkConfig,
    pub(crate) spoken: Spoken,
    pacer: Mutex<Pacer>,
    started: Instant,
}

impl Ec2 {
    /// A client by the standard AWS environment (`AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL_EC2`, the instance's
    /// metadata service, …) and these settings. Calls nothing of EC2 yet.
    ///
    /// # Errors
    ///
    /// [`StartError`], which says what to set: no region, a name that can't stand in a user agent, or an environment
    /// that does not answer.
    pub async fn connect(settings: Settings) -> Result<Self, StartError> {
        Self::connect_as(settings, None).await
    }

    /// The same, with these credentials instead of the environment's: for tests and tools that talk to endpoints of
    /// their own.
    ///
    /// # Errors
    ///
    /// As [`Ec2::connect`].
    pub async fn connect_as(
        settings: Settings,
        credentials: Option<Credentials>,
    ) -> Result<Self, StartError> {
        let config = connect::load(&settings, credentials).await?;
        Ok(Self::with_config(config, settings))
    }

    pub(crate) fn with_config(config: SdkConfig, settings: Settings) -> Self {
        let spoken = Spoken::default();
        let service =
            aws_sdk_ec2::config::Builder::from(&config).interceptor(spoken.clone()).interceptor(Bounded);
        let client = aws_sdk_ec2::Client::from_conf(service.build());
        let pacer = Mutex::new(Pacer::new(MonoMs(0)));
        Self { client, settings, config, spoken, pacer, started: Instant::now() }
    }

    /// The region that is spoken to.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// Fetches credentials, then opens the connection to EC2 with one small describe, so that the first mutation
    /// waits for neither.
    ///
    /// # Errors
    ///
    /// [`WarmUpError`]. Only missing credentials need a human; a failed describe is repeated by the next look.
    pub async fn warm_up(&self) -> Result<(), WarmUpError> {
        connect::check_credentials(&self.config).await?;
        // No table has this id. The answer is empty, and the connection open.
        self.route_tables(&BTreeSet::from(["rtb-00000000".to_owned()])).await?;
        Ok(())
    }

    pub(crate) fn take(&self, api: Api) -> Result<(), Paced> {
        self.paced(|pacer, now| pacer.take(api, now))
    }

    /// As [`Ec2::take`], for what is not urgent.
    pub(crate) fn take_spare(&self, api: Api) -> Result<(), Paced> {
        self.paced(|pacer, now| pacer.take_spare(api, now))
    }

    pub(crate) fn refused(&self, api: Api) {
        self.paced(|pacer, now| pacer.refused(api, now));
    }

    pub(crate) fn accepted(&self, api: Api) {
        self.paced(|pacer, now| pacer.accepted(api, now));
    }

    fn paced<T>(&self, run: impl FnOnce(&mut Pacer, MonoMs) -> T) -> T {
        let now = MonoMs(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX));
        // A panic while holding it can't have left a bucket half-changed in a way that matters: it holds numbers only.
        run(&mut self.pacer.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    async fn look_at_routes(&self, policy: &Policy, seen: &mut Observation) -> Result<(), ProviderError> {
        let ids: BTreeSet<_> = policy.routes.iter().map(|route| route.table.clone()).collect();
        let tables = self.route_tables(&ids).await?;
        let tables = by_id(&tables, |table| table.route_table_id());
        for route in &policy.routes {
            if let Some(table) = tables.get(route.table.as_str()) {
                seen.routes.insert(route.id.clone(), route_seen(table, &route.destination));
            }
        }
        seen.problems.extend(ids.iter().filter(|id| !tables.contains_key(id.as_str())).map(|id| {
            let routes = policy.routes.iter().filter(|route| route.table == *id);
            let what = format!("route table {id} of route {}", some(routes.map(|route| route.id.as_str())));
            missing(Api::DescribeRouteTables, "InvalidRouteTableID.NotFound", &what)
        }));
        Ok(())
    }

    async fn look_at_gateways(&self, policy: &Policy) -> Result<GatewaysSeen, ProviderError> {
        let instance_ids: BTreeSet<_> = policy.gateways.iter().map(|it| it.instance.0.clone()).collect();
        let interface_ids: BTreeSet<_> = policy.gateways.iter().map(|it| it.interface.clone()).collect();
        let (instances, interfaces, statuses) = tokio::join!(
            self.instances(&instance_ids),
            self.interfaces(&interface_ids),
            self.statuses(&instance_ids),
        );
        let (instances, interfaces) = (instances?, interfaces?);
        let instances = by_id(&instances, |instance| instance.instance_id());
        let interfaces = by_id(&interfaces, |interface| interface.network_interface_id());
        let statuses = match statuses {
            Err(failure) if is_unknown_instance(&failure) => {
                let known = instances.keys().map(|id| (*id).to_owned()).collect();
                self.statuses(&known).await?
            }
            other => other?,
        };
        let statuses = by_id(&statuses, |status| status.instance_id());
        let seen = policy.gateways.iter().map(|gateway| {
            let instance = gateway.instance.as_str();
            let seen = instance_seen(
                gateway,
                instances.get(instance).copied(),
                statuses.get(instance).copied(),
                interfaces.get(gateway.interface.as_str()).copied(),
            );
            (gateway.id.clone(), seen)
        });
        let problems = interface_ids.iter().filter(|id| !interfaces.contains_key(id.as_str())).map(|id| {
            let gateways = policy.gateways.iter().filter(|gateway| gateway.interface == *id);
            let names = some(gateways.map(|gateway| gateway.id.as_str()));
            let what = format!("network interface {id} of gateway {names}");
            missing(Api::DescribeNetworkInterfaces, "InvalidNetworkInterfaceID.NotFound", &what)
        });
        Ok(GatewaysSeen { instances: seen.collect(), problems: problems.collect() })
    }
}

/// Why the warm-up failed.
#[derive(Debug, thiserror::Error)]
pub enum WarmUpError {
    /// No credentials.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The first describe failed.
    #[error(transparent)]
    Describe(#[from] ProviderError),
}

struct GatewaysSeen {
    instances: BTreeMap<GatewayId, InstanceSeen>,
    problems: Vec<ProviderError>,
}

fn by_id<'a, T>(items: &'a [T], id: impl Fn(&'a T) -> Option<&'a str>) -> BTreeMap<&'a str, &'a T> {
    items.iter().filter_map(|item| Some((id(item)?, item))).collect()
}

/// The first name, and how many more there are.
fn some<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    let first = names.next().unwrap_or_default();
    match names.count() {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

fn missing(api: Api, code: &str, what: &str) -> ProviderError {
    ProviderError {
        kind: ProviderErrorKind::Rejected,
        operation: api.name().to_owned(),
        code: code.to_owned(),
        message: format!("{what} does not exist in this region and account; correct its id in the policy"),
    }
}

#[async_trait]
impl Provider for Ec2 {
    async fn observe(&self, policy: &Policy, scope: Scope) -> Result<Observation, ProviderError> {
        let mut seen = Observation::default();
        match scope {
            Scope::Routes => self.look_at_routes(policy, &mut seen).await?,
            Scope::All => {
                let (routes, gateways) =
                    tokio::join!(self.look_at_routes(policy, &mut seen), self.look_at_gateways(policy));
                routes?;
                let gateways = gateways?;
                seen.instances = gateways.instances;
                seen.problems.extend(gateways.problems);
            }
        }
        Ok(seen)
    }

    async fn mutate(&self, call: &Call, timeout_ms: u64) -> Outcome {
        self.send(call, timeout_ms).await
    }

    fn allowance(&self, kind: CallKind, within_ms: u64) -> u32 {
        let api = match kind {
            CallKind::Route => Api::ReplaceRoute,
            CallKind::Stop => Api::StopInstances,
            CallKind::Start => Api::StartInstances,
        };
        self.paced(|pacer, now| pacer.available(api, now, within_ms))
    }
}
