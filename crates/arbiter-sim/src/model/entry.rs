//! What stands in the model's log.

use std::fmt;

/// An intent's name: epoch and number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The epoch that proposed it: a log index.
    pub epoch: u8,
    /// Which of that epoch.
    pub number: u8,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

/// One mutation. Paths and gateways go by number, 1 or 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Point the route at this path's target.
    Route(u8),
    /// Point another route there, which moves in batches with the first.
    Other(u8),
    /// Stop this gateway's instance.
    Stop(u8),
    /// Start this gateway's instance.
    Start(u8),
}

/// All acts, in the order of [`Act::place`].
pub const ACTS: [Act; 8] = [
    Act::Route(1),
    Act::Route(2),
    Act::Stop(1),
    Act::Start(1),
    Act::Stop(2),
    Act::Start(2),
    Act::Other(1),
    Act::Other(2),
];

impl Act {
    /// Its place in a list of all acts; the other act on the same resource is its neighbour.
    pub const fn place(self) -> usize {
        match self {
            Self::Route(2) => 1,
            Self::Route(_) => 0,
            Self::Stop(2) => 4,
            Self::Stop(_) => 2,
            Self::Start(2) => 5,
            Self::Start(_) => 3,
            Self::Other(2) => 7,
            Self::Other(_) => 6,
        }
    }

    /// The place of the act that leads the same resource elsewhere.
    pub const fn contrary(self) -> usize {
        self.place() ^ 1
    }
}

impl Default for Act {
    fn default() -> Self {
        Self::Route(1)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(path) => write!(f, "route → tunnel-{path}"),
            Self::Other(path) => write!(f, "the other route → tunnel-{path}"),
            Self::Stop(gateway) => write!(f, "stop strongswan-{gateway}"),
            Self::Start(gateway) => write!(f, "start strongswan-{gateway}"),
        }
    }
}

/// How a call ended, as its outcome says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Acknowledged.
    Done,
    /// No answer in time.
    NoAnswer,
    /// Never sent.
    NotSent,
    /// Refused by EC2, which never happens in the model: only a process that takes a timeout for it says so.
    Failed,
}

/// One intent, as its entry records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wish {
    /// Its id; the epoch in it is the one that the entry names.
    pub id: Id,
    /// What it does.
    pub act: Act,
    /// The version of the policy that it names.
    pub policy: u8,
    /// The evidence that is recorded with it carries it.
    pub carried: bool,
}

impl Wish {
    /// What goes with it in a batch.
    pub const fn other(self) -> Self {
        let id = Id { epoch: self.id.epoch, number: self.id.number + 1 };
        let act = match self.act {
            Act::Route(path) => Act::Other(path),
            act => act,
        };
        Self { id, act, ..self }
    }
}

impl Kind {
    /// The intents of the entry.
    pub fn wishes(self) -> impl Iterator<Item = Wish> {
        let wishes = match self {
            Self::Intent(wish) => [Some(wish), None],
            Self::Batch(wish) => [Some(wish), Some(wish.other())],
            _ => [None, None],
        };
        wishes.into_iter().flatten()
    }

    /// Whether it holds an intent that does this.
    pub fn does(self, act: Act) -> bool {
        self.wishes().any(|wish| wish.act == act)
    }
}

/// What an entry says. `epoch` is the one that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A leader takes office.
    Begin,
    /// One intent.
    Intent(Wish),
    /// A batch: this intent on the route, and one with the next number that does the same to the other route.
    Batch(Wish),
    /// How an intent's call ended.
    Outcome {
        /// The epoch that the entry names.
        epoch: u8,
        /// The intent.
        id: Id,
        /// How.
        end: End,
    },
    /// A newer epoch ends the doubt about an intent.
    Settle {
        /// The epoch that the entry names.
        epoch: u8,
        /// The intent.
        id: Id,
    },
    /// The slot of a gateway closes: it is healthy, says the leader.
    Close {
        /// The epoch that the entry names.
        epoch: u8,
        /// The gateway.
        gateway: u8,
        /// Probes see it; otherwise only the provider says that it runs.
        seen: bool,
    },
    /// An operator's command.
    Operator {
        /// The epoch that the entry names.
        epoch: u8,
        /// Which.
        order: Order,
    },
}

/// What operators do in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Pause.
    Pause,
    /// Observe only.
    Observe,
    /// Apply the second policy.
    Policy,
    /// Drain a gateway.
    Drain(u8),
    /// Replace a gateway, whose old instance is given up.
    Replace(u8),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin => write!(f, "BeginEpoch"),
            Self::Intent(Wish { id, act, policy, carried }) => {
                write!(f, "Intent {id}: {act}")?;
                if *policy > 1 {
                    write!(f, ", by policy {policy}")?;
                }
                if *carried { Ok(()) } else { write!(f, ", on evidence that does not carry it") }
            }
            Self::Batch(wish) => {
                let other = wish.other();
                write!(f, "a batch: intent {}: {}, and intent {}: {}", wish.id, wish.act, other.id, other.act)
            }
            Self::Outcome { id, end, .. } => write!(f, "Outcome of {id}: {end:?}"),
            Self::Settle { epoch, id } => write!(f, "Settle of {id} by epoch {epoch}"),
            Self::Close { gateway, seen: true, .. } => {
                write!(f, "CloseSlot of strongswan-{gateway}: healthy")
            }
            Self::Close { gateway, .. } => {
                write!(f, "CloseSlot of strongswan-{gateway}: EC2 says running, no probe sees it")
            }
            Self::Operator { order, .. } => match order {
                Order::Pause => write!(f, "Pause"),
                Order::Observe => write!(f, "mode observe"),
                Order::Policy => write!(f, "the second policy"),
                Order::Drain(gateway) => write!(f, "drain strongswan-{gateway}"),
                Order::Replace(gateway) => write!(f, "replace strongswan-{gateway}"),
            },
        }
    }
}

/// One entry: Raft vouches for the term, and so for the leader of that term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The term of the leader that appended it.
    pub term: u8,
    /// That leader: 0, 1 or 2.
    pub node: u8,
    /// What it says.
    pub kind: Kind,
}

/// The node's number when nodes 1 and 2 change places.
pub const fn twin(node: u8) -> u8 {
    match node {
        1 => 2,
        2 => 1,
        other => other,
    }
}

impl Entry {
    /// The same, with nodes 1 and 2 in each other's places.
    pub const fn twin(self) -> Self {
        Self { term: self.term, node: twin(self.node), kind: self.kind }
    }
}
