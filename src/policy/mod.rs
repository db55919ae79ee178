//! The policy document, `countersign.dev/v1` `ImagePolicy`, parsed once.

mod authority;
mod block;
mod bound;
mod condition;
mod cosign;
mod document;
mod duration;
mod evidence;
mod exception;
mod expiry;
mod glob;
pub mod kubewarden;
mod matching;
mod notation;
mod predicate;
mod reader;
mod reads;
mod requirement;
mod sigstore;
mod subject;
mod wildcard;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    admission::Kinds,
    attestation::statement,
    crypto::PublicKey,
    predicate::Check,
    trust::sigstore::TrustedRoot,
    verify::notation::{NotationAuthority, Profile},
    wire::PolicyError,
    x509::Certificate,
};
pub use block::Block;
pub use bound::BoundTo;
pub use condition::Condition;
pub use evidence::{Roads, TrustHost};
pub use exception::Exception;
pub use glob::{Glob, GlobError};
pub use matching::{Match, Matched};
pub use notation::TrustPolicy;
pub use subject::{Platform, Subjects};
pub use wildcard::spellings;

/// Bytes of one compiled regular expression.
const MOST_REGEX: usize = 1 << 20;

/// A policy. Every field of the document was consumed, or the document was refused.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `metadata.name`.
    pub name: Option<String>,
    /// `spec.authorities`.
    pub authorities: BTreeMap<String, Authority>,
    /// `spec.rules`, then those of `spec.notationTrustPolicy`.
    pub rules: Vec<Rule>,
    /// `spec.notationTrustPolicy`: which of its rules is for what.
    pub notation: TrustPolicy,
    /// `spec.block`.
    pub block: Block,
    /// `spec.exceptions`.
    pub exceptions: Vec<Exception>,
    /// `spec.ignoreKinds` and `spec.resources`.
    pub kinds: Kinds,
    /// `spec.evidence`.
    pub evidence: Roads,
    /// `spec.trustHost`.
    pub trust_host: TrustHost,
    /// `spec.undetermined`.
    pub undetermined: Undetermined,
    /// `spec.unmatched`.
    pub unmatched: Unmatched,
    /// `spec.mode`.
    pub mode: Mode,
    /// `spec.digests.pin`.
    pub pin: Pin,
    /// `spec.digests.require`: true where an admission front refuses a Pod whose tag it has not
    /// pinned.
    pub require_digests: bool,
    /// What lint would say: it is reported with every decision.
    pub warnings: Vec<String>,
}

/// Whose signature counts.
#[derive(Clone, Debug)]
pub enum Authority {
    /// Cosign and Sigstore.
    Cosign(CosignAuthority),
    /// The Notary Project.
    Notation(NotationAuthority),
    /// Its level `skip`: nothing is verified, and nobody has signed.
    NotationSkip(Profile),
}

/// `authorities.<name>.cosign`.
#[derive(Clone, Debug)]
pub struct CosignAuthority {
    /// Keys, an own CA or identities.
    pub signer: CosignSigner,
    /// Signed annotations that must be there.
    pub annotations: BTreeMap<String, String>,
    /// For which name the signature must have been made.
    pub bound_to: Option<BoundTo>,
    /// Sigstore instances, one of which must vouch for the signature; none where a key or an own
    /// CA is checked alone.
    pub instances: Vec<Instance>,
}

/// A Sigstore instance and what it must prove.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The policy's name for it.
    pub name: String,
    /// Its keys and certificates.
    pub root: Arc<TrustedRoot>,
    /// Distinct transparency logs that must have an entry.
    pub logs: usize,
    /// True where entries are looked at although none must be there: each that is there must be
    /// right, and of a log of the instance.
    pub logs_if_present: bool,
    /// Distinct timestamp authorities that must have signed a time.
    pub timestamps: usize,
}

/// Who must have signed.
#[derive(Clone, Debug)]
pub enum CosignSigner {
    /// The holder of one of these keys.
    Keys(Vec<PublicKey>),
    /// The holder of a certificate of an own CA.
    Certificate {
        /// Trusted roots.
        roots: Vec<Certificate>,
        /// Intermediates that need not travel with the signature.
        intermediates: Vec<Certificate>,
        /// Whose certificate.
        subject: Subject,
        /// Fulcio's issuer extension, where the policy asks for it.
        issuer: Option<Pattern>,
    },
    /// The holder of the key of this very certificate, which need not travel with the signature.
    Pinned(Box<Pinned>),
    /// The holder of a short-lived certificate of one of these identities.
    Keyless(Vec<Identity>),
}

/// `certificate.pem`.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The certificate: an end entity's, for code signing, with a name.
    pub certificate: Certificate,
    /// Its key.
    pub key: PublicKey,
    /// One of which it must chain to; empty where it is trusted by itself.
    pub roots: Vec<Certificate>,
    /// Between it and these.
    pub intermediates: Vec<Certificate>,
}

