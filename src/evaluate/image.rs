//! One image: the rules that match it, its evidence, its verdict, its pin.

use super::{
    condition, config,
    platforms::{self, Embedded, Platforms},
    referrer::{self, Referrer},
    requirement,
    rules::{self, Shared, Verdict},
};
use std::collections::BTreeSet;

use countersign_cel::{Cost, Program, Scope as Variables};
use serde_json::Value;

use crate::{
    crypto::HexDigests,
    discovery::{self, Discovered, Roads, manifest},
    evidence::{Evidence, Miss},
    policy::{
        Action, AttestationKind, Authority, Exception, Matched, Mode, Pin, Policy, Requirement,
        Rule, Subjects, TrustHost, Unmatched, spellings,
    },
    reference::{Digest, Reference},
    verdict::{Code, Reason},
    verify::Target,
    wire::{Decision, ImageDecision, ImageRequest, Kind, Mark, Outcome, Patch, Request},
};

/// A normalised reference and the rules that match it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) reference: Reference,
    rules: Vec<usize>,
    /// Why it cannot be told which rules are for it.
    unmatched: Option<Reason>,
    /// Rules that are taken to be for it, as what would tell is not there.
    assumed: Vec<String>,
    /// True where one of its rules is known to be for it.
    certain: bool,
}

/// A normalised reference, and which rules match it.
pub(super) type Key<'s> = (&'s Reference, &'s [usize]);

/// The evidence of one image.
pub(super) enum Gathered {
    /// The rules ask for none.
    NotNeeded,
    /// On the block list.
    Blocked(Reason),
    /// The rules ask for none; this digest is not on the block list.
    Unblocked(Digest),
    /// Not there to be judged.
    Failed(Reason),
    /// Not there to be held against the block list.
    Unknown(Reason),
    /// Something is still to be fetched.
    Pending,
    /// All there.
    Ready(Box<Bundle>),
}

/// An artifact with its candidates.
pub(super) struct Bundle {
    pub(super) target: Target,
    pub(super) discovered: Discovered,
    /// Referrers that may count as attestations.
    pub(super) artifacts: Vec<Referrer>,
    /// As it was asked for, normalised.
    pub(super) reference: Reference,
    /// Its configuration, where a condition looks at it.
    pub(super) config: Option<Result<Value, Reason>>,
    /// Its platforms, where the policy looks at them.
    pub(super) platforms: Platforms,
    /// What its index says of it.
    pub(super) embedded: Vec<Embedded>,
    /// Which platform of its index it is.
    pub(super) platform: Option<String>,
    /// For what the host's word was taken.
    pub(super) asserted: BTreeSet<&'static str>,
}

/// What the rules of an image ask for.
#[derive(Default)]
pub(super) struct Wanted {
    /// Of what the reference resolves to: its own roads, and those of its referrers.
    resolved: (Roads, Roads),
    /// Of its platforms.
    pub(super) of_platforms: (Roads, Roads),
    /// True where a rule looks at platforms.
    pub(super) platforms: bool,
    /// True where a rule names them.
    pub(super) named_platforms: bool,
    /// True where a condition looks at the configuration.
    pub(super) reads_config: bool,
    /// Of what the host's word is enough.
    pub(super) trust: TrustHost,
}

/// A manifest that the host has delivered.
pub(super) struct Opened {
    pub(super) target: Target,
    /// Of an index, its children.
    pub(super) children: Option<Vec<Digest>>,
    /// As the host says it. It was hashed here where the target has bytes.
    said: Vec<u8>,
}

impl Opened {
    /// The bytes, or the host's word for them where that is enough.
    pub(super) fn manifest(&self, trusted: bool) -> Option<&[u8]> {
        let said = trusted.then_some(self.said.as_slice());
        self.target.bytes.as_deref().or(said)
    }
}

impl Wanted {
    fn of(policy: &Policy, subject: &Subject) -> Self {
        let mut wanted = Self { trust: policy.trust_host, ..Self::default() };
        wanted.resolved.1.nested = true;
        wanted.of_platforms.1.nested = true;
        for rule in subject.rules(policy) {
            wanted.reads_config |= rule.reads_config();
            if let Some(tree) = rule.tree() {
                wanted.on(policy, &rule.subject, tree);
            }
        }
        wanted
    }

    fn on(&mut self, policy: &Policy, subjects: &Subjects, tree: &Requirement) {
        if *subjects != Subjects::Resolved {
            self.platforms = true;
            // Where the image is for one platform, it is that one itself.
            self.add(policy, tree, true);
        }
        if let Subjects::Platforms(platforms) = subjects {
            self.named_platforms |= !platforms.is_empty();
        }
        self.add(policy, tree, false);
    }

