//! sigstore-conformance: every asset as a file and as a digest, through both builds of the module,
//! by the functions that `countersign verify-bundle` calls; and some through the command itself.
//!
//! The suite is not part of the repository: `vectors/sigstore-conformance` of `$COUNTERSIGN_SHARED`
//! (<https://github.com/sigstore/sigstore-conformance>, `test/assets/bundle-verify`).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use countersign::{crypto, wire::Outcome};
use countersign_host::{
    blob::{self, Artifact, Expectation, Identity, Root, Signer},
    driver::{Evaluator, Judgement, ModuleEvaluator},
    policy::Document,
    runtime::{Compiled, Embedded, Engine, Limits, Module, Profile},
    source::Nothing,
};

/// Where the suite's README says that they are not in files.
const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// All of them: 140 verdicts.
const ASSETS: usize = 70;
/// Not even judged: a key that is no base64, a trusted root without `validFor.start`.
const BAD_INPUT: &[&str] =
    &["managed-key-wrong-key_fail", "trust-root-tlog-missing-validity-start_fail"];
const NOW: &str = "2026-11-21T03:00:00Z";
/// A keyless bundle with an entry in Rekor v1 and no timestamp, and what it may cost.
const REKOR_V1: &[&str] = &[
    "happy-path-intoto-in-dsse-v3",
    "happy-path-v0.1",
    "happy-path-v0.2",
    "happy-path-v0.3",
    "happy-path-v0.3-new-mediaType",
];
const MOST_FUEL_PORTABLE: u64 = 190_000_000;
const MOST_FUEL_WIDE: u64 = 60_000_000;

/// One directory of the suite.
struct Asset {
    name: String,
    directory: PathBuf,
}

/// Verdicts, as exit codes of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Allow = 0,
    Deny = 1,
    Undetermined = 2,
    BadInput = 3,
}

/// How the artifact is named on the command line.
#[derive(Clone, Copy, Debug)]
enum Form {
    Path,
    Digest,
}

/// The suite; nothing, and a word about it, without it.
fn assets() -> Option<Vec<Asset>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared =
        env::var_os("COUNTERSIGN_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let directory = shared.join("vectors/sigstore-conformance");
    let Ok(entries) = fs::read_dir(&directory) else {
        not_run(&format!("there is no `{}`", directory.display()));
        return None;
    };
    let mut assets: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("bundle.sigstore.json").is_file())
        .map(|entry| Asset {
            name: entry.file_name().into_string().unwrap(),
            directory: entry.path(),
        })
        .collect();
    assets.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(assets.len(), ASSETS, "assets in `{}`", directory.display());
    Some(assets)
}

/// Says that data is not there, and leaves a file to be counted by `make test`; an error where
/// nothing may be left out.
fn not_run(what: &str) {
    println!("NOT RUN: {what}");
    if let Some(directory) = env::var_os("NOT_RUN_DIR") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("test").replace("::", ".");
        let path = Path::new(&directory).join(format!("{}-{test}", std::process::id()));
        fs::write(path, format!("{test}: {what}\n")).unwrap();
    }
    assert!(env::var_os("CI").is_none(), "{what}");
}

impl Asset {
    fn expected(&self) -> Expected {
        match self.name.as_str() {
            name if BAD_INPUT.contains(&name) => Expected::BadInput,
            name if name.ends_with("_fail") => Expected::Deny,
            _ => Expected::Allow,
        }
    }

    fn file(&self, name: &str) -> Option<String> {
        let path = self.directory.join(name);
        path.is_file().then(|| path.to_str().unwrap().to_owned())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.file(name).map(|path| fs::read_to_string(path).unwrap().trim().to_owned())
    }

    fn artifact(&self, form: Form) -> String {
        let own = self.file("artifact");
        let path = own.unwrap_or_else(|| {
            self.directory.parent().unwrap().join("a.txt").to_str().unwrap().to_owned()
        });
        match form {
            Form::Path => path,
            Form::Digest => {
                format!("sha256:{}", crypto::hex(&crypto::sha256(&fs::read(path).unwrap())))
            }
        }
    }

    fn expectation(&self) -> Expectation {
        let signer = match self.file("key.pub") {
            Some(path) => Signer::Key(fs::read_to_string(path).unwrap()),
            None => Signer::Keyless {
                issuer: Identity::Exact(self.text("issuer").unwrap_or_else(|| ISSUER.to_owned())),
                subject: Identity::Exact(
                    self.text("identity").unwrap_or_else(|| IDENTITY.to_owned()),
                ),
            },
        };
        let root = match self.file("trusted_root.json") {
            Some(path) => Root::Document(Document::load(&path).unwrap().value),
            None => Root::PublicGood,
        };
        let (ignore_log, need_timestamp) = (false, false);
        Expectation { signer, root, predicate_type: None, ignore_log, need_timestamp }
    }

    fn decide(&self, evaluator: &dyn Evaluator, form: Form) -> Judgement {
        let policy = self.expectation().policy();
        let artifact = Artifact::open(&self.artifact(form)).unwrap();
        let bundle = fs::read(self.directory.join("bundle.sigstore.json")).unwrap();
        blob::decide(evaluator, &Nothing, &policy, artifact, vec![blob::bundle(bundle)], NOW)
            .unwrap()
    }

