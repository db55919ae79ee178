//! `countersign verify`.

use std::{fs, path::PathBuf};

use clap::{ArgGroup, Args};
use countersign::{
    admission::Admission,
    wire::{ImageRequest, Request},
};

use super::{
    Exit,
    believed::Believed,
    cache::CacheOptions,
    credentials::CredentialOptions,
    output::note,
    report::{Manner, Session, complaint, refuse},
    revocation::{RevocationOptions, say_notes},
    target::{self, Registries, Target},
};
use crate::{
    cache::{CachedJudgement, Decisions, Setting, decide_cached},
    driver::{Evaluator, Judgement, Question, decide},
    object,
    pack::{self, Pack, PackSource},
    policy::{Artifacts, Document},
    record::Record,
    runtime::Modules,
    source::{EvidenceSource, Sources},
    trust::Report,
};

const EXAMPLES: &str = "\
References: HOST/REPO:TAG, HOST/REPO@DIGEST, oci-layout:DIR[:TAG|@DIGEST],
  oci-archive:FILE[:TAG|@DIGEST]

Examples:
  countersign verify --policy policy.yaml ghcr.io/acme/app:1.0
  countersign verify --policy policy.yaml --image ghcr.io/acme/app oci-layout:build/image
  countersign verify --policy policy.yaml --object deployment.yaml --namespace shop
  countersign verify --policy policy.yaml --output json IMAGE | jq -r '.results[].decision.outcome'
  countersign verify --notation-config ~/.config/notation ghcr.io/acme/app:1.0";

/// Verifies images against a policy
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::EXIT_CODES))]
#[command(group = ArgGroup::new("rules").args(["policy", "notation_config"]).required(true))]
pub(super) struct Verify {
    /// The policy document, YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Notation's configuration directory in place of a policy: its trustpolicy.oci.json, else
    /// trustpolicy.json, and its truststore
    #[arg(long, value_name = "DIR")]
    notation_config: Option<String>,
    /// The name that the policy's rules match for images in layouts and archives
    #[arg(long, value_name = "NAME", value_parser = target::parse_name)]
    image: Option<String>,
    #[command(flatten)]
    context: Context,
    /// Exit by what a front does under the policy's `mode`, not by the outcome
    #[arg(long)]
    honor_mode: bool,
    /// Write the decision, and all that it rests on, for `countersign replay`; of one reference
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Take evidence from this pack too, of `countersign evidence pack`
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// Ask nobody but the pack; images are named by their digests
    #[arg(long, requires = "pack")]
    offline: bool,
    /// Speak plain HTTP to registries on this machine
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    manner: Manner,
    /// The images to decide on; without one, those of --object
    #[arg(value_name = "REF", required_unless_present = "object")]
    references: Vec<String>,
    /// Believe this trusted_root.json where the policy says `trustedRoot: embedded`
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<String>,
    #[command(flatten)]
    credentials: CredentialOptions,
    #[command(flatten)]
    revocation: RevocationOptions,
    #[command(flatten)]
    cache: CacheOptions,
    #[command(flatten)]
    believed: Believed,
}

/// Where an image is to run.
#[derive(Debug, Args)]
pub(super) struct Context {
    /// The Kubernetes object that holds the images, or an AdmissionReview, YAML or JSON: for rules
    /// that look at it
    #[arg(long, value_name = "FILE")]
    object: Option<String>,
    /// The namespace of the object
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

impl Context {
    /// What an admission front would be asked, where there is an object.
    fn asked(&self) -> Result<Option<serde_json::Value>, String> {
        let Some(path) = &self.object else { return Ok(None) };
        let object = Document::load(path).map_err(|e| e.to_string())?.value;
        Ok(Some(object::admission_request(&object, self.namespace.as_deref())))
    }

    /// What rules and conditions see, for an image that is named beside it.
    pub(super) fn request(&self) -> Result<Request, String> {
        Ok(match self.asked()? {
            Some(asked) => object::context(&asked),
            None => Request { namespace: self.namespace.clone(), ..Request::default() },
        })
    }
}

impl Verify {
    pub(super) fn run(self, modules: Modules) -> Exit {
        self.judge(modules).unwrap_or_else(|e| refuse(&e))
    }

    fn registries(&self) -> Result<Registries, String> {
        let registries = Registries::new(self.plain_http, &self.credentials)?;
        Ok(registries.with_cache(self.cache.content()))
    }

    fn judge(&self, modules: Modules) -> Result<Exit, String> {
        if self.record.is_some() && self.references.len() > 1 {
            return Err("--record is for one reference".to_owned());
        }
        let (document, roots) = self.load()?;
        let mut session = self.start(modules)?;
        session.believes(roots);
        if self.references.is_empty() {
            return self.object(session, &document);
        }
        let context = self.context.request()?;
        let registries = self.registries()?;
        let revocation = self.revocation.source();
        let pack = self.pack()?;
        let before = self.before(&registries)?;
        let place = Place { image: self.image.as_deref(), registries: &registries };
        for reference in &self.references {
            let judged = place.open(reference, &context).and_then(|(target, request)| {
                let source = Sources { images: target.source(), revocation: &revocation };
                let packed = pack.as_ref().map(|pack| self.packed(pack, &source));
                let source = packed.as_ref().map_or(&source as &dyn EvidenceSource, |p| p);
                let before = before.as_ref().filter(|_| target.is_remote());
                self.decide(&document, &session, source, &request, before)
            });
            session.add_found(reference, judged, &|pointer| document.locate(pointer));
        }
        registries.say_notes();
        say_notes(&revocation);
        Ok(session.finish())
    }

