//! How the cost of a decision grows with what it is about: fuel and peak memory of both modules, the
//! same on every machine. Prints the table of docs/benchmarks.md.

#[path = "../../../tests/support/sigstore/mod.rs"]
mod sigstore;

mod registry;

use std::{fs, path::Path};

use countersign::wire::{ImageRequest, Request};
use countersign_host::{
    driver::{Judgement, ModuleEvaluator, Question, decide},
    runtime::{Compiled, Embedded, Engine, Limits, Module, Profile},
};
use registry::{Registry, reference};
use serde_json::{Value, json};
use sigstore::{
    instant::{HOUR, SIGNED, rfc3339},
    keys::Key,
};

const CYCLONEDX: &str = "https://cyclonedx.org/bom";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// What is asked, of what, under which policy.
struct Case {
    policy: Value,
    registry: Registry,
    images: Vec<String>,
}

/// What grows, by which sizes.
type Growth = (&'static str, &'static [usize], fn(usize) -> Case);

const GROWTHS: &[Growth] = &[
    ("rules with a key each, one of them for the image", &[10, 100, 1_000, 10_000], one_of),
    ("rules that are all for the image", &[10, 100, 1_000], all_of),
    ("rules, each with an expression of its own", &[10, 100, 1_000], expressions),
    ("containers, an image each", &[2, 20, 200], containers),
    ("containers of one image", &[2, 20, 200], copies),
    ("kB of SBOM under `sbom`", &[10, 100, 1_000, 10_000], sbom),
    ("kB of SBOM under an expression over all of it", &[10, 100, 1_000, 10_000], sbom_expression),
    ("attestations, all of which must hold", &[1, 10, 100, 1_000], attestations),
    ("attestations of which the newest must hold", &[1, 10, 100, 1_000], newest),
    ("attestations of which one is enough", &[1, 10, 100, 1_000], one),
];

fn key() -> Key {
    Key::p256("growth")
}

fn policy(rules: Value) -> Value {
    with_authorities(json!({ "key": authority(&key()) }), rules)
}

fn with_authorities(authorities: Value, rules: Value) -> Value {
    json!({
        "apiVersion": "countersign.dev/v1", "kind": "ImagePolicy",
        "spec": { "authorities": authorities, "rules": rules },
    })
}

fn authority(key: &Key) -> Value {
    json!({ "cosign": { "keys": [key.public_pem()] } })
}

/// One signed image.
fn signed(policy: Value, key: &Key) -> Case {
    let mut registry = Registry::default();
    let image = registry.image("app");
    registry.sign(&image, key);
    Case { policy, registry, images: vec![reference("team-0/app", &image)] }
}

fn one_of(count: usize) -> Case {
    let keys: Vec<_> = (0..count).map(|n| Key::p256(&format!("team {n}"))).collect();
    let authorities: Value =
        keys.iter().enumerate().map(|(n, key)| (format!("team-{n}"), authority(key))).collect();
    let rule = |n: usize| json!({ "images": [format!("reg.test/team-{n}/**")], "require": format!("team-{n}") });
    signed(with_authorities(authorities, (0..count).map(rule).collect()), &keys[0])
}

fn all_of(count: usize) -> Case {
    let rule = |_| json!({ "images": ["reg.test/*/app"], "require": "key" });
    signed(policy((0..count).map(rule).collect()), &key())
}

fn expressions(count: usize) -> Case {
    let rule = |n: usize| {
        let cel = format!("image.repository.startsWith('reg.test/team-{n}/')");
        json!({ "images": ["reg.test/**"], "match": { "cel": cel }, "require": "key" })
    };
    signed(policy((0..count).map(rule).collect()), &key())
}

fn containers(count: usize) -> Case {
    let mut registry = Registry::default();
    let images = (0..count)
        .map(|n| {
            let name = format!("app-{n}");
            let image = registry.image(&name);
            registry.sign(&image, &key());
            reference(&name, &image)
        })
        .collect();
    let policy = policy(json!([{ "images": ["reg.test/**"], "require": "key" }]));
    Case { policy, registry, images }
}

