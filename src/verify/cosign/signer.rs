//! Whose signature it is: one of the authority's keys, a certificate of its own CA, or one of its
//! identities.

mod pinned;

use std::cell::OnceCell;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Context, Material};
use crate::{
    crypto::{HashAlgorithm, KeyKind, PublicKey, Scheme, Spend, from_hex, hex},
    policy::{CosignSigner, Identity, Instance, Pattern, Subject},
    transparency::Artifact,
    trust::identity::subject_line,
    verdict::{Code, Reason, most_specific},
    verify::{
        Rejected, Signer, Target, key_code, meant_name, path_reason,
        sigstore::{self, Evidence, Holder, Proof},
    },
    wire::{Kind, Node},
    x509::{
        Certificate, fulcio,
        path::{self, Purpose},
    },
};

/// What a signature is over; hashed once with each algorithm.
pub(super) struct Message<'a> {
    bytes: Option<&'a [u8]>,
    target: Option<&'a Target>,
    digests: [OnceCell<Option<Vec<u8>>>; 3],
}

/// A message, its signatures, and what stands beside them.
pub(super) struct Signed<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) artifact: Artifact<'a>,
    pub(super) signatures: &'a [&'a [u8]],
    pub(super) material: &'a Material<'a>,
}

/// An own CA.
struct OwnCa<'a> {
    roots: &'a [Certificate],
    intermediates: &'a [Certificate],
    subject: &'a Subject,
    issuer: Option<&'a Pattern>,
}

type Found = Result<(Signer, Vec<Reason>), Reason>;

impl<'a> Message<'a> {
    pub(super) fn bytes(bytes: &'a [u8]) -> Self {
        Self { bytes: Some(bytes), target: None, digests: Default::default() }
    }

    /// The artifact itself, of which there may be digests only.
    pub(super) fn target(target: &'a Target) -> Self {
        Self { bytes: target.bytes.as_deref(), target: Some(target), digests: Default::default() }
    }

    fn digest(&self, algorithm: HashAlgorithm) -> Option<&[u8]> {
        let compute = || match (self.target, self.bytes) {
            (Some(target), _) => from_hex(&target.hash(algorithm)?),
            (None, bytes) => Some(algorithm.digest(bytes?)),
        };
        self.digests.get(algorithm as usize)?.get_or_init(compute).as_deref()
    }

    /// The scheme with which the signature is good.
    fn verify(
        &self,
        key: &PublicKey,
        signature: &[u8],
        spend: &Spend,
    ) -> Result<Option<Scheme>, Reason> {
        let mut undigested = None;
        let mut padded = None;
        for (position, scheme) in Scheme::candidates(key.kind()).iter().enumerate() {
            // RSA has six, and what is no signature at all must not cost as many operations.
            if position > 0 && matches!(key.kind(), KeyKind::Rsa(_)) {
                let padded = match padded {
                    Some(padded) => padded,
                    None => *padded.insert(spend.rsa_schemes(key, signature)?),
                };
                if !padded.contains(scheme) {
                    continue;
                }
            }
            let result = match (self.bytes, scheme.hash()) {
                (Some(bytes), _) if key.kind() == KeyKind::Ed25519 => {
                    spend.verify_signature(key, *scheme, bytes, signature)?
                }
                (None, _) if key.kind() == KeyKind::Ed25519 => {
                    return Err(Reason::new(
                        Code::EvidenceHostAsserted,
                        "an Ed25519 signature needs the signed bytes, not their digest",
                    ));
                }
                (_, Some(hash)) => match self.digest(hash) {
                    Some(digest) => spend.verify_digest(key, *scheme, digest, signature)?,
                    None => {
                        undigested = undigested.or(Some(hash));
                        continue;
                    }
                },
                (_, None) => continue,
            };
            if result.is_ok() {
                return Ok(Some(*scheme));
            }
        }
        match undigested {
            Some(hash) => Err(self::undigested(hash)),
            None => Ok(None),
        }
    }
}

