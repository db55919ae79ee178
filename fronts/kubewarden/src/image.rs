//! One image of a request: how far its evidence was looked for, and what was found on the way.

use std::collections::BTreeMap;

use countersign::{pack::Pack, policy::Roads, reference::Digest, wire::Answer};
use serde_json::{Map, Value};

use crate::{
    callbacks::{Callbacks, Failure},
    carried::{self, Carried},
    host::{Host, Question},
};

/// The annotation of an object that carries evidence.
pub(crate) const ANNOTATION: &str = "countersign.dev/evidence";
/// Packs of one image where tags do not move, as `countersign evidence push --numbered` writes them.
const MOST_PACKS: usize = 8;
/// Texts in one ConfigMap.
const MOST_TEXTS: usize = 16;
/// A road.
const PACK: &str = "evidence pack";
/// Bytes of a tag (distribution-spec v1.1, "Pulling manifests").
const MOST_TAG: usize = 128;

/// Which image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) repository: String,
    pub(crate) digest: String,
}

/// The roads that were taken so far, those of each stage with all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// What the request itself carries.
    Carried,
    /// The evidence pack.
    Pack,
    /// Younger ones under numbered tags, of registries that move no tag.
    Numbered,
    /// Cosign's tags.
    Tags,
    /// The fallback tag, which lists the referrers.
    List,
}

impl Stage {
    /// In their order.
    pub(crate) const ALL: &[Self] =
        &[Self::Carried, Self::Pack, Self::Numbered, Self::Tags, Self::List];
}

/// What became of a road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It brought this.
    Used(String),
    /// Nothing is there.
    Absent,
    /// It could not be taken.
    Closed(String),
}

impl State {
    /// Of a list or manifest.
    pub(crate) fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Absent { .. } => Self::Absent,
            Answer::Denied { message } | Answer::Unavailable { message, .. } => {
                Self::Closed(message.clone())
            }
            _ => Self::Used(String::new()),
        }
    }
}

/// An image and its evidence.
pub(crate) struct Image {
    digest: Digest,
    /// How far its evidence is looked for.
    pub(crate) stage: Stage,
    /// What was found as a whole.
    pub(crate) carried: Vec<Carried>,
    /// The artifact types of what the fallback tag lists.
    pub(crate) listed: BTreeMap<String, String>,
    /// The roads, in the order in which they were taken.
    pub(crate) roads: Vec<(String, State)>,
    /// What the policy would have to be granted for a road.
    pub(crate) not_granted: Option<String>,
    /// Why the youngest evidence pack that is there was not read: whatever older ones list, it may
    /// list more.
    pub(crate) unread: Option<String>,
    is_looked_up: bool,
    /// Something lies under the tag of the evidence pack.
    is_there: bool,
    /// Packs that were asked for.
    opened: usize,
}

impl Image {
    /// With what the request carries for it.
    pub(crate) fn new(digest: Digest, annotation: Option<&str>) -> Self {
        let mut image = Self {
            digest,
            stage: Stage::Carried,
            carried: Vec::new(),
            listed: BTreeMap::new(),
            roads: Vec::new(),
            not_granted: None,
            unread: None,
            is_looked_up: false,
            is_there: false,
            opened: 0,
        };
        if let Some(text) = annotation {
            let found = carried::text(text, &image.digest);
            image.add(&format!("annotation `{ANNOTATION}`"), found);
        }
        image
    }

    /// Takes the roads of its stage. Where one brings nothing, the next are taken at once.
    pub(crate) fn look(
        &mut self,
        repository: &str,
        roads: &Roads,
        callbacks: &mut Callbacks<'_, impl Host>,
    ) {
        if !self.is_looked_up {
            self.is_looked_up = true;
            if let Some(namespace) = &roads.config_maps {
                self.look_up(namespace, callbacks);
            }
            if self.carried.is_empty() {
                self.stage = self.stage.max(Stage::Pack);
            }
        }
        let place = roads.repository.as_deref().unwrap_or(repository);
        if self.stage >= Stage::Pack && self.opened == 0 {
            self.is_there = self.open(place, callbacks);
            if !self.is_there {
                self.stage = self.stage.max(Stage::Tags);
            }
        }
        // Whatever lies under the first: where no tag moves, it stays there.
        if self.stage >= Stage::Numbered && self.is_there {
            while self.opened < MOST_PACKS && self.open(place, callbacks) {}
            self.opened = MOST_PACKS;
        }
    }

