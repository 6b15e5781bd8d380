//! Network interfaces and their Elastic IPs.

use serde::Serialize;
use std::collections::BTreeMap;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its id (`eni-…`).
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Its availability zone.
    pub zone: String,
    /// Its primary private address.
    pub private_ip: String,
    /// The instance that it is attached to.
    pub attached_to: Option<String>,
    /// While it is on, the interface drops traffic that is not its own: a gateway needs it off.
    pub source_dest_check: bool,
    /// The Elastic IP that is associated with it.
    pub elastic_ip: Option<ElasticIp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An Elastic IP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ElasticIp {
    /// The address.
    pub public_ip: String,
    /// The allocation (`eipalloc-…`).
    pub allocation: String,
    /// The association with the interface (`eipassoc-…`).
    pub association: String,
}
