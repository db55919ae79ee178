//! `certificate.pem`: one certificate, whose key must have signed.

use crate::{
    policy::{
        CosignSigner, Pinned,
        reader::{Cursor, Object, Reader},
    },
    verdict::Code,
    x509::{
        Certificate,
        path::{self, PathError, Purpose},
    },
};

/// What never changes of a certificate is looked at here: the policy is refused for it.
pub(super) fn read(
    r: &mut Reader,
    fields: &Object<'_>,
    at: &Cursor<'_>,
    roots: Vec<Certificate>,
    intermediates: Vec<Certificate>,
) -> Option<CosignSigner> {
    for field in ["issuer", "issuerRegExp"] {
        if let Some(at) = fields.get(field) {
            r.error(Code::PolicyInvalidValue, &at.path, "the certificate itself says its issuer");
        }
    }
    let text = r.text(at)?;
    let certificate = match Certificate::from_pem_chain(text, 2) {
        Ok(mut found) if found.len() == 1 => found.pop()?,
        Ok(_) => {
            r.error(Code::PolicyInvalidValue, &at.path, "more than one certificate");
            return None;
        }
        Err(error) => {
            r.error(Code::PolicyInvalidValue, &at.path, error.to_string());
            return None;
        }
    };
    if let Err(PathError::Profile(what)) = path::profile(&certificate, Purpose::CodeSigning) {
        r.error(Code::PolicyInvalidValue, &at.path, what);
        return None;
    }
    if certificate.subject_alt_names().is_empty() {
        let message = "the certificate has no subject alternative name";
        r.error(Code::PolicyInvalidValue, &at.path, message);
        return None;
    }
    match certificate.public_key() {
        Ok(key) => {
            Some(CosignSigner::Pinned(Box::new(Pinned { certificate, key, roots, intermediates })))
        }
        Err(error) => {
            r.error(super::key_code(&error), &at.path, error.to_string());
            None
        }
    }
}
