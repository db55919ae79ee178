//! Uploads, manifests with a subject, and what a registry may refuse.

use loopback_registry::{INDEX, MANIFEST, Options, Registry, sha256};
use serde_json::{Value, json};

use crate::{
    client::{Client, get, send},
    conformance::{manifest, with_image},
};

fn begin(client: &mut Client) -> String {
    let answer = client.send("POST /v2/a/blobs/uploads/", &[], b"");
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-0")));
    answer.header("location").unwrap().to_owned()
}

fn put(registry: &Registry, reference: &str, value: &Value) -> crate::client::Answer {
    let bytes = value.to_string();
    let media_type = value["mediaType"].as_str().unwrap();
    let request = format!("PUT /v2/a/manifests/{reference}");
    send(registry, &request, &[("Content-Type", media_type)], bytes.as_bytes())
}

#[test]
fn a_blob_is_pushed_in_a_session() {
    let registry = Registry::start(Options::default());
    let mut client = Client::new(&registry);
    let location = begin(&mut client);
    let digest = sha256(b"whole");
    let answer = client.send(&format!("PUT {location}?digest={digest}"), &[], b"whole");
    assert_eq!(answer.status, 201);
    assert_eq!(client.send(&format!("GET /v2/a/blobs/{digest}"), &[], b"").body, b"whole");
    let again = client.send(&format!("PUT {location}?digest={digest}"), &[], b"whole");
    assert_eq!((again.status, again.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
}

#[test]
fn chunks_come_in_order_or_not_at_all() {
    let registry = Registry::start(Options::default());
    let mut client = Client::new(&registry);
    let location = begin(&mut client);
    let patch = format!("PATCH {location}");
    let range = |text| [("Content-Range", text)];
    let first = client.send(&patch, &range("0-3"), b"abcd");
    assert_eq!((first.status, first.header("range")), (202, Some("0-3")));
    for wrong in ["0-3", "5-8", "4-6", "4-8", "x", "8-4"] {
        let answer = client.send(&patch, &range(wrong), b"efgh");
        assert_eq!((answer.status, answer.header("range")), (416, Some("0-3")), "{wrong}");
    }
    let status = client.send(&format!("GET {location}"), &[], b"");
    assert_eq!((status.status, status.header("range")), (204, Some("0-3")));
    assert_eq!(client.send(&patch, &range("4-7"), b"efgh").status, 202);
    let digest = sha256(b"abcdefghij");
    let answer = client.send(&format!("PUT {location}?digest={digest}"), &range("8-9"), b"ij");
    assert_eq!((answer.status, answer.header("location").is_some()), (201, true));
    assert_eq!(get(&registry, &format!("/v2/a/blobs/{digest}")).body, b"abcdefghij");
}

#[test]
fn a_body_in_chunks_of_http_is_read_and_a_session_can_be_left() {
    let registry = Registry::start(Options::default());
    let mut client = Client::new(&registry);
    let location = begin(&mut client);
    let chunked = [("Transfer-Encoding", "chunked")];
    let body = b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n";
    let answer = client.send(&format!("PATCH {location}"), &chunked, body);
    assert_eq!((answer.status, answer.header("range")), (202, Some("0-5")));
    assert_eq!(registry.log().last().unwrap().bytes_in, 6);
    assert_eq!(client.send(&format!("DELETE {location}"), &[], b"").status, 204);
    assert_eq!(client.send(&format!("GET {location}"), &[], b"").status, 404);
}

#[test]
fn a_subject_is_indexed_whether_it_is_there_or_comes_later() {
    let registry = with_image(Options::default());
    let (image, bytes) = (sha256(&manifest()), manifest());
    registry.push_blob("a", b"{}");
    let empty = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2 });
    let subject = json!({ "mediaType": MANIFEST, "digest": image, "size": bytes.len() });
    let referrer = |artifact_type: &str| {
        let mut value = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [],
            "subject": subject, "annotations": { "made": artifact_type },
        });
        if !artifact_type.is_empty() {
            value["artifactType"] = artifact_type.into();
        }
        value
    };
    let index =
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": subject });
    let pushed = [referrer("b/b"), referrer("a/a"), referrer(""), index];
    for value in &pushed {
        let answer = put(&registry, &sha256(value.to_string().as_bytes()), value);
        assert_eq!((answer.status, answer.header("oci-subject")), (201, Some(image.as_str())));
    }
    let list = |query: &str| get(&registry, &format!("/v2/a/referrers/{image}{query}"));
    let answer = list("");
    assert_eq!(answer.header("content-type"), Some(INDEX));
    assert_eq!(answer.header("oci-filters-applied"), None);
    let all = answer.json();
    let manifests = all["manifests"].as_array().unwrap();
    let types: Vec<_> = manifests.iter().map(|d| d["artifactType"].as_str()).collect();
    let empty_type = "application/vnd.oci.empty.v1+json";
    assert_eq!(types, [Some("b/b"), Some("a/a"), Some(empty_type), None]);
    assert_eq!(manifests[0]["annotations"]["made"], "b/b");
    assert_eq!(manifests[3].get("annotations"), None);
    for (descriptor, value) in manifests.iter().zip(&pushed) {
        assert_eq!(descriptor["digest"], sha256(value.to_string().as_bytes()));
        assert_eq!(descriptor["size"], value.to_string().len());
        assert_eq!(descriptor["mediaType"], value["mediaType"]);
    }

    let filtered = list("?artifactType=a%2Fa");
    assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(filtered.json()["manifests"].as_array().unwrap().len(), 1);
    assert!(list("?artifactType=none").json()["manifests"].as_array().unwrap().is_empty());

    let deleted = sha256(pushed[0].to_string().as_bytes());
    send(&registry, &format!("DELETE /v2/a/manifests/{deleted}"), &[], b"");
    assert_eq!(list("").json()["manifests"].as_array().unwrap().len(), 3);
}

