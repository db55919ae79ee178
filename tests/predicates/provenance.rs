//! `provenance`: builders' documents as they write them, and each fault in them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::held::{
    Held, MISSING, UNKNOWN, VALUE, are_accepted, are_refused, held, matters, parse, with,
};

const V0_1: &str = "https://slsa.dev/provenance/v0.1";
const V0_2: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER_COMMIT: &str = "ffffffffffffffffffffffffffffffffffffffff";
const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.0.0";

/// A document, what it says, and where its source is read.
struct Sample {
    name: &'static str,
    predicate_type: &'static str,
    predicate: Value,
    builder: &'static str,
    build_type: &'static str,
    reference: Option<&'static str>,
    /// Pointers to everything that the source, ref and commit are read from.
    reads: &'static [&'static str],
}

fn v1(builder: &str, build_type: &str, external: Value, dependencies: Value) -> Value {
    json!({
        "buildDefinition": {
            "buildType": build_type,
            "externalParameters": external,
            "internalParameters": { "github": { "event_name": "push" } },
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": { "id": builder },
            "metadata": { "invocationId": "1", "startedOn": "2026-11-20T10:00:00Z" },
        },
    })
}

fn github() -> Sample {
    let build_type = "https://actions.github.io/buildtypes/workflow/v1";
    Sample {
        name: "GitHub's attestations",
        predicate_type: V1,
        predicate: v1(
            GENERATOR,
            build_type,
            json!({ "workflow": {
                "path": ".github/workflows/release.yml",
                "ref": "refs/heads/main",
                "repository": "https://github.com/acme/app",
            } }),
            json!([
                { "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": { "gitCommit": COMMIT } },
                { "uri": "git+https://github.com/acme/other@refs/heads/main", "digest": { "gitCommit": OTHER_COMMIT } },
            ]),
        ),
        builder: GENERATOR,
        build_type,
        reference: Some("refs/heads/main"),
        reads: &[
            "/buildDefinition/externalParameters/workflow/ref",
            "/buildDefinition/externalParameters/workflow/repository",
            "/buildDefinition/resolvedDependencies/0/digest/gitCommit",
            "/buildDefinition/resolvedDependencies/0/uri",
        ],
    }
}

