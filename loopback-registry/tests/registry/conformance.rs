//! Points of the distribution specification, one request each.

use loopback_registry::{ARTIFACT, INDEX, MANIFEST, Options, Registry, sha256, sha512};
use serde_json::json;

use crate::client::{Client, get, send};

const LAYER: &[u8] = b"0123456789";
const CONFIG: &[u8] = b"{}";

pub(crate) fn manifest() -> Vec<u8> {
    let blob = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() });
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob("application/vnd.oci.image.config.v1+json", CONFIG),
        "layers": [blob("application/vnd.oci.image.layer.v1.tar", LAYER)],
    })
    .to_string()
    .into_bytes()
}

/// A registry with one image, `a/app:1`.
pub(crate) fn with_image(options: Options) -> Registry {
    let registry = Registry::start(options);
    registry.push_blob("a/app", LAYER);
    registry.push_blob("a/app", CONFIG);
    registry.push_manifest("a/app", Some("1"), MANIFEST, &manifest());
    registry
}

struct Row {
    point: &'static str,
    request: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    status: u16,
    /// The code of its error, or nothing.
    code: &'static str,
    /// Headers that it has.
    has: &'static [(&'static str, &'static str)],
}

const fn row(point: &'static str, request: &'static str, status: u16) -> Row {
    Row { point, request, headers: &[], body: "", status, code: "", has: &[] }
}

