//! Where the cluster's nodes are. Whoever comes from there takes the places that are kept for nodes, before it is known
//! who it is; without TLS that is all that is ever known.

use arbiter_raft::RaftView;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// How often names are looked up. An address that is named is known at once, and for ever.
const LOOK_UP_EVERY: Duration = Duration::from_secs(10);

/// A resolver that hangs is asked again.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses of all nodes, as far as they are known.
#[derive(Clone)]
pub(crate) struct Neighbours {
    fixed: BTreeSet<IpAddr>,
    looked_up: Arc<RwLock<BTreeMap<String, BTreeSet<IpAddr>>>>,
    /// Of Raft's members, by their addresses.
    members: Arc<RwLock<BTreeMap<String, BTreeSet<IpAddr>>>>,
}

impl Neighbours {
    /// At these addresses, `host:port`. Names among them are looked up from now on: it must be run inside of a runtime.
    pub fn at<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        let (mut fixed, mut names) = (BTreeSet::new(), Vec::new());
        // What comes from a host to itself has this address, unless somebody has chosen another.
        fixed.extend([IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]);
        for address in addresses {
            match address.parse::<SocketAddr>() {
                Ok(address) => drop(fixed.insert(address.ip().to_canonical())),
                Err(_) => names.push(address.to_owned()),
            }
        }
        let neighbours = Self { fixed, looked_up: Arc::default(), members: Arc::default() };
        if !names.is_empty() {
            tokio::spawn(neighbours.clone().keep_looking_up(names));
        }
        neighbours
    }

    pub fn has(&self, address: IpAddr) -> bool {
        let looked_up = self.looked_up.read().unwrap_or_else(PoisonError::into_inner);
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = looked_up.values().chain(members.values());
        self.fixed.contains(&address) || found.any(|found| found.contains(&address))
    }

    /// From now on also the members of Raft, as they come and go. Ends with Raft.
    pub async fn follow(self, mut view: watch::Receiver<RaftView>) {
        loop {
            let addresses = view.borrow().addresses.clone();
            let known = self.members.read().unwrap_or_else(PoisonError::into_inner).clone();
            let mut members = BTreeMap::new();
            for address in addresses.values() {
                let before = known.get(address).cloned().unwrap_or_default();
                let found = look_up(address).await;
                // What was found before stays while the resolver is away.
                members.insert(address.clone(), if found.is_empty() { before } else { found });
            }
            *self.members.write().unwrap_or_else(PoisonError::into_inner) = members;
            // Where names lead changes by and by.
            let changed = view.wait_for(|view| view.addresses != addresses);
            if tokio::time::timeout(LOOK_UP_EVERY, changed).await.is_ok_and(|changed| changed.is_err()) {
                return;
            }
        }
    }

    async fn keep_looking_up(self, names: Vec<String>) {
        loop {
            for name in &names {
                let asked = tokio::time::timeout(LOOK_UP_TIMEOUT, tokio::net::lookup_host(name)).await;
                // What was found before stays while the resolver is away.
                if let Ok(Ok(found)) = asked {
                    let found = found.map(|found| found.ip().to_canonical()).collect();
                    let mut looked_up = self.looked_up.write().unwrap_or_else(PoisonError::into_inner);
                    looked_up.insert(name.clone(), found);
                }
            }
            tokio::time::sleep(LOOK_UP_EVERY).await;
        }
    }
}

/// Where an address leads; nowhere while the resolver is away.
async fn look_up(address: &str) -> BTreeSet<IpAddr> {
    let asked = tokio::time::timeout(LOOK_UP_TIMEOUT, tokio::net::lookup_host(address)).await;
    let found = asked.ok().and_then(Result::ok).into_iter().flatten();
    found.map(|found| found.ip().to_canonical()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = false)]
    async fn nodes_are_known_by_their_addresses_and_names() {
        let neighbours = Neighbours::at(["10.0.0.1:7400", "[fd00::1]:7400", "localhost:7400"].into_iter());
        let has = |address: &str| neighbours.has(address.parse().unwrap());
        assert!(has("10.0.0.1") && has("fd00::1") && has("127.0.0.1") && has("::1"));
        assert!(!has("10.0.0.2") && !has("127.0.0.2"));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while neighbours.looked_up.read().unwrap().is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "the name is never looked up");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