fn samples() -> Vec<Sample> {
    let tekton = "https://tekton.dev/chains/v2/slsa";
    let buildkit =
        "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";
    let gitlab = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v17.0.0/PROVENANCE.md";
    let delegator = "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0";
    let worker = "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1";
    let source = |name: &str| json!({ "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": { name: COMMIT } });
    let mut delegated = v1(
        "https://github.com/acme/ci/.github/workflows/b.yml@refs/tags/v1.0.0",
        delegator,
        json!({ "inputs": {}, "vars": {} }),
        json!([source("gitCommit")]),
    );
    delegated["buildDefinition"]["internalParameters"] = json!({
        "GITHUB_WORKFLOW_REF": "acme/app/.github/workflows/release.yml@refs/heads/main",
    });
    vec![
        github(),
        Sample {
            name: "container-based",
            predicate_type: V1,
            predicate: v1(
                "b",
                "https://slsa.dev/container-based-build/v0.1?draft",
                json!({ "source": source("sha1"), "configPath": "x" }),
                json!([source("sha1")]),
            ),
            builder: "b",
            build_type: "https://slsa.dev/container-based-build/v0.1?draft",
            reference: Some("refs/heads/main"),
            reads: &[
                "/buildDefinition/externalParameters/source/digest/sha1",
                "/buildDefinition/externalParameters/source/uri",
            ],
        },
        Sample {
            name: "delegated",
            predicate_type: V1,
            predicate: delegated,
            builder: "https://github.com/acme/ci/.github/workflows/b.yml@refs/tags/v1.0.0",
            build_type: delegator,
            reference: Some("refs/heads/main"),
            reads: &[
                "/buildDefinition/internalParameters/GITHUB_WORKFLOW_REF",
                "/buildDefinition/resolvedDependencies/0/digest/gitCommit",
                "/buildDefinition/resolvedDependencies/0/uri",
            ],
        },
        Sample {
            name: "Google Cloud Build",
            predicate_type: V1,
            predicate: v1(
                "https://cloudbuild.googleapis.com/GoogleHostedWorker",
                worker,
                json!({ "buildConfigSource": { "path": "cloudbuild.yaml", "ref": "refs/heads/main", "repository": "git+https://github.com/acme/app" } }),
                json!([source("gitCommit")]),
            ),
            builder: "https://cloudbuild.googleapis.com/GoogleHostedWorker",
            build_type: worker,
            reference: Some("refs/heads/main"),
            reads: &[
                "/buildDefinition/externalParameters/buildConfigSource/ref",
                "/buildDefinition/externalParameters/buildConfigSource/repository",
                "/buildDefinition/resolvedDependencies/0/digest/gitCommit",
                "/buildDefinition/resolvedDependencies/0/uri",
            ],
        },
        Sample {
            name: "Tekton Chains",
            predicate_type: V1,
            predicate: v1(
                "https://tekton.dev/chains/v2",
                tekton,
                json!({ "runSpec": {}, "buildConfigSource": { "repository": "git+https://github.com/acme/pipelines", "ref": "sha1:x", "path": "p.yaml" } }),
                json!([
                    { "name": "pipeline", "uri": "git+https://github.com/acme/pipelines", "digest": { "sha1": OTHER_COMMIT } },
                    { "uri": "oci://gcr.io/tekton/git-init", "digest": { "sha256": "00" } },
                    { "name": "inputs/result", "uri": "git+https://github.com/acme/app.git", "digest": { "sha1": COMMIT } },
                ]),
            ),
            builder: "https://tekton.dev/chains/v2",
            build_type: tekton,
            reference: None,
            reads: &[
                "/buildDefinition/resolvedDependencies/2/digest/sha1",
                "/buildDefinition/resolvedDependencies/2/name",
                "/buildDefinition/resolvedDependencies/2/uri",
            ],
        },
        Sample {
            name: "BuildKit",
            predicate_type: V1,
            predicate: v1(
                "https://github.com/acme/app/actions/runs/1",
                buildkit,
                json!({
                    "configSource": { "uri": "https://github.com/acme/app.git#refs/heads/main:docker", "digest": { "sha1": COMMIT }, "path": "Dockerfile" },
                    "request": { "frontend": "dockerfile.v0", "args": { "target": "release" } },
                }),
                json!([{ "uri": "pkg:docker/alpine@3.17", "digest": { "sha256": "00" } }]),
            ),
            builder: "https://github.com/acme/app/actions/runs/1",
            build_type: buildkit,
            reference: Some("refs/heads/main"),
            reads: &[
                "/buildDefinition/externalParameters/configSource/digest/sha1",
                "/buildDefinition/externalParameters/configSource/uri",
            ],
        },
        Sample {
            name: "GitLab",
            predicate_type: V1,
            predicate: v1(
                "https://gitlab.com/acme/app/-/runners/1",
                gitlab,
                json!({ "source": "https://github.com/acme/app", "entryPoint": "build", "variables": {} }),
                json!([{ "uri": "https://github.com/acme/app", "digest": { "sha256": COMMIT } }]),
            ),
            builder: "https://gitlab.com/acme/app/-/runners/1",
            build_type: gitlab,
            reference: None,
            reads: &[
                "/buildDefinition/externalParameters/source",
                "/buildDefinition/resolvedDependencies/0/digest/sha256",
                "/buildDefinition/resolvedDependencies/0/uri",
            ],
        },
        Sample {
            name: "slsa-github-generator v0.2",
            predicate_type: V0_2,
            predicate: json!({
                "builder": { "id": GENERATOR },
                "buildType": "https://github.com/slsa-framework/slsa-github-generator/container@v1",
                "invocation": {
                    "configSource": { "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": { "sha1": COMMIT }, "entryPoint": "x.yml" },
                    "parameters": {},
                    "environment": { "github_ref": "refs/heads/main" },
                },
                "metadata": { "buildInvocationID": "1-1" },
                "materials": [source("sha1")],
            }),
            builder: GENERATOR,
            build_type: "https://github.com/slsa-framework/slsa-github-generator/container@v1",
            reference: Some("refs/heads/main"),
            reads: &["/invocation/configSource/uri", "/materials/0/uri"],
        },
        Sample {
            name: "BuildKit v0.2",
            predicate_type: V0_2,
            predicate: json!({
                "builder": { "id": "https://github.com/acme/app/actions/runs/1" },
                "buildType": "https://mobyproject.org/buildkit@v1",
                "invocation": {
                    "configSource": { "uri": "https://github.com/acme/app.git#refs/heads/main", "digest": { "sha1": COMMIT }, "entryPoint": "Dockerfile" },
                    "parameters": { "frontend": "dockerfile.v0" },
                    "environment": { "platform": "linux/amd64" },
                },
                "materials": [{ "uri": "pkg:docker/alpine@3.17", "digest": { "sha256": "00" } }],
                "metadata": { "https://mobyproject.org/buildkit@v1#metadata": { "vcs": { "source": "https://github.com/acme/app" } } },
            }),
            builder: "https://github.com/acme/app/actions/runs/1",
            build_type: "https://mobyproject.org/buildkit@v1",
            reference: Some("refs/heads/main"),
            reads: &["/invocation/configSource/digest/sha1", "/invocation/configSource/uri"],
        },
        Sample {
            name: "Tekton Chains v0.2",
            predicate_type: V0_2,
            predicate: json!({
                "builder": { "id": "https://tekton.dev/chains/v2" },
                "buildType": "tekton.dev/v1beta1/TaskRun",
                "invocation": { "configSource": {}, "parameters": {}, "environment": {} },
                "materials": [
                    { "uri": "oci://gcr.io/tekton/git-init", "digest": { "sha256": "00" } },
                    { "uri": "git+https://github.com/acme/app.git", "digest": { "sha1": COMMIT } },
                ],
            }),
            builder: "https://tekton.dev/chains/v2",
            build_type: "tekton.dev/v1beta1/TaskRun",
            reference: None,
            reads: &["/materials/1/digest/sha1", "/materials/1/uri"],
        },
        Sample {
            name: "v0.1",
            predicate_type: V0_1,
            predicate: json!({
                "builder": { "id": "b" },
                "recipe": { "type": "t", "definedInMaterial": 1, "entryPoint": "x", "arguments": { "a": 1 } },
                "materials": [
                    { "uri": "pkg:docker/alpine@3.17" },
                    { "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": { "sha1": COMMIT } },
                ],
            }),
            builder: "b",
            build_type: "t",
            reference: Some("refs/heads/main"),
            reads: &["/materials/1/digest/sha1", "/materials/1/uri", "/recipe/definedInMaterial"],
        },
        Sample {
            name: "Google Cloud Build v0.1",
            predicate_type: V0_1,
            predicate: json!({
                "builder": { "id": "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3" },
                "recipe": { "type": "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1", "definedInMaterial": "-1" },
                "materials": [{ "uri": "https://github.com/acme/app", "digest": { "sha1": COMMIT } }],
            }),
            builder: "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3",
            build_type: "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1",
            reference: None,
            reads: &["/materials/0/digest/sha1", "/materials/0/uri"],
        },
    ]
}

