//! What of a policy can only be said at a time: whether its own certificates chain to what it trusts.

use serde_json::Value;

use super::{Authority, CosignSigner, Policy, kubewarden};
use crate::{
    crypto::{Memo, Spend},
    time::Time,
    verdict::Code,
    wire::PolicyError,
    x509::path::{self, PathError, Purpose},
};

/// Signature operations for one certificate; chains of own CAs have two or three certificates.
const MOST_OPERATIONS: u64 = 32;

impl Policy {
    /// Errors of the certificates that a good policy has itself, as of `now`: every decision that asks for
    /// one of them would be refused. `document` is what the policy was parsed from.
    pub fn untrusted(&self, document: &Value, now: Time) -> Vec<PolicyError> {
        let mut errors = Vec::new();
        for (name, authority) in &self.authorities {
            let Authority::Cosign(cosign) = authority else { continue };
            let CosignSigner::Pinned(pinned) = &cosign.signer else { continue };
            let leaf = &pinned.certificate;
            let found = if now < leaf.not_before() {
                Err(PathError::NotYetValid)
            } else if now > leaf.not_after() {
                Err(PathError::Expired)
            } else if pinned.roots.is_empty() {
                Ok(())
            } else {
                let spend = Spend::new(MOST_OPERATIONS, Memo::default());
                let (between, roots) = (&pinned.intermediates, &pinned.roots);
                path::verify(leaf, between, roots, now, Purpose::CodeSigning, &spend)
            };
            errors.extend(found.err().map(|error| untrusted(name, &error)));
        }
        if kubewarden::is_settings(document)
            && let Ok(translation) = kubewarden::translate(document)
        {
            for error in &mut errors {
                error.path = translation.place(&error.path).to_owned();
            }
        }
        errors
    }
}

fn untrusted(name: &str, error: &PathError) -> PolicyError {
    let (code, message) = match error {
        PathError::Expired => {
            (Code::CertificateExpired, "the certificate, or one above it, has expired")
        }
        PathError::NotYetValid => {
            (Code::CertificateNotYetValid, "the certificate, or one above it, is not valid yet")
        }
        PathError::Profile(what) => (Code::CertificateProfile, *what),
        PathError::Untrusted => {
            (Code::CertificateUntrusted, "the certificate does not chain to what is trusted for it")
        }
        PathError::Budget => (Code::BudgetSignatures, "the chain is too long"),
    };
    // One that stands in the place of its name has where it stands for a name.
    let place = match name.starts_with('/') {
        true => name.to_owned(),
        false => format!("/spec/authorities/{}", name.replace('~', "~0").replace('/', "~1")),
    };
    PolicyError {
        code: code.as_str().to_owned(),
        path: format!("{place}/cosign/certificate/pem"),
        message: message.to_owned(),
        suggestion: None,
    }
}
