//! Why the other side's certificate is refused.

use crate::identity::Identity;
use crate::material::days;
use arbiter_core::ids::NodeId;
use std::fmt;

/// A certificate that is refused, and whose it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it says of itself, believed or not.
    pub claims: Option<Identity>,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.claims {
            Some(identity) => write!(f, "the certificate of `{identity}` is refused: {}", self.why),
            None => write!(f, "the certificate is refused: {}", self.why),
        }
    }
}

impl std::error::Error for Refused {}

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Another certificate authority issued it.
    #[error("no certificate authority of this side's `ca` file has issued it")]
    OtherAuthority,
    /// Its time is over.
    #[error("it expired {} ago: renew it", days(*.seconds_ago))]
    Expired {
        /// For how long.
        seconds_ago: u64,
    },
    /// Its time has not come, or a clock is wrong.
    #[error("it becomes valid in {} only: are both clocks right?", days(*.seconds))]
    NotYet {
        /// When it begins.
        seconds: u64,
    },
    /// It has no identity of ours.
    #[error("it says nothing like `arbiter://CLUSTER/node/ID` (a URI among its subject alternative names)")]
    NoIdentity,
    /// It has more than one, or one that can't be read.
    #[error("what it says of its holder can't be used: {0}")]
    BadIdentity(String),
    /// It is of another cluster.
    #[error("it is of the cluster `{theirs}`, and `{meant}` is meant")]
    OtherCluster {
        /// Its cluster.
        theirs: String,
        /// The one that is meant.
        meant: String,
    },
    /// It is another node's.
    #[error(
        "it is node {theirs}'s, and node {meant} is meant: check the addresses, and which files lie there"
    )]
    OtherNode {
        /// Whose it is.
        theirs: NodeId,
        /// Whose it should be.
        meant: NodeId,
    },
    /// It is a person's, where a node's is needed.
    #[error("it is a person's, and a node is meant")]
    NotANode,
    /// It may not be used for this side of a connection.
    #[error(
        "its extended key usage does not allow it: a node's needs serverAuth and clientAuth, a person's clientAuth"
    )]
    OtherPurpose,
    /// All else that can be wrong with it.
    #[error("{0}")]
    Broken(String),
}

impl From<webpki::Error> for Why {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error;
        match error {
            Error::CertExpired { time, not_after } => {
                Self::Expired { seconds_ago: time.as_secs().saturating_sub(not_after.as_secs()) }
            }
            Error::CertNotValidYet { time, not_before } => {
                Self::NotYet { seconds: not_before.as_secs().saturating_sub(time.as_secs()) }
            }
            // A signature that does not fit is that of another authority of the same name.
            Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => Self::OtherAuthority,
            Error::RequiredEkuNotFoundContext(_) => Self::OtherPurpose,
            other => Self::Broken(format!("{other:?}")),
        }
    }
}

/// What an error of the connection holds inside, however deep.
pub(crate) fn inner<'e, T: std::error::Error + 'static>(error: &'e std::io::Error) -> Option<&'e T> {
    let mut next: Option<&'e (dyn std::error::Error + 'static)> =
        error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(this) = next {
        if let Some(found) = this.downcast_ref::<T>() {
            return Some(found);
        }
        // rustls keeps the reason of a verifier of ours where `source` does not lead.
        if let Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) =
            this.downcast_ref()
        {
            next = Some(other.0.as_ref());
            continue;
        }
        next = this.source();
    }
    None
}