fn whole(sample: &Sample) -> Held {
    let mut fields = json!({
        "builder": sample.builder,
        "buildType": sample.build_type,
        "source": "git+https://github.com/acme/app",
        "commit": COMMIT,
    });
    if let Some(reference) = sample.reference {
        fields["ref"] = json!(reference);
    }
    held("provenance", fields)
}

#[test]
fn every_builder_is_read_in_its_own_words() {
    for sample in samples() {
        let found = whole(&sample).run(sample.predicate_type, &sample.predicate);
        let shown = found.unwrap_or_else(|reasons| panic!("{}: {reasons:?}", sample.name));
        assert!(shown.contains(sample.builder) && shown.contains("https://github.com/acme/app"));
    }
}

/// Where it is read, and nowhere else: what a user wrote beside it does not count.
#[test]
fn every_value_that_is_read_matters_and_no_other() {
    for sample in samples() {
        let [builder, build_type] = match sample.predicate_type {
            V1 => ["/runDetails/builder/id", "/buildDefinition/buildType"],
            V0_2 => ["/builder/id", "/buildType"],
            _ => ["/builder/id", "/recipe/type"],
        };
        let mut expected: Vec<_> = sample.reads.to_vec();
        expected.extend([builder, build_type]);
        expected.sort_unstable();
        let mut found = matters(&whole(&sample), sample.predicate_type, &sample.predicate);
        found.sort_unstable();
        assert_eq!(found, expected, "{}", sample.name);
    }
}

