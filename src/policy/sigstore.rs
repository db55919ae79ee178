//! `spec.trust.<name>.sigstore`: a trusted root, or an instance's keys and certificates by
//! themselves.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::reader::{Cursor, Object, Reader};
use crate::{
    crypto::{KeyError, PublicKey},
    time::Time,
    trust::sigstore::{self, Authority, Log, Period, TrustedRoot},
    verdict::Code,
    x509::Certificate,
};

/// Instances of one kind of service; public-good's root lists two or three.
const MOST_INSTANCES: usize = 100;
/// Certificates of one chain.
const MOST_CERTIFICATES: usize = 10;

/// spec: sigstore_trustroot.proto, TrustedRoot.media_type
const MEDIA_TYPES: &[&str] = &[
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];

const SERVICES: [&str; 4] = ["certificateAuthorities", "ctlogs", "timestampAuthorities", "tlogs"];

/// Reads the material. What it says that does not stop it is in `warnings`.
pub(super) fn read(
    r: &mut Reader,
    at: &Cursor<'_>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<TrustedRoot> {
    let object = r.object(at, &[&["trustedRoot"][..], &SERVICES[..]].concat(), &[])?;
    let mut source = Source { name, warnings, own: false };
    match object.get("trustedRoot") {
        Some(root) => {
            if let Some(at) = SERVICES.iter().find_map(|field| object.get(field)) {
                r.error(
                    Code::PolicyInvalidValue,
                    &at.path,
                    "either `trustedRoot` or the services by themselves",
                );
            }
            trusted_root(r, &root, &mut source)
        }
        None if SERVICES.iter().any(|field| object.get(field).is_some()) => {
            source.own = true;
            Some(services(r, &object, &mut source))
        }
        None => {
            r.error(Code::PolicyMissingField, &object.path, "`trustedRoot` is missing");
            None
        }
    }
}

struct Source<'a> {
    name: &'a str,
    warnings: &'a mut Vec<String>,
    /// The policy's own words, with PEM, in place of a trusted root's.
    own: bool,
}

fn trusted_root(r: &mut Reader, at: &Cursor<'_>, source: &mut Source<'_>) -> Option<TrustedRoot> {
    if at.value.is_object() {
        return document(r, at, source);
    }
    let text = r.word(
        at,
        &[
            ("embedded", sigstore::PUBLIC_GOOD),
            ("github", sigstore::GITHUB),
            ("staging", sigstore::STAGING),
        ],
    )?;
    embedded(r, &at.path, text)
}

/// A root that the module carries.
pub(super) fn embedded(r: &mut Reader, path: &str, text: &str) -> Option<TrustedRoot> {
    let value: Value = serde_json::from_str(text).ok()?;
    // What an embedded root has beyond what is verified here is nothing that a user can change.
    let mut source = Source { name: "embedded", warnings: &mut Vec::new(), own: false };
    document(r, &Cursor { value: &value, path: path.to_owned() }, &mut source)
}

fn document(r: &mut Reader, at: &Cursor<'_>, source: &mut Source<'_>) -> Option<TrustedRoot> {
    for word in ["file", "tuf"] {
        if at.value.get(word).is_some() {
            r.error(
                Code::PolicyNotImplemented,
                &at.path,
                format!(
                    "`{word}` is read by the host before the policy comes here: this host does not"
                ),
            );
            return None;
        }
    }
    let object = r.object(at, &[&["mediaType"][..], &SERVICES[..]].concat(), &[])?.without_nulls();
    let media_type = object.need(r, "mediaType")?;
    let found = r.text(&media_type)?;
    if !MEDIA_TYPES.contains(&found) {
        r.error(
            Code::PolicyInvalidValue,
            &media_type.path,
            format!("`{found}` is not the media type of a trusted root"),
        );
        return None;
    }
    Some(services(r, &object, source))
}

fn services(r: &mut Reader, object: &Object<'_>, source: &mut Source<'_>) -> TrustedRoot {
    TrustedRoot {
        logs: each(r, object, "tlogs", source, log),
        ct_logs: each(r, object, "ctlogs", source, log),
        certificate_authorities: each(r, object, "certificateAuthorities", source, |r, at, s| {
            authority(r, at, s, false)
        }),
        timestamp_authorities: each(r, object, "timestampAuthorities", source, |r, at, s| {
            authority(r, at, s, true)
        }),
    }
}

fn each<'a, T>(
    r: &mut Reader,
    object: &Object<'a>,
    field: &str,
    source: &mut Source<'_>,
    read: impl Fn(&mut Reader, &Cursor<'a>, &mut Source<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(at) = object.get(field) else {
        return Vec::new();
    };
    // An empty list is a service that the instance does not have.
    if at.value.as_array().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let items = r.list(&at);
    if items.len() > MOST_INSTANCES {
        r.error(Code::PolicyInvalidValue, &at.path, format!("more than {MOST_INSTANCES} entries"));
        return Vec::new();
    }
    let errors = r.errors.len();
    let found: Vec<T> = items.iter().filter_map(|item| read(r, item, source)).collect();
    // A service of which nothing can be used is not one that the instance does not have: what it
    // should vouch for would not be asked for any more.
    if found.is_empty() && r.errors.len() == errors {
        let message = format!("none of these `{field}` can be used");
        r.error(Code::PolicyInvalidValue, &at.path, message);
    }
    found
}