/// The host keeps the bytes, and did not hash them in this way.
pub(super) fn undigested(algorithm: HashAlgorithm) -> Reason {
    Reason::new(
        Code::EvidenceHostAsserted,
        format!("the artifact's {algorithm} may be what is signed, and the host does not say it"),
    )
}

impl Signed<'_> {
    /// One good signature by the authority.
    pub(super) fn by_authority(
        &self,
        context: &Context<'_>,
        spend: &Spend,
        checks: &mut Vec<Node>,
    ) -> Result<(Signer, Vec<Reason>), Rejected> {
        let result = match &context.authority.signer {
            CosignSigner::Keys(keys) => self.by_key(keys, context, spend, checks),
            CosignSigner::Certificate { roots, intermediates, subject, issuer } => {
                let ca = OwnCa { roots, intermediates, subject, issuer: issuer.as_ref() };
                self.by_own_ca(&ca, context, spend, checks)
            }
            CosignSigner::Pinned(pinned) => self.by_pinned(pinned, context, spend, checks),
            CosignSigner::Keyless(identities) => self.keyless(identities, context, spend, checks),
        };
        match result {
            Ok((signer, weakened)) => {
                checks.push(Node::pass(Kind::Check, "signature").detail(signer.name.clone()));
                Ok((signer, weakened))
            }
            Err(reason) => Err(Rejected { reason, checks: std::mem::take(checks) }),
        }
    }

    fn evidence<'s>(&'s self, signature: &'s [u8]) -> Evidence<'s> {
        Evidence {
            artifact: self.artifact,
            signature,
            entries: self.material.entries.as_deref(),
            timestamps: self.material.timestamps.as_deref(),
            version: self.material.version,
        }
    }

    /// Each signature with each instance, or with none where the policy names none, and with checks
    /// of its own; the first that agrees is enough.
    fn first_good(
        signatures: &[&[u8]],
        instances: &[Instance],
        checks: &mut Vec<Node>,
        by: impl Fn(&[u8], Option<&Instance>, &mut Vec<Node>) -> Found,
    ) -> Found {
        let alone = instances.is_empty().then_some(None);
        let instances: Vec<_> = alone.into_iter().chain(instances.iter().map(Some)).collect();
        let mut failed: Vec<(Reason, Vec<Node>)> = Vec::new();
        for signature in signatures {
            for instance in &instances {
                let mut own = Vec::new();
                match by(signature, *instance, &mut own) {
                    Ok(found) => {
                        checks.extend(own);
                        return Ok(found);
                    }
                    Err(reason) if reason.code == Code::BudgetSignatures => return Err(reason),
                    Err(reason) => failed.push((reason, own)),
                }
            }
        }
        let reason = most_specific(failed.iter().map(|(reason, _)| reason)).cloned();
        let reason = reason.unwrap_or_else(|| Reason::of(Code::SignatureMissing));
        if let Some((_, own)) = failed.into_iter().find(|(own, _)| *own == reason) {
            checks.extend(own);
        }
        Err(reason)
    }

    fn by_key(
        &self,
        keys: &[PublicKey],
        context: &Context<'_>,
        spend: &Spend,
        checks: &mut Vec<Node>,
    ) -> Found {
        // Cosign's hint is the fingerprint of the key; other tools write what they like.
        let hint = self.material.hint.and_then(|h| STANDARD.decode(h).ok());
        let hinted: Vec<&PublicKey> =
            keys.iter().filter(|k| hint.as_deref() == Some(&k.spki_sha256()[..])).collect();
        let tried = if hinted.is_empty() { keys.iter().collect() } else { hinted };
        let mut unproven = None;
        for key in tried {
            for signature in self.signatures {
                let scheme = match self.message.verify(key, signature, spend) {
                    Ok(Some(scheme)) => scheme,
                    Ok(None) => continue,
                    Err(reason) if reason.code == Code::BudgetSignatures => return Err(reason),
                    // Another key may need less of the host.
                    Err(reason) => {
                        unproven.get_or_insert(reason);
                        continue;
                    }
                };
                let evidence = self.evidence(signature);
                let holder = Holder::Key(key);
                let by = |_: &[u8], instance: Option<&Instance>, checks: &mut Vec<Node>| -> Found {
                    let Some(instance) = instance else {
                        return Ok((Signer::key(key), Vec::new()));
                    };
                    let proof =
                        sigstore::times(&evidence, &holder, instance, context.now, spend, checks)?;
                    sigstore::inclusion(&proof, spend, checks)?;
                    sigstore::hash(&proof, scheme)?;
                    Ok((Signer::key(key).proven(&proof.times), proof.weakened))
                };
                let instances = &context.authority.instances;
                match Self::first_good(&[signature], instances, checks, by) {
                    Ok(found) => return Ok(found),
                    Err(reason) => unproven = Some(reason),
                }
            }
        }
        Err(unproven.unwrap_or_else(|| {
            let expected: Vec<_> =
                keys.iter().map(|k| format!("sha256:{}", hex(k.spki_sha256()))).collect();
            let expected = expected.join(" or ");
            match hint {
                Some(hint)
                    if hint.len() == 32 && !keys.iter().any(|k| k.spki_sha256()[..] == hint) =>
                {
                    Reason::of(Code::KeyHintMismatch)
                        .expected(expected)
                        .found(format!("sha256:{}", hex(&hint)))
                }
                _ => Reason::of(Code::SignatureInvalid)
                    .expected(format!("a signature by key {expected}")),
            }
        }))
    }

    fn leaf(&self) -> Result<(&Certificate, &[Certificate]), Reason> {
        match self.material.certificates.as_deref().map_err(Clone::clone)? {
            [leaf, travelled @ ..] => Ok((leaf, travelled)),
            [] => Err(Reason::of(Code::CertificateAbsent)),
        }
    }

    fn by_own_ca(
        &self,
        ca: &OwnCa<'_>,
        context: &Context<'_>,
        spend: &Spend,
        checks: &mut Vec<Node>,
    ) -> Found {
        let (leaf, travelled) = self.leaf()?;
        // The cheap check first: nothing is paid for a certificate of somebody else.
        let name = ca.name(leaf)?;
        let key = key(leaf)?;
        let intermediates: Vec<_> = travelled.iter().chain(ca.intermediates).cloned().collect();
        let holder = Holder::Certificate { leaf, key: &key };
        let by = |signature: &[u8], instance: Option<&Instance>, checks: &mut Vec<Node>| -> Found {
            let evidence = self.evidence(signature);
            let times = |instance| {
                sigstore::times(&evidence, &holder, instance, context.now, spend, checks)
            };
            let proof = instance.map(times).transpose()?;
            let proven = proof.as_ref().map(|p| p.times.as_slice()).unwrap_or_default();
            let now = [context.now.time()];
            if proven.is_empty() {
                for certificate in intermediates.iter().chain(ca.roots).chain([leaf]) {
                    context.now.watch(certificate.not_before());
                    context.now.watch(certificate.not_after().plus(1));
                }
            }
            // A block list is held against the path, whoever brought the certificates of it.
            let mut above = travelled.to_vec();
            for time in if proven.is_empty() { &now } else { proven } {
                let found =
                    path::build(leaf, &intermediates, ca.roots, *time, Purpose::CodeSigning, spend)
                        .map_err(|error| path_reason(error, leaf, ca.roots, *time))?;
                above.extend(found.into_iter().skip(1));
            }
            checks.push(
                Node::pass(Kind::Check, "certificate chain")
                    .detail(format!("issuer {}", leaf.issuer())),
            );
            checks.push(Node::pass(Kind::Check, "identity").detail(name.clone()));
            let signer = Signer::certificate(leaf, &key).with_chain(&above).proven(proven);
            let weakened = self.signed_by_leaf(&key, signature, proof, spend, checks, &name)?;
            Ok((signer, weakened))
        };
        Self::first_good(self.signatures, &context.authority.instances, checks, by)
    }

    /// spec: client-spec §4: time, certificate, transparency log entry, signature. What costs no
    /// signature operation comes first: claimed identity, then what the entries say.
    fn keyless(
        &self,
        identities: &[Identity],
        context: &Context<'_>,
        spend: &Spend,
        checks: &mut Vec<Node>,
    ) -> Found {
        let (leaf, travelled) = self.leaf()?;
        let (issuer, name) = sigstore::identity(leaf, identities)?;
        let key = key(leaf)?;
        let holder = Holder::Certificate { leaf, key: &key };
        let by = |signature: &[u8], instance: Option<&Instance>, checks: &mut Vec<Node>| -> Found {
            // A policy without any was refused.
            let instance = instance.ok_or_else(|| Reason::of(Code::Internal))?;
            let evidence = self.evidence(signature);
            let proof = sigstore::times(&evidence, &holder, instance, context.now, spend, checks)?;
            sigstore::certificate(leaf, travelled, &proof, instance, spend, checks)?;
            let identity = format!("{name} ({issuer})");
            checks.push(Node::pass(Kind::Check, "identity").detail(identity));
            let signer = Signer::keyless(&issuer, &name, leaf, &key);
            let signer = signer.with_chain(travelled).proven(&proof.times);
            let weakened =
                self.signed_by_leaf(&key, signature, Some(proof), spend, checks, &name)?;
            Ok((signer, weakened))
        };
        Self::first_good(self.signatures, &context.authority.instances, checks, by)
    }

    /// spec: client-spec §4.5 "The Verifier MUST verify the provided signature for the constructed
    /// payload against the key in the leaf of the certificate chain."
    fn signed_by_leaf(
        &self,
        key: &PublicKey,
        signature: &[u8],
        proof: Option<Proof<'_>>,
        spend: &Spend,
        checks: &mut Vec<Node>,
        name: &str,
    ) -> Result<Vec<Reason>, Reason> {
        if let Some(proof) = &proof {
            sigstore::inclusion(proof, spend, checks)?;
        }
        let scheme = self.message.verify(key, signature, spend)?.ok_or_else(|| {
            Reason::of(Code::SignatureInvalid)
                .expected(format!("a signature by the certificate of {name}"))
        })?;
        match proof {
            Some(proof) => {
                sigstore::hash(&proof, scheme)?;
                Ok(proof.weakened)
            }
            None => Ok(Vec::new()),
        }
    }
}

impl OwnCa<'_> {
    /// The name by which the policy means this certificate.
    fn name(&self, leaf: &Certificate) -> Result<String, Reason> {
        let name = match self.subject {
            Subject::AlternativeName(pattern) => meant_name(leaf, pattern)?.to_owned(),
            Subject::DistinguishedName(pattern) => {
                let subject = subject_line(leaf.subject());
                if !pattern.matches(&subject) {
                    return Err(Reason::of(Code::IdentityMismatch)
                        .expected(pattern.describe())
                        .found(subject));
                }
                subject
            }
        };
        if let Some(pattern) = self.issuer {
            let issuer = fulcio::issuer(leaf);
            if !issuer.as_ref().is_ok_and(|issuer| pattern.matches(issuer)) {
                return Err(Reason::of(Code::IssuerMismatch)
                    .expected(pattern.describe())
                    .found(issuer.unwrap_or_else(|error| error.to_string())));
            }
        }
        Ok(name)
    }
}

fn key(leaf: &Certificate) -> Result<PublicKey, Reason> {
    leaf.public_key().map_err(|error| Reason::new(key_code(&error), error.to_string()))
}
