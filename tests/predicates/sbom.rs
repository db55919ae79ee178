//! `sbom`: SPDX and CycloneDX, by packages and licences.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::held::{
    Held, MISSING, UNKNOWN, VALUE, are_accepted, are_refused, held, matters, parse, with,
};

const SPDX: &str = "https://spdx.dev/Document";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";

/// Name, version, package URL and licence; an empty text is one that is not there.
type Package = (&'static str, &'static str, &'static str, &'static str);

const PACKAGES: &[Package] = &[
    ("curl", "7.88.1-10", "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12", "curl"),
    ("log4j-core", "2.17.0", "pkg:maven/org.apache.logging.log4j/log4j-core@2.17.0", "Apache-2.0"),
    ("left-pad", "1.3.0", "pkg:npm/left-pad@1.3.0", "WTFPL OR MIT"),
    ("@acme/app", "1.0.0", "pkg:npm/%40acme/app@1.0.0", "AGPL-3.0-only"),
];

fn spdx(packages: &[Package]) -> Value {
    let or =
        |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let mut listed: Vec<_> = packages
        .iter()
        .enumerate()
        .map(|(i, (name, version, purl, license))| {
            let mut package = json!({
                "SPDXID": format!("SPDXRef-Package-{i}"),
                "name": name,
                "downloadLocation": "NOASSERTION",
                "supplier": "Organization: acme",
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": or(license, "NOASSERTION"),
                "externalRefs": [{ "referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:x" }],
            });
            if !version.is_empty() {
                package["versionInfo"] = json!(version);
            }
            if !purl.is_empty() {
                let reference = json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl });
                package["externalRefs"].as_array_mut().unwrap().push(reference);
            }
            package
        })
        .collect();
    listed.push(json!({ "SPDXID": "SPDXRef-DocumentRoot", "name": "ghcr.io/acme/app", "licenseConcluded": "NOASSERTION" }));
    json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "app",
        "creationInfo": { "created": "2026-11-20T10:00:00Z", "creators": ["Tool: syft-1.30.0"] },
        "packages": listed,
        "relationships": [
            { "spdxElementId": "SPDXRef-DocumentRoot", "relatedSpdxElement": "SPDXRef-Package-0", "relationshipType": "CONTAINS" },
            { "spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-DocumentRoot", "relationshipType": "DESCRIBES" },
        ],
    })
}

fn cyclonedx(packages: &[Package]) -> Value {
    let mut components: Vec<_> = packages
        .iter()
        .map(|(name, version, purl, license)| {
            let mut component = json!({ "type": "library", "name": name, "publisher": "acme" });
            if !version.is_empty() {
                component["version"] = json!(version);
            }
            if !purl.is_empty() {
                component["purl"] = json!(purl);
            }
            if license.contains(' ') {
                component["licenses"] = json!([{ "expression": license }]);
            } else if !license.is_empty() {
                component["licenses"] = json!([{ "license": { "id": license } }]);
            }
            component
        })
        .collect();
    components.push(json!({ "type": "operating-system", "name": "debian", "version": "12" }));
    components.push(json!({ "type": "file", "name": "/etc/passwd" }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-20T10:00:00Z",
            "component": { "type": "container", "name": "ghcr.io/acme/app", "version": "sha256:aa" },
        },
        "components": components,
    })
}

fn both(packages: &[Package]) -> [(&'static str, Value); 2] {
    [(SPDX, spdx(packages)), (CYCLONEDX, cyclonedx(packages))]
}

/// The codes are the same in both formats.
fn codes(fields: &Value, packages: &[Package]) -> Vec<&'static str> {
    let check = held("sbom", fields.clone());
    let [spdx, cyclonedx] =
        both(packages).map(|(predicate_type, sbom)| check.codes(predicate_type, &sbom));
    assert_eq!(spdx, cyclonedx, "{fields}");
    spdx
}

fn table(cases: &[(Value, &[&str])], packages: &[Package]) {
    for (fields, expected) in cases {
        assert_eq!(codes(fields, packages), *expected, "{fields}");
    }
}