    fn add(&mut self, policy: &Policy, tree: &Requirement, of_platforms: bool) {
        match tree {
            Requirement::On { subject, of } => self.on(policy, subject, of),
            Requirement::Authority(_) | Requirement::Attestation(_) => {
                let (roads, nested) =
                    if of_platforms { &mut self.of_platforms } else { &mut self.resolved };
                add_roads(policy, tree, roads, nested);
            }
            _ => tree.children().iter().for_each(|child| self.add(policy, child, of_platforms)),
        }
    }
}

impl Bundle {
    fn empty(reference: Reference, digest: String) -> Self {
        let digests = HexDigests::default();
        let target = Target { digest, media_type: None, size: None, bytes: None, digests };
        Self {
            target,
            discovered: Discovered::default(),
            artifacts: Vec::new(),
            reference,
            config: None,
            platforms: Platforms::NotAsked,
            embedded: Vec::new(),
            platform: None,
            asserted: BTreeSet::new(),
        }
    }
}

impl Subject {
    /// `seen` is the request as expressions see it.
    pub(super) fn of(
        policy: &Policy,
        request: &Request,
        seen: &Value,
        text: &str,
        steps: &mut Cost,
    ) -> Option<Self> {
        let reference = Reference::parse(text).ok()?;
        let repository = reference.repository();
        let mut subject = Self {
            reference,
            rules: Vec::new(),
            unmatched: None,
            assumed: Vec::new(),
            certain: false,
        };
        let mut spelled = None;
        for (i, rule) in policy.rules.iter().enumerate() {
            if !rule.matches(&repository) {
                continue;
            }
            if let Some(matching) = rule.matching.as_ref().filter(|m| m.has_references()) {
                let spelled = spelled.get_or_insert_with(|| spellings(text, &subject.reference));
                if !matching.is_for(spelled) {
                    continue;
                }
            }
            match subject.matched(rule, request, seen, steps) {
                Matched::No => continue,
                Matched::Unknown(what) => subject
                    .assumed
                    .push(format!("rule `{}` is taken to match: {what} is not known", rule.name)),
                Matched::Yes => subject.certain = true,
            }
            subject.rules.push(i);
        }
        if let Some(rule) = policy.notation.for_image(text, &subject.reference) {
            subject.rules.push(rule);
            subject.certain = true;
        }
        Some(subject)
    }

    /// A rule that may be for the image is taken to be, unless it would let it pass.
    fn matched(
        &mut self,
        rule: &Rule,
        request: &Request,
        seen: &Value,
        steps: &mut Cost,
    ) -> Matched {
        let Some(matching) = &rule.matching else {
            return Matched::Yes;
        };
        match (matching.of(request), &matching.cel) {
            (Matched::No, _) => Matched::No,
            (Matched::Unknown(_), _) if matches!(rule.action, Action::StaticAllow) => Matched::No,
            (_, Some(cel)) if !self.agrees(cel, rule, seen, steps) => Matched::No,
            (matched, _) => matched,
        }
    }

    /// The expression of `match`.
    fn agrees(&mut self, cel: &Program, rule: &Rule, seen: &Value, steps: &mut Cost) -> bool {
        let digest = self.reference.digest.as_ref().map(ToString::to_string);
        let image = condition::image(&self.reference, digest.as_deref(), None);
        let variables = Variables::new().with("image", &image).with("request", seen);
        match condition::holds(cel.evaluate(&variables, steps), steps) {
            Ok(()) => true,
            Err(reason) if reason.code == Code::ConditionUnmet => false,
            Err(reason) if reason.code == Code::BudgetConditions => {
                self.unmatched.get_or_insert(reason);
                false
            }
            Err(reason) => {
                let found = reason.found.unwrap_or_default();
                let reason = Reason::of(Code::MatchError)
                    .expected(format!("rule `{}`", rule.name))
                    .found(found);
                self.unmatched.get_or_insert(reason);
                false
            }
        }
    }