#[test]
fn without_the_api_or_its_filter_nothing_is_claimed() {
    let registry = with_image(Options { referrers: false, ..Options::default() });
    let image = sha256(&manifest());
    let answer = get(&registry, &format!("/v2/a/app/referrers/{image}"));
    assert_eq!((answer.status, answer.body), (404, b"404 page not found\n".to_vec()));
    let index = json!({ "mediaType": INDEX, "manifests": [], "subject": { "digest": image } });
    assert_eq!(put(&registry, "x", &index).header("oci-subject"), None);

    let registry = with_image(Options { filters: false, ..Options::default() });
    assert_eq!(put(&registry, "x", &index).status, 201);
    let answer = get(&registry, &format!("/v2/a/referrers/{image}?artifactType=none"));
    assert_eq!(answer.header("oci-filters-applied"), None);
    assert_eq!(answer.json()["manifests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_manifest_over_its_limit_is_refused() {
    let registry = Registry::start(Options::default());
    let sized = |bytes: usize| {
        let mut value = json!({ "mediaType": INDEX, "manifests": [], "annotations": { "x": "" } });
        let rest = bytes - value.to_string().len();
        value["annotations"]["x"] = "x".repeat(rest).into();
        put(&registry, "1", &value)
    };
    assert_eq!(sized(4 << 20).status, 201);
    let answer = sized((4 << 20) + 1);
    assert_eq!((answer.status, answer.code().as_str()), (413, "MANIFEST_INVALID"));
}

#[test]
fn what_an_index_names_must_be_there_unless_it_may_be_sparse() {
    let child = json!({ "mediaType": MANIFEST, "digest": sha256(b"child"), "size": 5 });
    let index = json!({ "mediaType": INDEX, "manifests": [child] });
    let registry = Registry::start(Options::default());
    let answer = put(&registry, "1", &index);
    assert_eq!((answer.status, answer.code().as_str()), (404, "MANIFEST_BLOB_UNKNOWN"));
    let registry = Registry::start(Options { sparse: true, ..Options::default() });
    assert_eq!(put(&registry, "1", &index).status, 201);
}

#[test]
fn an_immutable_tag_takes_the_same_again_and_nothing_else() {
    let registry = Registry::start(Options { immutable_tags: true, ..Options::default() });
    let index = |annotation: &str| json!({ "mediaType": INDEX, "manifests": [], "annotations": { "is": annotation } });
    assert_eq!(put(&registry, "1", &index("a")).status, 201);
    assert_eq!(put(&registry, "1", &index("a")).status, 201);
    let answer = put(&registry, "1", &index("b"));
    assert_eq!((answer.status, answer.code().as_str()), (400, "TAG_INVALID"));
    assert_eq!(put(&registry, "2", &index("b")).status, 201);
}

#[test]
fn conditions_keep_a_tag_from_being_overwritten() {
    let registry = Registry::start(Options::default());
    let index = |annotation: &str| {
        json!({ "mediaType": INDEX, "manifests": [], "annotations": { "is": annotation } })
            .to_string()
    };
    let condition = |name: &str, value: &str, body: &str| {
        let headers = [("Content-Type", INDEX), (name, value)];
        send(&registry, "PUT /v2/a/manifests/1", &headers, body.as_bytes()).status
    };
    let etag = |body: &str| format!("\"{}\"", sha256(body.as_bytes()));
    let (first, second) = (index("a"), index("b"));
    assert_eq!(condition("If-Match", &etag(&first), &first), 412);
    assert_eq!(condition("If-None-Match", "*", &first), 201);
    assert_eq!(condition("If-None-Match", "*", &second), 412);
    assert_eq!(condition("If-Match", &etag(&second), &second), 412);
    assert_eq!(condition("If-Match", &etag(&first), &second), 201);
}

#[test]
fn deletion_can_be_off() {
    let registry = with_image(Options { deletes: false, ..Options::default() });
    for request in [
        "DELETE /v2/a/app/manifests/1".to_owned(),
        format!("DELETE /v2/a/app/blobs/{}", sha256(b"{}")),
    ] {
        let answer = send(&registry, &request, &[], b"");
        assert_eq!((answer.status, answer.code().as_str()), (405, "UNSUPPORTED"), "{request}");
    }
}
