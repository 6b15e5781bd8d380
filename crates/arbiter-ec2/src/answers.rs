//! How long an answer may be. A look ends after three seconds, and in three seconds more can come than a node has memory.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http_body_util::Limited;

/// The longest answer that is read, in bytes. A page of a hundred route tables with a hundred routes each has about 4 MiB.
const BYTES_MOST: usize = 16 * 1024 * 1024;

/// Lets no more than that be read. What is longer is no answer of EC2's: a look has failed, and of a mutation nobody
/// knows what became.
#[derive(Debug)]
pub(crate) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "Bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let answer = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(answer, BYTES_MOST));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Ec2;
    use arbiter_control::provider::{Call, Provider, ProviderErrorKind};
    use arbiter_core::command::{Action, Outcome};
    use arbiter_core::ids::{Epoch, GatewayId, IntentId, LogIndex};
    use std::collections::{BTreeMap, BTreeSet};

    fn answering(action: &str, bytes: usize) -> Ec2 {
        let mut body = format!("<{action}Response>").into_bytes();
        body.resize(bytes, b' ');
        body.extend(format!("</{action}Response>").into_bytes());
        Ec2::answering(BTreeMap::from([(action.to_owned(), (200, body))]))
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_none_of_ec2s() {
        let tables = BTreeSet::from(["rtb-1".to_owned()]);
        let look =
            async |bytes| answering("DescribeRouteTables", bytes).route_tables(&tables).await.map(drop);
        look(BYTES_MOST - 100).await.expect("a long one is read");
        let failure = look(BYTES_MOST).await.expect_err("too long");
        assert_eq!(failure.kind, ProviderErrorKind::Rejected);
        assert!(failure.message.contains("an answer that is not EC2's: "), "{failure:?}");
        assert!(failure.message.contains("length limit exceeded"), "{failure:?}");
    }

    #[tokio::test]
    async fn after_one_that_is_too_long_nobody_knows_whether_it_was_done() {
        let (gateway, instance) = (GatewayId::from("strongswan-1"), "i-0f1e2d3c4b5a69788".into());
        let call = Call {
            cluster: "5f3c".into(),
            intent: IntentId { epoch: Epoch(7), number: 1 },
            entry: LogIndex(9),
            action: Action::Start { gateway, instance },
            table: "rtb-1".into(),
            destination: "10.10.0.0/16".parse().unwrap(),
        };
        let outcome = answering("StartInstances", BYTES_MOST).mutate(&call, 5_000).await;
        assert!(
            matches!(&outcome, Outcome::NoAnswer { message } if message.contains("length limit")),
            "{outcome:?}"
        );
    }
}
