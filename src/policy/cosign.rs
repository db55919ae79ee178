//! `authorities.<name>.cosign` and `authorities.<name>.github`.

mod pinned;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Authority, CosignAuthority, CosignSigner, Identity, Instance, Pattern, Subject,
    authority::{Trust, named_trust, text_map},
    reader::{Cursor, Object, Reader},
};
use crate::{
    crypto::{KeyError, PublicKey},
    trust::sigstore::{GITHUB, PUBLIC_GOOD, TrustedRoot},
    verdict::Code,
    x509::{Certificate, fulcio},
};

/// The OIDC issuer of GitHub Actions.
pub(super) const GITHUB_ACTIONS: &str = "https://token.actions.githubusercontent.com";

/// `transparencyLog`, `timestamp`: how many distinct ones must vouch.
#[derive(Clone, Copy)]
enum Demand {
    /// What the trust material makes possible.
    Default,
    None,
    /// None, but what is there must be right.
    IfPresent,
    AtLeast(usize),
}

/// Logs or timestamp authorities that a policy can ask for; nobody runs more than a few.
const MOST_DEMANDED: u64 = 8;

pub(super) fn read(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &BTreeMap<String, Trust>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<CosignAuthority> {
    let object = r.object(
        at,
        &[
            "annotations",
            "boundTo",
            "certificate",
            "keyless",
            "keys",
            "timestamp",
            "transparencyLog",
            "trust",
        ],
        &[],
    )?;
    let annotations = object.get("annotations").map(|at| text_map(r, &at)).unwrap_or_default();
    let bound_to = object.get("boundTo").and_then(|at| super::bound::read(r, &at));
    let logs =
        object.get("transparencyLog").map_or(Some(Demand::Default), |at| demand(r, &at, LOGS));
    let timestamps =
        object.get("timestamp").map_or(Some(Demand::Default), |at| demand(r, &at, TIMESTAMPS));
    let materials = match object.get("trust") {
        Some(at) => Some(materials(r, &at, trust)?),
        None => None,
    };
    let (field, signer_at) = r.one_of(&object, &["keys", "certificate", "keyless"])?;
    let (logs, timestamps) = (logs?, timestamps?);
    let materials = Materials::of(materials.as_deref().unwrap_or_default());
    let instances = instances(r, &object, &materials, logs, timestamps)?;
    let signer = match field {
        "keys" => {
            materials.no_x509(r, &object, "keys");
            if instances.iter().all(Instance::asks_nothing) {
                warnings.push(format!(
                    "authority `{name}` checks the key alone: neither a transparency log nor a \
                     timestamp says when it signed"
                ));
            }
            CosignSigner::Keys(keys(r, &signer_at))
        }
        "certificate" => {
            // design §2.9
            if instances.iter().all(Instance::asks_nothing) && signer_at.value.get("pem").is_none()
            {
                warnings.push(format!(
                    "authority `{name}`: certificates are judged at the time of the decision, unless \
                     a log or a timestamp authority has proven another"
                ));
            }
            certificate(r, &object, &signer_at, &materials)?
        }
        _ => {
            materials.no_x509(r, &object, "keyless");
            check_keyless(r, &object, &instances, name, warnings);
            let items = r.list(&signer_at);
            let identities: Vec<_> = items.iter().filter_map(|item| identity(r, item)).collect();
            CosignSigner::Keyless(identities)
        }
    };
    Some(CosignAuthority { signer, annotations, bound_to, instances })
}

const LOGS: &[(&str, Demand)] =
    &[("required", Demand::AtLeast(1)), ("ifPresent", Demand::IfPresent), ("ignore", Demand::None)];
const TIMESTAMPS: &[(&str, Demand)] =
    &[("required", Demand::AtLeast(1)), ("optional", Demand::None)];

/// A word, or `{ atLeast: n }`.
fn demand(r: &mut Reader, at: &Cursor<'_>, words: &[(&str, Demand)]) -> Option<Demand> {
    if !at.value.is_object() {
        return r.word(at, words);
    }
    let object = r.object(at, &["atLeast"], &[])?;
    let at = object.need(r, "atLeast")?;
    match at.value.as_u64() {
        Some(count @ 1..=MOST_DEMANDED) => Some(Demand::AtLeast(usize::try_from(count).ok()?)),
        _ => {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`atLeast` is a number from 1 to {MOST_DEMANDED} here"),
            );
            None
        }
    }
}

