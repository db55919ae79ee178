//! `trust` and `authorities`.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Authority, cosign, notation,
    reader::{Cursor, Reader, nearest},
    sigstore,
};
use crate::{trust::sigstore::TrustedRoot, verdict::Code, x509::Certificate};

/// Certificates in one trust store; public CA programmes have some 150.
const MOST_CERTIFICATES: usize = 512;

/// `spec.trust.<name>`.
pub(super) enum Trust {
    /// `sigstore`.
    Sigstore(Arc<TrustedRoot>),
    /// `x509`.
    X509 { roots: Vec<Certificate>, intermediates: Vec<Certificate> },
    /// `notation`.
    Notation(notation::Stores),
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
    notation::stores(r, &at).map(Trust::Notation)
}

pub(super) fn certificates(r: &mut Reader, at: &Cursor<'_>) -> Vec<Certificate> {
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
        _ => notation::authority(r, &at, trust, name, warnings),
    }
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