const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// In this order, on one registry with `a/app:1`. `{image}` and so on stand for digests.
const POINTS: &[Row] = &[
    row("end-1", "GET /v2/", 200),
    Row {
        has: &[("docker-distribution-api-version", "registry/2.0")],
        ..row("end-1", "GET /v2", 200)
    },
    Row {
        has: &[
            ("content-type", TYPE),
            ("docker-content-digest", "{image}"),
            ("content-length", "{image-size}"),
            ("etag", "\"{image}\""),
        ],
        ..row("end-3 by tag", "GET /v2/a/app/manifests/1", 200)
    },
    row("end-3 by digest", "GET /v2/a/app/manifests/{image}", 200),
    row("end-3, percent-encoded", "GET /v2/a/app/manifests/{image-encoded}", 200),
    Row {
        has: &[("docker-content-digest", "{image}"), ("content-length", "{image-size}")],
        ..row("end-3 HEAD", "HEAD /v2/a/app/manifests/1", 200)
    },
    Row { code: "MANIFEST_UNKNOWN", ..row("no such tag", "GET /v2/a/app/manifests/2", 404) },
    Row {
        code: "MANIFEST_UNKNOWN",
        ..row("no such digest", "GET /v2/a/app/manifests/{absent}", 404)
    },
    row("no such tag, HEAD", "HEAD /v2/a/app/manifests/2", 404),
    Row { code: "NAME_UNKNOWN", ..row("no such repository", "GET /v2/b/manifests/1", 404) },
    Row { code: "NAME_INVALID", ..row("no name", "GET /v2/A/manifests/1", 400) },
    Row { code: "TAG_INVALID", ..row("no tag", "GET /v2/a/app/manifests/.1", 400) },
    Row { code: "DIGEST_INVALID", ..row("no digest", "GET /v2/a/app/manifests/sha256:1", 400) },
    Row {
        headers: &[("Accept", "text/html, application/vnd.oci.image.manifest.v1+json;q=0.5")],
        ..row("Accept names it", "GET /v2/a/app/manifests/1", 200)
    },
    Row { headers: &[("Accept", "*/*")], ..row("Accept of all", "GET /v2/a/app/manifests/1", 200) },
    Row {
        headers: &[("Accept", "application/vnd.docker.distribution.manifest.v2+json")],
        code: "MANIFEST_UNKNOWN",
        ..row("Accept of another", "GET /v2/a/app/manifests/1", 404)
    },
    Row {
        has: &[
            ("content-type", "application/octet-stream"),
            ("docker-content-digest", "{layer}"),
            ("content-length", "10"),
            ("accept-ranges", "bytes"),
        ],
        ..row("end-2", "GET /v2/a/app/blobs/{layer}", 200)
    },
    Row {
        has: &[("content-length", "10")],
        ..row("end-2 HEAD", "HEAD /v2/a/app/blobs/{layer}", 200)
    },
    Row { code: "BLOB_UNKNOWN", ..row("no such blob", "GET /v2/a/app/blobs/{absent}", 404) },
    row("no such blob, HEAD", "HEAD /v2/a/app/blobs/{absent}", 404),
    Row { code: "NAME_UNKNOWN", ..row("no such repository", "GET /v2/b/blobs/{layer}", 404) },
    Row { code: "DIGEST_INVALID", ..row("no digest", "GET /v2/a/app/blobs/sha256:xyz", 400) },
    Row {
        headers: &[("Range", "bytes=2-4")],
        has: &[("content-range", "bytes 2-4/10"), ("content-length", "3")],
        ..row("a range", "GET /v2/a/app/blobs/{layer}", 206)
    },
    Row {
        headers: &[("Range", "bytes=10-")],
        has: &[("content-range", "bytes */10")],
        ..row("a range behind the end", "GET /v2/a/app/blobs/{layer}", 416)
    },
    Row {
        headers: &[("Content-Length", "10")],
        body: "0123456789",
        has: &[("location", "/v2/b/blobs/{layer}"), ("docker-content-digest", "{layer}")],
        ..row("end-4b", "POST /v2/b/blobs/uploads/?digest={layer}", 201)
    },
    Row {
        body: "0123456789",
        has: &[("location", "/v2/b/blobs/{layer512}")],
        ..row("end-4b, sha512", "POST /v2/b/blobs/uploads/?digest={layer512}", 201)
    },
    Row {
        body: "012345678",
        code: "DIGEST_INVALID",
        ..row("end-4b, wrong sha512", "POST /v2/b/blobs/uploads/?digest={layer512}", 400)
    },
    row("what was pushed", "GET /v2/b/blobs/{layer512}", 200),
    Row {
        body: "012345678",
        code: "DIGEST_INVALID",
        ..row("end-4b, wrong digest", "POST /v2/b/blobs/uploads/?digest={layer}", 400)
    },
    Row {
        body: "0",
        code: "DIGEST_INVALID",
        ..row("end-4b, unknown algorithm", "POST /v2/b/blobs/uploads/?digest=md5:00", 400)
    },
    Row {
        has: &[("location", "/v2/b/blobs/{config}"), ("docker-content-digest", "{config}")],
        ..row("end-11", "POST /v2/b/blobs/uploads/?mount={config}&from=a/app", 201)
    },
    row("end-11, not there", "POST /v2/b/blobs/uploads/?mount={absent}&from=a/app", 202),
    row("end-11, from nowhere", "POST /v2/b/blobs/uploads/?mount={config}", 202),
    Row {
        headers: &[("Content-Type", TYPE)],
        body: "{image-body}",
        has: &[("location", "/v2/b/manifests/{image}"), ("docker-content-digest", "{image}")],
        ..row("end-7a", "PUT /v2/b/manifests/1", 201)
    },
    Row {
        headers: &[("Content-Type", TYPE)],
        body: "{image-body}",
        has: &[("oci-tag", "2, 3")],
        ..row("end-7b", "PUT /v2/b/manifests/{image}?tag=2&tag=3", 201)
    },
    row("what was tagged so", "GET /v2/b/manifests/3", 200),
    Row {
        headers: &[("Content-Type", TYPE)],
        body: "{image-body}",
        code: "MANIFEST_BLOB_UNKNOWN",
        ..row("end-7a without its blobs", "PUT /v2/c/manifests/1", 404)
    },
    Row {
        headers: &[("Content-Type", TYPE)],
        body: "{image-body}",
        code: "DIGEST_INVALID",
        ..row("end-7a, another digest", "PUT /v2/b/manifests/{layer}", 400)
    },
    Row {
        headers: &[("Content-Type", "application/vnd.oci.image.index.v1+json")],
        body: "{image-body}",
        code: "MANIFEST_INVALID",
        ..row("end-7a, another media type", "PUT /v2/b/manifests/1", 400)
    },
    Row {
        headers: &[("Content-Type", TYPE)],
        body: "[]",
        code: "MANIFEST_INVALID",
        ..row("end-7a, no manifest", "PUT /v2/b/manifests/1", 400)
    },
    Row { code: "TAG_INVALID", ..row("end-7a, no tag", "PUT /v2/b/manifests/-1", 400) },
    row("end-9 by tag", "DELETE /v2/b/manifests/2", 202),
    Row { code: "MANIFEST_UNKNOWN", ..row("its tag", "GET /v2/b/manifests/2", 404) },
    row("its manifest", "GET /v2/b/manifests/{image}", 200),
    row("end-9 by digest", "DELETE /v2/b/manifests/{image}", 202),
    Row { code: "MANIFEST_UNKNOWN", ..row("all its tags", "GET /v2/b/manifests/1", 404) },
    Row { code: "MANIFEST_UNKNOWN", ..row("end-9 again", "DELETE /v2/b/manifests/{image}", 404) },
    row("end-10", "DELETE /v2/b/blobs/{layer}", 202),
    Row { code: "BLOB_UNKNOWN", ..row("end-10 again", "DELETE /v2/b/blobs/{layer}", 404) },
    row("another repository's", "GET /v2/a/app/blobs/{layer}", 200),
    Row {
        has: &[("content-type", "application/vnd.oci.image.index.v1+json")],
        ..row("end-12a without any", "GET /v2/a/app/referrers/{image}", 200)
    },
    row("end-12a, no such repository", "GET /v2/nobody/referrers/{image}", 200),
    Row { code: "DIGEST_INVALID", ..row("end-12a, no digest", "GET /v2/a/app/referrers/1", 400) },
    Row { code: "UNSUPPORTED", ..row("a method it has not", "POST /v2/a/app/manifests/1", 405) },
    Row { code: "BLOB_UPLOAD_UNKNOWN", ..row("end-13", "GET /v2/a/app/blobs/uploads/none", 404) },
    row("no endpoint", "GET /v1/", 404),
    row("no endpoint below", "GET /v2/a/app/things/1", 404),
];