#[test]
fn packages_are_denied_by_name_package_url_and_version() {
    let deny = |package: Value| json!({ "deny": { "packages": [package] } });
    let range =
        |package: &str, versions: &str| deny(json!({ "package": package, "versions": versions }));
    let denied: &[&str] = &["sbom.denied"];
    table(
        &[
            (deny(json!("event-stream")), &[]),
            (deny(json!("curl")), denied),
            (deny(json!("CURL")), denied),
            (deny(json!("cur")), &[]),
            (deny(json!("cur*")), denied),
            (deny(json!("debian/curl")), denied),
            (deny(json!("@acme/app")), denied),
            (deny(json!("@acme/*")), denied),
            (deny(json!("app")), denied),
            (deny(json!("org.apache.logging.log4j:log4j-core")), denied),
            (deny(json!("org.apache.**")), denied),
            (deny(json!("pkg:npm/left-pad")), denied),
            (deny(json!("pkg:npm/left-pad@1.3.0")), denied),
            (deny(json!("pkg:npm/left-pad@1.3.1")), &[]),
            (deny(json!("pkg:npm/left-pad@1.3")), denied),
            (deny(json!("pkg:npm/*")), denied),
            (deny(json!("pkg:npm/@acme/app")), denied),
            (deny(json!("pkg:npm/%40acme/*")), denied),
            (deny(json!("pkg:pypi/*")), &[]),
            (deny(json!("pkg:pypi/left-pad")), &[]),
            (deny(json!("pkg:deb/*/curl")), denied),
            (deny(json!("pkg:deb/curl")), &[]),
            (range("log4j-core", ">=2.0, <2.17.1"), denied),
            (range("log4j-core", "<2.17.0"), &[]),
            (range("pkg:maven/**/log4j-core", ">=2.17.0"), denied),
            (range("curl", "<7.88.1-9"), &[]),
            (range("curl", "<7.88.1-11"), denied),
            (range("curl", ">1:0"), &[]),
            (range("curl", "<1:0"), denied),
            (range("left-pad", "<1.3.0"), &[]),
            (range("left-pad", ">1.3.0-rc.1"), denied),
            (
                json!({ "deny": { "packages": [{ "package": "left-pad", "versions": ["0.1", "<1", "1.3.0"] }] } }),
                denied,
            ),
            (
                json!({ "deny": { "packages": [{ "package": "left-pad", "versions": ["0.1", "<1"] }] } }),
                &[],
            ),
            (json!({ "deny": { "packages": ["a", "b", "curl"] } }), denied),
        ],
        PACKAGES,
    );
}

#[test]
fn what_cannot_be_told_is_denied_and_not_required() {
    // Without a package URL; without a version; with a version that has no order.
    let packages: &[Package] = &[
        ("event-stream", "3.3.6", "", "MIT"),
        ("broken", "1", "npm/broken@1", "MIT"),
        ("unversioned", "", "pkg:npm/unversioned", "MIT"),
        ("odd", "2.17.1-SNAPSHOT", "pkg:maven/acme/odd@2.17.1-SNAPSHOT", "MIT"),
    ];
    let range = |package: &str, versions: &str| json!({ "package": package, "versions": versions });
    for (package, expected) in [
        (json!("pkg:npm/event-stream"), true),
        (json!("pkg:npm/event-stream@3.3.6"), true),
        (json!("pkg:npm/event-stream@3.3.7"), false),
        (json!("pkg:npm/@x/event-stream"), true),
        (json!("pkg:npm/broken"), true),
        (json!("pkg:npm/*"), true),
        (json!("pkg:pypi/*"), false),
        (range("unversioned", "<1"), true),
        (range("odd", "<2.17.1"), true),
        (range("odd", "<2.17"), false),
        (range("odd", "<2.18"), true),
        (range("odd", "2.17.1"), false),
    ] {
        let fields = json!({ "deny": { "packages": [package] } });
        let denied: &[&str] = if expected { &["sbom.denied"] } else { &[] };
        assert_eq!(codes(&fields, packages), denied, "{package}");
    }
    for (package, expected) in [
        (json!("pkg:npm/event-stream"), false),
        (json!("event-stream"), true),
        (json!("pkg:npm/unversioned"), true),
        (range("unversioned", "<1"), false),
        (range("odd", "<2.17.1"), false),
        (range("odd", "<2.18"), true),
        (json!("none"), false),
    ] {
        let fields = json!({ "require": { "packages": [package] } });
        let required: &[&str] = if expected { &[] } else { &["sbom.required"] };
        assert_eq!(codes(&fields, packages), required, "{package}");
    }
}

#[test]
fn versions_of_rpm_carry_their_epoch_beside_them() {
    let packages: &[Package] =
        &[("curl", "7.76.1-29.el9", "pkg:rpm/rhel/curl@7.76.1-29.el9?arch=x86_64&epoch=1", "curl")];
    for (versions, denied) in [
        ("<1:7.76.1-29.el9", false),
        ("<1:7.76.1-30.el9", true),
        ("<7.80", false),
        ("=1:7.76.1", true),
    ] {
        let fields =
            json!({ "deny": { "packages": [{ "package": "curl", "versions": versions }] } });
        assert_eq!(!codes(&fields, packages).is_empty(), denied, "{versions}");
    }
}

