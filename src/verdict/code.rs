//! The stable reason codes: an API. A code is never renamed and never reused.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Nothing of the kind is there.
    Absent,
    /// A limit of the decision was reached.
    Exceeded,
    /// A bug of ours.
    Internal,
    /// Bytes that are not what their format says.
    Malformed,
    /// The policy document or the request.
    Misconfigured,
    /// Integrity: two things that must be equal are not.
    Mismatch,
    /// It could not be had.
    Unavailable,
    /// The policy asks for more than was proven.
    Unmet,
    /// Well formed, and not something that is verified here.
    Unsupported,
    /// Authenticity: whom or what the policy does not trust.
    Untrusted,
}

macro_rules! codes {
    ($( $variant:ident $code:literal $family:ident $undetermined:literal $summary:literal => $next:expr; )*) => {
        /// A stable reason code. Their order is their rank: of several failed candidates the one
        /// that came furthest is reported first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $( #[doc = $summary] $variant, )* }

        /// Every code, in order of rank.
        pub const ALL_CODES: &[Code] = &[ $( Code::$variant, )* ];

        impl Code {
            /// The string that users and tools see.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $code, )* }
            }
            /// Whose fault it is.
            pub const fn family(self) -> Family {
                match self { $( Self::$variant => Family::$family, )* }
            }
            /// True where the reason leads to `undetermined`, not to `deny`.
            pub const fn is_undetermined(self) -> bool {
                match self { $( Self::$variant => $undetermined, )* }
            }
            /// One sentence.
            pub const fn summary(self) -> &'static str {
                match self { $( Self::$variant => $summary, )* }
            }
            /// General advice.
            pub const fn next_step(self) -> Option<&'static str> {
                match self { $( Self::$variant => $next, )* }
            }
        }
    };
}

