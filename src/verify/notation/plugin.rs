//! What verification plugins would do, where it is built in. No plugin is ever called.
//!
//! spec: SIG §Guidelines for implementations "An implementation MUST fail signature verification if it
//! cannot perform the equivalent verification logic", and that it may support a set of plugins that it
//! knows; [plugin extensibility](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/plugin-extensibility.md)
//! §Verification Extensibility.

mod aws_signer;
mod version;

use super::{NotationAuthority, integrity::Opened};
use crate::{
    envelope::notation::{Label, Plugin},
    verdict::{Code, Reason},
    verify::Signer,
};
use version::Version;

/// What stands in for one plugin. Those with the capability `SIGNATURE_VERIFIER.TRUSTED_IDENTITY`
/// say who has signed, in place of the leaf's subject; those with
/// `SIGNATURE_VERIFIER.REVOCATION_CHECK` whether it is revoked, in place of OCSP and CRLs. The trust
/// store, times, descriptor and metadata remain ours.
pub(super) struct BuiltIn {
    name: &'static str,
    /// The version whose checks these are.
    version: &'static str,
    /// The extended attributes that it processes.
    attributes: &'static [&'static str],
    /// What is asked of the envelope and the policy, at every level.
    preconditions: fn(&Opened, &NotationAuthority) -> Result<(), Reason>,
    /// Whether the policy trusts who has signed.
    pub(super) trusted_identity: fn(&Opened, &NotationAuthority) -> Result<String, Reason>,
    /// Who has signed, once that was checked.
    pub(super) signer: fn(&Opened) -> Signer,
    /// Whether it is revoked.
    pub(super) revocation: fn(&Opened) -> Reason,
}

/// Requirement 114: a plugin is one line here, and its checks one module below.
const BUILT_IN: [&BuiltIn; 1] = [&aws_signer::PLUGIN];

/// What stands in for the plugin that the envelope names, if anything does.
pub(super) fn built_in(opened: &Opened) -> Option<&'static BuiltIn> {
    let plugin = opened.envelope.attributes.plugin.as_ref()?;
    BUILT_IN.into_iter().find(|built_in| built_in.name == plugin.name)
}

/// Requirements 112, 113 and 116: no level waives these. Nothing where no plugin is named.
pub(super) fn check(
    opened: &Opened,
    authority: &NotationAuthority,
) -> Result<Option<String>, Reason> {
    let Some(plugin) = &opened.envelope.attributes.plugin else {
        return Ok(None);
    };
    let Some(built_in) = built_in(opened) else {
        return Err(missing(plugin, "a signature without a verification plugin, or with one of: "));
    };
    if let Some(wanted) = &plugin.min_version {
        let Some(wanted) = Version::parse(wanted) else {
            return Err(missing(plugin, "a version by semver.org of: "));
        };
        let is_enough = Version::parse(built_in.version)
            .is_some_and(|version| version.compare(&wanted).is_ge());
        if !is_enough {
            return Err(missing(plugin, "a version that is not newer than that of: "));
        }
    }
    let mut critical = opened.envelope.attributes.unknown_critical();
    if let Some(label) = critical.find(|label| !built_in.processes(label)) {
        let message = format!("the critical attribute `{label}` is not one of its plugin's");
        return Err(Reason::new(Code::NotationCritical, message)
            .expected(built_in.attributes.join(" "))
            .found(label.to_string()));
    }
    (built_in.preconditions)(opened, authority)?;
    Ok(Some(format!("{} {}, built in", built_in.name, built_in.version)))
}

impl BuiltIn {
    /// True for an attribute that does not remain without a reader.
    pub(super) fn processes(&self, label: &Label) -> bool {
        matches!(label, Label::Name(name) if self.attributes.contains(&name.as_str()))
    }
}

fn missing(plugin: &Plugin, expected: &str) -> Reason {
    let version = plugin.min_version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
    let known: Vec<String> =
        BUILT_IN.iter().map(|known| format!("{} {}", known.name, known.version)).collect();
    Reason::new(
        Code::NotationPlugin,
        format!("the signature needs the verification plugin `{}`{version}", plugin.name),
    )
    .expected(format!("{expected}{}", known.join(", ")))
    .found(format!("{}{version}", plugin.name))
}

/// A text that the signer has marked critical. One that is not critical was not meant to decide
/// anything, and the plugin does not get to see it.
fn critical_text<'a>(opened: &'a Opened, name: &'static str) -> Option<&'a str> {
    let attributes = &opened.envelope.attributes;
    let label = Label::from(name);
    attributes.extended.get(&label)?.as_deref().filter(|_| attributes.critical.contains(&label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_has_a_name_and_a_version_of_its_own() {
        for built_in in BUILT_IN {
            assert!(Version::parse(built_in.version).is_some(), "{}", built_in.version);
            assert_eq!(BUILT_IN.iter().filter(|other| other.name == built_in.name).count(), 1);
        }
    }
}
