//! `trust` and `authorities`.

use std::collections::BTreeMap;

use super::{
    Authority, CosignAuthority, CosignSigner, Subject,
    reader::{Cursor, Object, Reader, nearest},
};
use crate::{
    crypto::{KeyError, Memo, PublicKey, Spend},
    trust::{TrustedIdentity, check_overlap},
    verdict::Code,
    verify::notation::{Action, Level, NotationAuthority, Profile},
    x509::Certificate,
};

/// Certificates in one trust store; public CA programmes have some 150.
const MOST_CERTIFICATES: usize = 512;

/// `spec.trust.<name>`.
pub(super) enum Trust {
    /// `x509`.
    X509 { roots: Vec<Certificate>, intermediates: Vec<Certificate> },
    /// `notation`.
    Notation { ca: Vec<Certificate>, signing_authority: Vec<Certificate> },
}

pub(super) fn trust(r: &mut Reader, at: &Cursor<'_>) -> Option<Trust> {
    let object = r.object(at, &["notation", "x509"], &["sigstore"])?;
    if object.get("sigstore").is_some() {
        return None;
    }
    let (field, at) = r.one_of(&object, &["notation", "x509"])?;
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
    let object = r.object(at, &["cosign", "notation"], &["static"])?;
    let (field, at) = r.one_of(&object, &["cosign", "notation"])?;
    if field == "cosign" {
        cosign(r, &at, trust, name, warnings).map(Authority::Cosign)
    } else {
        notation(r, &at, trust, name, warnings).map(Authority::Notation)
    }
}

fn cosign(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &BTreeMap<String, Trust>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<CosignAuthority> {
    let object = r.object(
        at,
        &["annotations", "certificate", "keys", "timestamp", "transparencyLog", "trust"],
        &["boundTo", "keyless"],
    )?;
    if object.get("keyless").is_some() {
        return None;
    }
    let material = object.get("trust").map(|at| named_trust(r, &at, trust));
    if let Some(at) = object.get("timestamp")
        && r.word(&at, &[("optional", true), ("required", false)]) == Some(false)
    {
        r.not_implemented(&at.path, "a required timestamp");
    }
    if let Some(at) = object.get("transparencyLog")
        && r.word(&at, &[("ignore", true), ("required", false)]) == Some(false)
    {
        r.not_implemented(&at.path, "a required transparency log");
    }
    let annotations = object.get("annotations").map(|at| text_map(r, &at)).unwrap_or_default();
    let (field, at) = r.one_of(&object, &["keys", "certificate"])?;
    let signer = if field == "keys" {
        match material {
            None => warnings.push(format!(
                "authority `{name}` checks the key alone: neither a transparency log nor a \
                 timestamp says when it signed"
            )),
            Some(Some(_)) => r.error(
                Code::PolicyInvalidValue,
                &object.path,
                "`trust` of keys is a Sigstore trusted root",
            ),
            Some(None) => return None,
        }
        CosignSigner::Keys(keys(r, &at))
    } else {
        certificate(r, &object, &at, material)?
    };
    Some(CosignAuthority { signer, annotations })
}

fn keys(r: &mut Reader, at: &Cursor<'_>) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    for (text, item) in r.texts(at) {
        match PublicKey::from_pem(text) {
            Ok(key) => keys.push(key),
            Err(error) => {
                let code = match error {
                    KeyError::Weak { .. } => Code::KeyWeak,
                    KeyError::Unsupported { .. } => Code::KeyUnsupported,
                    KeyError::Malformed | KeyError::NotPem => Code::PolicyInvalidValue,
                };
                r.error(code, &item.path, error.to_string());
            }
        }
    }
    keys
}

fn certificate(
    r: &mut Reader,
    object: &Object<'_>,
    at: &Cursor<'_>,
    material: Option<Option<&Trust>>,
) -> Option<CosignSigner> {
    let fields = r.object(at, &["subject", "subjectRegExp"], &["issuer"])?;
    let (field, at) = r.one_of(&fields, &["subject", "subjectRegExp"])?;
    let text = r.text(&at)?;
    let subject = if field == "subject" {
        Subject::Exact(text.to_owned())
    } else {
        match regex_lite::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build() {
            Ok(compiled) => Subject::RegExp { text: text.to_owned(), compiled },
            Err(error) => {
                r.error(
                    Code::PolicyInvalidValue,
                    &at.path,
                    format!("not a regular expression: {error}"),
                );
                return None;
            }
        }
    };
    match material {
        Some(Some(Trust::X509 { roots, intermediates })) => Some(CosignSigner::Certificate {
            roots: roots.clone(),
            intermediates: intermediates.clone(),
            subject,
        }),
        Some(Some(Trust::Notation { .. })) => {
            r.error(
                Code::PolicyInvalidValue,
                &object.path,
                "`trust` of a certificate is an `x509` one",
            );
            None
        }
        Some(None) => None,
        None => {
            r.error(Code::PolicyMissingField, &object.path, "`certificate` needs `trust`");
            None
        }
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
        Trust::X509 { .. } => {
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

fn text_map(r: &mut Reader, at: &Cursor<'_>) -> BTreeMap<String, String> {
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

fn named_trust<'t>(
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
