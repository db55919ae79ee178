//! AWS Signer ([its plugin for Notation](https://github.com/aws/aws-signer-notation-plugin), the
//! specification of what its signatures mean): who has signed is a signing profile, and only AWS can
//! say whether that, a job or a certificate is revoked (docs/adr/0014-aws-signer.md).

use super::{BuiltIn, NotationAuthority, Opened, critical_text};
use crate::{
    crypto::hex,
    envelope::notation::SigningScheme,
    trust::{TrustedIdentity, identity::profile_of},
    verdict::{Code, Reason},
    verify::{Signer, notation::Revocation},
    x509::notation_profile::Profile,
};

const PROFILE_VERSION: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";
const ALIAS: &str = "com.amazonaws.signer.signingProfileAlias";

/// Its signatures so far name no minimum version. 1.0.350 is the newest that has a tag.
pub(super) const PLUGIN: BuiltIn = BuiltIn {
    name: "com.amazonaws.signer.notation.plugin",
    version: "1.0.350",
    attributes: &[PROFILE_VERSION, JOB, ALIAS],
    preconditions,
    trusted_identity,
    signer,
    revocation,
};

/// What the plugin refuses without a result, which no level can log.
fn preconditions(opened: &Opened, authority: &NotationAuthority) -> Result<(), Reason> {
    let attributes = &opened.envelope.attributes;
    // Under `*` whoever has an AWS account would be trusted.
    if authority.trusted_identities.contains(&TrustedIdentity::Any) {
        return Err(Reason::new(
            Code::IdentityUntrusted,
            "`*` trusts nobody who signs with AWS Signer",
        )
        .next("name signing profiles in `trustedIdentities`")
        .expected("the ARN of a signing profile")
        .found("*"));
    }
    if attributes.scheme != SigningScheme::SigningAuthority {
        return Err(Reason::new(
            Code::NotationScheme,
            "AWS Signer signs as a signing authority only",
        )
        .expected(SigningScheme::SigningAuthority.to_string())
        .found(attributes.scheme.to_string()));
    }
    // In `compat` a job is needed to ask about it only, as the plugin has it.
    let is_lax = authority.profile == Profile::Compat && authority.revocation == Revocation::Skip;
    let needed = [Some(PROFILE_VERSION), Some(JOB).filter(|_| !is_lax)];
    match needed.into_iter().flatten().find(|name| critical_text(opened, name).is_none()) {
        None => Ok(()),
        Some(name) => Err(Reason::new(
            Code::NotationAttribute,
            format!("`{name}` is not there, not critical or not text"),
        )),
    }
}

fn trusted_identity(opened: &Opened, authority: &NotationAuthority) -> Result<String, Reason> {
    let version = profile_version(opened);
    let alias = critical_text(opened, ALIAS);
    let profiles = || {
        authority.trusted_identities.iter().filter_map(|identity| match identity {
            TrustedIdentity::SigningProfile(profile) => Some(profile),
            TrustedIdentity::Any | TrustedIdentity::Subject(_) => None,
        })
    };
    if let Some(profile) = profiles().find(|profile| profile.is(version, alias)) {
        return Ok(profile.to_string());
    }
    let mut expected: Vec<String> = profiles().map(ToString::to_string).collect();
    if expected.is_empty() {
        expected.push("the ARN of a signing profile in `trustedIdentities`".to_owned());
    }
    let found: Vec<&str> = [version].into_iter().chain(alias).collect();
    Err(Reason::new(
        Code::IdentityUntrusted,
        "the signing profile is not one of the trusted identities",
    )
    .expected(expected.join(" | "))
    .found(found.join(" ")))
}

/// Key and certificate are AWS's, and are shared by those who sign with it: they are nobody's in
/// particular. Versions of one profile are one signer.
fn signer(opened: &Opened) -> Signer {
    let version = profile_version(opened);
    // What an alias stands for has no versions.
    let profile =
        if version.contains("/signing-profiles/") { profile_of(version) } else { version };
    let alias = critical_text(opened, ALIAS);
    let ids = [profile].into_iter().chain(alias);
    Signer {
        name: version.to_owned(),
        ids: ids.map(|arn| format!("awsSigner:{}", arn.to_ascii_lowercase())).collect(),
        key: Some(hex(opened.key.spki_sha256())),
        chain: opened.chain.clone(),
        ..Signer::default()
    }
}

fn profile_version(opened: &Opened) -> &str {
    critical_text(opened, PROFILE_VERSION).unwrap_or_default()
}

/// The answer of `GetRevocationStatus` is for those who log in, and unsigned: on the host's word
/// nothing is believed.
fn revocation(opened: &Opened) -> Reason {
    Reason::of(Code::RevocationPlugin)
        .expected("an answer to GetRevocationStatus, which is unsigned")
        .found(critical_text(opened, JOB).unwrap_or("no signing job"))
}
