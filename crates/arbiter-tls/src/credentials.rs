//! What this side shows and whom it trusts, from files that are looked at again while it runs.

use crate::identity::{Identity, Who};
use crate::line::Meant;
use crate::material::{Bytes, Files, LoadError, Material, Problem, days, days_left, wall_seconds};
use crate::refusal::Refused;
use crate::trust::Other;
use crate::verify::{Called, Callers, provider};
use arbiter_core::ids::NodeId;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How often the files are looked at. Three small files: what that costs can't be measured.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// From so many days before its end on it is said that a certificate ends.
const ENDS_SOON_DAYS: u64 = 30;

/// HTTP/2, which gRPC speaks.
const PROTOCOL: &[u8] = b"h2";

/// Whose certificate it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// That node's.
    Node {
        /// Its cluster.
        cluster: String,
        /// Its id.
        id: NodeId,
    },
    /// A person's, of any cluster: the certificate says which.
    Person,
}

/// What this side shows, and whom it trusts. Clones share it.
#[derive(Clone)]
pub struct Credentials {
    inner: Arc<Inner>,
}

struct Inner {
    files: Files,
    holder: Holder,
    followers: Vec<String>,
    current: RwLock<Arc<Current>>,
}

/// One state of the files.
struct Current {
    bytes: Bytes,
    material: Material,
    callers: Arc<Callers>,
    server: Arc<ServerConfig>,
}

impl fmt::Debug for Credentials {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("files", &self.inner.files).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the files. `followers`: clusters whose nodes may listen to this one.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn open(files: Files, holder: Holder, followers: Vec<String>) -> Result<Self, LoadError> {
        let bytes = Bytes::read(&files)?;
        let current = current(&files, bytes, &holder, &followers)?;
        say_doubt(&current.material);
        Ok(Self {
            inner: Arc::new(Inner { files, holder, followers, current: RwLock::new(Arc::new(current)) }),
        })
    }

    fn current(&self) -> Arc<Current> {
        // It is replaced in one step: a panic elsewhere can't leave it torn.
        Arc::clone(&self.inner.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose they are.
    pub fn identity(&self) -> Identity {
        self.current().material.identity.clone()
    }

    /// When the certificate ends, in seconds since 1970.
    pub fn not_after(&self) -> u64 {
        self.current().material.not_after
    }

    /// The same of each authority that is trusted, in the order of their file.
    pub fn authorities_end(&self) -> Vec<u64> {
        self.current().material.authorities_end.clone()
    }

    /// The side that is called.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current().server)
    }

    /// The side that calls.
    pub(crate) fn client(&self, meant: Meant) -> Result<ClientConfig, rustls::Error> {
        let current = self.current();
        let called = Called { roots: Arc::clone(&current.material.roots), meant };
        let own = SingleCertAndKey::from(Arc::clone(&current.material.own));
        let mut client = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(called))
            .with_client_cert_resolver(Arc::new(own));
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        Ok(client)
    }

    /// Whether the other side of a connection would be believed today what it has shown, by the clock of that time.
    pub(crate) fn judge(
        &self,
        other: &Other,
        chain: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> Result<Identity, Refused> {
        let current = self.current();
        match other {
            Other::Caller => current.callers.judge(chain, at),
            Other::Called(meant) => {
                let roots = Arc::clone(&current.material.roots);
                Called { roots, meant: meant.clone() }.judge(chain, at)
            }
        }
    }

    /// Looks at the files again: whether there is something new in them, which is taken from now on.
    ///
    /// # Errors
    /// They are new, and can't be used: the old ones still count.
    pub fn look_again(&self) -> Result<bool, LoadError> {
        let Inner { files, holder, followers, current: place } = &*self.inner;
        let bytes = Bytes::read(files)?;
        if bytes == self.current().bytes {
            return Ok(false);
        }
        let new = current(files, bytes, holder, followers)?;
        say_doubt(&new.material);
        *place.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(true)
    }
}

fn current(files: &Files, bytes: Bytes, holder: &Holder, followers: &[String]) -> Result<Current, LoadError> {
    let material = Material::of(files, &bytes, UnixTime::now())?;
    let wrong = |what: String, help: &str| LoadError {
        problems: vec![Problem { file: files.certificate.clone(), what, help: help.to_owned() }],
    };
    let Identity { cluster, who } = &material.identity;
    let fits = match (holder, who) {
        (Holder::Node { cluster: own, id }, Who::Node(theirs)) => own == cluster && id == theirs,
        (Holder::Person, Who::Person { .. }) => true,
        _ => false,
    };
    if !fits {
        let meant = match holder {
            Holder::Node { cluster, id } => format!("`{}`", Identity::node(cluster, *id)),
            Holder::Person => "a person".to_owned(),
        };
        let what = format!("it is of `{}`, and one of {meant} is needed", material.identity);
        return Err(wrong(what, "each node and each person has a certificate of its own"));
    }
    let callers = Arc::new(Callers {
        roots: Arc::clone(&material.roots),
        cluster: cluster.clone(),
        followers: followers.to_vec(),
    });
    let own = SingleCertAndKey::from(Arc::clone(&material.own));
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| wrong(error.to_string(), "this is a fault of the program"))?;
    let mut server =
        builder.with_client_cert_verifier(Arc::clone(&callers) as _).with_cert_resolver(Arc::new(own));
    server.alpn_protocols = vec![PROTOCOL.to_vec()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(Current { bytes, material, callers, server: Arc::new(server) })
}

/// Others will not believe it: said at once, not only by those who refuse it.
fn say_doubt(material: &Material) {
    if let Some(why) = &material.doubt {
        tracing::error!(identity = %material.identity, %why, "nobody will believe this certificate");
    }
}

/// Looks at the files again and again. What is new is taken without a restart; connections that are open stay, as long as the
/// other side is still believed what it has shown. What can't be used is said once, and the old ones stay.
pub async fn keep_fresh(credentials: Credentials) {
    let (mut said, mut said_days) = (None, None);
    loop {
        let days_left = days_left(credentials.not_after(), wall_seconds());
        if days_left < ENDS_SOON_DAYS && said_days != Some(days_left) {
            let identity = credentials.identity();
            tracing::warn!(%identity, days_left, "this node's certificate ends soon: renew it");
        }
        // Once a day.
        said_days = Some(days_left);
        tokio::time::sleep(LOOK_EVERY).await;
        let looking = credentials.clone();
        let looked = tokio::task::spawn_blocking(move || looking.look_again()).await;
        match looked {
            Ok(Ok(new)) => {
                if new {
                    let left = credentials.not_after().saturating_sub(wall_seconds());
                    let (identity, valid_for) = (credentials.identity(), days(left));
                    tracing::info!(%identity, valid_for, "new certificates are used from now on");
                }
                said = None;
            }
            Ok(Err(error)) => {
                let words = error.to_string();
                if said.as_ref() != Some(&words) {
                    tracing::warn!(
                        error = words,
                        "the new certificates can't be used; the old ones still count"
                    );
                    said = Some(words);
                }
            }
            // The runtime ends.
            Err(_) => return,
        }
    }
}