#[test]
fn each_fault_has_its_code() {
    for sample in samples() {
        let check = |fields: Value| {
            held("provenance", fields).codes(sample.predicate_type, &sample.predicate)
        };
        for (fields, code) in [
            (json!({ "builder": "other" }), "provenance.builder"),
            (json!({ "builder": format!("{}x", sample.builder) }), "provenance.builder"),
            (json!({ "buildType": "other" }), "provenance.buildType"),
            (json!({ "source": "git+https://github.com/evil/app" }), "provenance.source"),
            (json!({ "source": "git+https://github.com/acme/ap" }), "provenance.source"),
            (json!({ "source": "git+https://evil.test/acme/app" }), "provenance.source"),
            (json!({ "source": "https://github.com/acme/app@refs/heads/dev" }), "provenance.ref"),
            (json!({ "ref": "refs/heads/dev" }), "provenance.ref"),
            (json!({ "ref": "main" }), "provenance.ref"),
            (json!({ "commit": OTHER_COMMIT }), "provenance.ref"),
            (json!({ "parameters": { "none": "x" } }), "provenance.parameters"),
        ] {
            assert_eq!(check(fields.clone()), [code], "{} {fields}", sample.name);
        }
        let both =
            json!({ "builder": "other", "source": "github.com/evil/app", "commit": OTHER_COMMIT });
        assert_eq!(check(both), ["provenance.builder", "provenance.source", "provenance.ref"]);
        for fields in [
            json!({ "source": "github.com/acme/app" }),
            json!({ "source": "https://GITHUB.com/acme/app.git/" }),
            json!({ "source": "https://github.com/acme/*" }),
            json!({ "source": ["https://github.com/acme/x", "https://github.com/acme/app"] }),
            json!({ "builder": "**" }),
            json!({ "commit": [OTHER_COMMIT, COMMIT] }),
        ] {
            assert_eq!(check(fields.clone()), [""; 0], "{} {fields}", sample.name);
        }
        if let Some(reference) = sample.reference {
            for fields in [
                json!({ "source": format!("https://github.com/acme/app@{reference}") }),
                json!({ "source": "https://github.com/acme/app@refs/heads/*" }),
                json!({ "ref": ["refs/tags/v*", "refs/heads/*"] }),
            ] {
                assert_eq!(check(fields.clone()), [""; 0], "{} {fields}", sample.name);
            }
        }
    }
}

