//! Notation in the policy: trust stores, authorities, and the trust policy documents of the Notary
//! Project ([`document`]).

mod document;
mod scope;
mod statement;

use std::collections::BTreeMap;

use super::{
    Authority,
    authority::{Trust, certificates, named_trust, text_map},
    reader::{Cursor, Object, Reader},
};
use crate::{
    crypto::{Memo, Spend},
    trust::{TrustedIdentity, check_overlap, identity::IdentityError},
    verdict::Code,
    verify::notation::{Action, Actions, Level, NotationAuthority, Profile, VerifyTimestamp},
    x509::Certificate,
};

pub use document::TrustPolicy;
pub(super) use document::read as trust_policy;

/// `spec.trust.<name>.notation`.
#[derive(Clone, Default)]
pub(super) struct Stores {
    ca: Vec<Certificate>,
    signing_authority: Vec<Certificate>,
    tsa: Vec<Certificate>,
}

/// The three kinds of trust stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum StoreType {
    Ca,
    SigningAuthority,
    Tsa,
}

impl StoreType {
    const ALL: [Self; 3] = [Self::Ca, Self::SigningAuthority, Self::Tsa];
    const NAMES: [&str; 3] = ["ca", "signingAuthority", "tsa"];

    const fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }
}

impl Stores {
    fn of(&mut self, kind: StoreType) -> &mut Vec<Certificate> {
        match kind {
            StoreType::Ca => &mut self.ca,
            StoreType::SigningAuthority => &mut self.signing_authority,
            StoreType::Tsa => &mut self.tsa,
        }
    }
}

/// Reads `spec.trust.<name>.notation`.
pub(super) fn stores(r: &mut Reader, at: &Cursor<'_>) -> Option<Stores> {
    let notation = r.object(at, &StoreType::NAMES, &[])?;
    let mut stores = Stores::default();
    for kind in StoreType::ALL {
        match notation.get(kind.name()) {
            // An empty list is a store that is not there.
            Some(at) if !at.value.as_array().is_some_and(Vec::is_empty) => {
                *stores.of(kind) = store(r, &at, kind);
            }
            _ => {}
        }
    }
    if stores.ca.is_empty() && stores.signing_authority.is_empty() {
        r.error(
            Code::PolicyMissingField,
            &notation.path,
            "no trust store: `ca` or `signingAuthority` is needed",
        );
    }
    Some(stores)
}

/// Requirement 62: CA certificates, or self-signed ones; of timestamp authorities, roots.
fn store(r: &mut Reader, at: &Cursor<'_>, kind: StoreType) -> Vec<Certificate> {
    let stored = certificates(r, at);
    for certificate in &stored {
        let (fits, wanted) = match kind {
            StoreType::Ca | StoreType::SigningAuthority => (
                certificate.is_ca() || is_self_signed(certificate),
                "is neither a CA nor self-signed",
            ),
            StoreType::Tsa => (
                certificate.is_ca() && is_self_signed(certificate),
                "is not the root CA of a timestamp authority",
            ),
        };
        if !fits {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("certificate with subject `{}` {wanted}", certificate.subject()),
            );
        }
    }
    stored
}

fn is_self_signed(certificate: &Certificate) -> bool {
    certificate.subject_der() == certificate.issuer_der()
        && certificate.public_key().is_ok_and(|key| {
            let spend = Spend::new(1, Memo::default());
            matches!(certificate.verify_signed_by(&key, &spend), Ok(Ok(())))
        })
}

const PROFILES: [(&str, Profile); 2] = [("spec", Profile::Spec), ("compat", Profile::Compat)];
const TIMESTAMPS: [(&str, VerifyTimestamp); 2] =
    [("always", VerifyTimestamp::Always), ("afterCertExpiry", VerifyTimestamp::AfterCertExpiry)];
const LEVELS: [(&str, Option<Level>); 4] = [
    ("strict", Some(Level::Strict)),
    ("permissive", Some(Level::Permissive)),
    ("audit", Some(Level::Audit)),
    ("skip", None),
];

