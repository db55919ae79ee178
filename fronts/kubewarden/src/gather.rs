//! The contract over callbacks: as few of them as the decision needs.
//!
//! A host that cannot fetch blobs or lists of referrers has other roads to the same evidence. They
//! are taken one after the other, until every image is allowed or none is left ([`Stage`]). What a
//! road brings is united with what others have brought, and none hides anything of another: an
//! answer that a later road may add to is provisional, and says that it is only a part.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use countersign::{
    Step, evaluate,
    evidence::Budget,
    pack::{LAYERS, MANIFESTS, union},
    policy::Policy,
    reference::{Digest, Reference},
    revocation::{crl_this_update, ocsp_this_update},
    time::Time,
    wire::{
        Answer, Decision, EvidenceItem, Fetch, Outcome, Request, RequestField, UnavailableReason,
    },
};
use serde_json::{Value, json};

use crate::{
    callbacks::Callbacks,
    carried::Carried,
    host::{Host, Question},
    image::{Image, Key, Stage, State},
    listed,
};

/// Rounds of needs: those of discovery and of revocation, at their most (docs/embedding.md), once for
/// each stage. The host's own limits end what takes too long.
const MOST_ROUNDS: usize = 157 * Stage::ALL.len();
/// Callbacks for one image: its digest and its manifest, a ConfigMap, eight packs, three tags, and the
/// manifests of platforms or of what the fallback tag lists.
const MOST_CALLBACKS: usize = 20;
/// Of the list of referrers.
const NO_CALLBACK: &str = "this host has no callback for the list of referrers";
/// What is left of the time to verify and to answer.
const REST: Duration = Duration::from_millis(50);

/// Evidence from the request itself, for every image that it names.
pub(crate) struct Own<'r> {
    /// The text of the object's annotation.
    pub(crate) annotation: Option<&'r str>,
}

/// The decision, and on what roads its evidence came.
pub(crate) struct Gathered {
    /// `None` where there was none after all rounds.
    pub(crate) decision: Option<Decision>,
    /// Which image each reference names, where that is known.
    names: BTreeMap<String, Key>,
    images: BTreeMap<Key, Image>,
    /// What else could not be had.
    pub(crate) warnings: Vec<String>,
}

impl Gathered {
    /// The image that a reference names, and what was found for it.
    pub(crate) fn image(&self, reference: &str) -> Option<(&Key, &Image)> {
        let reference = Reference::parse(reference).ok()?.to_string();
        self.images.get_key_value(self.names.get(&reference)?)
    }
}

/// Decides.
pub(crate) fn decide(
    policy: &Policy,
    mut asked: Request,
    own: &Own<'_>,
    now: Time,
    host: &impl Host,
) -> Gathered {
    let callbacks = Callbacks::new(host, until(policy), 0);
    let (names, images, configs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (evidence, provisional, platforms) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut gather =
        Gather { policy, own, callbacks, names, images, configs, platforms, evidence, provisional };
    for image in &asked.images {
        if let Ok(reference) = Reference::parse(&image.reference) {
            gather.callbacks.allow(MOST_CALLBACKS);
            if let Some(digest) = &reference.digest {
                gather.name(&reference, digest.clone());
            }
        }
    }
    let mut warnings = Vec::new();
    if let Err(warning) = gather.label(&mut asked) {
        warnings.push(warning);
    }
    let mut decision = None;
    for _ in 0..MOST_ROUNDS {
        match evaluate(policy, &asked, &gather.evidence, now, Budget::default()) {
            Step::Need(needs) => needs.into_iter().for_each(|fetch| gather.fetch(fetch)),
            Step::Decision(found) => {
                let further = gather.advance(&found);
                decision = Some(*found);
                if !further {
                    break;
                }
            }
        }
    }
    Gathered { decision, names: gather.names, images: gather.images, warnings }
}

/// Until when a callback may be begun. The clock of policy-server ticks once a second: what is stopped
/// after 2 s may be stopped after a little more than one.
fn until(policy: &Policy) -> Duration {
    let seconds = u64::try_from(policy.evidence.timeout).unwrap_or_default();
    Duration::from_secs(seconds.saturating_sub(1)).saturating_sub(REST)
}

struct Gather<'a, H> {
    policy: &'a Policy,
    own: &'a Own<'a>,
    callbacks: Callbacks<'a, H>,
    names: BTreeMap<String, Key>,
    images: BTreeMap<Key, Image>,
    /// Whose configuration a digest is in a repository, of what the host has written anew.
    configs: BTreeMap<Key, String>,
    /// The platforms of images.
    platforms: BTreeSet<Key>,
    evidence: Vec<EvidenceItem>,
    /// What a later stage may answer otherwise.
    provisional: BTreeSet<Fetch>,
}