    /// What is judged once.
    pub(super) fn key(&self) -> Key<'_> {
        (&self.reference, &self.rules)
    }

    fn rules<'p>(&self, policy: &'p Policy) -> impl Iterator<Item = &'p Rule> {
        self.rules.iter().filter_map(|i| policy.rules.get(*i))
    }

    /// What is refused before any rule is judged is refused as strictly as by the strictest of them.
    fn strictest(&self, policy: &Policy) -> Mode {
        let repository = self.reference.repository();
        let may_be = |rule: &&Rule| self.unmatched.is_some() && rule.matches(&repository);
        let rules = self.rules(policy).chain(policy.rules.iter().filter(may_be));
        rules.filter_map(|rule| rule.mode).fold(policy.mode, Mode::min)
    }

    fn is_denied(&self, policy: &Policy) -> bool {
        let rules: Vec<_> = self.rules(policy).collect();
        rules::is_denied(policy, &rules)
    }
}

/// Asks for the evidence of an image, as far as its rules need any.
pub(super) fn gather(policy: &Policy, subject: &Subject, evidence: &mut Evidence<'_>) -> Gathered {
    if subject.unmatched.is_some() {
        return Gathered::NotNeeded;
    }
    let wanted = Wanted::of(policy, subject);
    let needed = wanted.resolved.0 != Roads::default() && !subject.is_denied(policy);
    if !needed && !policy.block.has_digests() {
        return Gathered::NotNeeded;
    }
    // Nothing waives the block list, which looks at the platforms of an index too.
    let listed = policy.block.has_digests();
    let failed = |miss: Miss, what: &str| match failed(miss, what) {
        Gathered::Failed(reason) if !needed || listed => Gathered::Unknown(reason),
        other => other,
    };
    let reference = &subject.reference;
    let digest = match &reference.digest {
        Some(digest) => digest.clone(),
        None => match evidence.resolve(reference.to_string()) {
            Ok(digest) => digest,
            Err(miss) => return failed(miss, &reference.to_string()),
        },
    };
    if policy.block.has_digest(&digest) {
        return Gathered::Blocked(Reason::of(Code::ImageBlocked).found(digest.to_string()));
    }
    let target = match target(evidence, reference, &digest) {
        Ok(opened) => {
            let mut children = opened.children.iter().flatten();
            if let Some(blocked) = children.find(|d| policy.block.has_digest(d)) {
                let found = format!("{blocked} in the index");
                return Gathered::Blocked(Reason::of(Code::ImageBlocked).found(found));
            }
            Some(opened)
        }
        Err(Miss::Pending) => None,
        Err(miss) => return failed(miss, &reference.pinned(&digest).to_string()),
    };
    if !needed {
        return if target.is_some() { Gathered::Unblocked(digest) } else { Gathered::Pending };
    }
    let platforms = target
        .as_ref()
        .map_or(Platforms::NotAsked, |target| platforms::of(evidence, reference, target, &wanted));
    match bundle(evidence, reference, &digest, target, &wanted.resolved, &wanted) {
        Some(mut found) => {
            found.asserted.extend(platforms.asserted());
            if matches!(platforms, Platforms::Index(_)) && found.target.bytes.is_none() {
                found.asserted.insert("index");
            }
            Gathered::Ready(Box::new(Bundle { platforms, ..found }))
        }
        None => Gathered::Pending,
    }
}

/// All that is there about an artifact. `None` while its own manifest is still to be fetched.
pub(super) fn bundle(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    digest: &Digest,
    opened: Option<Opened>,
    (roads, nested): &(Roads, Roads),
    wanted: &Wanted,
) -> Option<Bundle> {
    let config = opened.as_ref().filter(|_| wanted.reads_config);
    let config = config.and_then(|opened| config::of(evidence, reference, opened, wanted.trust));
    let asserted = config.as_ref().is_some_and(|config| config.asserted);
    // Asked for in the same round as the manifest.
    let mut discovered = discovery::discover(evidence, reference, digest, roads);
    let artifacts = referrer::follow(evidence, reference, &mut discovered, roads, nested.clone());
    Some(Bundle {
        target: opened?.target,
        discovered,
        artifacts,
        reference: reference.clone(),
        config: config.map(|config| config.document),
        platforms: Platforms::NotAsked,
        embedded: Vec::new(),
        platform: None,
        asserted: asserted.then_some("imageConfig").into_iter().collect(),
    })
}

fn failed(miss: Miss, reference: &str) -> Gathered {
    let absent = Reason::of(Code::EvidenceAbsent).expected(reference);
    miss.reason(absent).map_or(Gathered::Pending, Gathered::Failed)
}

