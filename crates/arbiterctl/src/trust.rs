//! Which certificate is shown: that of the command line, else that of the environment.

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Environment;
use arbiter_config::is_loopback;
use arbiter_tls::{Credentials, Files, Holder};

/// The operator's credentials; `None` if none are named: then nothing is encrypted, and nobody is checked.
pub(crate) fn credentials(
    global: &Global,
    environment: &Environment,
) -> Result<Option<Credentials>, Failure> {
    let ca = global.ca.as_ref().or(environment.ca.as_ref());
    let certificate = global.certificate.as_ref().or(environment.certificate.as_ref());
    let key = global.key.as_ref().or(environment.key.as_ref());
    let (ca, certificate, key) = match (ca, certificate, key) {
        (None, None, None) => return Ok(None),
        (Some(ca), Some(certificate), Some(key)) => (ca.clone(), certificate.clone(), key.clone()),
        _ => {
            return Err(Failure::new(
                Exit::Usage,
                "a certificate needs its key, and an authority to believe nodes by",
            )
            .hint("give --ca, --certificate and --key, or ARBITER_CA, ARBITER_CERTIFICATE and ARBITER_KEY"));
        }
    };
    let opened = Credentials::open(Files { ca, certificate, key }, Holder::Person, Vec::new());
    opened.map(Some).map_err(|error| {
        Failure::new(Exit::Usage, format!("the certificates can't be used: {error}"))
            .hint("`arbiterctl pki show FILE` says whose a certificate is")
    })
}

/// Without certificates this host alone is spoken with, as nodes do: elsewhere anybody between could answer in a node's
/// place, or change what is asked of it.
pub(crate) fn must_be_alone(addresses: &[String]) -> Result<(), Failure> {
    let open: Vec<&str> =
        addresses.iter().filter(|address| !is_loopback(address)).map(String::as_str).collect();
    if open.is_empty() {
        return Ok(());
    }
    let what = format!(
        "without a certificate only loopback addresses are spoken with, and these are others: {}",
        open.join(", ")
    );
    Err(Failure::new(Exit::Usage, what)
        .hint("give --ca, --certificate and --key, or ARBITER_CA, ARBITER_CERTIFICATE and ARBITER_KEY; `arbiterctl pki` makes them")
        .hint("where the nodes have no `[tls]` either, and nobody else is on the way: `--insecure-without-tls`"))
}
