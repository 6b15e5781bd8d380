//! The suite against moto: an EC2 API that this project did not write.

use crate::calls::{ON_PREMISES, REGION, eventually};
use crate::fixture::{Endpoint, Fixture, GatewayIds, IPV6, MANY, VPC};
use crate::{raw, suite};
use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::{BehaviorVersion, Region};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, DomainType, InstanceNetworkInterfaceSpecification, ResourceType, Tag,
    TagSpecification,
};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tokio::net::TcpStream;

/// moto's server, ended when this is dropped.
pub struct Moto {
    server: Child,
    client: Client,
    fixture: Fixture,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended already; there is nothing else to do about it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The server's program: `MOTO_SERVER`, or what `scripts/moto-venv` makes. Never skipped: without moto nothing shows
/// that this provider speaks to anything but our own lab.
fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("MOTO_SERVER") {
        return path.into();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/moto-venv");
    let made = Command::new(script).stderr(Stdio::inherit()).output();
    let made = made.unwrap_or_else(|err| panic!("{script} can't be run: {err}"));
    assert!(
        made.status.success(),
        "moto is missing: run scripts/moto-venv and do what it says (it needs python3 with venv, and the package index once), or set MOTO_SERVER to a moto_server program"
    );
    PathBuf::from(String::from_utf8(made.stdout).unwrap().trim()).join("bin/moto_server")
}

impl Moto {
    pub async fn start() -> Self {
        // The port is free now, and taken by the server a moment later. If another program is faster the server ends
        // at once, and the next attempt takes another one.
        let program = tokio::task::spawn_blocking(program).await.unwrap();
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Command::new(&program)
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|err| panic!("{} can't be started: {err}", program.display()));
            let up = eventually("moto to answer", async || {
                if server.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(true)
            });
            if up.await {
                let url = format!("http://127.0.0.1:{port}");
                let client = client(&url);
                let fixture = build(&client, url).await;
                return Self { server, client, fixture };
            }
        }
        panic!(
            "moto_server ended at once, five times; run {} -p 5000 and read what it says",
            program.display()
        );
    }
}

fn client(url: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIATEST", "not a secret", None, None, "test"))
        .http_client(http)
        .endpoint_url(url);
    Client::from_conf(config.build())
}

async fn build(client: &Client, url: String) -> Fixture {
    let vpc = client.create_vpc().cidr_block(VPC).send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let gateways = [
        instance(client, &vpc, "172.16.1.0/24", "a", None).await,
        instance(client, &vpc, "172.16.2.0/24", "b", None).await,
    ];
    let grouped = instance(client, &vpc, "172.16.5.0/24", "a", Some("fleet")).await;
    let vpn_gateway = client.create_vpn_gateway().r#type("ipsec.1".into()).send().await.unwrap();
    let vpn_gateway = vpn_gateway.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let transit_gateway = client.create_transit_gateway().send().await.unwrap();
    let transit_gateway = transit_gateway.transit_gateway.unwrap().transit_gateway_id.unwrap();
    let prefix_list = client.create_managed_prefix_list().prefix_list_name("site").max_entries(1);
    let prefix_list = prefix_list.address_family("IPv4").send().await.unwrap();
    let prefix_list = prefix_list.prefix_list.unwrap().prefix_list_id.unwrap();
    let tables = [table(client, &vpc).await, table(client, &vpc).await];
    for (table, gateway) in tables.iter().zip(&gateways) {
        let route = client.create_route().route_table_id(table).destination_cidr_block(ON_PREMISES);
        route.network_interface_id(&gateway.interface).send().await.unwrap();
    }
    let route = client.create_route().route_table_id(&tables[0]).destination_ipv6_cidr_block(IPV6);
    route.network_interface_id(&gateways[0].interface).send().await.unwrap();
    // moto forgets the prefix list of a route that is created with an interface, but not when it is replaced.
    let route = client.create_route().route_table_id(&tables[0]).destination_prefix_list_id(&prefix_list);
    route.gateway_id(&vpn_gateway).send().await.unwrap();
    let route = client.replace_route().route_table_id(&tables[0]).destination_prefix_list_id(&prefix_list);
    route.network_interface_id(&gateways[0].interface).send().await.unwrap();
    let mut many_tables = Vec::new();
    for _ in 0..MANY {
        many_tables.push(table(client, &vpc).await);
    }
    Fixture { url, tables, gateways, grouped, vpn_gateway, transit_gateway, prefix_list, many_tables }
}

async fn table(client: &Client, vpc: &str) -> String {
    let made = client.create_route_table().vpc_id(vpc).send().await.unwrap();
    made.route_table.unwrap().route_table_id.unwrap()
}

/// A running instance with one interface that forwards and has an Elastic IP.
async fn instance(client: &Client, vpc: &str, cidr: &str, zone: &str, group: Option<&str>) -> GatewayIds {
    let subnet = client.create_subnet().vpc_id(vpc).cidr_block(cidr);
    let subnet = subnet.availability_zone(format!("{REGION}{zone}")).send().await.unwrap();
    let interface = client.create_network_interface().subnet_id(subnet.subnet.unwrap().subnet_id.unwrap());
    let interface = interface.send().await.unwrap().network_interface.unwrap().network_interface_id.unwrap();
    let first =
        InstanceNetworkInterfaceSpecification::builder().device_index(0).network_interface_id(&interface);
    let tags = group.map(|group| {
        let tag = Tag::builder().key("aws:autoscaling:groupName").value(group).build();
        vec![TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build()]
    });
    let run = client.run_instances().image_id("ami-12c6146b").min_count(1).max_count(1);
    let run = run.network_interfaces(first.build()).set_tag_specifications(tags).send().await.unwrap();
    let instance = run.instances.unwrap().remove(0).instance_id.unwrap();
    set_source_dest_check(client, &interface, false).await;
    let address = client.allocate_address().domain(DomainType::Vpc).send().await.unwrap();
    let associate = client.associate_address().network_interface_id(&interface);
    associate.set_allocation_id(address.allocation_id).send().await.unwrap();
    GatewayIds { instance, interface }
}

async fn set_source_dest_check(client: &Client, interface: &str, on: bool) {
    let value = AttributeBooleanValue::builder().value(on).build();
    let modify = client.modify_network_interface_attribute().network_interface_id(interface);
    modify.source_dest_check(value).send().await.unwrap();
}

#[async_trait]
impl Endpoint for Moto {
    fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    async fn set_source_dest_check(&self, interface: &str, on: bool) {
        set_source_dest_check(&self.client, interface, on).await;
    }

    async fn take_elastic_ip(&self, interface: &str) {
        let shown = self.client.describe_network_interfaces().network_interface_ids(interface);
        let shown = shown.send().await.unwrap().network_interfaces.unwrap().remove(0);
        let association = shown.association.unwrap().association_id;
        self.client.disassociate_address().set_association_id(association).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_suite_passes_against_moto() {
    let moto = Moto::start().await;
    suite::run(&moto).await;
    raw::compare_with_expected(moto.fixture(), raw::Speaker::Moto).await;
}