/// The image's own manifest: it must be one before any verdict, whatever the registry says. With it, of
/// an index, its children.
pub(super) fn target(
    evidence: &mut Evidence<'_>,
    reference: &Reference,
    digest: &Digest,
) -> Result<Opened, Miss> {
    let found = evidence.manifest(&reference.repository(), digest, None)?;
    let (parsed, shape) = manifest::parse(found.bytes).map_err(|error| {
        Miss::Problem(Reason::new(Code::ImageMalformed, format!("the image's manifest: {error}")))
    })?;
    let media_type = parsed.media_type.filter(|m| !m.is_empty()).unwrap_or_else(|| {
        match shape {
            manifest::Shape::Index => manifest::OCI_INDEX,
            manifest::Shape::Image => manifest::OCI_MANIFEST,
            manifest::Shape::Artifact => manifest::OCI_ARTIFACT,
        }
        .to_owned()
    });
    let children = parsed
        .manifests
        .map(|children| children.iter().filter_map(|child| Digest::parse(&child.digest)).collect());
    let target = Target {
        digest: digest.to_string(),
        media_type: found.exact.then_some(media_type),
        size: found.exact.then_some(found.bytes.len() as u64),
        bytes: found.exact.then(|| found.bytes.to_vec()),
        digests: HexDigests::default(),
    };
    Ok(Opened { target, children, said: found.bytes.to_vec() })
}

fn add_roads(policy: &Policy, tree: &Requirement, roads: &mut Roads, nested: &mut Roads) {
    match tree {
        Requirement::Authority(name) => signature_roads(policy, name, roads),
        Requirement::Attestation(attestation) => {
            if attestation.vex.is_some() {
                roads.attestation_tag = true;
                roads.bundles = true;
            }
            match &attestation.kind {
                AttestationKind::Predicate { .. } => {
                    roads.attestation_tag = true;
                    roads.bundles = true;
                }
                AttestationKind::Artifact(artifact_type) => {
                    roads.artifact_types.insert(artifact_type.clone());
                    if attestation.has_content() || attestation.max_age.is_some() {
                        roads.documents.insert(artifact_type.clone());
                    }
                    let mut deeper = Roads::default();
                    add_roads(policy, &attestation.signed_by, nested, &mut deeper);
                }
            }
        }
        _ => tree.children().iter().for_each(|child| add_roads(policy, child, roads, nested)),
    }
}

fn signature_roads(policy: &Policy, name: &str, roads: &mut Roads) {
    match policy.authorities.get(name) {
        Some(Authority::Cosign(cosign)) => {
            roads.signature_tag = true;
            roads.bundles = true;
            if !cosign.annotations.is_empty() {
                roads.annotations.insert(cosign.annotations.clone());
            }
        }
        Some(Authority::Notation(_)) => roads.notation = true,
        Some(Authority::NotationSkip(_)) | None => {}
    }
}

/// Judges an image whose evidence is all there.
pub(super) fn judge(shared: &mut Shared<'_>, subject: &Subject, gathered: &Gathered) -> Verdict {
    let policy = shared.policy;
    let mut verdict = judge_rules(shared, subject, gathered);
    if let Gathered::Unblocked(digest) = gathered {
        verdict.digest = Some(digest.clone());
    }
    // What was held against the block list is a digest: a tag may name another one later.
    if policy.block.has_digests() {
        verdict.unverified = false;
    }
    // A rule that may not be for the image must not let it in where it would otherwise match nothing.
    let passes = verdict.outcome == Outcome::Allow
        || (verdict.enforced() == Outcome::Allow && policy.mode == Mode::Enforce);
    let matched = subject.certain || subject.rules.is_empty();
    if passes && !matched && policy.unmatched == Unmatched::Deny {
        verdict.mode = verdict.mode.min(policy.mode);
        let nodes = std::mem::take(&mut verdict.explanation.children);
        let reason = Reason::of(Code::ImageUnmatched).found(subject.assumed.join("; "));
        verdict.refuse(reason, nodes);
    }
    verdict
}