codes! {
    ImageUnmatched "image.unmatched" Misconfigured false
        "no matching policies: no rule of the policy matches this image"
        => Some("add a rule for this image, or set `spec.unmatched`");
    ImageStaticDeny "image.staticDeny" Unmet false
        "a matching rule denies this image" => None;
    CandidateOtherFamily "candidate.otherFamily" Unsupported false
        "the candidate is of a family that this requirement does not use" => None;
    SignaturesNone "signatures.none" Absent false
        "no signatures found" => Some("sign the image, or check that its signatures were copied with it");
    AttestationsNone "attestations.none" Absent false
        "no attestations found" => Some("attest the image, or check that its attestations were copied with it");
    LayerUnexpected "layer.unexpected" Malformed false
        "the signature manifest does not carry what its format asks for" => None;
    ManifestMalformed "manifest.malformed" Malformed false
        "the signature's manifest is not a valid OCI manifest" => None;
    EnvelopeMalformed "envelope.malformed" Malformed false
        "the signature envelope is not valid" => None;
    EnvelopeUnsupported "envelope.unsupported" Unsupported false
        "the signature envelope is of a kind that is not verified here" => None;
    PayloadMalformed "payload.malformed" Malformed false
        "the signed payload is not valid" => None;
    PayloadType "payload.type" Unmet false
        "the signed payload is of another type" => None;
    SignatureMissing "signature.missing" Malformed false
        "the candidate carries no signature" => None;
    SignatureMalformed "signature.malformed" Malformed false
        "the signature is not validly encoded" => None;
    SignatureAlgorithm "signature.algorithm" Unsupported false
        "the signature algorithm is not accepted for this key" => None;
    KeyMalformed "key.malformed" Malformed false
        "the public key is not valid" => None;
    KeyUnsupported "key.unsupported" Unsupported false
        "the public key is of an unsupported type" => Some("use ECDSA P-256, P-384 or P-521, RSA 2048 to 4096, or Ed25519");
    KeyWeak "key.weak" Unsupported false
        "the public key is too weak" => Some("use ECDSA P-256 or better, RSA 2048 or better, or Ed25519");
    PayloadNotSignature "payload.notSignature" Unmet false
        "an attestation is not an image signature" => Some("sign the image itself, or require the attestation");
    PayloadNotAttestation "payload.notAttestation" Unmet false
        "no matching attestations: an image signature is not an attestation" => Some("attest the image, or require the signature");
    AttestationType "attestation.type" Unmet false
        "no matching attestations: the attestation is of another type" => None;
    SubjectMismatch "subject.mismatch" Mismatch false
        "the signature is for another artifact" => None;
    KeyHintMismatch "key.hintMismatch" Mismatch false
        "the bundle names another key than the policy's" => Some("check which key signed the image");
    IdentityMismatch "identity.mismatch" Untrusted false
        "no matching signatures: the certificate is for another identity" => Some("check who signed, or the identity in the policy");
    IssuerMismatch "issuer.mismatch" Untrusted false
        "no matching signatures: the identity is vouched for by another OIDC issuer" => Some("check who signed, or the issuer in the policy");
    ExtensionMismatch "extension.mismatch" Untrusted false
        "no matching signatures: the certificate was issued to another workflow" => Some("check which workflow signed, or the policy");
    CertificateAbsent "certificate.absent" Absent false
        "the candidate carries no certificate" => Some("sign with a certificate, or name the public key in the policy");
    CertificateMalformed "certificate.malformed" Malformed false
        "a certificate is not valid" => None;
    CertificateWeak "certificate.weak" Unsupported false
        "a certificate is signed with a weak algorithm" => None;
    CertificateProfile "certificate.profile" Untrusted false
        "a certificate does not have the properties that its role asks for" => None;
    LogEntryAbsent "logEntry.absent" Absent false
        "the transparency log has too few entries for the signature" => Some("sign again with a transparency log that the policy trusts");
    LogEntryMalformed "logEntry.malformed" Malformed false
        "an entry of the transparency log is not valid" => None;
    LogEntryUnsupported "logEntry.unsupported" Unsupported false
        "an entry of the transparency log is of a kind that is not verified here" => None;
    LogEntryMismatch "logEntry.mismatch" Mismatch false
        "the entry of the transparency log is about something else" => None;
    LogNotInUse "log.notInUse" Untrusted false
        "the transparency log's key was not in use at the time of the entry" => None;
    LogPromiseAbsent "logPromise.absent" Absent false
        "the entry of the transparency log has no signed timestamp" => None;
    LogPromiseInvalid "logPromise.invalid" Mismatch false
        "the signed entry timestamp does not verify" => None;
    TimestampAbsent "timestamp.absent" Absent false
        "too few timestamps of a trusted timestamp authority" => Some("sign again with a timestamp authority that the policy trusts");
    TimestampMalformed "timestamp.malformed" Malformed false
        "a timestamp is not valid" => None;
    TimestampUntrusted "timestamp.untrusted" Untrusted false
        "the timestamp is of an authority that the policy does not trust" => Some("add the timestamp authority to `spec.trust`");
    TimestampInvalid "timestamp.invalid" Mismatch false
        "a timestamp does not verify" => None;
    TimeFuture "time.future" Untrusted false
        "the signature was made after the time of the decision" => Some("check the clocks");
    TimeUnproven "time.unproven" Absent false
        "nothing proves when the short-lived certificate signed" => Some("sign again with a timestamp authority, or a log that signs its time");
    CertificateUntrusted "certificate.untrusted" Untrusted false
        "the certificate does not chain to a trusted root" => Some("add the root to `spec.trust`, or check which authority issued the certificate");
    CertificateNotYetValid "certificate.notYetValid" Untrusted false
        "a certificate is not valid yet" => None;
    CertificateExpired "certificate.expired" Untrusted false
        "a certificate has expired" => Some("sign again, or require a timestamp");
    SctAbsent "sct.absent" Absent false
        "the certificate has no timestamp of a trusted certificate-transparency log" => None;
    SctMalformed "sct.malformed" Malformed false
        "the certificate's signed certificate timestamps are not valid" => None;
    SctInvalid "sct.invalid" Mismatch false
        "a signed certificate timestamp does not verify" => None;
    LogProofAbsent "logProof.absent" Absent false
        "the entry of the transparency log has no inclusion proof with a checkpoint" => None;
    LogProofInvalid "logProof.invalid" Mismatch false
        "the inclusion proof does not verify" => None;
    CheckpointInvalid "checkpoint.invalid" Mismatch false
        "the log's checkpoint does not verify" => None;
    SignatureInvalid "signature.invalid" Mismatch false
        "no matching signatures: the signature does not verify" => Some("check which key signed the image");
    StatementMalformed "statement.malformed" Malformed false
        "the in-toto statement is not valid" => None;
    AnnotationMismatch "annotation.mismatch" Unmet false
        "the signed annotations are not those that the policy asks for" => Some("sign with the annotations that the policy names");
    AttestationOlder "attestation.older" Unmet false
        "a younger attestation counts instead" => None;
    AttestationUndated "attestation.undated" Unmet false
        "nothing that is signed says when the attestation was made" => Some("sign the attestation with a time, or remove `maxAge`");
    AttestationStale "attestation.stale" Unmet false
        "the attestation is older than the policy asks for" => Some("attest the image again");
    AttestationFuture "attestation.future" Untrusted false
        "the attestation says that it was made after the time of the decision" => Some("check the clocks");
    PredicateMalformed "predicate.malformed" Malformed false
        "what the attestation says is not of the shape that its type asks for" => None;
    PredicateUnsupported "predicate.unsupported" Unsupported false
        "what the attestation says is of a kind that this check does not read" => None;
    ProvenanceBuilder "provenance.builder" Unmet false
        "the provenance names another builder" => Some("build with the builder of the policy");
    ProvenanceBuildType "provenance.buildType" Unmet false
        "the provenance names another build type" => None;
    ProvenanceSource "provenance.source" Unmet false
        "the provenance names another source" => Some("check where the image was built from");
    ProvenanceRef "provenance.ref" Unmet false
        "the provenance names another branch, tag or commit" => Some("check what the image was built from");
    ProvenanceParameters "provenance.parameters" Unmet false
        "the provenance has other build parameters" => None;
    ProvenanceLevel "provenance.level" Unmet false
        "the builder is not of the SLSA level that the policy asks for" => None;
    VulnerabilityScanner "vulnerability.scanner" Unmet false
        "the scan is of another scanner" => None;
    VulnerabilityDatabase "vulnerability.database" Unmet false
        "the scanner's database is older than the policy asks for" => Some("update the scanner's database and scan again");
    VulnerabilityFound "vulnerability.found" Unmet false
        "the scan has vulnerabilities that the policy does not allow" => Some("update what is affected, or say in signed VEX or the policy why it does not matter");
    SbomIncomplete "sbom.incomplete" Unmet false
        "the SBOM does not say what the policy asks for" => Some("make the SBOM with a tool that sees the whole image");
    SbomDenied "sbom.denied" Unmet false
        "the SBOM has a package or a licence that the policy denies" => None;
    SbomRequired "sbom.required" Unmet false
        "the SBOM lacks what the policy requires" => None;
    VsaVerifier "vsa.verifier" Unmet false
        "the verification summary is of another verifier" => None;
    VsaResource "vsa.resource" Unmet false
        "the verification summary is about another resource" => None;
    VsaPolicy "vsa.policy" Unmet false
        "the verification summary is of another policy" => None;
    VsaResult "vsa.result" Unmet false
        "the verification summary says that verification failed" => None;
    VsaLevel "vsa.level" Unmet false
        "the verification summary does not have the level that the policy asks for" => None;
    ApprovalsTooFew "approvals.tooFew" Unmet false
        "fewer have approved than the policy asks for" => Some("have somebody else approve too");
    ConditionError "condition.error" Unmet false
        "a condition of the policy could not be evaluated" => Some("guard what may be absent with `has()`");
    ConditionUnmet "condition.unmet" Unmet false
        "a condition of the policy does not hold" => None;
    NotationAttribute "notation.attribute" Malformed false
        "a signed attribute of the Notation envelope is missing, forbidden or not valid" => None;
    NotationContentType "notation.contentType" Unsupported false
        "the payload content type is not supported" => None;
    NotationScheme "notation.scheme" Unsupported false
        "the signing scheme is not supported" => None;
    NotationCritical "notation.critical" Unsupported false
        "a critical attribute is not understood" => None;
    NotationPlugin "notation.plugin" Unsupported false
        "the signature needs a verification plugin" => None;
    AuthenticityUntrusted "authenticity.untrusted" Untrusted false
        "no certificate of the signature is in the trust store" => Some("add the signer's root to the `ca` store, or check who signed");
    AuthenticityLogged "authenticity.logged" Untrusted false
        "authenticity failed and the policy only logs it" => None;
    IdentityUntrusted "identity.untrusted" Untrusted false
        "the signing certificate is not one of the trusted identities" => Some("check who signed, or `trustedIdentities`");
    ExpiryExpired "expiry.expired" Untrusted false
        "the digital signature has expired" => Some("sign again");
    AuthenticTimestampInvalid "authenticTimestamp.invalid" Untrusted false
        "the signing certificates were not valid at the time that counts" => Some("sign again, or use a timestamp");
    LogIgnored "log.ignored" Unmet false
        "no transparency log was asked for" => None;
    RevocationPending "revocation.pending" Unavailable true
        "revocation was not looked at, as the decision did not need it" => None;
    RevocationUnknown "revocation.unknown" Unavailable true
        "whether a certificate is revoked could not be told" => Some("let the host reach the responders, or give it their answers");
    RevocationPlugin "revocation.plugin" Unavailable true
        "only the service that has signed can tell whether the signature is revoked, and it is not asked from here" => Some("set `revocation` of `override` to `log` or `skip`, and trust versions of profiles, to be taken off the list once they are revoked");
    RevocationRevoked "revocation.revoked" Untrusted false
        "a certificate is revoked" => Some("sign again with another certificate");
    RevocationSkipped "revocation.skipped" Unmet false
        "revocation was not checked" => None;
    VerificationSkipped "verification.skipped" Unmet false
        "nothing was verified, as the policy says so" => Some("use another level than `skip`");
    DescriptorMismatch "descriptor.mismatch" Mismatch false
        "the signed descriptor is not the artifact's" => None;
    MetadataMismatch "metadata.mismatch" Unmet false
        "the signed user metadata is not what the policy asks for" => None;
    ThresholdSameSigner "threshold.sameSigner" Unmet false
        "one signer counts once, however many authorities name it" => Some("have another signer sign too");
    ThresholdUnmet "threshold.unmet" Unmet false
        "fewer requirements hold than the policy asks for" => None;
    EvidenceAbsent "evidence.absent" Absent false
        "the registry says that the image is not there" => Some("check the reference");
    ImageMalformed "image.malformed" Malformed false
        "the image's manifest is not a valid manifest or index" => None;
    EvidenceHostAsserted "evidence.hostAsserted" Unavailable true
        "only the host's word is there, not bytes that can be checked" => Some("use a host that delivers raw bytes");
    EvidenceUnsupported "evidence.unsupported" Unavailable true
        "evidence is or may be there, and this host has no road to it" => Some("run `countersign evidence push` for the image, or verify it where its registry can be asked");
    PackStale "pack.stale" Unavailable true
        "evidence is listed for the image that its evidence pack does not have" => Some("run `countersign evidence push` for the image again");
    EvidenceGarbled "evidence.garbled" Unavailable true
        "the registry's answer is not what the protocol says" => Some("check the registry, or a proxy before it");
    EvidenceDigestMismatch "evidence.digestMismatch" Mismatch true
        "the bytes are not those of their digest" => Some("the registry or the network changed the content: fetch it again");
    EvidenceDenied "evidence.denied" Unavailable true
        "the registry refuses to show the evidence to this host" => Some("check the credentials of the host");
    EvidenceUnavailable "evidence.unavailable" Unavailable true
        "the registry could not be reached or did not answer" => Some("check the registry and try again");
    PayloadUndeliverable "payload.undeliverable" Unavailable true
        "the signed payload cannot be had from this host, nor rebuilt" => Some("run `countersign evidence push` for the image, or give the signature's annotations in the policy");
    BudgetSignatures "budget.signatures" Exceeded true
        "more signature operations are needed than one decision makes" => Some("remove the signatures that are not needed");
    BudgetBytes "budget.bytes" Exceeded true
        "the evidence is larger than one decision reads" => None;
    BudgetTime "budget.time" Exceeded true
        "there was no time left to fetch all the evidence" => Some("give the policy more time, or the image an evidence pack");
    BudgetCandidates "budget.candidates" Exceeded true
        "more candidates are attached to the image than one decision looks at" => Some("remove the signatures that are not needed");
    BudgetSearch "budget.search" Exceeded true
        "the requirements have more combinations of signers than one decision tries" => Some("write the requirement with fewer alternatives");
    BudgetConditions "budget.conditions" Exceeded true
        "the policy's expressions need more steps than one decision makes" => Some("write the expression so that it looks at less");
    BudgetImages "budget.images" Exceeded true
        "the request names more images than one decision looks at" => None;
    BoundElsewhere "boundTo.mismatch" Mismatch false
        "the signature was made for another repository or reference" => Some("sign where the image is, or name the mirror in `remaps`");
    PlatformAbsent "platform.absent" Unmet false
        "the image has none of the platforms that the policy names" => None;
    SignerBlocked "signer.blocked" Untrusted false
        "the signer is on the policy's block list" => Some("have another signer sign");
    ImageBlocked "image.blocked" Untrusted false
        "the image is on the policy's block list" => Some("use another image");
    MatchError "match.error" Unmet false
        "whether a rule is for this image could not be told" => Some("guard what may be absent in the rule's expression with `has()`");
    ExceptionApplied "exception.applied" Unmet false
        "an exception of the policy waives what failed" => None;
    DigestUnpinned "digest.unpinned" Unmet false
        "the image is named by a tag and this caller cannot pin it" => Some("name the image by digest");
    ReferenceInvalid "reference.invalid" Misconfigured false
        "the image reference is not valid" => None;
    RequestMalformed "request.malformed" Misconfigured false
        "the request is not valid" => None;
    KindUnknown "kind.unknown" Misconfigured false
        "objects of this kind are not known" => None;
    PolicyMalformed "policy.malformed" Misconfigured false
        "the policy document is not valid" => None;
    PolicyUnknownField "policy.unknownField" Misconfigured false
        "the policy has a field that does not exist" => None;
    PolicyMissingField "policy.missingField" Misconfigured false
        "the policy lacks a field" => None;
    PolicyInvalidValue "policy.invalidValue" Misconfigured false
        "a value of the policy is not valid" => None;
    PolicyUnknownName "policy.unknownName" Misconfigured false
        "the policy names something that it does not define" => None;
    PolicyNotImplemented "policy.notImplemented" Misconfigured false
        "the policy uses something that this build does not implement" => Some("remove it, or use a build that implements it");
    Internal "internal" Internal true
        "an error of Countersign itself" => Some("please report it");
}

impl Code {
    /// Of several failed candidates the highest rank is reported first.
    pub(crate) const fn rank(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        ALL_CODES
            .iter()
            .copied()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| de::Error::custom(format!("unknown reason code `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_dotted_words() {
        for (i, a) in ALL_CODES.iter().enumerate() {
            assert!(
                a.as_str().chars().all(|c| c.is_ascii_alphabetic() || c == '.'),
                "{a} is not made of letters and dots"
            );
            assert!(ALL_CODES.iter().skip(i + 1).all(|b| b.as_str() != a.as_str()), "{a} twice");
        }
    }
}