/// `trust`: one name, or a list of them.
fn materials<'t>(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &'t BTreeMap<String, Trust>,
) -> Option<Vec<(String, &'t Trust)>> {
    let names = if at.value.is_array() { r.list(at) } else { vec![at.clone()] };
    let count = names.len();
    let found: Vec<_> = names
        .iter()
        .filter_map(|at| {
            let material = named_trust(r, at, trust)?;
            if matches!(material, Trust::Notation { .. }) {
                r.error(
                    Code::PolicyInvalidValue,
                    &at.path,
                    "`trust` of a Cosign authority is a `sigstore` or an `x509` one",
                );
                return None;
            }
            Some((at.value.as_str()?.to_owned(), material))
        })
        .collect();
    (count > 0 && found.len() == count).then_some(found)
}

#[derive(Default)]
struct Materials<'t> {
    sigstore: Vec<(String, &'t Arc<TrustedRoot>)>,
    x509: Vec<(&'t [Certificate], &'t [Certificate])>,
}

impl<'t> Materials<'t> {
    fn of(all: &[(String, &'t Trust)]) -> Self {
        let mut materials = Self::default();
        for (name, material) in all {
            match material {
                Trust::Sigstore(root) => materials.sigstore.push((name.clone(), root)),
                Trust::X509 { roots, intermediates } => materials.x509.push((roots, intermediates)),
                Trust::Notation { .. } => {}
            }
        }
        materials
    }

    fn no_x509(&self, r: &mut Reader, object: &Object<'_>, what: &str) {
        if !self.x509.is_empty() {
            r.error(
                Code::PolicyInvalidValue,
                &object.path,
                format!("`trust` of `{what}` is a `sigstore` one"),
            );
        }
    }
}

fn instances(
    r: &mut Reader,
    object: &Object<'_>,
    materials: &Materials<'_>,
    logs: Demand,
    timestamps: Demand,
) -> Option<Vec<Instance>> {
    let demanded = |demand| matches!(demand, Demand::AtLeast(_) | Demand::IfPresent);
    if materials.sigstore.is_empty() {
        for (demand, field) in [(logs, "transparencyLog"), (timestamps, "timestamp")] {
            if demanded(demand) {
                r.error(
                    Code::PolicyMissingField,
                    &object.path,
                    format!("a required `{field}` needs a `sigstore` trust"),
                );
                return None;
            }
        }
    }
    let mut instances = Vec::new();
    for (name, root) in &materials.sigstore {
        let lists_logs = !root.logs.is_empty();
        if demanded(logs) && !lists_logs {
            let message = format!("trust `{name}` lists no `tlogs`, and its entries are asked for");
            r.error(Code::PolicyInvalidValue, &object.path, message);
        }
        if demanded(timestamps) && root.timestamp_authorities.is_empty() {
            let message =
                format!("trust `{name}` lists no `timestampAuthorities`, and one is required");
            r.error(Code::PolicyInvalidValue, &object.path, message);
        }
        instances.push(Instance {
            name: name.clone(),
            root: Arc::clone(root),
            logs: match logs {
                Demand::Default => usize::from(lists_logs),
                Demand::None | Demand::IfPresent => 0,
                Demand::AtLeast(count) => count,
            },
            logs_if_present: matches!(logs, Demand::IfPresent),
            timestamps: match timestamps {
                Demand::Default | Demand::None | Demand::IfPresent => 0,
                Demand::AtLeast(count) => count,
            },
        });
    }
    Some(instances)
}

impl Instance {
    /// True where a signature needs no proof by it.
    const fn asks_nothing(&self) -> bool {
        self.logs == 0 && !self.logs_if_present && self.timestamps == 0
    }
}

/// A short-lived certificate is checked at a verified time, so there must be a way to have one.
fn check_keyless(
    r: &mut Reader,
    object: &Object<'_>,
    instances: &[Instance],
    name: &str,
    warnings: &mut Vec<String>,
) {
    if instances.is_empty() {
        r.error(Code::PolicyMissingField, &object.path, "`keyless` needs `trust`");
    }
    for Instance { name: trust, root, logs, timestamps, .. } in instances {
        if root.certificate_authorities.is_empty() {
            let message = format!("trust `{trust}` lists no `certificateAuthorities`");
            r.error(Code::PolicyInvalidValue, &object.path, message);
        }
        if root.logs.is_empty() && root.timestamp_authorities.is_empty() {
            let message = format!(
                "trust `{trust}` has neither `tlogs` nor `timestampAuthorities`: nothing proves \
                 when a short-lived certificate signed"
            );
            r.error(Code::PolicyInvalidValue, &object.path, message);
        } else if *logs == 0 && *timestamps == 0 && !root.logs.is_empty() {
            r.error(
                Code::PolicyInvalidValue,
                &object.path,
                "without a required log entry, `timestamp: required` is needed: nothing else proves \
                 when a short-lived certificate signed",
            );
        }
        if root.ct_logs.is_empty() {
            warnings.push(format!(
                "authority `{name}`: trust `{trust}` lists no `ctlogs`, so that certificates need \
                 not be in a certificate-transparency log"
            ));
        }
    }
}

fn keys(r: &mut Reader, at: &Cursor<'_>) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    for (text, item) in r.texts(at) {
        match PublicKey::from_pem(text) {
            Ok(key) => keys.push(key),
            Err(error) => {
                r.error(key_code(&error), &item.path, error.to_string());
            }
        }
    }
    keys
}

/// Why a key of a policy is refused.
const fn key_code(error: &KeyError) -> Code {
    match error {
        KeyError::Weak { .. } => Code::KeyWeak,
        KeyError::Unsupported { .. } => Code::KeyUnsupported,
        KeyError::Malformed | KeyError::NotPem => Code::PolicyInvalidValue,
    }
}

fn certificate(
    r: &mut Reader,
    object: &Object<'_>,
    at: &Cursor<'_>,
    materials: &Materials<'_>,
) -> Option<CosignSigner> {
    const SUBJECTS: [&str; 5] =
        ["subject", "subjectRegExp", "distinguishedName", "distinguishedNameRegExp", "pem"];
    let fields = r.object(at, &[&SUBJECTS[..], &["issuer", "issuerRegExp"]].concat(), &[])?;
    let (field, at) = r.one_of(&fields, &SUBJECTS)?;
    let mut roots = Vec::new();
    let mut intermediates = Vec::new();
    for (own_roots, own_intermediates) in &materials.x509 {
        roots.extend(own_roots.iter().cloned());
        intermediates.extend(own_intermediates.iter().cloned());
    }
    if field == "pem" {
        return pinned::read(r, &fields, &at, roots, intermediates);
    }
    let text = pattern(r, &at, field)?;
    let subject = if field.starts_with("distinguishedName") {
        Subject::DistinguishedName(text)
    } else {
        Subject::AlternativeName(text)
    };
    let issuer = optional_pattern(r, &fields, "issuer")?;
    if roots.is_empty() {
        r.error(Code::PolicyMissingField, &object.path, "`certificate` needs an `x509` trust");
        return None;
    }
    Some(CosignSigner::Certificate { roots, intermediates, subject, issuer })
}

/// One of `keyless`: issuer, subject, and any of Fulcio's extensions.
fn identity(r: &mut Reader, at: &Cursor<'_>) -> Option<Identity> {
    let mut known: Vec<String> =
        ["githubWorkflow", "issuer", "issuerRegExp", "subject", "subjectRegExp"]
            .map(str::to_owned)
            .to_vec();
    for name in fulcio::names() {
        known.push(name.to_owned());
        known.push(format!("{name}RegExp"));
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let object = r.object(at, &known, &[])?;
    let issuer = r
        .one_of(&object, &["issuer", "issuerRegExp"])
        .and_then(|(field, at)| pattern(r, &at, field));
    let subject = r
        .one_of(&object, &["subject", "subjectRegExp"])
        .and_then(|(field, at)| pattern(r, &at, field));
    let mut extensions = Vec::new();
    for name in fulcio::names() {
        if let Some(pattern) = optional_pattern(r, &object, name)? {
            extensions.push((name, pattern));
        }
    }
    if let Some(at) = object.get("githubWorkflow") {
        workflow(r, &at, &mut extensions)?;
    }
    Some(Identity { issuer: issuer?, subject: subject?, extensions })
}

/// `githubWorkflow { repository, ref, sha, trigger, name }`, each also as `…RegExp`.
fn workflow(
    r: &mut Reader,
    at: &Cursor<'_>,
    extensions: &mut Vec<(&'static str, Pattern)>,
) -> Option<()> {
    const FIELDS: [(&str, &str); 5] = [
        ("name", "githubWorkflowName"),
        ("ref", "githubWorkflowRef"),
        ("repository", "githubWorkflowRepository"),
        ("sha", "githubWorkflowSha"),
        ("trigger", "githubWorkflowTrigger"),
    ];
    let known = [
        "name",
        "nameRegExp",
        "ref",
        "refRegExp",
        "repository",
        "repositoryRegExp",
        "sha",
        "shaRegExp",
        "trigger",
        "triggerRegExp",
    ];
    let object = r.object(at, &known, &[])?;
    for (field, extension) in FIELDS {
        if let Some(pattern) = optional_pattern(r, &object, field)? {
            extensions.push((extension, pattern));
        }
    }
    Some(())
}

/// `name` or `nameRegExp`, at most one of them. The outer `None` is an error.
pub(super) fn optional_pattern(
    r: &mut Reader,
    object: &Object<'_>,
    name: &str,
) -> Option<Option<Pattern>> {
    let regexp = format!("{name}RegExp");
    match (object.get(name), object.get(&regexp)) {
        (None, None) => Some(None),
        (Some(at), None) => pattern(r, &at, name).map(Some),
        (None, Some(at)) => pattern(r, &at, &regexp).map(Some),
        (Some(_), Some(at)) => {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("either `{name}` or `{regexp}`, not both"),
            );
            None
        }
    }
}

/// A text that is met exactly, or an anchored regular expression.
fn pattern(r: &mut Reader, at: &Cursor<'_>, field: &str) -> Option<Pattern> {
    let text = r.text(at)?;
    if !field.ends_with("RegExp") {
        return Some(Pattern::Exact(text.to_owned()));
    }
    match Pattern::regular_expression(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("not a regular expression: {error}"),
            );
            None
        }
    }
}