/// An answer, and whether a later stage may have a better one.
enum Found {
    Final(Answer),
    Provisional(Answer),
}

impl<H: Host> Gather<'_, H> {
    /// An image comes to be known by its digest.
    fn name(&mut self, reference: &Reference, digest: Digest) {
        let key = Key { repository: reference.repository(), digest: digest.to_string() };
        self.names.insert(reference.to_string(), key.clone());
        let annotation = self.own.annotation;
        self.images.entry(key).or_insert_with(|| Image::new(digest, annotation));
    }

    /// The labels of the namespace, where a rule for one of the images looks at them.
    fn label(&mut self, asked: &mut Request) -> Result<(), String> {
        let Some(namespace) = &asked.namespace else { return Ok(()) };
        let reads = || self.policy.reads_for(asked).contains(&RequestField::NamespaceLabels);
        if asked.namespace_labels.is_some() || !reads() {
            return Ok(());
        }
        let question =
            Question::Resource { kind: "Namespace", namespace: None, name: namespace.clone() };
        self.callbacks.allow(1);
        let failed = |words: String| format!("the labels of namespace `{namespace}`: {words}");
        let bytes = self.callbacks.ask(question).map_err(|failure| failed(failure.words()))?;
        let object: Value = serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?;
        let labels = object.pointer("/metadata/labels").filter(|labels| labels.is_object());
        asked.namespace_labels = Some(labels.cloned().unwrap_or_else(|| json!({})));
        Ok(())
    }

    fn fetch(&mut self, fetch: Fetch) {
        let answer = match self.answer(&fetch) {
            Found::Final(answer) => answer,
            Found::Provisional(answer) => {
                self.provisional.insert(fetch.clone());
                answer
            }
        };
        self.evidence.push(EvidenceItem { fetch, answer });
    }

    /// Goes on with every image that is not allowed. False where no road is left.
    fn advance(&mut self, decision: &Decision) -> bool {
        let mut further = false;
        for image in decision.images.iter().filter(|image| image.outcome != Outcome::Allow) {
            let Ok(reference) = Reference::parse(&image.reference) else { continue };
            let key = self.names.get(&reference.to_string());
            if let Some(image) = key.and_then(|key| self.images.get_mut(key)) {
                further |= image.advance();
            }
        }
        if further {
            let provisional = std::mem::take(&mut self.provisional);
            self.evidence.retain(|item| !provisional.contains(&item.fetch));
        }
        further
    }

    fn answer(&mut self, fetch: &Fetch) -> Found {
        self.look();
        match fetch {
            Fetch::Resolve { reference } => Found::Final(self.resolve(reference)),
            Fetch::Manifest { repository, digest, .. } => self.manifest(fetch, repository, digest),
            Fetch::Tag { repository, tag, .. } => self.tag(fetch, repository, tag),
            Fetch::Referrers { repository, digest, max_bytes } => {
                let (repository, tag) = (repository.clone(), digest.replace(':', "-"));
                let tag = Fetch::Tag { repository, tag, max_bytes: *max_bytes };
                self.referrers(fetch, &tag, digest)
            }
            Fetch::Blob { repository, digest, .. } => {
                let answer = self.packed(fetch).or_else(|| self.configuration(repository, digest));
                answer.map_or_else(|| self.missing(repository), Found::Final)
            }
            Fetch::Ocsp { .. } | Fetch::Crl { .. } => self.revocation(fetch),
        }
    }

    /// Responses of OCSP and CRLs: the youngest that a registry's pack has. What the workload or the
    /// cluster carries counts where no pack has any: its author may have chosen an old one.
    fn revocation(&self, fetch: &Fetch) -> Found {
        let youngest = |whole: bool| {
            let carried = self.images.values().flat_map(|image| &image.carried);
            let packs = carried.filter(|carried| carried.whole == whole);
            youngest(fetch, packs.filter_map(|carried| carried.pack.answer(fetch)))
        };
        let is_looked_for = self.images.values().all(|image| image.stage >= Stage::Numbered);
        match youngest(true).or_else(|| youngest(false).filter(|_| is_looked_for)) {
            Some(answer) if is_looked_for => Found::Final(answer),
            Some(answer) => Found::Provisional(answer),
            None if is_looked_for => {
                Found::Final(unsupported("this host has no callback for revocation"))
            }
            None => Found::Provisional(unsupported("not looked for yet")),
        }
    }

    fn resolve(&mut self, reference: &str) -> Answer {
        let answer = self.callbacks.digest(reference);
        if let Answer::Resolved { digest } = &answer
            && let (Ok(reference), Some(digest)) =
                (Reference::parse(reference), Digest::parse(digest))
        {
            self.name(&reference, digest);
        }
        answer
    }

    /// A manifest out of a pack can be hashed. The host's own words for one are at least words for an
    /// image, and lead to what is hashed by itself.
    fn manifest(&mut self, fetch: &Fetch, repository: &str, digest: &str) -> Found {
        let key = Key { repository: repository.to_owned(), digest: digest.to_owned() };
        let stage = self.images.get(&key).map(|image| image.stage);
        if let Some(answer) = self.packed(fetch) {
            self.remember(&key, &answer);
            return Found::Final(answer);
        }
        if stage.is_none() && !self.platforms.contains(&key) {
            // The tags first: whoever can list referrers takes no callback from them.
            if self.stage(repository, digest) < Stage::List {
                return Found::Provisional(unsupported("not looked for yet"));
            }
            // Whatever else lies behind others is in blobs.
            let there = self.images.iter().filter(|(image, _)| image.repository == repository);
            let mut types = there.filter_map(|(_, image)| image.listed.get(digest));
            if !types.any(|listed| listed::may_be_rebuilt(listed)) {
                return self.missing(repository);
            }
        }
        let answer = self.callbacks.manifest(format!("{repository}@{digest}"));
        self.remember(&key, &answer);
        match stage {
            // A pack may bring the bytes.
            Some(stage) if stage < Stage::Numbered => Found::Provisional(answer),
            _ => Found::Final(answer),
        }
    }

    /// What an image's manifest leads to.
    fn remember(&mut self, key: &Key, answer: &Answer) {
        let Answer::Found { bytes, reserialised, .. } = answer else { return };
        let of = |digest: String| Key { repository: key.repository.clone(), digest };
        if self.images.contains_key(key) {
            self.platforms.extend(listed::types(&bytes.0).into_keys().map(of));
        }
        if let Some(config) = listed::config_of(&bytes.0).filter(|_| *reserialised) {
            let place = format!("{}@{}", key.repository, key.digest);
            self.configs.entry(of(config)).or_insert(place);
        }
    }

    /// An image's configuration as the host writes it, where the policy takes its word.
    fn configuration(&mut self, repository: &str, digest: &str) -> Option<Answer> {
        let key = Key { repository: repository.to_owned(), digest: digest.to_owned() };
        let place = self.configs.get(&key).filter(|_| self.policy.trust_host.image_config)?;
        Some(self.callbacks.configuration(place.clone()))
    }

    /// A tag of cosign's, or that of the list of referrers.
    fn tag(&mut self, fetch: &Fetch, repository: &str, tag: &str) -> Found {
        let list = if tag.contains('.') { LAYERS } else { MANIFESTS };
        let needs = if tag.contains('.') { Stage::Tags } else { Stage::List };
        let stage = self.stage(repository, &listed::subject_of(tag));
        if stage < needs {
            return Found::Provisional(match self.packed(fetch) {
                Some(packed) => partial(packed, "not looked for yet"),
                None => unsupported("not looked for yet"),
            });
        }
        let live = self.live_tag(repository, tag);
        let packed: Vec<_> = self.lookup(fetch);
        Found::Final(packed.into_iter().fold(live, |live, packed| union(live, packed, list)))
    }

    /// What lies under a tag, and a word about it for people.
    fn live_tag(&mut self, repository: &str, tag: &str) -> Answer {
        let answer = self.callbacks.manifest(format!("{repository}:{tag}"));
        let key = Key { repository: repository.to_owned(), digest: listed::subject_of(tag) };
        if let Some(image) = self.images.get_mut(&key) {
            image.note(tag, State::of(&answer));
            if let Answer::Found { bytes, .. } = &answer
                && !tag.contains('.')
            {
                image.listed = listed::types(&bytes.0);
            }
        }
        answer
    }

    /// Lists of referrers: no callback has the API's, but packs may have brought it; the fallback tag is
    /// there where a registry lacks the API.
    fn referrers(&mut self, fetch: &Fetch, tag: &Fetch, digest: &str) -> Found {
        let Fetch::Tag { repository, tag: name, .. } = tag else {
            return Found::Final(unsupported("not a tag"));
        };
        let mut lists = self.lookup(fetch);
        let stage = self.stage(repository, digest);
        if stage < Stage::List {
            lists.extend(self.lookup(tag));
            return Found::Provisional(match united(lists) {
                Some(list) => partial(list, "not looked for yet"),
                None => unsupported("not looked for yet"),
            });
        }
        let live = self.live_tag(repository, name);
        lists.extend(self.lookup(tag));
        let all = lists.into_iter().fold(live, |all, next| union(all, next, MANIFESTS));
        // The tag, there or not, says nothing of the API's list: only who has seen that does.
        let told = self.has_told(fetch, repository, digest);
        Found::Final(match (all, told) {
            (Answer::Absent { .. }, Err(why)) => unsupported(&why),
            (all @ Answer::Found { .. }, Err(why)) => partial(all, &why),
            (all, _) => all,
        })
    }

    /// Whether the maker of the youngest of its packs has seen the API's list; if not, why nobody has.
    fn has_told(&self, fetch: &Fetch, repository: &str, digest: &str) -> Result<(), String> {
        let mut unread =
            self.images_for(repository, digest).filter_map(|image| image.unread.as_ref());
        if let Some(why) = unread.next() {
            return Err(format!("the youngest evidence pack was not read: {why}"));
        }
        let told = |carried: &Carried| {
            let listed = carried.pack.answer(fetch);
            carried.pack.was_absent(fetch) || matches!(listed, Some(Answer::Found { .. }))
        };
        let mut whole = self.carried_for(repository, digest).filter(|carried| carried.whole);
        match whole.any(told) {
            true => Ok(()),
            false => Err(NO_CALLBACK.to_owned()),
        }
    }

    /// The image of that digest. For what is none of the request's, such as a platform, those of its
    /// repository.
    fn images_for(&self, repository: &str, digest: &str) -> impl Iterator<Item = &Image> {
        let key = Key { repository: repository.to_owned(), digest: digest.to_owned() };
        let is_image = self.images.contains_key(&key);
        let images = self.images.iter().filter(move |(other, _)| match is_image {
            true => **other == key,
            false => other.repository == key.repository,
        });
        images.map(|(_, image)| image)
    }

    /// What may speak of all that is attached to an image.
    fn carried_for(&self, repository: &str, digest: &str) -> impl Iterator<Item = &Carried> {
        self.images_for(repository, digest).flat_map(|image| &image.carried)
    }

    /// What is carried for the images, as far as their stages are.
    fn look(&mut self) {
        let Self { policy, images, callbacks, .. } = self;
        for (key, image) in images {
            image.look(&key.repository, &policy.evidence, callbacks);
        }
    }

    /// How far one has gone for an image. What belongs to none, such as a referrer or a platform, is
    /// looked for as far as for any image of the repository.
    fn stage(&self, repository: &str, digest: &str) -> Stage {
        let key = Key { repository: repository.to_owned(), digest: digest.to_owned() };
        if let Some(image) = self.images.get(&key) {
            return image.stage;
        }
        let there = self.images.iter().filter(|(key, _)| key.repository == repository);
        there.map(|(_, image)| image.stage).max().unwrap_or(Stage::List)
    }

    /// What no pack has.
    fn missing(&self, repository: &str) -> Found {
        let images = || self.images.iter().filter(|(key, _)| key.repository == repository);
        if images().any(|(_, image)| image.stage < Stage::Numbered) {
            return Found::Provisional(unsupported("not looked for yet"));
        }
        let is_packed = |(_, image): (_, &Image)| image.carried.iter().any(|c| c.whole);
        Found::Final(match images().any(is_packed) {
            true => Answer::Unavailable {
                reason: UnavailableReason::NotPacked,
                message: "the evidence pack does not have it".to_owned(),
            },
            false => unsupported("this host has no callback for blobs"),
        })
    }

    /// What packs have for a fetch. What a digest names may come from wherever it lies.
    fn lookup(&self, fetch: &Fetch) -> Vec<Answer> {
        let in_it = |carried: &Carried| carried.pack.answer(fetch);
        let found: Vec<_> = match fetch {
            Fetch::Tag { repository, tag, .. } => {
                let digest = listed::subject_of(tag);
                self.carried_for(repository, &digest).filter_map(in_it).collect()
            }
            Fetch::Referrers { repository, digest, .. } => {
                self.carried_for(repository, digest).filter_map(in_it).collect()
            }
            _ => {
                let carried = self.images.values().flat_map(|image| &image.carried);
                carried.filter_map(in_it).collect()
            }
        };
        found.into_iter().filter(|answer| is_of_its_digest(fetch, answer)).collect()
    }

    fn packed(&self, fetch: &Fetch) -> Option<Answer> {
        let list = match fetch {
            Fetch::Tag { tag, .. } if tag.contains('.') => LAYERS,
            _ => MANIFESTS,
        };
        let mut answers = self.lookup(fetch).into_iter();
        let first = answers.next()?;
        Some(match fetch {
            Fetch::Tag { .. } | Fetch::Referrers { .. } => {
                answers.fold(first, |all, next| union(all, next, list))
            }
            _ => first,
        })
    }
}