#[test]
fn licences_are_denied_and_allowed() {
    let deny = |licenses: Value| json!({ "deny": { "licenses": licenses } });
    let allow = |licenses: Value| json!({ "allow": { "licenses": licenses } });
    let denied: &[&str] = &["sbom.denied"];
    table(
        &[
            (deny(json!(["SSPL-1.0"])), &[]),
            (deny(json!(["AGPL-3.0-only"])), denied),
            (deny(json!(["agpl-3.0"])), denied),
            (deny(json!(["AGPL-*"])), denied),
            (deny(json!(["WTFPL"])), &[]),
            (deny(json!(["WTFPL", "MIT"])), denied),
            (allow(json!(["curl", "Apache-2.0", "MIT", "AGPL-3.0-only"])), &[]),
            (allow(json!(["curl", "Apache-2.0", "MIT"])), denied),
            (allow(json!(["curl", "Apache-2.0", "AGPL-3.0-only"])), denied),
            (allow(json!(["**"])), &[]),
            (
                json!({ "deny": { "licenses": ["AGPL-3.0-only"] }, "allow": { "licenses": ["**"] } }),
                denied,
            ),
        ],
        PACKAGES,
    );
}

#[test]
fn an_unknown_licence_is_not_one_that_is_allowed() {
    let packages: &[Package] = &[("a", "1", "pkg:npm/a@1", "MIT"), ("b", "1", "pkg:npm/b@1", "")];
    let incomplete: &[&str] = &["sbom.incomplete"];
    table(
        &[
            (json!({ "allow": { "licenses": ["MIT"] } }), incomplete),
            (json!({ "allow": { "licenses": ["**"] } }), incomplete),
            (json!({ "allow": { "licenses": ["MIT"] }, "unknownLicenses": "deny" }), incomplete),
            (json!({ "allow": { "licenses": ["MIT"] }, "unknownLicenses": "allow" }), &[]),
            (
                json!({ "allow": { "licenses": ["ISC"] }, "unknownLicenses": "allow" }),
                &["sbom.denied"],
            ),
            (json!({ "deny": { "licenses": ["AGPL-3.0-only"] } }), &[]),
            (
                json!({ "deny": { "licenses": ["AGPL-3.0-only"] }, "unknownLicenses": "deny" }),
                incomplete,
            ),
            (json!({ "unknownLicenses": "deny" }), incomplete),
            (json!({ "require": { "fields": ["license"] } }), incomplete),
        ],
        packages,
    );
    let check = held("sbom", json!({ "allow": { "licenses": ["MIT"] } }));
    let (expected, found) = check.reason(SPDX, &spdx(packages));
    assert_eq!(
        (expected.as_str(), found.as_str()),
        ("a licence for every package", "1: pkg:npm/b@1")
    );
}

/// Where something was concluded, that governs.
#[test]
fn a_conclusion_governs_over_a_declaration() {
    let check = held(
        "sbom",
        json!({ "deny": { "licenses": ["AGPL-3.0-only"] }, "unknownLicenses": "deny" }),
    );
    let one: &[Package] = &[("a", "1", "pkg:npm/a@1", "MIT")];
    for (concluded, declared, expected) in [
        (json!("MIT"), json!("AGPL-3.0-only"), vec![]),
        (json!("AGPL-3.0-only"), json!("MIT"), vec!["sbom.denied"]),
        (json!("NOASSERTION"), json!("AGPL-3.0-only"), vec!["sbom.denied"]),
        (json!("NONE"), json!("MIT"), vec![]),
        (json!(""), json!("MIT"), vec![]),
        (json!("NOASSERTION"), json!("NONE"), vec!["sbom.incomplete"]),
        (json!(7), json!("MIT"), vec!["predicate.malformed"]),
        (json!("NOASSERTION"), json!(["MIT"]), vec!["predicate.malformed"]),
    ] {
        let sbom = with(&spdx(one), "/packages/0/licenseConcluded", concluded.clone());
        let sbom = with(&sbom, "/packages/0/licenseDeclared", declared.clone());
        assert_eq!(check.codes(SPDX, &sbom), expected, "{concluded} {declared}");
    }
    let license = |id: &str, acknowledgement: &str| json!({ "license": { "id": id, "acknowledgement": acknowledgement } });
    for (licenses, expected) in [
        (json!([license("AGPL-3.0-only", "declared"), license("MIT", "concluded")]), vec![]),
        (
            json!([license("MIT", "declared"), license("AGPL-3.0-only", "concluded")]),
            vec!["sbom.denied"],
        ),
        (json!([license("MIT", ""), license("AGPL-3.0-only", "declared")]), vec!["sbom.denied"]),
        (
            json!([{ "expression": "AGPL-3.0-only", "acknowledgement": "declared" }, { "expression": "MIT", "acknowledgement": "concluded" }]),
            vec![],
        ),
        (json!([{ "license": { "name": "AGPL-3.0-only" } }]), vec!["sbom.denied"]),
        (json!([{ "license": { "name": "Some Text, AGPL-3.0-only" } }]), vec!["sbom.denied"]),
        (json!([{ "license": { "name": "Some Text" } }]), vec![]),
        (json!([{ "license": { "id": "NOASSERTION" } }]), vec!["sbom.incomplete"]),
        (json!([{ "expression": "MIT OR NOASSERTION" }]), vec![]),
        (json!([{ "expression": "MIT AND NOASSERTION" }]), vec!["sbom.incomplete"]),
        (json!([]), vec!["sbom.incomplete"]),
        (json!([{}]), vec!["predicate.malformed"]),
        (json!([{ "license": {} }]), vec!["predicate.malformed"]),
        (json!([{ "license": { "id": 7 } }]), vec!["predicate.malformed"]),
        (json!([{ "license": { "id": "MIT" }, "expression": "MIT" }]), vec!["predicate.malformed"]),
        (json!(["MIT"]), vec!["predicate.malformed"]),
        (json!({ "license": { "id": "MIT" } }), vec!["predicate.malformed"]),
    ] {
        let sbom = with(&cyclonedx(one), "/components/0/licenses", licenses.clone());
        assert_eq!(check.codes(CYCLONEDX, &sbom), expected, "{licenses}");
    }
}

