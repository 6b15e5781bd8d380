//! The world that the suite needs, and the hands that change it behind the provider's back.

use async_trait::async_trait;

/// One gateway of the fixture.
#[derive(Debug, Clone)]
pub struct GatewayIds {
    pub instance: String,
    pub interface: String,
}

/// What stands behind an endpoint. Both tables have a route to the data centre (`ON_PREMISES`) at the interface of
/// the gateway with the same index; the first has `IPV6` and the prefix list as well, at the first interface.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub url: String,
    pub tables: [String; 2],
    pub gateways: [GatewayIds; 2],
    /// An instance of an Auto Scaling group, and its interface.
    pub grouped: GatewayIds,
    pub vpn_gateway: String,
    pub transit_gateway: String,
    pub prefix_list: String,
    /// More tables than one page holds, each with the VPC's own route only.
    pub many_tables: Vec<String>,
}

/// The destination of an IPv6 route in the first table.
pub const IPV6: &str = "2001:db8:10::/48";

/// The VPC's own range: every table has a `local` route for it.
pub const VPC: &str = "172.16.0.0/16";

/// More than a page (100) and more than a filter takes (200).
pub const MANY: usize = 230;

/// An endpoint with its fixture.
#[async_trait]
pub trait Endpoint: Send + Sync {
    fn fixture(&self) -> &Fixture;

    async fn set_source_dest_check(&self, interface: &str, on: bool);

    async fn take_elastic_ip(&self, interface: &str);
}