/// What does not have the digest that it is packed under hides nothing that other roads have.
fn is_of_its_digest(fetch: &Fetch, answer: &Answer) -> bool {
    match (fetch, answer) {
        (
            Fetch::Manifest { digest, .. } | Fetch::Blob { digest, .. },
            Answer::Found { bytes, .. },
        ) => Digest::parse(digest).is_some_and(|digest| digest.matches(&bytes.0)),
        (Fetch::Manifest { .. } | Fetch::Blob { .. }, _) => false,
        _ => true,
    }
}

/// Of several responses or CRLs the one that knows most. What cannot be read is older than all.
fn youngest(fetch: &Fetch, answers: impl Iterator<Item = Answer>) -> Option<Answer> {
    answers.max_by_key(|answer| match (fetch, answer) {
        (Fetch::Ocsp { .. }, Answer::Found { bytes, .. }) => ocsp_this_update(&bytes.0),
        (Fetch::Crl { .. }, Answer::Found { bytes, .. }) => crl_this_update(&bytes.0),
        _ => None,
    })
}

/// Several lists as one; `None` where none of them is one.
fn united(lists: Vec<Answer>) -> Option<Answer> {
    let lists = lists.into_iter().filter(|list| matches!(list, Answer::Found { .. }));
    lists.reduce(|all, next| union(all, next, MANIFESTS))
}