#[test]
fn packages_are_counted_and_the_image_and_files_are_not() {
    for (least, holds) in [(0, true), (4, true), (5, false)] {
        let expected: &[&str] = if holds { &[] } else { &["sbom.incomplete"] };
        assert_eq!(codes(&json!({ "minComponents": least }), PACKAGES), expected, "{least}");
    }
    // An SBOM of nothing proves nothing, unless the policy says so.
    assert_eq!(codes(&json!({}), &[]), ["sbom.incomplete"]);
    assert_eq!(codes(&json!({ "deny": { "packages": ["curl"] } }), &[]), ["sbom.incomplete"]);
    assert_eq!(codes(&json!({ "minComponents": 0 }), &[]), [""; 0]);
    let (expected, found) =
        held("sbom", json!({ "minComponents": 9 })).reason(SPDX, &spdx(PACKAGES));
    assert_eq!((expected.as_str(), found.as_str()), ("at least 9 packages", "4 packages"));
    // CycloneDX holds components in components.
    let mut nested = cyclonedx(&[]);
    nested["components"] = json!([{ "type": "application", "name": "a", "components": [
        { "type": "library", "name": "b", "components": [{ "type": "library", "name": "evil" }] },
    ] }]);
    assert_eq!(held("sbom", json!({ "minComponents": 3 })).codes(CYCLONEDX, &nested), [""; 0]);
    let deny = held("sbom", json!({ "deny": { "packages": ["evil"] } }));
    assert_eq!(deny.codes(CYCLONEDX, &nested), ["sbom.denied"]);
    let root = json!({ "type": "container", "name": "x", "components": [{ "type": "library", "name": "evil" }] });
    let inside = with(&cyclonedx(PACKAGES), "/metadata/component", root);
    assert_eq!(deny.codes(CYCLONEDX, &inside), ["sbom.denied"]);
    let root = with(&cyclonedx(PACKAGES), "/metadata/component/name", json!("evil"));
    assert_eq!(deny.codes(CYCLONEDX, &root), ["sbom.denied"]);
    let root = with(&spdx(PACKAGES), "/packages/4/name", json!("evil"));
    assert_eq!(deny.codes(SPDX, &root), ["sbom.denied"]);
}