/// None of these may pass for the source.
#[test]
fn a_dependency_is_not_the_source() {
    let check = held("provenance", json!({ "source": "git+https://github.com/acme/app" }));
    let evil = json!("git+https://github.com/evil/app@refs/heads/main");
    for (sample, pointer, value) in [
        (
            0,
            "/buildDefinition/externalParameters/workflow/repository",
            json!("https://github.com/evil/app"),
        ),
        (0, "/buildDefinition/externalParameters/workflow", Value::Null),
        (1, "/buildDefinition/externalParameters/source/uri", evil.clone()),
        (2, "/buildDefinition/resolvedDependencies/0/uri", evil.clone()),
        (
            2,
            "/buildDefinition/internalParameters/GITHUB_WORKFLOW_REF",
            json!("evil/app/.github/workflows/x.yml@refs/heads/main"),
        ),
        (2, "/buildDefinition/internalParameters/GITHUB_WORKFLOW_REF", json!("acme/app")),
        (2, "/buildDefinition/internalParameters/GITHUB_WORKFLOW_REF", Value::Null),
        (4, "/buildDefinition/resolvedDependencies/2/name", json!("pipeline")),
        (
            4,
            "/buildDefinition/resolvedDependencies/1",
            json!({ "name": "inputs/result", "uri": evil }),
        ),
        (
            4,
            "/buildDefinition/resolvedDependencies/1",
            json!({ "name": "inputs/result", "uri": "git@github.com:evil/app.git" }),
        ),
        (5, "/buildDefinition/externalParameters/configSource", json!({ "path": "Dockerfile" })),
        (7, "/materials/0/uri", evil.clone()),
        (7, "/invocation/configSource/uri", evil.clone()),
        (7, "/materials", json!([])),
        (8, "/invocation/configSource", json!({})),
        (9, "/materials/0", json!({ "uri": evil })),
        (9, "/materials/1", Value::Null),
        (10, "/recipe/definedInMaterial", json!(0)),
        (10, "/recipe/definedInMaterial", json!(2)),
        (10, "/recipe/definedInMaterial", json!("1")),
        (11, "/builder/id", json!("https://evil.test/GoogleHostedWorker@v0.3")),
    ] {
        let sample = &samples()[sample];
        assert_eq!(check.codes(sample.predicate_type, &sample.predicate), [""; 0]);
        let codes = check.codes(sample.predicate_type, &with(&sample.predicate, pointer, value));
        assert!(
            codes == ["provenance.source"] || codes == ["predicate.malformed"],
            "{} {pointer}: {codes:?}",
            sample.name
        );
    }
}

#[test]
fn commits_that_disagree_must_all_be_allowed() {
    let sample = github();
    let predicate = with(
        &sample.predicate,
        "/buildDefinition/resolvedDependencies/1/uri",
        json!("git+https://github.com/acme/app@refs/heads/main"),
    );
    // slsa-github-generator writes it twice.
    let generated = &samples()[7];
    for pointer in ["/invocation/configSource/digest/sha1", "/materials/0/digest/sha1"] {
        let other = with(&generated.predicate, pointer, json!(OTHER_COMMIT));
        assert_eq!(whole(generated).codes(V0_2, &other), ["provenance.ref"], "{pointer}");
    }
    for (commits, expected) in [
        (json!([COMMIT]), vec!["provenance.ref"]),
        (json!([OTHER_COMMIT]), vec!["provenance.ref"]),
        (json!([COMMIT, OTHER_COMMIT]), vec![]),
    ] {
        assert_eq!(
            held("provenance", json!({ "commit": commits })).codes(V1, &predicate),
            expected
        );
    }
}

#[test]
fn a_build_type_that_is_not_known_has_no_source() {
    let sample = github();
    let unknown =
        with(&sample.predicate, "/buildDefinition/buildType", json!("https://acme.test/build/v1"));
    let source = held("provenance", json!({ "source": "github.com/acme/app" }));
    assert_eq!(source.codes(V1, &unknown), ["provenance.source"]);
    for fields in [json!({ "ref": "**" }), json!({ "commit": COMMIT })] {
        assert_eq!(held("provenance", fields).codes(V1, &unknown), ["provenance.source"]);
    }
    // By name, it can be asked for.
    let fields = json!({
        "buildType": "https://acme.test/build/v1",
        "parameters": { "/workflow/repository": "https://github.com/acme/app" },
    });
    assert_eq!(held("provenance", fields).codes(V1, &unknown), [""; 0]);
    assert_eq!(held("provenance", json!({ "builder": GENERATOR })).codes(V1, &unknown), [""; 0]);
}

