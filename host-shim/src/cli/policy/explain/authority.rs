//! Authorities in words: whose signature counts, and what must vouch for it.

use countersign::{
    crypto::{PublicKey, hex},
    policy::{
        Authority, CosignAuthority, CosignSigner, Identity, Instance, Pattern, Policy, Subject,
    },
    trust::identity::subject_line,
    verify::notation::{Action, NotationAuthority, Revocation, VerifyTimestamp},
    x509::Certificate,
};
use serde_json::Value;

use super::{Said, requirement::compact};

/// The authorities of a policy.
pub(super) struct Authorities<'a> {
    pub(super) policy: &'a Policy,
    pub(super) document: &'a Value,
}

impl Authorities<'_> {
    /// One of them, by its name or by where it stands.
    pub(super) fn say(&self, name: &str) -> Said {
        let text = if name.starts_with('/') { "an authority" } else { name };
        let Some(authority) = self.policy.authorities.get(name) else {
            return Said::new(text);
        };
        Said::new(format!("{text}:")).with(match authority {
            Authority::Cosign(cosign) => self.cosign(name, cosign),
            Authority::Notation(notation) => of_notation(notation),
            Authority::NotationSkip(_) => {
                vec![Said::new("Notation's level skip: nothing is verified")]
            }
        })
    }

    fn cosign(&self, name: &str, authority: &CosignAuthority) -> Vec<Said> {
        let mut said = vec![match &authority.signer {
            CosignSigner::Keys(keys) => Said::new("a signature with one of these keys:")
                .with(keys.iter().map(key).collect()),
            CosignSigner::Certificate { roots, subject, issuer, .. } => {
                let mut whose = vec![Said::new(match subject {
                    Subject::AlternativeName(name) => format!("its name: {}", of(name)),
                    Subject::DistinguishedName(name) => format!("its subject: {}", of(name)),
                })];
                whose.extend(issuer.as_ref().map(|i| Said::new(format!("its issuer: {}", of(i)))));
                whose.extend(roots.iter().map(root));
                Said::new("a signature with a certificate of an own CA:").with(whose)
            }
            CosignSigner::Pinned(pinned) => {
                let mut whose = vec![root(&pinned.certificate)];
                whose.extend(pinned.roots.iter().map(root));
                Said::new("a signature with the key of this certificate:").with(whose)
            }
            CosignSigner::Keyless(identities) => {
                let identities = identities.iter().map(identity).collect();
                Said::new("a signature with a short-lived certificate of one of these identities:")
                    .with(identities)
            }
        }];
        if !authority.instances.is_empty() {
            let each = authority.instances.iter().map(instance).collect();
            said.push(Said::new("for which one of these Sigstore instances vouches:").with(each));
        } else if matches!(authority.signer, CosignSigner::Keys(_)) {
            said.push(Said::new("the key alone: no log and no timestamp says when it signed"));
        }
        for (name, value) in &authority.annotations {
            said.push(Said::new(format!("with the signed annotation {name}={value}")));
        }
        if authority.bound_to.is_some() {
            let place = if name.starts_with('/') {
                self.document.pointer(name)
            } else {
                self.document["spec"]["authorities"].get(name)
            };
            let bound = place.map_or(&Value::Null, |a| &a["cosign"]["boundTo"]);
            said.push(Said::new(format!(
                "made for the name that is asked for: {}",
                compact(bound)
            )));
        }
        said
    }
}

fn of(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Exact(text) => text.clone(),
        Pattern::RegExp { text, .. } => format!("all of it matches /{text}/"),
    }
}

fn key(key: &PublicKey) -> Said {
    Said::new(format!("{} sha256:{}", key.kind(), hex(key.spki_sha256())))
}

fn root(certificate: &Certificate) -> Said {
    let subject = subject_line(certificate.subject());
    let fingerprint = certificate.fingerprint();
    let until = certificate.not_after();
    Said::new(format!("under {subject}, sha256:{fingerprint}, valid until {until}"))
}

fn identity(identity: &Identity) -> Said {
    let mut said = vec![Said::new(format!("issuer: {}", of(&identity.issuer)))];
    for (name, pattern) in &identity.extensions {
        said.push(Said::new(format!("{name}: {}", of(pattern))));
    }
    Said::new(of(&identity.subject)).with(said)
}

fn instance(instance: &Instance) -> Said {
    let mut said = vec![Said::new(match instance.logs {
        0 if instance.logs_if_present => {
            "no log entry is asked for; one that is there must be right".to_owned()
        }
        0 => "no log entry is asked for".to_owned(),
        1 => "an entry in a transparency log".to_owned(),
        n => format!("entries in {n} transparency logs"),
    })];
    if instance.timestamps > 0 {
        let of = match instance.timestamps {
            1 => "a timestamp authority".to_owned(),
            n => format!("{n} timestamp authorities"),
        };
        said.push(Said::new(format!("a timestamp of {of}")));
    }
    for authority in &instance.root.certificate_authorities {
        if let Some(anchor) = authority.anchor.first() {
            let subject = subject_line(anchor.subject());
            said.push(Said::new(format!(
                "certificates under {subject}, sha256:{}, in use {}",
                anchor.fingerprint(),
                authority.valid_for
            )));
        }
    }
    for log in &instance.root.logs {
        let (name, id) = (&log.origin, hex(log.key.spki_sha256()));
        said.push(Said::new(format!("log {name} sha256:{id}, in use {}", log.valid_for)));
    }
    Said::new(instance.name.clone()).with(said)
}

fn of_notation(authority: &NotationAuthority) -> Vec<Said> {
    let identities =
        authority.trusted_identities.iter().map(|i| Said::new(i.to_string())).collect();
    let mut said = vec![Said::new("a signature of Notation by one of:").with(identities)];
    for (store, certificates) in [
        ("ca", &authority.ca),
        ("signingAuthority", &authority.signing_authority),
        ("tsa", &authority.tsa),
    ] {
        if !certificates.is_empty() {
            let each = certificates.iter().map(root).collect();
            said.push(Said::new(format!("trust store {store}:")).with(each));
        }
    }
    for (what, action) in [
        ("authenticity", authority.actions.authenticity),
        ("authentic timestamp", authority.actions.authentic_timestamp),
        ("expiry", authority.actions.expiry),
    ] {
        if action == Action::Log {
            said.push(Said::new(format!("{what} is only logged")));
        }
    }
    for (what, revocation) in [
        ("revocation", authority.revocation),
        ("revocation of timestamps", authority.tsa_revocation),
    ] {
        match revocation {
            Revocation::Enforce => {}
            Revocation::Log => said.push(Said::new(format!("{what} is only logged"))),
            Revocation::Skip => said.push(Said::new(format!("{what} is not looked at"))),
        }
    }
    if !authority.tsa.is_empty() {
        said.push(Said::new(match authority.verify_timestamp {
            VerifyTimestamp::Always => "a timestamp is needed",
            VerifyTimestamp::AfterCertExpiry => {
                "a timestamp is needed once a certificate has expired"
            }
        }));
    }
    for (name, value) in &authority.user_metadata {
        said.push(Said::new(format!("with the signed metadata {name}={value}")));
    }
    said
}