/// If a document describes several packages, none of them is the image.
#[test]
fn only_one_package_can_be_the_image() {
    let check = held("sbom", json!({ "require": { "fields": ["purl"] } }));
    let sbom = spdx(PACKAGES);
    assert_eq!(check.codes(SPDX, &sbom), [""; 0]);
    let describes = |id: &str| json!({ "spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": id, "relationshipType": "DESCRIBES" });
    for (pointer, value, expected) in [
        ("/relationships", json!([]), vec!["sbom.incomplete"]),
        (
            "/relationships",
            json!([describes("SPDXRef-DocumentRoot"), describes("SPDXRef-DocumentRoot")]),
            vec![],
        ),
        (
            "/relationships",
            json!([describes("SPDXRef-DocumentRoot"), describes("SPDXRef-Package-0")]),
            vec!["sbom.incomplete"],
        ),
        (
            "/relationships",
            json!([{ "spdxElementId": "SPDXRef-DocumentRoot", "relatedSpdxElement": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBED_BY" }]),
            vec![],
        ),
        ("/relationships/1/spdxElementId", json!("SPDXRef-Package-0"), vec!["sbom.incomplete"]),
        ("/documentDescribes", json!(["SPDXRef-DocumentRoot"]), vec![]),
        ("/documentDescribes", json!(["SPDXRef-Package-0"]), vec!["sbom.incomplete"]),
        ("/relationships", json!({}), vec!["predicate.malformed"]),
    ] {
        assert_eq!(
            check.codes(SPDX, &with(&sbom, pointer, value.clone())),
            expected,
            "{pointer} {value}"
        );
    }
}

#[test]
fn every_package_must_say_what_is_required() {
    let field = |name: &str| json!({ "require": { "fields": [name] } });
    table(
        &[
            (field("version"), &[]),
            (field("purl"), &[]),
            (field("license"), &[]),
            (field("supplier"), &[]),
        ],
        PACKAGES,
    );
    let bare: &[Package] = &[("a", "", "", ""), ("b", "1", "pkg:npm/b@1", "MIT")];
    let incomplete: &[&str] = &["sbom.incomplete"];
    table(
        &[
            (field("version"), incomplete),
            (field("purl"), incomplete),
            (field("license"), incomplete),
            (field("supplier"), &[]),
            (
                json!({ "require": { "fields": ["version", "purl"] } }),
                &["sbom.incomplete", "sbom.incomplete"],
            ),
        ],
        bare,
    );
    let check = held("sbom", field("supplier"));
    let nobody = with(&spdx(PACKAGES), "/packages/0/supplier", json!("NOASSERTION"));
    assert_eq!(check.codes(SPDX, &nobody), incomplete);
    assert_eq!(
        check.codes(SPDX, &with(&nobody, "/packages/0/originator", json!("Person: a"))),
        [""; 0]
    );
    let nobody = with(&cyclonedx(PACKAGES), "/components/0/publisher", Value::Null);
    assert_eq!(check.codes(CYCLONEDX, &nobody), incomplete);
    for (name, value) in [
        ("supplier", json!({ "name": "acme" })),
        ("manufacturer", json!({ "name": "acme" })),
        ("author", json!("a")),
        ("authors", json!([{ "name": "a" }])),
    ] {
        assert_eq!(
            check.codes(CYCLONEDX, &with(&nobody, &format!("/components/0/{name}"), value)),
            [""; 0],
            "{name}"
        );
    }
    assert_eq!(
        check.codes(CYCLONEDX, &with(&nobody, "/components/0/supplier", json!({}))),
        incomplete
    );
}

#[test]
fn formats_and_their_versions() {
    let check = held("sbom", json!({}));
    let version = |version: &str| with(&cyclonedx(PACKAGES), "/specVersion", json!(version));
    for known in ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"] {
        assert_eq!(check.codes(CYCLONEDX, &version(known)), [""; 0], "{known}");
    }
    assert_eq!(
        check.codes(SPDX, &with(&spdx(PACKAGES), "/spdxVersion", json!("SPDX-2.2"))),
        [""; 0]
    );
    let unsupported = ["predicate.unsupported"];
    for unknown in ["1.1", "2.0", "", "1.60"] {
        assert_eq!(check.codes(CYCLONEDX, &version(unknown)), unsupported, "{unknown}");
    }
    for (predicate_type, sbom) in [
        (SPDX, with(&spdx(PACKAGES), "/spdxVersion", json!("SPDX-2.1"))),
        (SPDX, with(&spdx(PACKAGES), "/spdxVersion", json!("SPDX-3.0"))),
        (SPDX, with(&spdx(PACKAGES), "/spdxVersion", json!(2.3))),
        (SPDX, json!("SPDXVersion: SPDX-2.3\nPackageName: curl")),
        (
            "https://spdx.dev/Document/v3",
            json!({ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [] }),
        ),
        (CYCLONEDX, with(&cyclonedx(PACKAGES), "/bomFormat", Value::Null)),
        (CYCLONEDX, with(&cyclonedx(PACKAGES), "/bomFormat", json!("cyclonedx"))),
        ("https://acme.test/sbom", with(&cyclonedx(PACKAGES), "/spdxVersion", json!("SPDX-2.3"))),
        (SPDX, json!({})),
        (SPDX, Value::Null),
        (SPDX, json!([spdx(PACKAGES)])),
    ] {
        assert_eq!(check.codes(predicate_type, &sbom), unsupported, "{predicate_type}");
    }
    // A type says what it carries.
    for (predicate_type, sbom, expected) in [
        (SPDX, cyclonedx(PACKAGES), vec!["predicate.malformed"]),
        ("https://spdx.dev/Document/v2.3", cyclonedx(PACKAGES), vec!["predicate.malformed"]),
        ("application/spdx+json", cyclonedx(PACKAGES), vec!["predicate.malformed"]),
        (CYCLONEDX, spdx(PACKAGES), vec!["predicate.malformed"]),
        ("application/vnd.cyclonedx+json", spdx(PACKAGES), vec!["predicate.malformed"]),
        ("https://cyclonedx.org/bom/v1.6", cyclonedx(PACKAGES), vec![]),
        ("application/spdx+json", spdx(PACKAGES), vec![]),
        ("sbom/example", spdx(PACKAGES), vec![]),
    ] {
        assert_eq!(check.codes(predicate_type, &sbom), expected, "{predicate_type}");
    }
    for (formats, spdx_holds, cyclonedx_holds) in [
        (json!(["spdx"]), true, false),
        (json!(["cyclonedx"]), false, true),
        (json!(["cyclonedx", "spdx"]), true, true),
    ] {
        let check = held("sbom", json!({ "formats": formats }));
        assert_eq!(check.codes(SPDX, &spdx(PACKAGES)).is_empty(), spdx_holds);
        assert_eq!(check.codes(CYCLONEDX, &cyclonedx(PACKAGES)).is_empty(), cyclonedx_holds);
    }
}

/// The whole of a check over each format.
fn everything() -> Held {
    held(
        "sbom",
        json!({
            "deny": { "packages": [{ "package": "curl", "versions": "<7.88.1-10" }, "other"], "licenses": ["other"] },
            "allow": { "licenses": ["curl", "Apache-2.0", "MIT", "AGPL-3.0-only"] },
            "require": { "packages": ["pkg:maven/*/log4j-core@2.17.0"], "fields": ["version", "purl", "supplier"] },
            "minComponents": 4,
        }),
    )
}

#[test]
fn every_value_that_is_read_matters() {
    for (predicate_type, sbom, expected, not_expected) in [
        (
            SPDX,
            spdx(PACKAGES),
            vec![
                "/spdxVersion",
                "/packages/0/name",
                "/packages/0/licenseDeclared",
                "/packages/0/licenseConcluded",
                "/packages/0/externalRefs/1/referenceType",
                "/packages/0/externalRefs/1/referenceLocator",
                "/relationships/1/relatedSpdxElement",
                "/relationships/1/relationshipType",
            ],
            vec![
                "/name",
                "/packages/0/downloadLocation",
                "/packages/0/externalRefs/0/referenceCategory",
            ],
        ),
        (
            CYCLONEDX,
            cyclonedx(PACKAGES),
            vec![
                "/bomFormat",
                "/specVersion",
                "/metadata/component/name",
                "/components/0/name",
                "/components/0/licenses/0/license/id",
                "/components/2/licenses/0/expression",
                "/components/0/purl",
                "/components/5/type",
            ],
            vec!["/version", "/metadata/timestamp"],
        ),
    ] {
        let found = matters(&everything(), predicate_type, &sbom);
        for pointer in expected {
            assert!(found.iter().any(|f| f == pointer), "{pointer} does not matter");
        }
        for pointer in not_expected {
            assert!(!found.iter().any(|f| f == pointer), "{pointer} matters");
        }
    }
}

#[test]
fn shapes_that_are_not_of_the_format_never_pass() {
    let check = everything();
    for (pointer, value) in [
        ("/packages", json!({})),
        ("/packages", json!("curl")),
        ("/packages/0", json!("curl")),
        ("/packages/0", json!([])),
        ("/packages/0/name", Value::Null),
        ("/packages/0/name", json!("")),
        ("/packages/0/name", json!("x".repeat(4097))),
        ("/packages/0/name", json!(["curl"])),
        ("/packages/0/versionInfo", json!(7)),
        ("/packages/0/externalRefs", json!({})),
        ("/packages/0/externalRefs/1/referenceLocator", json!(7)),
        (
            "/packages/0/externalRefs/1/referenceLocator",
            json!(format!("pkg:npm/{}", "x".repeat(4096))),
        ),
        ("/packages/0/supplier", json!({})),
    ] {
        let codes = check.codes(SPDX, &with(&spdx(PACKAGES), pointer, value));
        assert_eq!(codes, ["predicate.malformed"], "{pointer}");
    }
    for (pointer, value) in [
        ("/components", json!({})),
        ("/components/0", json!(7)),
        ("/components/0/name", Value::Null),
        ("/components/0/name", json!("x".repeat(4097))),
        ("/components/0/type", Value::Null),
        ("/components/0/purl", json!([])),
        ("/components/0/version", json!(1.0)),
        ("/components/0/group", json!({})),
        ("/components/0/components", json!({})),
        ("/components/0/supplier", json!("acme")),
        ("/metadata/component", json!("app")),
        ("/metadata/component/name", json!(7)),
    ] {
        let codes = check.codes(CYCLONEDX, &with(&cyclonedx(PACKAGES), pointer, value));
        assert_eq!(codes, ["predicate.malformed"], "{pointer}");
    }
    // A component of a type that nobody knows is a package.
    let unknown = with(&cyclonedx(PACKAGES), "/components/5/type", json!("gadget"));
    assert_eq!(check.codes(CYCLONEDX, &unknown), ["sbom.incomplete"; 4]);
}

#[test]
fn a_reason_names_the_first_few_and_how_many_there_are() {
    let names: Vec<&'static str> =
        (0..50).map(|n| &*Box::leak(format!("evil{n}").into_boxed_str())).collect();
    let packages: Vec<Package> = names.iter().map(|name| (*name, "1", "", "MIT")).collect();
    let check = held(
        "sbom",
        json!({ "deny": { "packages": [{ "package": "evil*", "versions": "<2", "reason": "worm" }] } }),
    );
    let (expected, found) = check.reason(SPDX, &spdx(&packages));
    assert_eq!(expected, "no package of `deny.packages`");
    assert!(found.starts_with("50: evil0 1 is evil* <2 (worm), evil1 1"), "{found}");
    assert!(found.ends_with(" and 45 more"), "{found}");
    let check = held("sbom", json!({ "deny": { "packages": ["pkg:npm/evil7"] } }));
    let (_, found) = check.reason(SPDX, &spdx(&packages));
    assert_eq!(found, "1: evil7 1 may be pkg:npm/evil7: it has no package URL");
    let check = held("sbom", json!({ "deny": { "licenses": ["MIT"] } }));
    let (expected, found) = check.reason(SPDX, &spdx(&packages));
    assert_eq!(expected, "none of MIT");
    assert!(found.starts_with("50: evil0 1 (MIT), "), "{found}");
}

#[test]
fn policies_are_read_by_parser_and_schema_alike() {
    let whole = json!({
        "formats": ["spdx", "cyclonedx"],
        "minComponents": 10,
        "deny": {
            "packages": [
                "event-stream", "@acme/*", "pkg:npm/event-stream@3.3.6", "pkg:npm/%40acme/app@1",
                { "package": "pkg:maven/org.apache.logging.log4j/*", "versions": [">=2.0, <2.17.1", "1.2.3"], "reason": "Log4Shell" },
                { "package": "curl", "versions": "< 1:7.88~rc1-1" },
            ],
            "licenses": ["AGPL-3.0-only", "SSPL-*", "GPL-2.0-only WITH Classpath-exception-2.0", "Some Licence"],
        },
        "allow": { "licenses": ["MIT"] },
        "require": { "packages": ["ca-certificates"], "fields": ["license", "purl", "supplier", "version"] },
        "unknownLicenses": "allow",
    });
    are_accepted("sbom", &[whole.clone(), json!({}), json!({ "minComponents": 0 })]);
    let other = |pointer: &str, value: Value| with(&whole, pointer, value);
    let package = |value: Value| other("/deny/packages/0", value);
    let at = "/deny/packages/0";
    are_refused(
        "sbom",
        &[
            (json!([]), VALUE, ""),
            (other("/denied", json!({})), UNKNOWN, "/denied"),
            (other("/formats", json!([])), VALUE, "/formats"),
            (other("/formats", json!(["syft"])), VALUE, "/formats/0"),
            (other("/formats", json!("spdx")), VALUE, "/formats"),
            (other("/minComponents", json!(-1)), VALUE, "/minComponents"),
            (other("/minComponents", json!(1.5)), VALUE, "/minComponents"),
            (other("/minComponents", json!(1_000_001)), VALUE, "/minComponents"),
            (other("/deny", json!({})), MISSING, "/deny"),
            (other("/deny", json!(["curl"])), VALUE, "/deny"),
            (other("/deny/package", json!(["curl"])), UNKNOWN, "/deny/package"),
            (other("/deny/packages", json!([])), VALUE, "/deny/packages"),
            (other("/deny/packages", json!("curl")), VALUE, "/deny/packages"),
            (other("/deny/licenses", json!([])), VALUE, "/deny/licenses"),
            (other("/deny/licenses", json!(["MIT OR ISC"])), VALUE, "/deny/licenses/0"),
            (other("/deny/licenses", json!([""])), VALUE, "/deny/licenses/0"),
            (other("/allow", json!({})), MISSING, "/allow"),
            (other("/allow/packages", json!(["a"])), UNKNOWN, "/allow/packages"),
            (other("/require", json!({})), MISSING, "/require"),
            (other("/require/fields", json!(["hash"])), VALUE, "/require/fields/0"),
            (other("/require/licenses", json!(["MIT"])), UNKNOWN, "/require/licenses"),
            (other("/unknownLicenses", json!("ignore")), VALUE, "/unknownLicenses"),
            (package(json!("")), VALUE, at),
            (package(json!(7)), VALUE, at),
            (package(json!("curl@7.88")), VALUE, at),
            (package(json!("pkg:npm")), VALUE, at),
            (package(json!("pkg:*/curl")), VALUE, at),
            (package(json!("pkg:npm/curl?arch=amd64")), VALUE, at),
            (package(json!("pkg:npm/curl#sub")), VALUE, at),
            (package(json!({ "versions": "1" })), MISSING, at),
            (
                package(json!({ "package": "curl", "version": "1" })),
                UNKNOWN,
                "/deny/packages/0/version",
            ),
            (
                package(json!({ "package": "curl", "versions": "^1.0" })),
                VALUE,
                "/deny/packages/0/versions",
            ),
            (
                package(json!({ "package": "curl", "versions": "1.x" })),
                VALUE,
                "/deny/packages/0/versions",
            ),
            (
                package(json!({ "package": "curl", "versions": ["1", ">=1 <2"] })),
                VALUE,
                "/deny/packages/0/versions/1",
            ),
            (
                package(json!({ "package": "curl", "versions": [] })),
                VALUE,
                "/deny/packages/0/versions",
            ),
            (package(json!({ "package": "curl", "reason": "" })), VALUE, "/deny/packages/0/reason"),
        ],
    );
    // What a schema cannot say.
    let twice = json!({ "package": "pkg:npm/curl@1", "versions": "<2" });
    assert_eq!(parse("sbom", &package(twice)).unwrap_err()[0].1, "/deny/packages/0/package");
    let faults = parse("sbom", &other("/minComponent", json!(1))).unwrap_err();
    assert_eq!(faults[0].2.as_deref(), Some("minComponents"));
}

/// Each takes some tenths of a second; were everything compared with everything, it would be hours.
const MOST: Duration = Duration::from_secs(8);

fn is_fast(name: &str, fields: Value, predicate_type: &str, sbom: &Value) {
    let check = held("sbom", fields);
    let bytes = sbom.to_string().len();
    let before = Instant::now();
    drop(check.run(predicate_type, sbom));
    println!("{name}: {bytes} bytes in {:?}", before.elapsed());
    assert!(bytes > 10_000_000 && before.elapsed() < MOST, "{name}: {bytes}");
}

fn many_rules() -> Value {
    let packages: Vec<_> = (0..1000)
        .map(|n| json!({ "package": format!("pkg:npm/evil{n}"), "versions": ">=1, <2" }))
        .chain((0..20).map(|n| json!(format!("evil-*-{n}"))))
        .collect();
    let licenses: Vec<_> = (0..300).map(|n| format!("License-{n}")).collect();
    json!({
        "deny": { "packages": packages, "licenses": licenses },
        "allow": { "licenses": ["MIT", "Apache-*", "BSD-*"] },
        "require": { "packages": ["none"], "fields": ["version"] },
    })
}

#[test]
fn ten_megabytes_cost_what_they_weigh() {
    let package = |n: usize| {
        json!({ "SPDXID": format!("SPDXRef-{n}"), "name": format!("evil{}", n % 2000), "versionInfo": "1.0.0", "licenseConcluded": format!("(MIT OR License-{n}) AND Apache-2.0"),
        "externalRefs": [{ "referenceType": "purl", "referenceLocator": format!("pkg:npm/evil{}@1.0.0", n % 2000) }] })
    };
    let packages: Vec<_> = (0..50_000).map(package).collect();
    is_fast("spdx", many_rules(), SPDX, &with(&spdx(&[]), "/packages", json!(packages)));
    let component = |n: usize| json!({ "type": "library", "name": format!("a-{n}"), "version": "1.0.0", "purl": format!("pkg:npm/a-{n}@1.0.0"), "licenses": [{ "license": { "id": "MIT" } }] });
    let components: Vec<_> = (0..90_000).map(component).collect();
    is_fast(
        "cyclonedx",
        many_rules(),
        CYCLONEDX,
        &with(&cyclonedx(&[]), "/components", json!(components)),
    );
}

#[test]
fn hostile_sboms_of_ten_megabytes_cost_what_they_weigh() {
    let one = |field: &str, value: Value| {
        with(&cyclonedx(PACKAGES), &format!("/components/0/{field}"), value)
    };
    let words = "AGPL-3.0-only, ".repeat(700_000);
    is_fast(
        "a licence of many words",
        many_rules(),
        CYCLONEDX,
        &one("licenses", json!([{ "license": { "name": words } }])),
    );
    let expression = format!("MIT{}", " AND (MIT)".repeat(1_000_000));
    is_fast(
        "an expression of many parts",
        many_rules(),
        CYCLONEDX,
        &one("licenses", json!([{ "expression": expression }])),
    );
    let deep = format!("{}MIT{}", "(".repeat(5_000_000), ")".repeat(5_000_000));
    is_fast(
        "a deep expression",
        many_rules(),
        CYCLONEDX,
        &one("licenses", json!([{ "expression": deep }])),
    );
    let licenses: Vec<_> =
        (0..400_000).map(|n| json!({ "license": { "id": format!("L{n}") } })).collect();
    is_fast("many licences", many_rules(), CYCLONEDX, &one("licenses", json!(licenses)));
    let references: Vec<_> = (0..150_000).map(|n| json!({ "referenceType": "purl", "referenceLocator": format!("pkg:npm/evil{}@1?n={n}", n % 1000) })).collect();
    is_fast(
        "many package URLs",
        many_rules(),
        SPDX,
        &with(&spdx(PACKAGES), "/packages/0/externalRefs", json!(references)),
    );
    let describes: Vec<_> = (0..110_000).map(|n| json!({ "spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": format!("SPDXRef-{n}"), "relationshipType": "DESCRIBES" })).collect();
    is_fast(
        "many roots",
        many_rules(),
        SPDX,
        &with(&spdx(PACKAGES), "/relationships", json!(describes)),
    );
    let star = json!({ "deny": { "packages": ["a*b*c*d*e*f*g*h*i*j", "**a**b**c**d**e**"], "licenses": ["*a*b*c*d*e*f*"] } });
    let name = "abcdefghi".repeat(450);
    let components: Vec<_> = (0..2_500).map(|_| json!({ "type": "library", "name": name, "licenses": [{ "license": { "name": name } }] })).collect();
    is_fast("stars", star, CYCLONEDX, &with(&cyclonedx(&[]), "/components", json!(components)));
}