#[test]
fn other_types_and_shapes_never_pass() {
    let check = held("provenance", json!({ "builder": "**" }));
    let sample = github();
    for predicate_type in [
        "https://slsa.dev/provenance/v1.1",
        "https://slsa.dev/provenance/v2",
        "https://slsa.dev/provenance/",
        "https://in-toto.io/Link/v1",
        "https://acme.test/provenance/v1",
    ] {
        assert_eq!(check.codes(predicate_type, &sample.predicate), ["predicate.unsupported"]);
    }
    for (pointer, value) in [
        ("/runDetails/builder/id", Value::Null),
        ("/runDetails/builder/id", json!("")),
        ("/runDetails/builder/id", json!(["a"])),
        ("/runDetails/builder", json!("a")),
        ("/buildDefinition/buildType", Value::Null),
        ("/buildDefinition/resolvedDependencies", json!({})),
        ("/buildDefinition/externalParameters", json!([])),
        ("", json!({})),
        ("", Value::Null),
        ("", json!([sample.predicate])),
    ] {
        let predicate = with(&sample.predicate, pointer, value);
        assert_eq!(check.codes(V1, &predicate), ["predicate.malformed"], "{pointer}");
    }
    // The shape of one version under the name of another.
    for (predicate_type, index) in [(V0_2, 0), (V0_1, 0), (V1, 7), (V1, 10)] {
        assert_eq!(
            check.codes(predicate_type, &samples()[index].predicate),
            ["predicate.malformed"]
        );
    }
}

#[test]
fn parameters_are_compared_exactly() {
    let sample = github();
    let external = json!({
        "workflow": sample.predicate.pointer("/buildDefinition/externalParameters/workflow"),
        "inputs": { "deploy": "prod", "fast": true, "count": 3, "a/b": "x", "empty": null },
    });
    let predicate = with(&sample.predicate, "/buildDefinition/externalParameters", external);
    for (parameters, holds) in [
        (json!({ "/inputs/deploy": "prod" }), true),
        (json!({ "/inputs/deploy": ["dev", "prod"] }), true),
        (json!({ "/inputs/deploy": "dev" }), false),
        (json!({ "/inputs/deploy": "*" }), false),
        (json!({ "/inputs/deploy": "Prod" }), false),
        (json!({ "/inputs/fast": true }), true),
        (json!({ "/inputs/fast": "true" }), false),
        (json!({ "/inputs/count": 3 }), true),
        (json!({ "/inputs/count": "3" }), false),
        (json!({ "/inputs/a~1b": "x" }), true),
        (json!({ "/inputs/none": "x" }), false),
        (json!({ "/inputs/empty": "" }), false),
        (json!({ "inputs": "x" }), false),
        (json!({ "/inputs/deploy": "prod", "/inputs/fast": false }), false),
        (json!({ "/workflow/path": ".github/workflows/release.yml" }), true),
    ] {
        let codes = held("provenance", json!({ "parameters": parameters })).codes(V1, &predicate);
        let expected: &[&str] = if holds { &[] } else { &["provenance.parameters"] };
        assert_eq!(codes, expected, "{parameters}");
    }
    let (expected, found) =
        held("provenance", json!({ "parameters": { "/inputs/deploy": ["a", "b"], "none": 1 } }))
            .reason(V1, &predicate);
    assert_eq!(expected, "/inputs/deploy = \"a\" or \"b\", none = 1");
    assert_eq!(found, "/inputs/deploy = \"prod\", no none");
    // The parameters of the other versions.
    let older = &samples()[8];
    let fields = json!({ "parameters": { "frontend": "dockerfile.v0" } });
    assert_eq!(held("provenance", fields).codes(V0_2, &older.predicate), [""; 0]);
    let oldest = &samples()[10];
    assert_eq!(
        held("provenance", json!({ "parameters": { "a": 1 } })).codes(V0_1, &oldest.predicate),
        [""; 0]
    );
}