fn filled(text: &str) -> String {
    let image = sha256(&manifest());
    text.replace("{image-body}", &String::from_utf8(manifest()).unwrap())
        .replace("{image-size}", &manifest().len().to_string())
        .replace("{image-encoded}", &image.replace(':', "%3A"))
        .replace("{image}", &image)
        .replace("{layer512}", &sha512(LAYER))
        .replace("{layer}", &sha256(LAYER))
        .replace("{config}", &sha256(CONFIG))
        .replace("{absent}", &sha256(b"absent"))
}

#[test]
fn every_point_of_the_specification_is_answered_as_it_says() {
    let registry = with_image(Options::default());
    // One connection for all: whatever is answered must leave it good.
    let mut client = Client::new(&registry);
    for row in POINTS {
        let request = filled(row.request);
        let headers: Vec<_> =
            row.headers.iter().filter(|(name, _)| *name != "Content-Length").copied().collect();
        let answer = client.send(&request, &headers, filled(row.body).as_bytes());
        let what = format!("{}: {request}: {answer:?}", row.point);
        assert_eq!(answer.status, row.status, "{what}");
        assert_eq!(answer.code(), row.code, "{what}");
        for (name, value) in row.has {
            assert_eq!(answer.header(name), Some(filled(value).as_str()), "{name} of {what}");
        }
    }
    assert!(registry.snapshot("b").tags.is_empty(), "tags of a deleted manifest");
    let log = registry.log();
    assert_eq!(log.len(), POINTS.len());
    assert!(log.iter().all(|one| one.connection == 1 && one.version == "HTTP/1.1"));
}

#[test]
fn the_bytes_are_those_that_were_pushed() {
    let registry = with_image(Options::default());
    let blob = format!("/v2/a/app/blobs/{}", sha256(LAYER));
    assert_eq!(get(&registry, &blob).body, LAYER);
    let part = send(&registry, &format!("GET {blob}"), &[("Range", "bytes=-3")], b"");
    assert_eq!(part.body, b"789");
    assert_eq!(get(&registry, "/v2/a/app/manifests/1").body, manifest());
    assert!(send(&registry, &format!("HEAD {blob}"), &[], b"").body.is_empty());
    let sent: Vec<_> = registry.log().iter().map(|one| one.bytes_out).collect();
    assert_eq!(sent, [10, 3, manifest().len() as u64, 0]);
}

#[test]
fn an_artifact_manifest_is_refused_in_the_words_of_real_registries() {
    let registry = Registry::start(Options::default());
    let bytes = json!({ "mediaType": ARTIFACT, "artifactType": "x/y" }).to_string();
    registry.push_manifest("a", Some("1"), ARTIFACT, bytes.as_bytes());
    let ask = |accept| send(&registry, "GET /v2/a/manifests/1", &[("Accept", accept)], b"");
    let answer = ask(MANIFEST);
    assert_eq!((answer.status, answer.code().as_str()), (404, "MANIFEST_UNKNOWN"));
    let words = "OCI artifact found, but accept header does not support OCI artifacts";
    assert_eq!(answer.json()["errors"][0]["message"], words);
    let both = format!("{MANIFEST}, {ARTIFACT}");
    assert_eq!(ask(&both).header("content-type"), Some(ARTIFACT));

    let lenient = Options { honours_accept: false, ..Options::default() };
    let registry = with_image(lenient);
    let answer = send(&registry, "GET /v2/a/app/manifests/1", &[("Accept", INDEX)], b"");
    assert_eq!(answer.status, 200);
}
