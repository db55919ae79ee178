//! One statement of a trust policy document (TP §Trust Policy Properties).

use std::collections::BTreeMap;

use super::{
    LEVELS, Revocation, StoreType, Stores, TIMESTAMPS, Validations, always_asks, identities,
    nobody_can_tell, validations,
};
use crate::{
    policy::{
        Authority,
        reader::{Cursor, Object, Reader, nearest},
    },
    verdict::Code,
    verify::notation::{NotationAuthority, Profile, VerifyTimestamp},
    x509::Certificate,
};

/// The trust stores beside the documents, by type and name.
pub(super) type NamedStores = BTreeMap<(StoreType, String), Vec<Certificate>>;

/// What holds for every statement.
pub(super) struct Context<'c> {
    pub(super) stores: &'c NamedStores,
    pub(super) profile: Profile,
    pub(super) tsa_revocation: Revocation,
    pub(super) max_evidence_age: Option<i64>,
}

pub(super) const FIELDS: [&str; 6] = [
    "globalPolicy",
    "name",
    "registryScopes",
    "signatureVerification",
    "trustStores",
    "trustedIdentities",
];
pub(super) const VERIFICATION: [&str; 3] = ["level", "override", "verifyTimestamp"];

/// Whose signatures a statement trusts.
pub(super) fn authority(
    r: &mut Reader,
    statement: &Object<'_>,
    name: &str,
    context: &Context<'_>,
    warnings: &mut Vec<String>,
) -> Option<Authority> {
    let at = statement.need(r, "signatureVerification")?;
    let verification = r.object(&at, &VERIFICATION, &[])?;
    let level = verification.need(r, "level").and_then(|at| r.word(&at, &LEVELS))?;
    let overrides = verification.get("override");
    // spec: "A value `always`" is the default; notation-go reads the empty text as it.
    let verify_timestamp = verification
        .get("verifyTimestamp")
        .filter(|at| context.profile == Profile::Spec || at.value.as_str() != Some(""))
        .map(|at| r.word(&at, &TIMESTAMPS));
    let Some(level) = level else {
        skip(r, statement, overrides.as_ref());
        return Some(Authority::NotationSkip(context.profile));
    };
    let Validations { actions, revocation } = validations(r, level, overrides.as_ref());
    if revocation == Revocation::Skip {
        warnings.push(format!("statement `{name}` does not check revocation"));
    }
    let stores = statement.need(r, "trustStores").map(|at| stores(r, &at, context));
    let trusted_identities =
        statement.need(r, "trustedIdentities").map(|at| identities(r, &at, context.profile));
    let (stores, trusted_identities) = (stores?, trusted_identities?);
    let whose = format!("statement `{name}`");
    warnings.extend(nobody_can_tell(&whose, &trusted_identities, revocation));
    if !stores.tsa.is_empty() {
        if context.tsa_revocation == Revocation::Skip {
            warnings.push(format!(
                "statement `{name}` does not check revocation of timestamp authorities"
            ));
        }
        if verify_timestamp.is_none() {
            warnings.push(always_asks(&whose));
        }
    }
    Some(Authority::Notation(NotationAuthority {
        ca: stores.ca,
        signing_authority: stores.signing_authority,
        tsa: stores.tsa,
        verify_timestamp: verify_timestamp.flatten().unwrap_or(VerifyTimestamp::Always),
        actions,
        revocation,
        tsa_revocation: context.tsa_revocation,
        max_evidence_age: context.max_evidence_age,
        trusted_identities,
        user_metadata: BTreeMap::new(),
        profile: context.profile,
    }))
}

/// Requirements 67 and 69: there is nothing to override, and nobody to trust.
fn skip(r: &mut Reader, statement: &Object<'_>, overrides: Option<&Cursor<'_>>) {
    let is_empty = |at: &Cursor<'_>| {
        at.value.as_array().is_some_and(Vec::is_empty)
            || at.value.as_object().is_some_and(serde_json::Map::is_empty)
    };
    let fields = ["trustStores", "trustedIdentities"].map(|field| statement.get(field));
    for at in fields.iter().flatten().chain(overrides) {
        if !is_empty(at) {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                "a statement of level `skip` has no overrides, no trust stores and no identities",
            );
        }
    }
}

/// spec: "Each named trust store uses the format `{trust-store-type}:{named-store}`."
fn stores(r: &mut Reader, at: &Cursor<'_>, context: &Context<'_>) -> Stores {
    let mut stores = Stores::default();
    let mut seen = Vec::new();
    let mut absent = Vec::new();
    for (text, item) in r.texts(at) {
        let Some((kind, name)) = text.split_once(':') else {
            r.error(
                Code::PolicyInvalidValue,
                &item.path,
                format!("`{text}` is not `type:name`, such as `ca:acme`"),
            );
            continue;
        };
        let Some(kind) = StoreType::ALL.into_iter().find(|known| known.name() == kind) else {
            r.suggest(
                Code::PolicyInvalidValue,
                &item.path,
                format!("`{kind}` is no type of trust store"),
                nearest(kind, StoreType::NAMES.into_iter()),
            );
            continue;
        };
        if !is_name(name) {
            r.error(
                Code::PolicyInvalidValue,
                &item.path,
                format!("`{name}` is no name of a trust store: it is of letters, digits, `_.-`"),
            );
            continue;
        }
        // A store that is named twice is there once.
        if seen.contains(&text) {
            continue;
        }
        seen.push(text);
        match context.stores.get(&(kind, name.to_owned())) {
            Some(certificates) => stores.of(kind).extend(certificates.iter().cloned()),
            // notation-go looks for it at verification, and then trusts nobody of that kind. Without any
            // timestamp authority no timestamp would be asked for: that one is an error here too.
            None if context.profile == Profile::Compat && kind != StoreType::Tsa => {
                absent.push(kind);
            }
            None => r.suggest(
                Code::PolicyUnknownName,
                &item.path,
                format!("`stores.{}` has no `{name}`", kind.name()),
                nearest(name, context.stores.keys().map(|(_, name)| name.as_str())),
            ),
        }
    }
    for kind in absent {
        stores.of(kind).clear();
    }
    stores
}

/// spec: requirement 61, `[a-zA-Z0-9_.-]+`
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}