/// TransparencyLogInstance.
fn log(r: &mut Reader, at: &Cursor<'_>, source: &mut Source<'_>) -> Option<Log> {
    if source.own {
        return own_log(r, at);
    }
    let known = ["baseUrl", "checkpointKeyId", "hashAlgorithm", "logId", "operator", "publicKey"];
    let object = r.object(at, &known, &[])?.without_nulls();
    let base_url = match object.get("baseUrl") {
        Some(at) => r.text(&at)?,
        None => "",
    };
    let public_key = object.need(r, "publicKey")?;
    let public_key = r.object(&public_key, &["keyDetails", "rawBytes", "validFor"], &[])?;
    let public_key = public_key.without_nulls();
    let raw = public_key.need(r, "rawBytes").and_then(|at| base64(r, &at));
    let details = public_key.need(r, "keyDetails");
    let details = details.and_then(|at| r.text(&at)).map(str::to_owned);
    // sigstore-go and the conformance suite ask for it; without it a retired key would count.
    let valid_for = public_key.need(r, "validFor").and_then(|at| period(r, &at));
    let id = object.need(r, "logId").and_then(|at| key_id(r, &at));
    let checkpoint_key_id = match object.get("checkpointKeyId") {
        Some(at) => Some(key_id(r, &at)?),
        None => None,
    };
    let operator = match object.get("operator") {
        Some(at) => Some(r.text(&at)?.to_owned()),
        None => None,
    };
    let hash = match object.get("hashAlgorithm") {
        Some(at) => r.text(&at)?,
        None => "SHA2_256",
    };
    let (raw, details, valid_for, id) = (raw?, details?, valid_for?, id?);
    let key = match details.as_str() {
        "PKCS1_RSA_PKCS1V5" | "PKCS1_RSA_PSS" => PublicKey::from_pkcs1_der(&raw),
        _ => PublicKey::from_spki_der(&raw),
    };
    let origin = sigstore::host(base_url);
    let unusable = |why: &str| {
        format!("trust `{}`: entries of the log {base_url} do not count: {why}", source.name)
    };
    let key = match key {
        Ok(key) => key,
        Err(error @ (KeyError::Malformed | KeyError::NotPem)) => {
            r.error(Code::PolicyInvalidValue, &public_key.path, error.to_string());
            return None;
        }
        Err(error) => {
            source.warnings.push(unusable(&error.to_string()));
            return None;
        }
    };
    let Some(scheme) = sigstore::scheme(&details, key.kind()) else {
        source
            .warnings
            .push(unusable(&format!("`keyDetails: {details}` on a key of type {}", key.kind())));
        return None;
    };
    if hash != "SHA2_256" {
        source.warnings.push(unusable(&format!("`hashAlgorithm: {hash}`")));
        return None;
    }
    let operator = operator.unwrap_or_else(|| crate::crypto::hex(key.spki_sha256()));
    Some(Log { origin, id, checkpoint_key_id, key, scheme, valid_for, operator })
}

/// `{ publicKey: PEM, baseUrl?, validFor? }`, or the PEM alone.
fn own_log(r: &mut Reader, at: &Cursor<'_>) -> Option<Log> {
    let (pem, base_url, valid_for) = match at.value {
        Value::Object(_) => {
            let object = r.object(at, &["baseUrl", "publicKey", "validFor"], &[])?;
            let base_url = match object.get("baseUrl") {
                Some(at) => r.text(&at)?,
                None => "",
            };
            let valid_for = match object.get("validFor") {
                Some(at) => period(r, &at)?,
                None => Period::ALWAYS,
            };
            (object.need(r, "publicKey")?, base_url, valid_for)
        }
        _ => (at.clone(), "", Period::ALWAYS),
    };
    let text = r.text(&pem)?;
    let key = match PublicKey::from_pem(text) {
        Ok(key) => key,
        Err(error) => {
            r.error(Code::PolicyInvalidValue, &pem.path, error.to_string());
            return None;
        }
    };
    let origin = sigstore::host(base_url);
    let id = key.spki_sha256().to_vec();
    let scheme = sigstore::default_scheme(key.kind());
    // spec: C2SP signed-note §Signatures, for a log whose name is known.
    let checkpoint_key_id = sigstore::note_key_id(&origin, &key);
    let operator = crate::crypto::hex(key.spki_sha256());
    Some(Log { origin, id, checkpoint_key_id, key, scheme, valid_for, operator })
}

