//! Which certificate is shown: that of the command line, else that of the environment.

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Environment;
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