/// What of a certificate names its holder.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A subject alternative name.
    AlternativeName(Pattern),
    /// The subject, as explanations write it.
    DistinguishedName(Pattern),
}

/// One of `keyless`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The OIDC issuer.
    pub issuer: Pattern,
    /// A subject alternative name.
    pub subject: Pattern,
    /// Fulcio's other extensions, by name.
    pub extensions: Vec<(&'static str, Pattern)>,
}

/// How a text is matched: always as a whole.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Byte for byte.
    Exact(String),
    /// An anchored regular expression, in linear time.
    RegExp {
        /// As written.
        text: String,
        /// Anchored at both ends.
        compiled: regex_lite::Regex,
    },
}

/// One rule. All rules that match an image must hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// For the explanation: its name, or its globs.
    pub name: String,
    /// Globs over images.
    pub images: Vec<Glob>,
    /// What it asks of the object.
    pub matching: Option<Match>,
    /// What of the image must show it.
    pub subject: Subjects,
    /// Globs over the names of blobs.
    pub blobs: Vec<Glob>,
    /// What must hold.
    pub action: Action,
    /// What else must hold, of all that was verified.
    pub conditions: Vec<Condition>,
    /// In place of the document's.
    pub mode: Option<Mode>,
    /// In place of the document's.
    pub undetermined: Option<Undetermined>,
}

impl Rule {
    /// `require`, where that is what it does.
    pub fn tree(&self) -> Option<&Requirement> {
        match &self.action {
            Action::Require(tree) => Some(tree),
            Action::StaticAllow | Action::StaticDeny => None,
        }
    }

    /// What must hold of the attestations of a rule, and of all that was verified.
    fn all_conditions(&self) -> impl Iterator<Item = &Condition> {
        let attestations = self.tree().into_iter().flat_map(Requirement::attestations);
        attestations.flat_map(|a| &a.conditions).chain(&self.conditions)
    }

    /// True where a condition looks at the image's configuration.
    pub fn reads_config(&self) -> bool {
        self.all_conditions().any(|c| c.reads("imageConfig"))
    }

    /// True where an expression looks at the request.
    pub fn reads_request(&self) -> bool {
        self.matching.as_ref().is_some_and(Match::reads_request)
            || self.all_conditions().any(|c| c.reads("request"))
    }
}

/// What a rule does with an image that it matches.
#[derive(Clone, Debug)]
pub enum Action {
    /// `require`.
    Require(Requirement),
    /// `static: allow`.
    StaticAllow,
    /// `static: deny`.
    StaticDeny,
}

/// What must hold.
#[derive(Clone, Debug)]
pub enum Requirement {
    /// The named authority has signed.
    Authority(String),
    /// Every child.
    All(Vec<Self>),
    /// One child.
    Any(Vec<Self>),
    /// `count` children with pairwise distinct signers.
    AtLeast {
        /// `atLeast`.
        count: usize,
        /// `of`.
        of: Vec<Self>,
    },
    /// An attestation.
    Attestation(Attestation),
    /// Another requirement, of these subjects.
    On {
        /// `subject`.
        subject: Subjects,
        /// What they must show.
        of: Box<Self>,
    },
}

/// `attestation`. All fields hold on the same attestation.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// By which conditions of others and exceptions know it.
    pub name: Option<String>,
    /// What kind.
    pub kind: AttestationKind,
    /// Whose: met by signatures over the same statement, or the same referrer.
    pub signed_by: Box<Requirement>,
    /// Which of those that are verified must hold.
    pub select: Select,
    /// How old it may be, in seconds.
    pub max_age: Option<i64>,
    /// What it must say.
    pub checks: Vec<Check>,
    /// Whose VEX counts for `vulnerabilities`.
    pub vex: Option<Vex>,
    /// What else must hold of it.
    pub conditions: Vec<Condition>,
}

impl Requirement {
    /// What it is made of.
    pub fn children(&self) -> &[Self] {
        match self {
            Self::Authority(_) | Self::Attestation(_) => &[],
            Self::All(of) | Self::Any(of) | Self::AtLeast { of, .. } => of,
            Self::On { of, .. } => std::slice::from_ref(of),
        }
    }

    /// True where it is such a requirement, or is made of one.
    fn contains(&self, is: &impl Fn(&Self) -> bool) -> bool {
        is(self) || self.children().iter().any(|child| child.contains(is))
    }

    /// The attestations of a tree, in the order in which they are written.
    pub fn attestations(&self) -> Vec<&Attestation> {
        match self {
            Self::Attestation(attestation) => vec![attestation],
            _ => self.children().iter().flat_map(Self::attestations).collect(),
        }
    }

    /// By which exceptions know the requirements of a tree.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Authority(name) => vec![name],
            Self::Attestation(attestation) => attestation.names().collect(),
            _ => self.children().iter().flat_map(Self::names).collect(),
        }
    }
}

