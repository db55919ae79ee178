//! Lists, whole and in pages.

use loopback_registry::{INDEX, Options, Registry};
use serde_json::json;

use crate::client::get;

/// Everything that a list shows, page by page, and the number of pages.
fn walk(registry: &Registry, path: &str, pointer: &str) -> (Vec<String>, usize) {
    let (mut next, mut found, mut pages) = (Some(path.to_owned()), Vec::new(), 0);
    while let Some(path) = next {
        let answer = get(registry, &path);
        assert_eq!(answer.status, 200, "{path}");
        for one in answer.json()[pointer].as_array().unwrap() {
            found.push(one["digest"].as_str().or(one.as_str()).unwrap().to_owned());
        }
        pages += 1;
        next = answer.header("link").map(|link| {
            let (url, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(relation, "; rel=\"next\"");
            url.to_owned()
        });
    }
    (found, pages)
}

fn registry(page_size: Option<usize>) -> Registry {
    let registry = Registry::start(Options { page_size, ..Options::default() });
    for number in 0..5 {
        let body = json!({
            "mediaType": INDEX, "manifests": [], "artifactType": format!("t+/{}", number % 2),
            "subject": { "digest": subject() }, "annotations": { "is": number },
        });
        let name = if number < 3 { "a" } else { "b" };
        registry.push_manifest(
            "a",
            Some(&format!("v{number}")),
            INDEX,
            body.to_string().as_bytes(),
        );
        registry.push_manifest(name, None, INDEX, body.to_string().as_bytes());
    }
    registry
}

fn subject() -> String {
    loopback_registry::sha256(b"subject")
}

#[test]
fn lists_are_sorted_and_come_in_pages_of_the_size_asked_for() {
    let registry = registry(None);
    let tags = ["v0", "v1", "v2", "v3", "v4"];
    assert_eq!(walk(&registry, "/v2/a/tags/list", "tags"), (tags.map(str::to_owned).to_vec(), 1));
    assert_eq!(walk(&registry, "/v2/a/tags/list?n=2", "tags").1, 3);
    assert_eq!(walk(&registry, "/v2/a/tags/list?n=5", "tags").1, 1, "no page that would be empty");
    assert_eq!(walk(&registry, "/v2/a/tags/list?n=2&last=v1", "tags").0, tags[2..]);
    assert_eq!(walk(&registry, "/v2/a/tags/list?last=v00", "tags").0, tags[1..]);
    assert_eq!(walk(&registry, "/v2/a/tags/list?n=0", "tags"), (vec![], 1));
    assert_eq!(get(&registry, "/v2/a/tags/list?n=x").code(), "PAGINATION_NUMBER_INVALID");
    assert_eq!(get(&registry, "/v2/a/tags/list").json()["name"], "a");
    assert_eq!(get(&registry, "/v2/none/tags/list").code(), "NAME_UNKNOWN");
    assert_eq!(
        walk(&registry, "/v2/_catalog?n=1", "repositories"),
        (vec!["a".into(), "b".into()], 2)
    );
}

#[test]
fn a_registry_with_small_pages_shows_everything_once() {
    let (whole, paged) = (registry(None), registry(Some(2)));
    let referrers = format!("/v2/a/referrers/{}", subject());
    let filtered = format!("{referrers}?artifactType=t%2B/0");
    for (path, pointer, pages) in [
        ("/v2/a/tags/list", "tags", 3),
        ("/v2/a/tags/list?n=100", "tags", 3),
        (&referrers, "manifests", 3),
        (&filtered, "manifests", 2),
    ] {
        let (all, one) = walk(&whole, path, pointer);
        assert!(one == 1 && all.len() > 2, "{path}: {all:?}");
        assert_eq!(walk(&paged, path, pointer), (all, pages), "{path}");
    }
    let answer = get(&paged, &filtered);
    assert_eq!(answer.header("oci-filters-applied"), Some("artifactType"));
}
