//! Names and numbers that identify things. Each is its own type, so that one can't be passed for another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

number_id! {
    /// A node: one `arbiterd`. Raft's own number for it; people see its name.
    NodeId
}
number_id! {
    /// Raft's term.
    Term
}
number_id! {
    /// The index of an entry in the replicated log.
    LogIndex
}
number_id! {
    /// One leader's time in office: the log index of its `BeginEpoch` entry.
    Epoch
}
number_id! {
    /// The version of the replicated policy. The first is 1; each next is exactly one more.
    PolicyVersion
}
number_id! {
    /// Which disk a node speaks from: drawn at random when its data folder is made, and committed when the
    /// node is admitted. A node whose disk was wiped has another one, and may not vote under its old id.
    Incarnation
}

text_id! {
    /// The random name of a cluster, drawn when it is formed.
    ClusterId
}
text_id! {
    /// An instance that forwards traffic.
    GatewayId
}
text_id! {
    /// One way to a destination.
    PathId
}
text_id! {
    /// A destination in a route table.
    RouteId
}
text_id! {
    /// One repeated check.
    ProbeId
}
text_id! {
    /// The provider's id of an instance (`i-…`).
    InstanceId
}

/// The name of one intent: the epoch that proposed it and a number that this epoch has used once only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId {
    /// The epoch that proposed it.
    pub epoch: Epoch,
    /// Which intent of that epoch.
    pub number: u64,
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

/// The text is not `EPOCH.NUMBER`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an intent id: expected EPOCH.NUMBER, as in `17.3`")]
pub struct NotAnIntentId(String);

impl FromStr for IntentId {
    type Err = NotAnIntentId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAnIntentId(text.to_owned());
        let (epoch, number) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            epoch: Epoch(epoch.parse().map_err(|_| wrong())?),
            number: number.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for IntentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IntentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What one intent is about, and what nothing else may touch while it is unsettled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// A destination in a route table.
    Route(RouteId),
    /// An instance. Its resource is the instance id, so a gateway that gets a new instance starts clean.
    Instance(InstanceId),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(id) => write!(f, "route {id}"),
            Self::Instance(id) => write!(f, "instance {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_id_survives_text_and_back() {
        let id = IntentId { epoch: Epoch(17), number: 3 };
        assert_eq!(id.to_string(), "17.3");
        assert_eq!("17.3".parse(), Ok(id));
        for wrong in ["", "17", "17.", ".3", "17.3.1", "a.b", "-1.2"] {
            assert!(wrong.parse::<IntentId>().is_err(), "{wrong}");
        }
    }
}