/// Which of the verified attestations must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// One of them.
    Any,
    /// Every one.
    All,
    /// The youngest; those that are as young, or undated, too.
    Latest,
}

impl Attestation {
    /// For people.
    pub fn describe(&self) -> String {
        let kind = match &self.kind {
            AttestationKind::Predicate { alias, .. } => alias,
            AttestationKind::Artifact(artifact_type) => artifact_type,
        };
        match &self.name {
            Some(name) => format!("attestation {name} ({kind})"),
            None => format!("attestation {kind}"),
        }
    }

    /// By which exceptions know it: its name, and its type as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let kind = match &self.kind {
            AttestationKind::Predicate { alias, .. } => alias,
            AttestationKind::Artifact(artifact_type) => artifact_type,
        };
        self.name.as_deref().into_iter().chain([kind.as_str()])
    }

    /// True where something looks at what it says.
    pub fn has_content(&self) -> bool {
        !self.checks.is_empty() || !self.conditions.is_empty()
    }
}

impl Vex {
    /// What may carry VEX, as requirements of their own.
    pub fn attestations(&self) -> impl Iterator<Item = Attestation> {
        statement::VEX_TYPES.iter().map(|predicate_type| Attestation {
            name: None,
            kind: AttestationKind::Predicate {
                alias: "vex".to_owned(),
                predicate_type: (*predicate_type).to_owned(),
            },
            signed_by: self.signed_by.clone(),
            select: Select::Any,
            max_age: self.max_age,
            checks: Vec::new(),
            vex: None,
            conditions: Vec::new(),
        })
    }
}

/// `vulnerabilities.vex`.
#[derive(Clone, Debug)]
pub struct Vex {
    /// Who must have signed it.
    pub signed_by: Box<Requirement>,
    /// How old it may be, in seconds.
    pub max_age: Option<i64>,
}

/// What kind of attestation.
#[derive(Clone, Debug)]
pub enum AttestationKind {
    /// An in-toto statement with this predicate type.
    Predicate {
        /// As written.
        alias: String,
        /// The URI.
        predicate_type: String,
    },
    /// A referrer of this `artifactType` that is signed itself.
    Artifact(String),
}

/// What becomes of an image whose registry could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undetermined {
    /// The default.
    Deny,
    /// Let it pass, and say so. Nothing but a failure of transport is meant.
    Warn,
}

/// What becomes of an image that no rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// The default.
    Deny,
    /// Let it pass.
    Allow,
    /// Let it pass, and say so.
    Warn,
}

/// What a front does with the outcome; the strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Refuse what is not allowed.
    Enforce,
    /// Let it pass with a warning.
    Warn,
    /// Let it pass and record it.
    Audit,
}

/// Which objects have their tags replaced by what was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Pods only: pinning a Deployment makes GitOps tools see drift.
    Pods,
    /// Every workload.
    Workloads,
    /// None: undigested references are refused by an admission front, unless `digests.require` is
    /// `never`.
    None,
}

impl Policy {
    /// Parses a document; on failure every error that was found. Settings of Kubewarden's
    /// verify-image-signatures are one, too: [`kubewarden`].
    pub fn parse(document: &serde_json::Value) -> Result<Self, Vec<PolicyError>> {
        if kubewarden::is_settings(document) {
            return kubewarden::parse(document);
        }
        document::parse(document)
    }
}

impl Pattern {
    /// Compiles and anchors.
    pub fn regular_expression(text: &str) -> Result<Self, regex_lite::Error> {
        // A pattern that is not valid by itself could close the group that anchors it.
        regex_lite::RegexBuilder::new(text).size_limit(MOST_REGEX).build()?;
        let anchored = format!("^(?:{text})$");
        let compiled = regex_lite::RegexBuilder::new(&anchored).size_limit(MOST_REGEX).build()?;
        Ok(Self::RegExp { text: text.to_owned(), compiled })
    }

    /// True where the whole text matches.
    pub fn matches(&self, whole: &str) -> bool {
        match self {
            Self::Exact(text) => text == whole,
            Self::RegExp { compiled, .. } => compiled.is_match(whole),
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::Exact(text) => text.clone(),
            Self::RegExp { text, .. } => format!("/{text}/"),
        }
    }
}

impl Rule {
    /// True where a positive glob and no negative one matches.
    pub fn matches(&self, repository: &str) -> bool {
        matches(&self.images, repository)
    }

    /// True where a positive glob and no negative one matches a blob's name.
    pub fn matches_blob(&self, name: &str) -> bool {
        matches(&self.blobs, name)
    }
}

fn matches(globs: &[Glob], name: &str) -> bool {
    let any = |negated| globs.iter().filter(|g| g.negated == negated).any(|g| g.matches(name));
    any(false) && !any(true)
}

impl Mode {
    /// As the document writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Audit => "audit",
        }
    }
}
