//! What is needed of the kernel, and what a route is to it.

use async_trait::async_trait;
use std::fmt;
use std::net::Ipv4Addr;

/// The protocol number of our routes: who made a route, in the kernel's own words (`ip route show proto 90`). No routing
/// daemon has it: FRR and BIRD take 186 to 192 and 12, systemd 16.
pub const PROTOCOL: u8 = 90;

/// An IPv4 unicast route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRoute {
    /// The table's number.
    pub table: u32,
    /// The network that it leads to.
    pub destination: (Ipv4Addr, u8),
    /// The next hop; none if it leads straight to the network.
    pub via: Option<Ipv4Addr>,
    /// The interface, by name; none if it is left to the kernel to find.
    pub dev: Option<String>,
    /// Of two routes to one network the kernel takes that with the lower one.
    pub metric: u32,
    /// Who made it.
    pub protocol: u8,
}

impl KernelRoute {
    /// Whether we made it.
    pub const fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL
    }

    /// Whether both take one place in the table: the kernel looks at nothing else.
    pub fn same_place(&self, other: &Self) -> bool {
        self.table == other.table && self.destination == other.destination && self.metric == other.metric
    }

    /// Whether it is what is wanted. Without an interface any will do: the kernel has found it.
    pub fn is(&self, wanted: &Self) -> bool {
        self.same_place(wanted)
            && self.protocol == wanted.protocol
            && self.via == wanted.via
            && (wanted.dev.is_none() || self.dev == wanted.dev)
    }
}

impl fmt::Display for KernelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, length) = self.destination;
        write!(f, "{address}/{length}")?;
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        write!(f, " proto {} metric {} table {}", self.protocol, self.metric, self.table)
    }
}

/// The kernel did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct KernelError {
    /// What was asked of it.
    pub what: String,
    /// Its words.
    pub why: String,
}

/// The kernel's routes.
#[async_trait]
pub trait Kernel: Send + Sync + 'static {
    /// The IPv4 unicast routes of one table, or of all; of one protocol, or of all.
    async fn routes(&self, table: Option<u32>, protocol: Option<u8>)
    -> Result<Vec<KernelRoute>, KernelError>;

    /// Adds a route behind those that take the same place, and changes none of them.
    async fn append(&self, route: &KernelRoute) -> Result<(), KernelError>;

    /// Removes just this route: one of another protocol, or with another next hop, stays.
    async fn remove(&self, route: &KernelRoute) -> Result<(), KernelError>;
}