fn judge_rules(shared: &mut Shared<'_>, subject: &Subject, gathered: &Gathered) -> Verdict {
    let policy = shared.policy;
    let name = subject.reference.to_string();
    let mut verdict = Verdict::new(Kind::Image, &name, subject.strictest(policy));
    verdict.digest.clone_from(&subject.reference.digest);
    if let Gathered::Blocked(reason) | Gathered::Unknown(reason) = gathered {
        verdict.refuse(reason.clone(), Vec::new());
        return verdict;
    }
    for assumed in &subject.assumed {
        verdict.warnings.push(format!("{name}: {assumed}"));
    }
    if let Some(reason) = &subject.unmatched {
        verdict.refuse(reason.clone(), Vec::new());
        return verdict;
    }
    if subject.rules.is_empty() {
        verdict.unmatched(policy);
        return verdict;
    }
    if subject.is_denied(policy) {
        verdict.denied_by(policy, subject.rules(policy));
        return verdict;
    }
    let found = match gathered {
        Gathered::NotNeeded | Gathered::Unblocked(_) => {
            // Rules that allow without evidence, and authorities that verify nothing.
            let rules: Vec<_> = subject.rules(policy).collect();
            let digest = verdict.digest.as_ref().map(ToString::to_string).unwrap_or_default();
            let nothing = Bundle::empty(subject.reference.clone(), digest);
            let scope = requirement::Scope::image(&nothing);
            rules::judge(shared, &rules, Ok(&scope), Vec::new(), &mut verdict);
            verdict.unverified = true;
            return verdict;
        }
        Gathered::Failed(reason) => {
            let rules: Vec<_> = subject.rules(policy).collect();
            let exceptions =
                exceptions(shared, subject, verdict.digest.as_ref(), &mut verdict.warnings);
            rules::judge(shared, &rules, Err(reason), exceptions, &mut verdict);
            return verdict;
        }
        // Not reached: evaluate returns the needs first.
        Gathered::Blocked(_) | Gathered::Unknown(_) | Gathered::Pending => {
            verdict.refuse(Reason::of(Code::Internal), Vec::new());
            return verdict;
        }
        Gathered::Ready(found) => found,
    };
    verdict.digest = Digest::parse(&found.target.digest);
    for what in &found.asserted {
        verdict.warnings.push(format!("{name}: by the host's word alone: {what} (trustHost)"));
    }
    let rules: Vec<_> = subject.rules(policy).collect();
    let exceptions = exceptions(shared, subject, verdict.digest.as_ref(), &mut verdict.warnings);
    rules::judge(shared, &rules, Ok(&requirement::Scope::image(found)), exceptions, &mut verdict);
    verdict
}

/// The exceptions for an image. One that has ended is said, so that nobody looks for it.
fn exceptions<'p>(
    shared: &Shared<'p>,
    subject: &Subject,
    digest: Option<&Digest>,
    warnings: &mut Vec<String>,
) -> Vec<&'p Exception> {
    let namespace = shared.request.namespace.as_deref();
    let all = shared.policy.exceptions.iter();
    let here: Vec<_> = all.filter(|e| e.is_for(&subject.reference, digest, namespace)).collect();
    let (ended, live): (Vec<_>, Vec<_>) =
        here.into_iter().partition(|e| shared.now.has_reached(e.until));
    for exception in ended {
        warnings.push(format!(
            "{}: an exception has ended ({})",
            subject.reference,
            exception.describe()
        ));
    }
    live
}

/// An admission front lets a Pod run what was verified, and nothing else: its tag is replaced by
/// the digest, or refused. A workload's Pods come to be admitted themselves.
pub(super) fn pin(
    policy: &Policy,
    request: &Request,
    asked: &ImageRequest,
    verdict: &Verdict,
    image: &mut ImageDecision,
    decision: &mut Decision,
) {
    let (Some(kind), Some(path)) = (&request.kind, &asked.path) else {
        return;
    };
    let undigested = Reference::parse(&asked.reference).is_ok_and(|r| r.digest.is_none());
    if !undigested
        || verdict.unverified
        || verdict.enforced() != Outcome::Allow
        || verdict.mode != Mode::Enforce
    {
        return;
    }
    let is_pod = kind == "Pod";
    let wanted = match policy.pin {
        Pin::Pods => is_pod,
        Pin::Workloads => true,
        Pin::None => false,
    };
    let pinned = verdict
        .digest
        .as_ref()
        .and_then(|digest| Some(Reference::parse(&asked.reference).ok()?.pinned(digest)));
    match pinned {
        Some(pinned) if wanted && request.can_patch => decision.patches.push(Patch {
            path: path.clone(),
            old: asked.reference.clone(),
            new: pinned.to_string(),
        }),
        _ if !policy.require_digests => decision.warnings.push(format!(
            "{}: verified by its tag, which may name another image when it runs",
            asked.reference
        )),
        _ if is_pod => {
            let reason = Reason::of(Code::DigestUnpinned)
                .expected("a digest, or a response that can pin the tag")
                .found(asked.reference.clone());
            image.outcome = Outcome::Deny;
            image.effective = None;
            image.explanation.mark = Mark::Fail;
            image.explanation.reason = Some(reason.clone());
            image.reason = Some(reason);
        }
        _ => decision.warnings.push(format!(
            "{}: named by a tag; its Pods are verified and pinned when they are admitted",
            asked.reference
        )),
    }
}