/// Of what another road may have more.
fn partial(found: Answer, message: &str) -> Answer {
    match found {
        Answer::Found { bytes, .. } => {
            let (reason, message) = (UnavailableReason::Unsupported, message.to_owned());
            Answer::Partial { bytes, reason, message }
        }
        other => other,
    }
}

fn unsupported(message: &str) -> Answer {
    let reason = UnavailableReason::Unsupported;
    Answer::Unavailable { reason, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use countersign::wire::Bytes;

    use super::*;

    /// A CRL of nobody, without entries, which nobody has signed.
    fn crl(this_update: &str) -> Answer {
        let der = |tag: u8, parts: &[&[u8]]| {
            let content = parts.concat();
            [&[tag, u8::try_from(content.len()).unwrap()][..], &content].concat()
        };
        // ecdsa-with-SHA256
        let algorithm = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
        let time = der(0x17, &[this_update.as_bytes()]);
        let signed = der(0x30, &[b"\x02\x01\x01", algorithm, b"\x30\x00", &time]);
        let bytes = Bytes(der(0x30, &[&signed, algorithm, b"\x03\x02\x00\x00"]));
        Answer::Found { bytes, media_type: None, reserialised: false }
    }

    #[test]
    fn of_several_lists_of_what_is_revoked_the_youngest_counts() {
        let fetch = Fetch::Crl { url: "http://ca.test/a.crl".to_owned(), max_bytes: 1 << 20 };
        let (old, young) = (crl("261120000000Z"), crl("261121000000Z"));
        let garbage = Answer::Found {
            bytes: Bytes(b"no CRL".to_vec()),
            media_type: None,
            reserialised: false,
        };
        let of = |answers: [&Answer; 3]| youngest(&fetch, answers.into_iter().cloned()).unwrap();
        assert_eq!(of([&old, &young, &garbage]), young);
        assert_eq!(of([&garbage, &young, &old]), young);
        assert_eq!(youngest(&fetch, [old.clone(), garbage].into_iter()), Some(old));
    }
}