/// `github`: artifact attestations as `actions/attest` makes them, of public repositories
/// (public-good, with a log) and of private ones (GitHub's own instance: timestamps, no log).
pub(super) fn github(r: &mut Reader, at: &Cursor<'_>) -> Option<Authority> {
    let object =
        r.object(at, &["owner", "ref", "repository", "signerWorkflow", "visibility"], &[])?;
    let (field, of) = r.one_of(&object, &["repository", "owner"])?;
    let of_text = r.text(&of)?;
    let parts = of_text.split('/').count();
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let well_formed = of_text.chars().all(part) && of_text.split('/').all(|p| !p.is_empty());
    if !well_formed || parts != if field == "repository" { 2 } else { 1 } {
        let form = if field == "repository" { "`owner/name`" } else { "an owner's name" };
        r.error(Code::PolicyInvalidValue, &of.path, format!("`{of_text}` is not {form}"));
        return None;
    }
    let quoted = regex_lite::escape(of_text);
    let workflow = match object.get("signerWorkflow") {
        Some(at) => format!("{}@.+", regex_lite::escape(r.text(&at)?)),
        None if field == "repository" => format!("{quoted}/\\.github/workflows/[^@]+@.+"),
        None => format!("{quoted}/[^/@]+/\\.github/workflows/[^@]+@.+"),
    };
    let subject = Pattern::regular_expression(&format!("https://github\\.com/{workflow}")).ok()?;
    let uri = Pattern::Exact(format!("https://github.com/{of_text}"));
    let mut extensions = vec![match field {
        "repository" => ("sourceRepositoryURI", uri),
        _ => ("sourceRepositoryOwnerURI", uri),
    }];
    if let Some(at) = object.get("ref") {
        extensions.push(("sourceRepositoryRef", Pattern::Exact(r.text(&at)?.to_owned())));
    }
    let visibility = object.get("visibility").map_or(Some((true, true)), |at| {
        r.word(&at, &[("any", (true, true)), ("public", (true, false)), ("private", (false, true))])
    })?;
    let mut instances = Vec::new();
    let mut add = |name: &str, root, logs, timestamps| {
        let root = Arc::new(super::sigstore::embedded(r, &of.path, root)?);
        let (name, logs_if_present) = (name.to_owned(), false);
        instances.push(Instance { name, root, logs, logs_if_present, timestamps });
        Some(())
    };
    if visibility.0 {
        add("embedded", PUBLIC_GOOD, 1, 0)?;
    }
    if visibility.1 {
        add("github", GITHUB, 0, 1)?;
    }
    Some(Authority::Cosign(CosignAuthority {
        bound_to: None,
        signer: CosignSigner::Keyless(vec![Identity {
            issuer: Pattern::Exact(GITHUB_ACTIONS.into()),
            subject,
            extensions,
        }]),
        annotations: BTreeMap::new(),
        instances,
    }))
}
