//! Who speaks: certificates, what they say of their holders, and connections that both sides have checked.
//!
//! ```text
//!  files ─► Material ─► Credentials ─┬─► incoming: connections whose caller is known
//!              ▲ looked at again     └─► Line: a connection to the node that is meant
//! ```
//!
//! TLS 1.3 and no other, by rustls on ring. Nobody is believed by a name in the DNS: a certificate says in a URI whose it
//! is, [`Identity`], and of which cluster. It binds to the cluster's name, since a certificate has to exist before the
//! cluster draws its random id; that one is checked with each message of Raft.
//!
//! Sessions are never resumed: a resumed one would outlive the certificate that it was begun with. A connection ends with
//! the certificate that it was begun with.

mod caller;
mod credentials;
mod door;
mod hangup;
mod identity;
mod incoming;
mod line;
mod material;
mod pace;
mod places;
mod refusal;
mod seen;
mod trust;
mod verify;

pub use caller::{Caller, Connection, Party};
pub use credentials::{Credentials, Holder, keep_fresh};
pub use door::{Bounds, Neighbours};
pub use hangup::Hangup;
pub use identity::{Identity, NotAnIdentity, Role, Who, authority_uri};
pub use incoming::{Incoming, incoming};
pub use line::{Line, Meant};
pub use material::{Files, LoadError, Problem, SECONDS_PER_DAY, days, days_left, wall_seconds};
pub use pace::{Pace, Rate};
pub use places::{Full, Place, Places};
pub use refusal::{Refused, Why};
pub use seen::{Seen, certificate, certificates};