#[test]
fn parameters_that_nobody_named_can_be_refused() {
    let sample = github();
    let check = |parameters: Value| {
        let mut fields = json!({ "otherParameters": "deny" });
        if !parameters.is_null() {
            fields["parameters"] = parameters;
        }
        held("provenance", fields)
    };
    assert_eq!(check(Value::Null).codes(V1, &sample.predicate), [""; 0]);
    let at = "/buildDefinition/externalParameters/inputs";
    let more = with(&sample.predicate, at, json!({ "deploy": "prod" }));
    assert_eq!(check(Value::Null).codes(V1, &more), ["provenance.parameters"]);
    assert_eq!(check(json!({ "/inputs/deploy": "prod" })).codes(V1, &more), [""; 0]);
    assert_eq!(held("provenance", json!({ "builder": "**" })).codes(V1, &more), [""; 0]);
    // BuildKit's source and its request.
    let buildkit = &samples()[5];
    assert_eq!(check(Value::Null).codes(V1, &buildkit.predicate), ["provenance.parameters"]);
    assert_eq!(
        check(json!({ "/request/frontend": "dockerfile.v0" })).codes(V1, &buildkit.predicate),
        [""; 0]
    );
}

#[test]
fn the_level_is_the_builders() {
    let sample = github();
    let own = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
    let at = "/runDetails/builder/id";
    for (builder, fields, holds) in [
        (GENERATOR, json!({ "level": 3 }), true),
        (GENERATOR, json!({ "level": 1 }), true),
        ("https://github.com/actions/runner/github-hosted", json!({ "level": 2 }), true),
        ("https://github.com/actions/runner/github-hosted", json!({ "level": 3 }), false),
        ("https://github.com/actions/runner/self-hosted", json!({ "level": 1 }), false),
        (own, json!({ "level": 1 }), false),
        (own, json!({ "level": 2, "levels": { "https://github.com/acme/**": 2 } }), true),
        (own, json!({ "level": 3, "levels": { "https://github.com/acme/**": 2 } }), false),
        (own, json!({ "level": 2, "levels": { "https://github.com/acme/**": 3, "**": 0 } }), false),
        (own, json!({ "level": 2, "levels": { "https://github.com/acme": 3 } }), false),
        (
            GENERATOR,
            json!({ "level": 3, "levels": { "https://github.com/slsa-framework/**": 1 } }),
            false,
        ),
        (
            "https://evil.test/https://github.com/actions/runner/github-hosted",
            json!({ "level": 1 }),
            false,
        ),
    ] {
        let codes = held("provenance", fields.clone())
            .codes(V1, &with(&sample.predicate, at, json!(builder)));
        let expected: &[&str] = if holds { &[] } else { &["provenance.level"] };
        assert_eq!(codes, expected, "{builder} {fields}");
    }
}

#[test]
fn every_dependency_must_be_listed() {
    let sample = &samples()[8];
    let listed = |globs: Value| held("provenance", json!({ "dependencies": globs }));
    assert_eq!(listed(json!(["pkg:docker/alpine@*"])).codes(V0_2, &sample.predicate), [""; 0]);
    assert_eq!(
        listed(json!("pkg:docker/debian@*")).codes(V0_2, &sample.predicate),
        ["provenance.source"]
    );
    let nameless = with(&sample.predicate, "/materials/0/uri", Value::Null);
    assert_eq!(listed(json!("**")).codes(V0_2, &nameless), ["provenance.source"]);
    let many: Vec<_> = (0..20).map(|n| json!({ "uri": format!("pkg:docker/image{n}") })).collect();
    let many = with(&sample.predicate, "/materials", json!(many));
    let (_, found) = listed(json!("pkg:docker/debian@*")).reason(V0_2, &many);
    assert!(
        found.starts_with("`pkg:docker/image0`, ") && found.ends_with(" and 15 more"),
        "{found}"
    );
}