    /// The verdict, and the module's answer to the byte.
    fn judge(&self, evaluator: &dyn Evaluator, form: Form) -> (Expected, String, Vec<u8>) {
        let judged = self.decide(evaluator, form);
        let decision = &judged.decision;
        let (outcome, why) = match (decision.errors.first(), decision.outcome) {
            (Some(error), _) => {
                (Expected::BadInput, format!("{} at {}", error.message, error.path))
            }
            (None, Outcome::Allow) => (Expected::Allow, String::new()),
            (None, outcome) => {
                let reason = decision.blobs.first().and_then(|blob| blob.reason.as_ref()).unwrap();
                let why = format!("{}: {}", reason.code, reason.message);
                let denied = outcome == Outcome::Deny;
                (if denied { Expected::Deny } else { Expected::Undetermined }, why)
            }
        };
        (outcome, why, judged.response)
    }

    /// The arguments in the order in which the suite gives them.
    fn arguments(&self, form: Form) -> Vec<String> {
        let bundle = self.directory.join("bundle.sigstore.json").to_str().unwrap().to_owned();
        let mut arguments = vec!["verify-bundle".to_owned(), "--bundle".to_owned(), bundle];
        match self.file("key.pub") {
            Some(path) => arguments.extend(["--key".to_owned(), path]),
            None => arguments.extend([
                "--certificate-identity".to_owned(),
                self.text("identity").unwrap_or_else(|| IDENTITY.to_owned()),
                "--certificate-oidc-issuer".to_owned(),
                self.text("issuer").unwrap_or_else(|| ISSUER.to_owned()),
            ]),
        }
        if let Some(path) = self.file("trusted_root.json") {
            arguments.extend(["--trusted-root".to_owned(), path]);
        }
        arguments.push(self.artifact(form));
        arguments
    }
}

fn evaluator(name: &str, profile: Profile) -> (Engine, ModuleEvaluator) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let directory = env::var_os("COUNTERSIGN_MODULE_DIR")
        .map_or_else(|| root.join("target/module"), PathBuf::from);
    let read = |suffix: &str| -> &'static [u8] {
        let path = directory.join(format!("{name}.{suffix}"));
        let bytes = fs::read(&path);
        bytes.unwrap_or_else(|e| panic!("{}: {e}: run `make countersign`", path.display())).leak()
    };
    let engine = Engine::new(profile).unwrap();
    let embedded = Embedded {
        wasm: Some(read("wasm")),
        compiled: Some(unsafe { Compiled::new(read("cwasm")) }),
        matched: false,
    };
    let (module, _) = Module::embedded(&engine, embedded).unwrap();
    (engine, ModuleEvaluator { module, limits: Limits::default(), now: 0 })
}

#[test]
fn every_asset_has_its_verdict_as_a_file_and_as_a_digest() {
    let Some(assets) = assets() else { return };
    let (_wide_engine, wide) = evaluator("policy-wide", Profile::Wide);
    let (_portable_engine, portable) = evaluator("policy", Profile::Portable);
    let mut wrong = Vec::new();
    let mut judged = 0;
    for asset in &assets {
        for form in [Form::Path, Form::Digest] {
            let (outcome, why, response) = asset.judge(&wide, form);
            if outcome != asset.expected() {
                wrong.push(format!("{:<60} {form:<6?} {outcome:?}: {why}", asset.name));
            }
            let (_, _, from_portable) = asset.judge(&portable, form);
            assert!(response == from_portable, "{}: the modules differ", asset.name);
            judged += 1;
        }
    }
    println!("sigstore-conformance: {} of {judged} as expected", judged - wrong.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_keyless_bundle_costs_no_more_than_it_may() {
    let Some(assets) = assets() else { return };
    for (name, profile, most) in [
        ("policy", Profile::Portable, MOST_FUEL_PORTABLE),
        ("policy-wide", Profile::Wide, MOST_FUEL_WIDE),
    ] {
        let (_engine, evaluator) = evaluator(name, profile);
        for asset in assets.iter().filter(|asset| REKOR_V1.contains(&asset.name.as_str())) {
            let Judgement { stats, decision, .. } = asset.decide(&evaluator, Form::Path);
            assert_eq!(decision.outcome, Outcome::Allow);
            println!("{name} {}: {} fuel", asset.name, stats.fuel);
            assert!(stats.fuel <= most, "{name} {}: {}, at most {most}", asset.name, stats.fuel);
        }
    }
}

#[test]
fn the_command_speaks_the_protocol() {
    let Some(assets) = assets() else { return };
    let names = [
        "happy-path-v0.3",
        "integrated-time-in-future_fail",
        "intoto-with-custom-trust-root",
        "managed-key-happy-path",
        "managed-key-wrong-key_fail",
        "rekor2-happy-path",
        "signature-mismatch_fail",
    ];
    for name in names {
        let asset = assets.iter().find(|asset| asset.name == name).unwrap();
        for form in [Form::Path, Form::Digest] {
            let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
                .args(asset.arguments(form))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let expected = asset.expected() as i32;
            assert_eq!(output.status.code(), Some(expected), "{name} {form:?}: {said}");
        }
    }
}
