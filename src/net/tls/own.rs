//! A certificate of one's own making, for a server that nobody has given one.

use crate::error::{Error, Result};
use rcgen::{CertificateParams, DnType, KeyPair};

/// A self-signed certificate and its key, both in PEM.
pub struct OwnCertificate {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// Makes one for `names`, of which each is a host name or an address.
///
/// # Errors
/// 74: no random numbers, or a name that no certificate can have.
pub fn self_signed(names: &[String]) -> Result<OwnCertificate> {
    let failed = |e: rcgen::Error| Error::io(format!("no certificate can be made: {e}"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "pipepost");
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(OwnCertificate { certificate: certificate.pem(), key: key.serialize_pem() })
}