#[test]
fn policies_are_read_by_parser_and_schema_alike() {
    let whole = json!({
        "builder": GENERATOR,
        "buildType": ["https://actions.github.io/buildtypes/workflow/v1"],
        "source": ["git+https://github.com/acme/app@refs/heads/main", "github.com/acme/*"],
        "ref": ["refs/heads/main", "refs/tags/v*"],
        "commit": [COMMIT, "a".repeat(64)],
        "parameters": { "inputs": "x", "/a/b": ["x", 1, true] },
        "otherParameters": "allow",
        "dependencies": "pkg:docker/**",
        "level": 3,
        "levels": { "https://ci.acme.test/*": 3, "**": 0 },
    });
    are_accepted(
        "provenance",
        &[
            whole.clone(),
            json!({ "level": 1 }),
            json!({ "source": "git+ssh://git.acme.test:22/app" }),
        ],
    );
    let other = |pointer: &str, value: Value| with(&whole, pointer, value);
    are_refused(
        "provenance",
        &[
            (json!({}), MISSING, ""),
            (json!([]), VALUE, ""),
            (json!("builder"), VALUE, ""),
            (other("/builderId", json!("x")), UNKNOWN, "/builderId"),
            (other("/builder", json!("")), VALUE, "/builder"),
            (other("/builder", json!([])), VALUE, "/builder"),
            (other("/builder", json!(7)), VALUE, "/builder"),
            (other("/builder", json!(["a", 7])), VALUE, "/builder/1"),
            (other("/builder", json!("x".repeat(513))), VALUE, "/builder"),
            (other("/buildType", json!({})), VALUE, "/buildType"),
            (other("/source", json!("acme/app")), VALUE, "/source"),
            (other("/source", json!("https://*/acme/app")), VALUE, "/source"),
            (other("/source", json!("https://token@github.com/acme/app")), VALUE, "/source"),
            (other("/source", json!(["github.com/acme/app", "app"])), VALUE, "/source/1"),
            (other("/ref", json!([""])), VALUE, "/ref/0"),
            (other("/commit", json!("abc")), VALUE, "/commit"),
            (other("/commit", json!(COMMIT.to_uppercase())), VALUE, "/commit"),
            (other("/parameters", json!({})), VALUE, "/parameters"),
            (other("/parameters", json!(["inputs"])), VALUE, "/parameters"),
            (other("/parameters/inputs", json!([])), VALUE, "/parameters/inputs"),
            (other("/parameters/inputs", json!({ "a": 1 })), VALUE, "/parameters/inputs"),
            (other("/parameters/inputs", json!([["a"]])), VALUE, "/parameters/inputs/0"),
            (other("/otherParameters", json!("refuse")), VALUE, "/otherParameters"),
            (other("/otherParameters", json!(false)), VALUE, "/otherParameters"),
            (other("/dependencies", json!([])), VALUE, "/dependencies"),
            (other("/level", json!(0)), VALUE, "/level"),
            (other("/level", json!(4)), VALUE, "/level"),
            (other("/level", json!("3")), VALUE, "/level"),
            (other("/level", Value::Null), MISSING, ""),
            (other("/levels", json!({})), VALUE, "/levels"),
            (other("/levels", json!({ "b": 4 })), VALUE, "/levels/b"),
            (other("/levels", json!({ "b": -1 })), VALUE, "/levels/b"),
        ],
    );
    let faults = parse("provenance", &other("/biulder", json!("x"))).unwrap_err();
    assert_eq!(faults[0].2.as_deref(), Some("builder"));
}

#[test]
fn ten_megabytes_of_dependencies_cost_what_they_weigh() {
    let sample = github();
    let dependency = |n: usize| json!({ "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": { "gitCommit": format!("{n:040x}") } });
    let many: Vec<_> = (0..90_000).map(dependency).collect();
    let predicate = with(&sample.predicate, "/buildDefinition/resolvedDependencies", json!(many));
    let fields = json!({ "source": "github.com/acme/*", "ref": "refs/**", "commit": COMMIT, "dependencies": "git+https://github.com/**/app@*", "otherParameters": "deny" });
    let bytes = predicate.to_string().len();
    let before = Instant::now();
    assert_eq!(
        held("provenance", fields).codes(V1, &predicate),
        ["provenance.ref", "provenance.source"]
    );
    println!("{bytes} bytes in {:?}", before.elapsed());
    assert!(bytes > 10_000_000 && before.elapsed() < Duration::from_secs(6));
}