/// CertificateAuthority.
fn authority(
    r: &mut Reader,
    at: &Cursor<'_>,
    source: &Source<'_>,
    is_tsa: bool,
) -> Option<Authority> {
    let (chain, valid_for, operator, path) = if source.own {
        own_chain(r, at)?
    } else {
        let object = r
            .object(at, &["certChain", "operator", "subject", "uri", "validFor"], &[])?
            .without_nulls();
        let chain = object.need(r, "certChain")?;
        let chain = r.object(&chain, &["certificates"], &[])?;
        let list = chain.need(r, "certificates")?;
        let items = r.list(&list);
        if items.len() > MOST_CERTIFICATES {
            r.error(
                Code::PolicyInvalidValue,
                &list.path,
                format!("more than {MOST_CERTIFICATES} certificates"),
            );
            return None;
        }
        let certificates: Vec<_> = items.iter().filter_map(|at| raw_certificate(r, at)).collect();
        if certificates.len() != items.len() {
            return None;
        }
        let valid_for = match object.get("validFor") {
            Some(at) => period(r, &at)?,
            None => Period::ALWAYS,
        };
        let operator = match object.get("operator") {
            Some(at) => Some(r.text(&at)?.to_owned()),
            None => None,
        };
        (certificates, valid_for, operator, list.path)
    };
    let mut chain = chain.into_iter();
    let leaf = match chain.as_slice().first() {
        // A chain may begin with the timestamp authority's own certificate.
        Some(first) if is_tsa && !first.is_ca() => chain.next(),
        _ => None,
    };
    let mut intermediates: Vec<_> = chain.collect();
    // spec: sigstore_trustroot.proto "The last certificate in the chain MUST be the trust anchor."
    let Some(anchor) = intermediates.pop() else {
        r.error(Code::PolicyInvalidValue, &path, "the chain has no CA certificate");
        return None;
    };
    let operator = operator.unwrap_or_else(|| {
        let own = leaf.as_ref().or_else(|| intermediates.first()).unwrap_or(&anchor);
        crate::crypto::hex(&crate::crypto::sha256(own.spki_der()))
    });
    Some(Authority { leaf, intermediates, anchor: vec![anchor], valid_for, operator })
}

type OwnChain = (Vec<Certificate>, Period, Option<String>, String);

/// `{ certChain: PEM, validFor? }`, or the PEM alone; the anchor comes last.
fn own_chain(r: &mut Reader, at: &Cursor<'_>) -> Option<OwnChain> {
    let (pem, valid_for) = match at.value {
        Value::Object(_) => {
            let object = r.object(at, &["certChain", "validFor"], &[])?;
            let valid_for = match object.get("validFor") {
                Some(at) => period(r, &at)?,
                None => Period::ALWAYS,
            };
            (object.need(r, "certChain")?, valid_for)
        }
        _ => (at.clone(), Period::ALWAYS),
    };
    let text = r.text(&pem)?;
    match Certificate::from_pem_chain(text, MOST_CERTIFICATES) {
        Ok(chain) => Some((chain, valid_for, None, pem.path)),
        Err(error) => {
            r.error(Code::PolicyInvalidValue, &pem.path, error.to_string());
            None
        }
    }
}

fn raw_certificate(r: &mut Reader, at: &Cursor<'_>) -> Option<Certificate> {
    let object = r.object(at, &["rawBytes"], &[])?;
    let raw = object.need(r, "rawBytes")?;
    let der = base64(r, &raw)?;
    match Certificate::from_der(&der) {
        Ok(certificate) => Some(certificate),
        Err(error) => {
            r.error(Code::PolicyInvalidValue, &raw.path, error.to_string());
            None
        }
    }
}

/// TimeRange. A fraction of a second is cut off.
fn period(r: &mut Reader, at: &Cursor<'_>) -> Option<Period> {
    let object = r.object(at, &["end", "start"], &[])?.without_nulls();
    let mut time = |at: &Cursor<'_>| {
        let text = r.text(at)?;
        let time = Time::parse(text);
        if time.is_none() {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`{text}` is not RFC 3339 such as 2026-11-21T03:00:00Z"),
            );
        }
        time
    };
    let end = match object.get("end") {
        Some(at) => Some(time(&at)?),
        None => None,
    };
    match object.get("start") {
        Some(at) => Some(Period { start: time(&at)?, end }),
        None => {
            r.error(Code::PolicyMissingField, &object.path, "`start` is missing");
            None
        }
    }
}

fn key_id(r: &mut Reader, at: &Cursor<'_>) -> Option<Vec<u8>> {
    let object = r.object(at, &["keyId"], &[])?;
    let at = object.need(r, "keyId")?;
    base64(r, &at).filter(|id| !id.is_empty())
}

fn base64(r: &mut Reader, at: &Cursor<'_>) -> Option<Vec<u8>> {
    let text = r.text(at)?;
    let bytes = STANDARD.decode(text).ok();
    if bytes.is_none() {
        r.error(Code::PolicyInvalidValue, &at.path, "not standard base64");
    }
    bytes
}
