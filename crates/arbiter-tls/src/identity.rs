//! Whose a certificate is: `arbiter://CLUSTER/node/3`, `arbiter://CLUSTER/operator/anna`.

use arbiter_core::ids::NodeId;
use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "arbiter://";

/// The longest URI that is read: a name of 200 bytes, each written as three characters, and as long a cluster's.
const URI_BYTES_MAX: usize = 2_048;

/// What a person may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Ask.
    Viewer,
    /// Move routes, pause, drain.
    Operator,
    /// Change the policy, the members, the mode.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// A node, or a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The node of that id.
    Node(NodeId),
    /// Somebody who uses `arbiterctl`.
    Person {
        /// What they may do.
        role: Role,
        /// Who it is.
        name: String,
    },
}

/// Whose a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The cluster, by its name.
    pub cluster: String,
    /// Who in it.
    pub who: Who,
}

impl Identity {
    /// A node's.
    pub fn node(cluster: &str, id: NodeId) -> Self {
        Self { cluster: cluster.to_owned(), who: Who::Node(id) }
    }

    /// A person's.
    pub fn person(cluster: &str, role: Role, name: &str) -> Self {
        Self { cluster: cluster.to_owned(), who: Who::Person { role, name: name.to_owned() } }
    }

    /// Whether a certificate's URI claims to be one of these at all: it may have others, of other programs.
    pub fn is_meant(uri: &str) -> bool {
        uri.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/", encoded(&self.cluster))?;
        match &self.who {
            Who::Node(id) => write!(f, "node/{id}"),
            Who::Person { role, name } => write!(f, "{}/{}", role.name(), encoded(name)),
        }
    }
}

/// The text is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it as in `arbiter://vpn/node/3` or `arbiter://vpn/operator/anna`: {0}")]
pub struct NotAnIdentity(&'static str);

impl FromStr for Identity {
    type Err = NotAnIdentity;

    /// Each identity has one form only: what would be written otherwise is refused.
    fn from_str(uri: &str) -> Result<Self, NotAnIdentity> {
        if uri.len() > URI_BYTES_MAX {
            return Err(NotAnIdentity("it is too long"));
        }
        let rest = uri.strip_prefix(SCHEME).ok_or(NotAnIdentity("it begins with `arbiter://`"))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [cluster, kind, who] = parts.as_slice() else {
            return Err(NotAnIdentity("it has three parts: the cluster, what, and who"));
        };
        let role = Role::ALL.into_iter().find(|role| role.name() == *kind);
        let who = match role {
            Some(role) => Who::Person { role, name: decoded(who)? },
            None if *kind == "node" => {
                let id = who.parse().map_err(|_| NotAnIdentity("a node is named by the number of its id"))?;
                Who::Node(NodeId(id))
            }
            None => return Err(NotAnIdentity("the part in the middle is node, viewer, operator or admin")),
        };
        let identity = Self { cluster: decoded(cluster)?, who };
        if identity.to_string() == uri {
            Ok(identity)
        } else {
            Err(NotAnIdentity("only letters, digits and `-._~` stand for themselves, all else as `%20`"))
        }
    }
}

/// What an authority of our own making says of itself: the cluster that it is for. It is nobody's identity.
pub fn authority_uri(cluster: &str) -> String {
    format!("{SCHEME}{}/authority", encoded(cluster))
}

/// The cluster of such a URI.
pub(crate) fn authority_cluster(uri: &str) -> Option<String> {
    let cluster = uri.strip_prefix(SCHEME)?.strip_suffix("/authority")?;
    decoded(cluster).ok().filter(|cluster| authority_uri(cluster) == uri)
}

fn encoded(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

fn decoded(part: &str) -> Result<String, NotAnIdentity> {
    let mut bytes = Vec::new();
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit =
                    || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let both = digit().zip(digit());
                both.map(|(high, low)| high * 16 + low).ok_or(NotAnIdentity("two digits follow each `%`"))?
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| NotAnIdentity("it is not UTF-8"))?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(NotAnIdentity("no part is empty or has control characters"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_identity_has_one_form_and_is_read_back() {
        let cases = [
            (Identity::node("vpn", NodeId(3)), "arbiter://vpn/node/3"),
            (Identity::person("vpn", Role::Operator, "anna"), "arbiter://vpn/operator/anna"),
            (
                Identity::person("a b/ü", Role::Admin, "anna@bastion"),
                "arbiter://a%20b%2F%C3%BC/admin/anna%40bastion",
            ),
        ];
        for (identity, uri) in cases {
            assert_eq!(identity.to_string(), uri);
            assert_eq!(uri.parse::<Identity>(), Ok(identity));
        }
    }

    #[test]
    fn all_else_is_refused_with_the_form_that_would_be_right() {
        let long = format!("arbiter://vpn/operator/{}", "a".repeat(3_000));
        let wrong = [
            "",
            "spiffe://vpn/node/3",
            "ARBITER://vpn/node/3",
            "arbiter://vpn/node/03",
            "arbiter://vpn/node/+3",
            "arbiter://vpn/node/x",
            "arbiter://vpn/node/",
            "arbiter:///node/3",
            "arbiter://vpn/owner/anna",
            "arbiter://vpn/Node/3",
            "arbiter://vpn/node/3/",
            "arbiter://vpn/node",
            "arbiter://vpn/operator/a b",
            "arbiter://v%70n/node/3",
            "arbiter://v%2fn/node/3",
            "arbiter://vpn/operator/%",
            "arbiter://vpn/operator/%+1",
            "arbiter://vpn/operator/%FF",
            "arbiter://vpn/operator/%0A",
            "arbiter://vpn/operator/anna?x",
            &long,
        ];
        for uri in wrong {
            let error = uri.parse::<Identity>().expect_err(uri);
            assert!(error.to_string().contains("arbiter://vpn/node/3"), "{uri}: {error}");
        }
    }

    #[test]
    fn an_operator_may_what_a_viewer_may_and_an_admin_all() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        assert_eq!(authority_cluster(&authority_uri("a b")).as_deref(), Some("a b"));
        assert!(
            authority_uri("vpn").parse::<Identity>().is_err()
                && authority_cluster("arbiter://vpn/node/3").is_none()
        );
        assert!(Identity::is_meant("Arbiter://vpn") && !Identity::is_meant("https://vpn"));
    }
}
