//! `trust` and `authorities`.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Authority, cosign,
    reader::{Cursor, Reader, nearest},
    sigstore,
};
use crate::{
    crypto::{Memo, Spend},
    trust::{TrustedIdentity, check_overlap, sigstore::TrustedRoot},
    verdict::Code,
    verify::notation::{Action, Level, NotationAuthority, Profile},
    x509::Certificate,
};

/// Certificates in one trust store; public CA programmes have some 150.
const MOST_CERTIFICATES: usize = 512;

/// `spec.trust.<name>`.
pub(super) enum Trust {
    /// `sigstore`.
    Sigstore(Arc<TrustedRoot>),
    /// `x509`.
    X509 { roots: Vec<Certificate>, intermediates: Vec<Certificate> },
    /// `notation`.
    Notation { ca: Vec<Certificate>, signing_authority: Vec<Certificate> },
}

pub(super) fn trust(
    r: &mut Reader,
    at: &Cursor<'_>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<Trust> {
    let object = r.object(at, &["notation", "sigstore", "x509"], &[])?;
    let (field, at) = r.one_of(&object, &["notation", "sigstore", "x509"])?;
    if field == "sigstore" {
        let root = sigstore::read(r, &at, name, warnings)?;
        return Some(Trust::Sigstore(Arc::new(root)));
    }
    if field == "x509" {
        let x509 = r.object(&at, &["intermediates", "roots"], &[])?;
        let roots = x509.need(r, "roots").map(|at| certificates(r, &at)).unwrap_or_default();
        let intermediates =
            x509.get("intermediates").map(|at| certificates(r, &at)).unwrap_or_default();
        return Some(Trust::X509 { roots, intermediates });
    }
    let notation = r.object(&at, &["ca", "signingAuthority", "tsa"], &[])?;
    if let Some(tsa) = notation.get("tsa")
        && tsa.value.as_array().is_none_or(|list| !list.is_empty())
    {
        r.not_implemented(&tsa.path, "a `tsa` store");
    }
    let mut store = |name: &str| match notation.get(name) {
        // An empty list is a store that is not there.
        Some(at) if at.value.as_array().is_some_and(Vec::is_empty) => Vec::new(),
        Some(at) => stored(r, &at),
        None => Vec::new(),
    };
    let (ca, signing_authority) = (store("ca"), store("signingAuthority"));
    if ca.is_empty() && signing_authority.is_empty() {
        r.error(
            Code::PolicyMissingField,
            &notation.path,
            "no trust store: `ca` or `signingAuthority` is needed",
        );
    }
    Some(Trust::Notation { ca, signing_authority })
}

/// Notation requirement 62: CA certificates, or self-signed ones.
fn stored(r: &mut Reader, at: &Cursor<'_>) -> Vec<Certificate> {
    let stored = certificates(r, at);
    for certificate in &stored {
        let self_signed = || {
            certificate.subject_der() == certificate.issuer_der()
                && certificate.public_key().is_ok_and(|key| {
                    matches!(
                        certificate.verify_signed_by(&key, &Spend::new(1, Memo::default())),
                        Ok(Ok(()))
                    )
                })
        };
        if !certificate.is_ca() && !self_signed() {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!(
                    "certificate with subject `{}` is neither a CA nor self-signed",
                    certificate.subject()
                ),
            );
        }
    }
    stored
}

fn certificates(r: &mut Reader, at: &Cursor<'_>) -> Vec<Certificate> {
    let mut all = Vec::new();
    for (text, item) in r.texts(at) {
        match Certificate::from_pem_chain(text, MOST_CERTIFICATES) {
            Ok(certificates) => all.extend(certificates),
            Err(error) => r.error(Code::PolicyInvalidValue, &item.path, error.to_string()),
        }
    }
    if all.len() > MOST_CERTIFICATES {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("more than {MOST_CERTIFICATES} certificates"),
        );
    }
    all
}