fn copies(count: usize) -> Case {
    let policy = policy(json!([{ "images": ["reg.test/**"], "require": "key" }]));
    let mut case = signed(policy, &key());
    case.images = vec![case.images[0].clone(); count];
    case
}

/// One attestation or more, with what a policy says of each.
fn attested(count: usize, kind: &str, predicate: impl Fn(usize) -> Value, wanted: Value) -> Case {
    let mut registry = Registry::default();
    let image = registry.image("app");
    for n in 0..count {
        registry.attest(&image, &key(), kind, &predicate(n));
    }
    let mut attestation = json!({ "signedBy": "key" });
    attestation.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    let policy =
        policy(json!([{ "images": ["reg.test/**"], "require": { "attestation": attestation } }]));
    Case { policy, registry, images: vec![reference("app", &image)] }
}

/// Some 400 bytes a component, as Syft writes them.
fn components(kilobytes: usize) -> Value {
    let component = |n: usize| {
        json!({
            "type": "library", "bom-ref": format!("pkg:npm/some-package-{n}@1.2.3?package-id=0123456789abcdef"),
            "name": format!("some-package-{n}"), "version": "1.2.3",
            "purl": format!("pkg:npm/some-package-{n}@1.2.3"),
            "licenses": [{ "license": { "id": "MIT" } }],
            "properties": [{ "name": "syft:package:foundBy", "value": "javascript-package-cataloger" }],
            "hashes": [{ "alg": "SHA-256", "content": format!("{n:064x}") }],
        })
    };
    let one = component(10_000).to_string().len() + 1;
    let components: Vec<_> = (0..kilobytes * 1_000 / one).map(component).collect();
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "timestamp": rfc3339(SIGNED) }, "components": components,
    })
}

fn sbom(kilobytes: usize) -> Case {
    let denied = json!({
        "packages": ["event-stream", { "package": "pkg:maven/org.apache.logging.log4j/log4j-core", "versions": "<2.17.1" }],
        "licenses": ["AGPL-*", "SSPL-*"],
    });
    let wanted = json!({
        "type": "cyclonedx", "maxAge": "30d",
        "sbom": { "minComponents": 10, "deny": denied, "require": { "fields": ["version", "license"] } },
    });
    attested(1, CYCLONEDX, |_| components(kilobytes), wanted)
}

fn sbom_expression(kilobytes: usize) -> Case {
    let cel = "predicate.components.all(c, c.name != 'event-stream' && has(c.version))";
    let wanted = json!({ "type": "cyclonedx", "conditions": [{ "cel": cel }] });
    attested(1, CYCLONEDX, |_| components(kilobytes), wanted)
}