/// Reads `authorities.<name>.notation`.
pub(super) fn authority(
    r: &mut Reader,
    at: &Cursor<'_>,
    trust: &BTreeMap<String, Trust>,
    name: &str,
    warnings: &mut Vec<String>,
) -> Option<Authority> {
    let fields = [
        "level",
        "override",
        "profile",
        "trust",
        "trustedIdentities",
        "tsaRevocation",
        "userMetadata",
        "verifyTimestamp",
    ];
    let object = r.object(at, &fields, &[])?;
    let level = match object.get("level") {
        Some(at) => r.word(&at, &LEVELS)?,
        None => Some(Level::Strict),
    };
    let profile = object.get("profile").and_then(|at| r.word(&at, &PROFILES)).unwrap_or_default();
    let Some(level) = level else {
        return skip(r, &object, &fields, profile);
    };
    let Validations { actions, revocation } =
        validations(r, level, object.get("override").as_ref());
    if revocation == Revocation::Skip {
        warnings.push(format!("authority `{name}` does not check revocation"));
    } else {
        r.not_implemented(&object.path, "revocation (set `override: { revocation: skip }`)");
    }
    let trusted_identities = object
        .need(r, "trustedIdentities")
        .map(|at| identities(r, &at, profile))
        .unwrap_or_default();
    let user_metadata =
        object.get("userMetadata").map(|at| user_metadata(r, &at)).unwrap_or_default();
    let verify_timestamp = object.get("verifyTimestamp").map(|at| r.word(&at, &TIMESTAMPS));
    let tsa_revocation = object
        .get("tsaRevocation")
        .map_or(Some(Revocation::Enforce), |at| r.word(&at, &Revocation::WORDS));
    let at = object.need(r, "trust")?;
    let Trust::Notation(stores) = named_trust(r, &at, trust)? else {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            "`trust` of a Notation authority is a `notation` one",
        );
        return None;
    };
    if !stores.tsa.is_empty() {
        check_timestamps(r, &object.path, tsa_revocation);
        warnings
            .push(format!("authority `{name}` does not check revocation of timestamp authorities"));
        if verify_timestamp.is_none() {
            warnings.push(always_asks(&format!("authority `{name}`")));
        }
    }
    Some(Authority::Notation(NotationAuthority {
        ca: stores.ca.clone(),
        signing_authority: stores.signing_authority.clone(),
        tsa: stores.tsa.clone(),
        verify_timestamp: verify_timestamp.flatten().unwrap_or_default(),
        actions,
        trusted_identities,
        user_metadata,
        profile,
    }))
}

/// spec: TP §Signature Verification details "The `skip` level does not perform any signature
/// verification", and "A `skip` level cannot be customized."
fn skip(
    r: &mut Reader,
    object: &Object<'_>,
    fields: &[&str],
    profile: Profile,
) -> Option<Authority> {
    for field in fields.iter().filter(|field| !matches!(**field, "level" | "profile")) {
        if let Some(at) = object.get(field) {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("`{field}` means nothing at level `skip`"),
            );
        }
    }
    Some(Authority::NotationSkip(profile))
}

/// Requirement 84: what users stumble over.
fn always_asks(whose: &str) -> String {
    format!(
        "{whose} refuses every signature without a timestamp, as it has a `tsa` store; \
         `verifyTimestamp: afterCertExpiry` asks for one only once a certificate has expired"
    )
}

/// spec: TP §Timestamp Countersignature Verification details, "Revocation check … is always enforced
/// when timestamp countersignature verification is triggered"; skipping it is our extension.
fn check_timestamps(r: &mut Reader, path: &str, tsa_revocation: Option<Revocation>) {
    if matches!(tsa_revocation, Some(Revocation::Enforce | Revocation::Log)) {
        r.not_implemented(path, "revocation of timestamp authorities (set `tsaRevocation: skip`)");
    }
}

/// What happens where a certificate is revoked, or nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revocation {
    Enforce,
    Log,
    Skip,
}

impl Revocation {
    const WORDS: [(&str, Self); 3] =
        [("enforce", Self::Enforce), ("log", Self::Log), ("skip", Self::Skip)];
}

/// A level with what overrides it.
struct Validations {
    actions: Actions,
    revocation: Revocation,
}

/// Requirement 67. `override` has the same members in both kinds of documents.
fn validations(r: &mut Reader, level: Level, at: Option<&Cursor<'_>>) -> Validations {
    let mut actions = level.actions();
    let mut revocation = match level {
        Level::Strict => Revocation::Enforce,
        Level::Permissive | Level::Audit => Revocation::Log,
    };
    let members = ["authenticTimestamp", "authenticity", "expiry", "revocation"];
    let Some(overrides) = at.and_then(|at| r.object(at, &members, &[])) else {
        return Validations { actions, revocation };
    };
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
    if let Some(word) = overrides.get("revocation").and_then(|at| r.word(&at, &Revocation::WORDS)) {
        revocation = word;
    }
    Validations { actions, revocation }
}

/// Requirements 71 to 75.
fn identities(r: &mut Reader, at: &Cursor<'_>, profile: Profile) -> Vec<TrustedIdentity> {
    let mut identities = Vec::new();
    for (text, item) in r.texts(at) {
        match TrustedIdentity::parse(text) {
            Ok(identity) => identities.push(identity),
            // notation-go takes them and trusts nobody by them.
            Err(IdentityError::UnknownPrefix(_)) if profile == Profile::Compat => {}
            Err(error) => r.error(Code::PolicyInvalidValue, &item.path, error.to_string()),
        }
    }
    if let Err(error) = check_overlap(&identities) {
        r.error(Code::PolicyInvalidValue, &at.path, error.to_string());
    }
    identities
}

/// Requirement 44: the prefix is the specification's own.
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