pub(super) fn authority(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &BTreeMap<String, Trust>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<Authority> {
    let object = r.object(at, &["cosign", "github", "notation"], &["static"])?;
    let (field, at) = r.one_of(&object, &["cosign", "github", "notation"])?;
    match field {
        "cosign" => cosign::read(r, &at, trust, name, warnings).map(Authority::Cosign),
        "github" => cosign::github(r, &at),
        _ => notation(r, &at, trust, name, warnings).map(Authority::Notation),
    }
}

fn notation(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &BTreeMap<String, Trust>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<NotationAuthority> {
    let object = r.object(
        at,
        &[
            "level",
            "override",
            "profile",
            "trust",
            "trustedIdentities",
            "tsaRevocation",
            "userMetadata",
            "verifyTimestamp",
        ],
        &[],
    )?;
    for field in ["tsaRevocation", "verifyTimestamp"] {
        if let Some(at) = object.get(field) {
            r.not_implemented(&at.path, &format!("`{field}`"));
        }
    }
    let level = match object.get("level") {
        Some(at) => r.word(
            &at,
            &[
                ("strict", Some(Level::Strict)),
                ("permissive", Some(Level::Permissive)),
                ("audit", Some(Level::Audit)),
                ("skip", None),
            ],
        )?,
        None => Some(Level::Strict),
    };
    let Some(level) = level else {
        r.not_implemented(&object.path, "the level `skip`");
        return None;
    };
    let mut actions = level.actions();
    let mut revocation_skipped = false;
    if let Some(at) = object.get("override") {
        let overrides =
            r.object(&at, &["authenticTimestamp", "authenticity", "expiry", "revocation"], &[])?;
        let words = [("enforce", Action::Enforce), ("log", Action::Log)];
        for (field, action) in [
            ("authenticity", &mut actions.authenticity),
            ("authenticTimestamp", &mut actions.authentic_timestamp),
            ("expiry", &mut actions.expiry),
        ] {
            if let Some(word) = overrides.get(field).and_then(|at| r.word(&at, &words)) {
                *action = word;
            }
        }
        if let Some(at) = overrides.get("revocation") {
            revocation_skipped =
                r.word(&at, &[("skip", true), ("enforce", false), ("log", false)]).unwrap_or(false);
        }
    }
    if revocation_skipped {
        warnings.push(format!("authority `{name}` does not check revocation"));
    } else {
        r.not_implemented(&object.path, "revocation (set `override: { revocation: skip }`)");
    }
    let profile = object
        .get("profile")
        .and_then(|at| r.word(&at, &[("spec", Profile::Spec), ("compat", Profile::Compat)]));
    let trusted_identities =
        object.need(r, "trustedIdentities").map(|at| identities(r, &at)).unwrap_or_default();
    let user_metadata =
        object.get("userMetadata").map(|at| user_metadata(r, &at)).unwrap_or_default();
    let at = object.need(r, "trust")?;
    match named_trust(r, &at, trust)? {
        Trust::Notation { ca, signing_authority } => Some(NotationAuthority {
            ca: ca.clone(),
            signing_authority: signing_authority.clone(),
            actions,
            trusted_identities,
            user_metadata,
            profile: profile.unwrap_or(Profile::Spec),
        }),
        Trust::Sigstore(_) | Trust::X509 { .. } => {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                "`trust` of a Notation authority is a `notation` one",
            );
            None
        }
    }
}

fn identities(r: &mut Reader, at: &Cursor<'_>) -> Vec<TrustedIdentity> {
    let mut identities = Vec::new();
    let texts = r.texts(at);
    for (text, item) in &texts {
        match TrustedIdentity::parse(text) {
            Ok(identity) => identities.push(identity),
            Err(error) => r.error(Code::PolicyInvalidValue, &item.path, error.to_string()),
        }
    }
    if let Err(error) = check_overlap(&identities) {
        r.error(Code::PolicyInvalidValue, &at.path, error.to_string());
    }
    identities
}

/// Notation requirement 44: the prefix is the specification's own.
fn user_metadata(r: &mut Reader, at: &Cursor<'_>) -> BTreeMap<String, String> {
    let map = text_map(r, at);
    if let Some(name) = map.keys().find(|name| name.starts_with("io.cncf.notary")) {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("`{name}`: names that start with `io.cncf.notary` are reserved"),
        );
    }
    map
}

pub(super) fn text_map(r: &mut Reader, at: &Cursor<'_>) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (name, value) in r.map(at) {
        match value.value.as_str() {
            Some(text) => {
                map.insert(name.to_owned(), text.to_owned());
            }
            None => r.wrong_type(&value, "a string"),
        }
    }
    map
}

pub(super) fn named_trust<'t>(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &'t BTreeMap<String, Trust>,
) -> Option<&'t Trust> {
    let name = r.text(at)?;
    let found = trust.get(name);
    // A trust that is there but was refused has its error already.
    if found.is_none()
        && r.errors.iter().all(|e| !e.path.starts_with(&format!("/spec/trust/{name}")))
    {
        r.suggest(
            Code::PolicyUnknownName,
            &at.path,
            format!("`spec.trust` has no `{name}`"),
            nearest(name, trust.keys().map(String::as_str)),
        );
    }
    found
}
