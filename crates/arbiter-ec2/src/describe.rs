//! Reading: paginated describes, limited to the ids that the policy names.
//!
//! Ids are passed as filters, not as ids: a filter answers with what exists, whereas one unknown id among ids
//! fails the whole call, and would blind us for everything else.

use crate::failure::look_failed;
use crate::pace::Api;
use crate::provider::Ec2;
use arbiter_control::provider::{ProviderError, ProviderErrorKind};
use arbiter_core::command::is_throttling;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, Instance, InstanceStatus, NetworkInterface, RouteTable};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

/// EC2 takes at most 200 values in one filter.
const FILTER_VALUES: usize = 200;

/// EC2 takes at most 100 ids together with `IncludeAllInstances`.
const STATUS_IDS: usize = 100;

/// What is asked for in one page: the most that DescribeRouteTables takes.
const PAGE_SIZE: i32 = 100;

/// More pages than this for one filter's values are a fault of the endpoint (a token that leads back to itself),
/// not a large answer: 200 ids fill two pages, and EC2 may leave some pages nearly empty.
const PAGES_MAX: usize = 50;

type Page<T, E> = Result<(Vec<T>, Option<String>), SdkError<E, HttpResponse>>;

impl Ec2 {
    pub(crate) async fn route_tables(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<RouteTable>, ProviderError> {
        let mut all = Vec::new();
        for ids in chunks(ids, FILTER_VALUES) {
            let filter = filter("route-table-id", &ids);
            let pages = self.pages(Api::DescribeRouteTables, |token| async {
                let page = self.client.describe_route_tables().filters(filter.clone()).max_results(PAGE_SIZE);
                let page = page.set_next_token(token).send().await?;
                Ok((page.route_tables.unwrap_or_default(), page.next_token))
            });
            all.extend(pages.await?);
        }
        Ok(all)
    }

    pub(crate) async fn instances(&self, ids: &BTreeSet<String>) -> Result<Vec<Instance>, ProviderError> {
        let mut all = Vec::new();
        for ids in chunks(ids, FILTER_VALUES) {
            let filter = filter("instance-id", &ids);
            let pages = self.pages(Api::DescribeInstances, |token| async {
                let page = self.client.describe_instances().filters(filter.clone()).max_results(PAGE_SIZE);
                let page = page.set_next_token(token).send().await?;
                let reservations = page.reservations.unwrap_or_default();
                let instances = reservations.into_iter().flat_map(|r| r.instances.unwrap_or_default());
                Ok((instances.collect(), page.next_token))
            });
            all.extend(pages.await?);
        }
        Ok(all)
    }

    pub(crate) async fn interfaces(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<NetworkInterface>, ProviderError> {
        let mut all = Vec::new();
        for ids in chunks(ids, FILTER_VALUES) {
            let filter = filter("network-interface-id", &ids);
            let pages = self.pages(Api::DescribeNetworkInterfaces, |token| async {
                let page = self.client.describe_network_interfaces().filters(filter.clone());
                let page = page.max_results(PAGE_SIZE).set_next_token(token).send().await?;
                Ok((page.network_interfaces.unwrap_or_default(), page.next_token))
            });
            all.extend(pages.await?);
        }
        Ok(all)
    }

    /// The status checks. EC2 has no filter by instance id here; an unknown id fails the call, so it is made with
    /// known ids, or fails with a code that says so (see [`is_unknown_instance`]).
    pub(crate) async fn statuses(
        &self,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<InstanceStatus>, ProviderError> {
        let mut all = Vec::new();
        for ids in chunks(ids, STATUS_IDS) {
            let pages = self.pages(Api::DescribeInstanceStatus, |token| async {
                // EC2 refuses a page size together with ids.
                let page = self.client.describe_instance_status().set_instance_ids(Some(ids.clone()));
                let page = page.include_all_instances(true).set_next_token(token).send().await?;
                Ok((page.instance_statuses.unwrap_or_default(), page.next_token))
            });
            all.extend(pages.await?);
        }
        Ok(all)
    }

    /// All pages of one describe, within the describe's timeout.
    async fn pages<T, E, F>(
        &self,
        api: Api,
        page: impl Fn(Option<String>) -> F,
    ) -> Result<Vec<T>, ProviderError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Page<T, E>>,
    {
        let timeout_ms = self.settings.describe_timeout_ms;
        let all = async {
            let (mut all, mut token) = (Vec::new(), None);
            for _ in 0..PAGES_MAX {
                let (items, next) = self.page_with_one_repetition(api, &page, token).await?;
                all.extend(items);
                token = next.filter(|token| !token.is_empty());
                if token.is_none() {
                    return Ok(all);
                }
            }
            let message = format!("more than {PAGES_MAX} pages: the endpoint's page tokens have no end");
            Err(ours(api, ProviderErrorKind::Rejected, "EndlessPages", message))
        };
        tokio::time::timeout(Duration::from_millis(timeout_ms), all).await.unwrap_or_else(|_| {
            let message = format!("no complete answer within {timeout_ms} ms");
            Err(self.spoken.named_in(ours(api, ProviderErrorKind::Unreachable, "Timeout", message)))
        })
    }

    /// A connection that was closed while idle shows only when it is used; one repetition is enough for that. What
    /// EC2 answered isn't asked again, and after a timeout there is no time left.
    async fn page_with_one_repetition<T, E, F>(
        &self,
        api: Api,
        page: &impl Fn(Option<String>) -> F,
        token: Option<String>,
    ) -> Result<(Vec<T>, Option<String>), ProviderError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Page<T, E>>,
    {
        self.token_for(api)?;
        let mut answer = page(token.clone()).await;
        if matches!(answer, Err(SdkError::DispatchFailure(_))) {
            self.token_for(api)?;
            answer = page(token).await;
        }
        answer.inspect(|_| self.accepted(api)).map_err(|err| {
            let failure = self.spoken.named_in(look_failed(api, &err));
            if is_throttling(&failure.code) {
                self.refused(api);
            }
            failure
        })
    }

    fn token_for(&self, api: Api) -> Result<(), ProviderError> {
        self.take(api).map_err(|paced| {
            let message = format!("not asked: EC2's pace allows the next call in {} ms", paced.wait_ms);
            ours(api, ProviderErrorKind::Throttled, "Paced", message)
        })
    }
}

/// EC2 does not know one of the instances that were named.
pub(crate) fn is_unknown_instance(failure: &ProviderError) -> bool {
    failure.code.starts_with("InvalidInstanceID")
}

fn ours(api: Api, kind: ProviderErrorKind, code: &str, message: String) -> ProviderError {
    ProviderError { kind, operation: api.name().to_owned(), code: code.to_owned(), message }
}

fn chunks(ids: &BTreeSet<String>, size: usize) -> Vec<Vec<String>> {
    let ids: Vec<_> = ids.iter().cloned().collect();
    ids.chunks(size).map(<[String]>::to_vec).collect()
}

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}
