//! Certificates of a cluster's nodes and people.

use super::{ALL, Member};
use arbiter_pki::{Authority, Folder, Paths, Validity};
use arbiter_tls::{Credentials, Files, Holder, Identity};
use std::path::{Path, PathBuf};

/// The authority of cluster `test`, and a file for each node that names its certificate.
pub struct Pki {
    folder: PathBuf,
    pub authority: Folder,
}

impl Pki {
    /// Founds it, and writes `NODE.toml` beside `cluster.toml`, whose text this is.
    pub fn found(folder: &Path, text: &str) -> Self {
        let authority = Folder::at(folder.join("pki"));
        authority.init("test", Validity::days(60)).unwrap();
        for member in ALL {
            let identity: Identity = format!("arbiter://test/node/{}", member.number()).parse().unwrap();
            authority.issue(&identity, Validity::days(60)).unwrap();
            std::fs::write(folder.join(format!("{member}.toml")), with_tls(text, member)).unwrap();
        }
        Self { folder: folder.to_owned(), authority }
    }

    /// Where a node's certificate and key lie.
    pub fn node(&self, member: Member) -> Paths {
        self.authority.of(&format!("arbiter://test/node/{}", member.number()).parse().unwrap())
    }

    /// Whoever has this identity, vouched for by the cluster's own authority.
    pub fn person(&self, uri: &str) -> Credentials {
        let identity: Identity = uri.parse().unwrap();
        let paths = self.authority.of(&identity);
        if !paths.certificate.exists() {
            self.authority.issue(&identity, Validity::days(2)).unwrap();
        }
        let ca = self.authority.authority().certificate;
        let files = Files { ca, certificate: paths.certificate, key: paths.key };
        Credentials::open(files, Holder::Person, Vec::new()).unwrap()
    }

    /// A node, as whoever has stolen its certificate.
    pub fn as_node(&self, cluster: &str, id: u64, validity: Validity) -> Credentials {
        let identity: Identity = format!("arbiter://{cluster}/node/{id}").parse().unwrap();
        self.by(&self.authority.open().unwrap(), &identity, validity)
    }

    /// Whoever an authority, ours or not, vouches for.
    pub fn by(&self, authority: &Authority, identity: &Identity, validity: Validity) -> Credentials {
        let issued = authority.issue(identity, validity).unwrap();
        let folder = tempfile::tempdir_in(&self.folder).unwrap().keep();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        // It believes itself, and those whom the cluster's authority vouches for.
        let ca = std::fs::read_to_string(self.authority.authority().certificate).unwrap();
        let files = Files {
            ca: write("ca.crt", &format!("{ca}{}", authority.certificate())),
            certificate: write("own.crt", &issued.certificate),
            key: write("own.key", &issued.key),
        };
        std::fs::set_permissions(&files.key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let holder = match &identity.who {
            arbiter_tls::Who::Node(id) => Holder::Node { cluster: identity.cluster.clone(), id: *id },
            arbiter_tls::Who::Person { .. } => Holder::Person,
        };
        Credentials::open(files, holder, Vec::new()).unwrap()
    }
}

/// A cluster's file as one node has it.
pub fn with_tls(text: &str, member: Member) -> String {
    let number = member.number();
    format!(
        "{text}\n[tls]\nca = \"pki/ca.crt\"\ncertificate = \"pki/node-{number}.crt\"\nkey = \"pki/node-{number}.key\"\n\
         followers = [\"site\"]\n"
    )
}
