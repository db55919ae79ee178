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
    verify::notation::{
        Action, Actions, Level, NotationAuthority, Profile, Revocation, VerifyTimestamp,
    },
    x509::{Certificate, notation_profile},
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
                certificate.is_ca()
                    && is_self_signed(certificate)
                    && !certificate.is_signed_over_sha1(),
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
            matches!(notation_profile::verify_link(certificate, &key, &spend), Ok(Ok(())))
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
        "maxEvidenceAge",
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
        .map_or(Some(Revocation::Enforce), |at| r.word(&at, &REVOCATION));
    warnings.extend(nobody_can_tell(
        &format!("authority `{name}`"),
        &trusted_identities,
        revocation,
    ));
    let at = object.need(r, "trust")?;
    let Trust::Notation(stores) = named_trust(r, &at, trust)? else {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            "`trust` of a Notation authority is a `notation` one",
        );
        return None;
    };
    let max_evidence_age = match object.get("maxEvidenceAge") {
        Some(at) => Some(seconds(r, &at)?),
        None => None,
    };
    let tsa_revocation = tsa_revocation?;
    if !stores.tsa.is_empty() {
        if tsa_revocation == Revocation::Skip {
            warnings.push(format!(
                "authority `{name}` does not check revocation of timestamp authorities"
            ));
        }
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
        revocation,
        tsa_revocation,
        max_evidence_age,
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

/// A number of seconds, minutes, hours or days, such as `7d`.
fn seconds(r: &mut Reader, at: &Cursor<'_>) -> Option<i64> {
    let text = r.text(at)?;
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => 0,
    };
    let digits = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let count: Option<i64> = digits.parse().ok().filter(|n| (1..=36_500).contains(n));
    let seconds = count.filter(|_| unit > 0 && is_plain);
    if seconds.is_none() {
        r.error(
            Code::PolicyInvalidValue,
            &at.path,
            format!("`{text}` is not a time such as `12h` or `7d`"),
        );
    }
    seconds.map(|n| n.saturating_mul(unit))
}

/// Requirement 84: what users stumble over.
fn always_asks(whose: &str) -> String {
    format!(
        "{whose} refuses every signature without a timestamp, as it has a `tsa` store; \
         `verifyTimestamp: afterCertExpiry` asks for one only once a certificate has expired"
    )
}

/// Requirement 115: what an AWS Signer's signature comes to.
fn nobody_can_tell(
    whose: &str,
    identities: &[TrustedIdentity],
    revocation: Revocation,
) -> Option<String> {
    let is_profile =
        |identity: &TrustedIdentity| matches!(identity, TrustedIdentity::SigningProfile(_));
    let is_hopeless = revocation == Revocation::Enforce && identities.iter().any(is_profile);
    is_hopeless.then(|| {
        format!(
            "{whose} allows nothing that AWS Signer has signed, as it enforces revocation, which AWS \
             Signer alone can tell: set `revocation` of `override` to `log` or `skip`"
        )
    })
}

const REVOCATION: [(&str, Revocation); 3] =
    [("enforce", Revocation::Enforce), ("log", Revocation::Log), ("skip", Revocation::Skip)];

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
    if let Some(word) = overrides.get("revocation").and_then(|at| r.word(&at, &REVOCATION)) {
        revocation = word;
    }
    Validations { actions, revocation }
}

/// Requirements 71 to 75.
fn identities(r: &mut Reader, at: &Cursor<'_>, profile: Profile) -> Vec<TrustedIdentity> {
    let mut identities = Vec::new();
    for (text, item) in r.texts(at) {
        match TrustedIdentity::parse_as(text, profile) {
            Ok(identity) => identities.push(identity),
            // notation-go takes them and trusts nobody by them.
            Err(IdentityError::UnknownPrefix(_) | IdentityError::SigningProfile(_))
                if profile == Profile::Compat => {}
            Err(error) => r.error(Code::PolicyInvalidValue, &item.path, error.to_string()),
        }
    }
    if let Err(error) = check_overlap(&identities, profile) {
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
