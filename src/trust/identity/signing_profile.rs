//! Identities of AWS Signer: its signing profiles, by their ARN, as its plugin for Notation reads
//! them ([`verifier.go`](https://github.com/aws/aws-signer-notation-plugin/blob/762e710/internal/verifier/verifier.go),
//! aliases since July 2026).

use std::fmt;

use super::IdentityError;

/// Bytes of one ARN. [AWS](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)'s own
/// APIs take no longer ones.
const MOST_BYTES: usize = 2048;

/// One entry of `trustedIdentities` that names a signing profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningProfile {
    arn: String,
    kind: Kind,
}

/// What an ARN names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `/signing-profiles/NAME`: every version of it.
    Profile,
    /// `/signing-profiles/NAME/VERSION`.
    Version,
    /// `/aliased-signing-profiles/ID`, where the profile itself is not shown.
    Aliased,
    /// `/aliases/NAME`.
    Alias,
}

impl SigningProfile {
    /// Reads `arn:PARTITION:signer:REGION:ACCOUNT:RESOURCE`.
    ///
    /// The plugin ignores what it cannot read. Here it is an error, so that nobody waits for an
    /// identity to match that never will.
    pub(super) fn parse(text: &str) -> Result<Self, IdentityError> {
        let refused = || IdentityError::SigningProfile(text.to_owned());
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or_else(refused);
        let [arn, partition, service, region, account, resource] =
            [part()?, part()?, part()?, part()?, part()?, part()?];
        let kind = kind(resource).ok_or_else(refused)?;
        let is_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_owned = matches!(kind, Kind::Profile | Kind::Version);
        let fits = text.len() <= MOST_BYTES
            && arn == "arn"
            && (partition == "aws" || partition.starts_with("aws-"))
            && partition.chars().all(is_region)
            && service == "signer"
            && region.chars().all(is_region)
            && account.chars().all(|c| c.is_ascii_digit())
            // What an alias stands for is in no account, and the alias in no region.
            && (!is_owned || (!region.is_empty() && account.len() == 12));
        if fits { Ok(Self { arn: text.to_owned(), kind }) } else { Err(refused()) }
    }

    /// True where a signature is by this profile, which says so by two of its attributes. As in the
    /// plugin the case of letters does not count.
    pub fn is(&self, profile_version: &str, alias: Option<&str>) -> bool {
        match self.kind {
            Kind::Profile => profile_of(profile_version).eq_ignore_ascii_case(&self.arn),
            Kind::Version | Kind::Aliased => profile_version.eq_ignore_ascii_case(&self.arn),
            Kind::Alias => alias.is_some_and(|alias| alias.eq_ignore_ascii_case(&self.arn)),
        }
    }

    /// True where every signature of `other` is one of this identity.
    pub(super) fn includes(&self, other: &Self) -> bool {
        self.arn.eq_ignore_ascii_case(&other.arn)
            || (other.kind == Kind::Version && self.is(&other.arn, None))
    }
}

/// The profile of a version of it; of anything else nothing that an identity could be.
pub fn profile_of(version: &str) -> &str {
    version.rsplit_once('/').map_or("", |(profile, _)| profile)
}

/// No part is a pattern: `*` and `?` are in no name.
fn kind(resource: &str) -> Option<Kind> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let parts: Vec<&str> = resource.splitn(5, '/').collect();
    match parts.as_slice() {
        ["", "signing-profiles", name] if is_name(name) => Some(Kind::Profile),
        ["", "signing-profiles", name, version] if is_name(name) && is_name(version) => {
            Some(Kind::Version)
        }
        ["", "aliased-signing-profiles", id] if is_name(id) => Some(Kind::Aliased),
        ["", "aliases", name] if is_name(name) => Some(Kind::Alias),
        _ => None,
    }
}

impl fmt::Display for SigningProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release";
    const VERSION: &str =
        "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/OF8IVUsPJq";
    const ALIASED: &str = "arn:aws:signer:us-west-2::/aliased-signing-profiles/db4a39f3-f858-4b92";
    const ALIAS: &str = "arn:aws:signer:::/aliases/com.acme.release";

    fn profile(text: &str) -> SigningProfile {
        SigningProfile::parse(text).unwrap()
    }

    #[test]
    fn a_profile_is_its_versions_and_a_version_is_itself() {
        let other = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/AAAAAAAAAA";
        let longer = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/released/OF8IVUsPJq";
        let below = format!("{VERSION}/x");
        for (identity, found, is) in [
            (PROFILE, VERSION, true),
            (PROFILE, other, true),
            (PROFILE, longer, false),
            (PROFILE, PROFILE, false),
            (PROFILE, &below, false),
            (PROFILE, "", false),
            (VERSION, VERSION, true),
            (VERSION, other, false),
            (VERSION, PROFILE, false),
            (ALIASED, ALIASED, true),
            (ALIASED, VERSION, false),
            (ALIAS, VERSION, false),
            // As AWS's plugin.
            (PROFILE, &VERSION.to_uppercase(), true),
        ] {
            assert_eq!(profile(identity).is(found, None), is, "{identity} {found}");
        }
        assert!(profile(ALIAS).is(ALIASED, Some(ALIAS)));
        assert!(!profile(ALIAS).is(ALIAS, None));
        assert!(!profile(ALIAS).is(ALIASED, Some("arn:aws:signer:::/aliases/com.acme.other")));
        assert!(!profile(PROFILE).is(ALIASED, Some(PROFILE)));
    }

    #[test]
    fn what_is_not_a_profile_is_refused() {
        for good in [
            PROFILE,
            VERSION,
            ALIASED,
            ALIAS,
            "arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/p",
            "arn:aws-cn:signer:cn-north-1:111122223333:/signing-profiles/p",
        ] {
            assert_eq!(profile(good).to_string(), good);
        }
        for bad in [
            "arn:aws:signer",
            "arn:aws:signer:us-west-2:111122223333:/signing-profile/release",
            "arn:aws:signer:us-west-2:111122223333:signing-profiles/release",
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/",
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/*",
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/*",
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/v/w",
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release/v/w/x",
            "arn:aws:signer:us-west-2:111122223333:/signing-jobs/97af3947",
            "arn:aws:signer:*:111122223333:/signing-profiles/release",
            "arn:aws:signer:us-west-2:*:/signing-profiles/release",
            "arn:aws:signer:us-west-2::/signing-profiles/release",
            "arn:aws:signer::111122223333:/signing-profiles/release",
            "arn:aws:signer:us-west-2:11112222333:/signing-profiles/release",
            "arn:aws:dynamodb:us-east-2:123456789012:table/t",
            "arn:other:signer:us-west-2:111122223333:/signing-profiles/release",
            "ARN:aws:signer:us-west-2:111122223333:/signing-profiles/release",
            "arn:aws:signer:us-west-2:111122223333:/signing-profiles/relëase",
            &format!("{PROFILE}{}", "x".repeat(MOST_BYTES)),
        ] {
            assert!(SigningProfile::parse(bad).is_err(), "{bad}");
        }
    }
}