    /// The policy, and the trusted roots in it that are newer than the module's.
    fn load(&self) -> Result<(Document, Vec<Report>), String> {
        let mut document =
            load(&self.policy, &self.notation_config, Artifacts::Images, &self.believed)?;
        let own = self.trusted_root.as_deref();
        let roots = self.believed.renew(&mut document, own, self.manner.clock().now)?;
        Ok((document, roots))
    }

    /// Decisions that were made before, where they are asked for.
    fn before(&self, registries: &Registries) -> Result<Option<Before>, String> {
        let roads = format!("{}; {}", registries.road(), self.revocation.road());
        let decisions = self.cache.decisions()?;
        Ok(decisions.map(|decisions| Before { decisions, roads }))
    }

    fn start(&self, modules: Modules) -> Result<Session<'_>, String> {
        let mut session = Session::start(&self.manner, modules)?;
        session.honor_mode = self.honor_mode;
        Ok(session)
    }

    fn pack(&self) -> Result<Option<Pack>, String> {
        let Some(path) = &self.pack else { return Ok(None) };
        let pack = pack::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Some(pack))
    }

    fn packed<'p>(&self, pack: &'p Pack, behind: &'p dyn EvidenceSource) -> PackSource<'p> {
        match self.offline {
            true => PackSource::offline(pack),
            false => PackSource::before(pack, behind),
        }
    }

    /// The images of an object, as an admission front takes them out of it.
    fn object(&self, mut session: Session<'_>, document: &Document) -> Result<Exit, String> {
        let asked = self.context.asked()?.unwrap_or_default();
        let name = self.context.object.as_deref().unwrap_or_default();
        let request = match object::admit(&asked, &document.value) {
            Ok(Admission::Judge(request)) => *request,
            Ok(Admission::Pass) => {
                note(&format!("note: {name}: nothing of it is to be judged"));
                return Ok(Exit::Allow);
            }
            Err(errors) => {
                for error in &errors {
                    note(&complaint(error, name, &|pointer| document.locate(pointer)));
                }
                return Ok(Exit::BadInput);
            }
        };
        if self.image.is_some() {
            return Err("--image is for layouts and archives".to_owned());
        }
        let (registries, revocation) = (self.registries()?, self.revocation.source());
        let source = Sources { images: registries.source(), revocation: &revocation };
        let pack = self.pack()?;
        let packed = pack.as_ref().map(|pack| self.packed(pack, &source));
        let source = packed.as_ref().map_or(&source as &dyn EvidenceSource, |p| p);
        let before = self.before(&registries)?;
        let judged = self.decide(document, &session, source, &request, before.as_ref());
        session.add_found(name, judged, &|pointer| document.locate(pointer));
        registries.say_notes();
        say_notes(&revocation);
        Ok(session.finish())
    }

    fn decide(
        &self,
        document: &Document,
        session: &Session<'_>,
        source: &dyn EvidenceSource,
        request: &Request,
        before: Option<&Before>,
    ) -> Result<CachedJudgement, String> {
        let question =
            Question { policy: &document.value, request, now: session.now(), budget: None };
        if let Some(Before { decisions, roads }) = before {
            let setting = Setting { module: session.module(), roads, audience: "" };
            return decide_cached(decisions, &setting, &session.evaluator, source, &question)
                .map_err(|e| e.to_string());
        }
        let (judgement, record) =
            decide_recorded(&session.evaluator, source, &question, session.module())?;
        if let Some(path) = &self.record {
            let written = fs::write(path, record.to_json());
            written.map_err(|e| format!("`{}` cannot be written: {e}", path.display()))?;
        }
        Ok(CachedJudgement { judgement, hit: None })
    }
}

/// Decisions that were made before, and where evidence for new ones is looked for.
struct Before {
    decisions: Decisions,
    roads: String,
}

/// Where the references of a command line are.
pub(super) struct Place<'a> {
    pub(super) image: Option<&'a str>,
    pub(super) registries: &'a Registries,
}

impl<'a> Place<'a> {
    /// An image, and what is asked of it.
    pub(super) fn open(
        &self,
        reference: &str,
        context: &Request,
    ) -> Result<(Target<'a>, Request), String> {
        let target = Target::open(reference, self.image, self.registries)?;
        let image = ImageRequest { reference: target.reference.clone(), path: None };
        let request = Request { images: vec![image], ..context.clone() };
        Ok((target, request))
    }
}

/// Decides, and keeps what the decision rests on.
pub(super) fn decide_recorded(
    evaluator: &dyn Evaluator,
    source: &dyn EvidenceSource,
    question: &Question<'_>,
    module: &str,
) -> Result<(Judgement, Record), String> {
    let judgement = decide(evaluator, source, question).map_err(|e| e.to_string())?;
    let record = Record::new(module, question, &judgement);
    Ok((judgement, record))
}

/// Reads the policy, from whichever of the two it is to come.
pub(super) fn load(
    policy: &Option<String>,
    notation_config: &Option<String>,
    artifacts: Artifacts,
    believed: &Believed,
) -> Result<Document, String> {
    let loaded = match (policy, notation_config) {
        (_, Some(directory)) => Document::load_notation(directory, artifacts),
        (Some(path), None) => Document::load_policy_with(path, &believed.references()?),
        (None, None) => return Err("--policy or --notation-config is needed".to_owned()),
    };
    loaded.map_err(|e| e.to_string())
}
