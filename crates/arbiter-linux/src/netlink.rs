//! The kernel, by its routing socket.

use crate::kernel::{Kernel, KernelError, KernelRoute};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};
use rtnetlink::{Handle, RouteMessageBuilder};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// The kernel answers at once; a dump of a whole internet's table takes a second.
const LIMIT: Duration = Duration::from_secs(5);

/// The routing socket. Each question has one of its own: nothing that was left over in one can be taken for the answer to
/// the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct Netlink;

/// An open socket, closed when it is dropped.
struct Open {
    handle: Handle,
    connection: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn open(what: &str) -> Result<Open, KernelError> {
    // Strict: the kernel itself leaves out of a dump what was not asked for.
    let (connection, handle, _) =
        rtnetlink::new_connection_with_strict_check().map_err(|error| failed(what, error))?;
    Ok(Open { handle, connection: tokio::spawn(connection) })
}

fn failed(what: impl Into<String>, why: impl Display) -> KernelError {
    KernelError { what: what.into(), why: why.to_string() }
}

/// The kernel's error in the words of the C library, where it is one of those.
fn words(error: &rtnetlink::Error) -> String {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}

async fn in_time<T>(
    what: &str,
    asked: impl Future<Output = Result<T, KernelError>>,
) -> Result<T, KernelError> {
    let late = |_| Err(failed(what, format!("no answer within {} s", LIMIT.as_secs())));
    tokio::time::timeout(LIMIT, asked).await.unwrap_or_else(late)
}

#[async_trait]
impl Kernel for Netlink {
    async fn routes(
        &self,
        table: Option<u32>,
        protocol: Option<u8>,
    ) -> Result<Vec<KernelRoute>, KernelError> {
        const WHAT: &str = "reading the kernel's routes";
        in_time(WHAT, async {
            let socket = open(WHAT)?;
            let mut request = RouteMessageBuilder::<Ipv4Addr>::new().table_id(table.unwrap_or(0)).build();
            request.header.protocol = protocol.map_or(RouteProtocol::Unspec, RouteProtocol::from);
            request.header.scope = rtnetlink::packet_route::route::RouteScope::Universe;
            request.header.kind = RouteType::Unspec;
            let stream = socket.handle.route().get(request).execute();
            let messages = match stream.try_collect::<Vec<_>>().await {
                Ok(messages) => messages,
                // A table that nobody has written to yet does not exist.
                Err(rtnetlink::Error::NetlinkError(error)) if error.to_io().kind() == not_there() => vec![],
                Err(error) => return Err(failed(WHAT, words(&error))),
            };
            let names = interfaces(&socket).await?;
            let read = messages.iter().filter_map(|message| read(message, &names));
            let asked = |route: &KernelRoute| {
                table.is_none_or(|table| route.table == table)
                    && protocol.is_none_or(|protocol| route.protocol == protocol)
            };
            Ok(read.filter(asked).collect())
        })
        .await
    }

    async fn append(&self, route: &KernelRoute) -> Result<(), KernelError> {
        let what = format!("adding {route}");
        in_time(&what, async {
            let mut socket = open(&what)?;
            let message = write(&socket, route).await.map_err(|why| failed(&what, why))?;
            let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewRoute(message));
            request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
            let mut answers = socket.handle.request(request).map_err(|error| failed(&what, error))?;
            while let Some(answer) = answers.next().await {
                if let NetlinkPayload::Error(error) = answer.payload
                    && error.code.is_some()
                {
                    return Err(failed(&what, error.to_io()));
                }
            }
            Ok(())
        })
        .await
    }

    async fn remove(&self, route: &KernelRoute) -> Result<(), KernelError> {
        let what = format!("removing {route}");
        in_time(&what, async {
            let socket = open(&what)?;
            let message = write(&socket, route).await.map_err(|why| failed(&what, why))?;
            match socket.handle.route().del(message).execute().await {
                Ok(()) => Ok(()),
                // Gone already.
                Err(rtnetlink::Error::NetlinkError(error)) if error.to_io().raw_os_error() == no_such() => {
                    Ok(())
                }
                Err(error) => Err(failed(&what, words(&error))),
            }
        })
        .await
    }
}

fn not_there() -> std::io::ErrorKind {
    std::io::ErrorKind::NotFound
}

/// The kernel's words for a route that does not exist.
fn no_such() -> Option<i32> {
    Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// The names of all interfaces.
async fn interfaces(socket: &Open) -> Result<BTreeMap<u32, String>, KernelError> {
    let links = socket.handle.link().get().execute().try_collect::<Vec<_>>().await;
    let links = links.map_err(|error| failed("reading the kernel's interfaces", words(&error)))?;
    let name = |attribute: &LinkAttribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    };
    let names =
        links.iter().filter_map(|link| Some((link.header.index, link.attributes.iter().find_map(name)?)));
    Ok(names.collect())
}

/// A route as the kernel is told; the error is in words.
async fn write(socket: &Open, route: &KernelRoute) -> Result<RouteMessage, String> {
    let (address, length) = route.destination;
    let mut message = RouteMessageBuilder::<Ipv4Addr>::new()
        .table_id(route.table)
        .destination_prefix(address, length)
        .priority(route.metric)
        .protocol(RouteProtocol::from(route.protocol));
    if let Some(via) = route.via {
        message = message.gateway(via);
    }
    if let Some(dev) = &route.dev {
        let names = interfaces(socket).await.map_err(|error| error.to_string())?;
        let index = names.iter().find(|(_, name)| *name == dev).map(|(index, _)| *index);
        message = message.output_interface(index.ok_or_else(|| format!("there is no interface `{dev}`"))?);
    }
    Ok(message.build())
}

/// A route as the kernel says it; none for what is no IPv4 unicast route with one next hop at most.
fn read(message: &RouteMessage, names: &BTreeMap<u32, String>) -> Option<KernelRoute> {
    if message.header.kind != RouteType::Unicast {
        return None;
    }
    let mut route = KernelRoute {
        table: u32::from(message.header.table),
        destination: (Ipv4Addr::UNSPECIFIED, message.header.destination_prefix_length),
        via: None,
        dev: None,
        metric: 0,
        protocol: message.header.protocol.into(),
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => route.destination.0 = *address,
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => route.via = Some(*address),
            RouteAttribute::Oif(index) => route.dev = names.get(index).cloned(),
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::Table(table) => route.table = *table,
            _ => {}
        }
    }
    debug_assert!(route.table != u32::from(RouteHeader::RT_TABLE_UNSPEC), "the kernel names the table");
    Some(route)
}