/// A scan by Trivy with some findings, an hour older than the one before it.
fn scan(n: usize) -> Value {
    let finding = |n: usize| {
        json!({
            "VulnerabilityID": format!("CVE-2026-{n}"), "PkgName": "curl", "Severity": "LOW",
            "InstalledVersion": "7.88.1-10", "Status": "affected",
        })
    };
    let time = rfc3339(SIGNED - HOUR * i64::try_from(n).unwrap());
    let findings: Vec<_> = (0..10).map(finding).collect();
    let report = json!({
        "SchemaVersion": 2, "ArtifactName": "app", "ArtifactType": "container_image",
        "Results": [{ "Target": "app", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": findings }],
    });
    json!({
        "invocation": { "parameters": [] },
        "scanner": { "uri": "pkg:github/aquasecurity/trivy@0.69.0", "version": "0.69.0",
            "db": { "uri": "", "version": "2" }, "result": report },
        "metadata": { "scanStartedOn": time, "scanFinishedOn": time },
    })
}

fn attestations(count: usize) -> Case {
    let wanted = json!({
        "type": "vuln", "select": "all", "maxAge": "9w", "vulnerabilities": { "allowUpTo": "low" },
    });
    attested(count, VULN, scan, wanted)
}

fn newest(count: usize) -> Case {
    let wanted =
        json!({ "type": "vuln", "maxAge": "9w", "vulnerabilities": { "allowUpTo": "low" } });
    attested(count, VULN, scan, wanted)
}

fn one(count: usize) -> Case {
    let wanted = json!({ "type": "vuln", "conditions": [{ "cel": "has(predicate.scanner)" }] });
    attested(count, VULN, scan, wanted)
}

fn load(name: &str, profile: Profile) -> (Engine, ModuleEvaluator) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/module");
    let read = |suffix: &str| -> &'static [u8] {
        let path = directory.join(format!("{name}.{suffix}"));
        fs::read(path).expect("run `make countersign`").leak()
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

fn judge(evaluator: &ModuleEvaluator, case: &Case) -> Judgement {
    let images = case.images.iter();
    let images = images.map(|r| ImageRequest { reference: r.clone(), path: None }).collect();
    let request = Request { images, ..Request::default() };
    let now = rfc3339(SIGNED + HOUR);
    let question = Question { policy: &case.policy, request: &request, now: &now, budget: None };
    decide(evaluator, &case.registry, &question).unwrap()
}

fn outcome(judgement: &Judgement) -> String {
    let decision = &judgement.decision;
    let error = decision.errors.first().map(|error| format!("{}: {}", error.code, error.message));
    let reason = decision.images.iter().find_map(|image| image.reason.as_ref());
    let code = error.or_else(|| reason.map(|reason| reason.code.to_string()));
    let outcome = format!("{:?}", decision.outcome).to_lowercase();
    code.map_or_else(|| outcome.clone(), |code| format!("{outcome} `{code}`"))
}

/// Thousands.
fn thousands(fuel: u64) -> u64 {
    fuel.div_ceil(1_000)
}

fn main() {
    let (_portable, portable) = load("policy", Profile::Portable);
    let (_wide, wide) = load("policy-wide", Profile::Wide);
    println!(
        "| how many | what | outcome | signature operations | evidence kB | thousand fuel, portable \
         | wide | of one more, portable | of one more, wide | memory MiB |\n\
         |--:|---|---|--:|--:|--:|--:|--:|--:|--:|"
    );
    for (what, sizes, case) in GROWTHS {
        let mut before: Option<(usize, u64, u64)> = None;
        let mut each_before = None;
        for size in *sizes {
            let case = case(*size);
            let judgement = judge(&portable, &case);
            let wide_fuel = judge(&wide, &case).stats.fuel;
            let (stats, usage) = (judgement.stats, judgement.decision.usage);
            // What each of those that are new has cost.
            let each = before.map(|(fewer, portable, wide)| {
                let each = |now: u64, before: u64| {
                    now.saturating_sub(before) as f64 / 1_000.0 / (size - fewer) as f64
                };
                (each(stats.fuel, portable), each(wide_fuel, wide))
            });
            if let (Some((each, _)), Some((before, _))) = (each, each_before) {
                assert!(each < before * 1.5, "{what}: {size}: not linear: {each} after {before}");
            }
            each_before = each;
            let more = each.map_or_else(
                || " | ".to_owned(),
                |(portable, wide)| format!("{portable:.1} | {wide:.1}"),
            );
            println!(
                "| {size} | {what} | {} | {} | {} | {} | {} | {more} | {:.1} |",
                outcome(&judgement),
                usage.signature_operations,
                usage.evidence_bytes.div_ceil(1_000),
                thousands(stats.fuel),
                thousands(wide_fuel),
                stats.memory as f64 / f64::from(1 << 20),
            );
            before = Some((*size, stats.fuel, wide_fuel));
        }
    }
}