    /// What the cluster keeps for it.
    fn look_up(&mut self, namespace: &str, callbacks: &mut Callbacks<'_, impl Host>) {
        let name = Pack::tag(&self.digest);
        let road = format!("ConfigMap {namespace}/{name}");
        let kind = "ConfigMap";
        let question = Question::Resource { kind, namespace: Some(namespace.to_owned()), name };
        let texts = match callbacks.ask(question) {
            Ok(bytes) => texts(&bytes),
            Err(failure) => {
                if let Failure::NotGranted(what) = &failure {
                    self.not_granted = Some(what.clone());
                }
                return self.note(&road, State::of(&failure.into_answer()));
            }
        };
        for text in &texts {
            let found = carried::text(text, &self.digest);
            self.add(&road, found);
        }
        if texts.is_empty() {
            self.note(&road, State::Closed("no text is in its `data`".to_owned()));
        }
    }

    /// The next stage; false where there is none.
    pub(crate) fn advance(&mut self) -> bool {
        let next = match self.stage {
            Stage::Carried => Stage::Pack,
            Stage::Pack => Stage::Numbered,
            Stage::Numbered => Stage::Tags,
            Stage::Tags => Stage::List,
            Stage::List => return false,
        };
        self.stage = next;
        true
    }

    /// Reads the next evidence pack. False where nothing is there.
    fn open(&mut self, repository: &str, callbacks: &mut Callbacks<'_, impl Host>) -> bool {
        self.opened += 1;
        let mut tag = Pack::tag(&self.digest);
        let mut road = PACK.to_owned();
        if self.opened > 1 {
            tag = format!("{tag}.{}", self.opened);
            road = format!("{road} {}", self.opened);
        }
        let found = if tag.len() > MOST_TAG {
            Err(Failure::Absent(String::new()))
        } else {
            callbacks.ask(Question::Config(format!("{repository}:{tag}")))
        };
        match found {
            Ok(reply) => {
                let found = carried::configuration(&reply, &self.digest);
                self.unread = found.as_ref().err().cloned();
                self.add(&road, found);
                true
            }
            Err(failure) => {
                if let Failure::NotGranted(what) = &failure {
                    self.not_granted = Some(what.clone());
                }
                let state = State::of(&failure.into_answer());
                if let State::Closed(why) = &state {
                    self.unread = Some(why.clone());
                }
                if self.opened == 1 || state != State::Absent {
                    self.note(&road, state);
                }
                false
            }
        }
    }

    fn add(&mut self, road: &str, found: Result<Carried, String>) {
        match found {
            Ok(carried) => {
                let made = match &carried.pack.created {
                    Some(time) => format!("made {time}"),
                    None => String::new(),
                };
                self.note(road, State::Used(made));
                self.carried.push(carried);
            }
            Err(error) => self.note(road, State::Closed(error)),
        }
    }

    /// Remembers what became of a road.
    pub(crate) fn note(&mut self, road: &str, state: State) {
        let road = road.replace(&self.digest.tag(), "sha256-…");
        if !self.roads.iter().any(|(known, _)| *known == road) {
            self.roads.push((road, state));
        }
    }

    /// The roads in words.
    pub(crate) fn words(&self) -> String {
        let word = |(road, state): &(String, State)| match state {
            State::Used(what) if what.is_empty() => road.clone(),
            State::Used(what) => format!("{road} ({what})"),
            State::Absent => format!("{road} (none)"),
            State::Closed(why) => format!("{road} (not read: {why})"),
        };
        self.roads.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// True where the registry was asked for the evidence pack, and has none.
    pub(crate) fn has_no_pack(&self) -> bool {
        self.roads.iter().any(|(road, state)| road == PACK && *state == State::Absent)
    }

    /// True where the evidence pack was read.
    pub(crate) fn is_packed(&self) -> bool {
        self.carried.iter().any(|carried| carried.whole)
    }
}

/// The texts in a ConfigMap's `data`, in the order of their names.
fn texts(object: &[u8]) -> Vec<String> {
    let object: Value = serde_json::from_slice(object).unwrap_or_default();
    let data = object.get("data").and_then(Value::as_object).map(Map::values);
    let texts = data.into_iter().flatten().filter_map(Value::as_str);
    texts.take(MOST_TEXTS).map(str::to_owned).collect()
}
