//! Keys in Secrets and ConfigMaps.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_host::{
    auth::{Environment, Transport, kubernetes::Cluster},
    http::{Call, Failure, HeaderMap, Reply},
    policy::{Document, References},
    trust::{InCluster, KubernetesObjects, ObjectFiles, ObjectKind, ObjectReference, ObjectsError},
};
use serde_json::{Value, json};

use crate::{scratch::Scratch, sigstore::keys::Key};

fn pem(name: &str) -> String {
    Key::p256(name).public_pem()
}

/// Secrets as cosign writes them, and a ConfigMap.
fn objects(scratch: &Scratch) -> ObjectFiles {
    let data = |text: &str| STANDARD.encode(text);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "release", "namespace": "cosign-system" },
        "data": {
            "cosign.key": data("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nHIDDEN\n"),
            "cosign.password": data("HIDDEN"),
            "cosign.pub": data(&pem("release")),
        },
    });
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "kind": "ConfigMap", "metadata": { "name": "keys", "namespace": "shop" },
            "data": { "one.pub": pem("one"), "two.pub": pem("two") } },
        { "kind": "ConfigMap", "metadata": { "name": "only", "namespace": "shop" },
            "data": { "key": pem("only") } },
        { "kind": "ConfigMap", "metadata": { "name": "binary", "namespace": "shop" },
            "binaryData": { "a.pem": data(&pem("binary")) } },
        { "kind": "Secret", "metadata": { "name": "manifest", "namespace": "shop" },
            "stringData": { "cosign.pub": pem("manifest") } },
        { "kind": "Secret", "metadata": { "name": "odd", "namespace": "shop" },
            "data": { "cosign.pub": "!!!", "text": data("no PEM"), "key": data("-----BEGIN PRIVATE KEY-----\nHIDDEN") } },
        { "kind": "Deployment", "metadata": { "name": "app", "namespace": "shop" } },
    ] });
    scratch.write("objects/release.json", secret.to_string());
    scratch.write("objects/all.json", list.to_string());
    scratch.write("objects/readme.md", "not an object");
    ObjectFiles::open(&scratch.path().join("objects")).unwrap()
}

fn read(value: Value) -> Result<ObjectReference, String> {
    ObjectReference::read(&value).unwrap()
}

#[test]
fn keys_are_found_by_their_object_and_its_key() {
    let scratch = Scratch::new();
    let objects = objects(&scratch);
    for (reference, expected) in [
        (json!("k8s://cosign-system/release"), pem("release")),
        (json!("k8s://cosign-system/release/cosign.pub"), pem("release")),
        (json!({ "secret": "cosign-system/release" }), pem("release")),
        (json!({ "secret": "cosign-system/release", "key": "cosign.pub" }), pem("release")),
        (json!({ "configMap": "shop/keys", "key": "two.pub" }), pem("two")),
        (json!({ "configMap": "shop/only" }), pem("only")),
        (json!({ "configMap": "shop/binary", "key": "a.pem" }), pem("binary")),
        (json!("k8s://shop/manifest"), pem("manifest")),
    ] {
        assert_eq!(read(reference.clone()).unwrap().fetch(&objects), Ok(expected), "{reference}");
    }
}

#[test]
fn what_is_not_there_or_no_key_is_named_and_never_shown() {
    let scratch = Scratch::new();
    let objects = objects(&scratch);
    for (reference, says) in [
        (json!("k8s://shop/release"), "Secret shop/release: there is no such object"),
        (json!({ "configMap": "shop/keys" }), "say which; it has `one.pub`, `two.pub`"),
        (json!({ "configMap": "shop/keys", "key": "three" }), "it has no key `three`"),
        (json!("k8s://cosign-system/release/cosign.key"), "`cosign.key` is a private key"),
        (json!({ "secret": "shop/odd", "key": "key" }), "`key` is a private key"),
        (json!({ "secret": "shop/odd", "key": "text" }), "`text` is not PEM"),
        (json!({ "secret": "shop/odd", "key": "cosign.pub" }), "no value that can be read"),
        (json!("k8s://cosign-system/release/cosign.password"), "is not PEM"),
    ] {
        let said = read(reference.clone()).unwrap().fetch(&objects).unwrap_err();
        assert!(said.contains(says) && !said.contains("HIDDEN"), "{reference}: {said}");
    }
    assert!(!format!("{objects:?}").contains("BEGIN"));
    for wrong in [
        json!("k8s://release"),
        json!("k8s://a/b/c/d"),
        json!("k8s://../secrets"),
        json!("k8s://A/b"),
        json!({ "secret": "shop" }),
        json!({ "secret": 1 }),
        json!({ "secret": "a/b", "configMap": "a/b" }),
        json!({ "secret": "a/b", "kay": "x" }),
        json!({ "secret": "a/b", "key": "" }),
        json!({ "secret": "a/b?x=1" }),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
    for other in [json!("-----BEGIN PUBLIC KEY-----"), json!({ "file": "x" }), json!(1)] {
        assert_eq!(ObjectReference::read(&other), None);
    }
}

#[test]
fn an_object_that_is_there_twice_is_refused() {
    let scratch = Scratch::new();
    let object = json!({ "kind": "Secret", "metadata": { "name": "a", "namespace": "b" } });
    scratch.write("one.json", object.to_string());
    scratch.write("two.yaml", object.to_string());
    let said = ObjectFiles::open(scratch.path()).unwrap_err().to_string();
    assert!(said.contains("Secret b/a is there twice"), "{said}");
}

struct Refusing(ObjectsError);

impl KubernetesObjects for Refusing {
    fn get(&self, _: ObjectKind, _: &str, _: &str) -> Result<Option<Value>, ObjectsError> {
        Err(self.0.clone())
    }
}

/// The API of a cluster that has one ConfigMap.
struct Api;

impl Transport for Api {
    fn send(&self, call: &mut Call<'_>) -> Result<Reply, Failure> {
        assert_eq!(call.authorization, Some("Bearer the-token"));
        let base = "https://10.0.0.1/api/v1/namespaces/shop/";
        let (status, body) = match call.url.as_str().strip_prefix(base).unwrap() {
            "configmaps/keys" => (200, json!({ "data": { "cosign.pub": pem("api") } })),
            "secrets/hidden" => (403, json!({ "message": "forbidden" })),
            "secrets/later" => (500, json!({})),
            _ => (404, json!({})),
        };
        let bytes = body.to_string().into_bytes();
        Ok(Reply { status, headers: HeaderMap::new(), bytes, elsewhere: false })
    }
}

#[test]
fn a_cluster_gives_what_its_service_account_may_read() {
    let scratch = Scratch::new();
    scratch.write("token", "the-token\n");
    let environment = Environment::fixed([("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
    let cluster = Cluster::over(Arc::new(Api), &environment, scratch.path()).unwrap();
    let fetch = |reference: &str| read(json!(reference)).unwrap().fetch(&cluster);
    let keys = read(json!({ "configMap": "shop/keys" })).unwrap();
    assert_eq!(keys.fetch(&cluster), Ok(pem("api")));
    assert!(fetch("k8s://shop/none").unwrap_err().contains("there is no such object"));
    let denied = fetch("k8s://shop/hidden").unwrap_err();
    assert!(denied.contains("does not allow to read it"), "{denied}");
    let silent = fetch("k8s://shop/later").unwrap_err();
    assert!(silent.contains("the cluster did not answer"), "{silent}");
    let nowhere = Environment::fixed([("HOME", "/nowhere")]);
    assert!(InCluster::of(&nowhere).is_none() && InCluster::of(&environment).is_some());
}

#[test]
fn a_policy_has_its_keys_in_place_before_the_module_sees_it() {
    let scratch = Scratch::new();
    let keys = json!([
        "k8s://cosign-system/release",
        { "configMap": "shop/keys", "key": "one.pub" },
        pem("inline"),
    ]);
    let policy = json!({ "spec": {
        "authorities": { "release": { "cosign": { "keys": keys } } },
        "trust": { "ca": { "x509": { "roots": [{ "secret": "shop/manifest" }] } } },
    } });
    let path = scratch.write("policy.json", policy.to_string());
    let path = path.to_str().unwrap();
    let objects = objects(&scratch);
    let with = |objects: Option<Arc<dyn KubernetesObjects>>| {
        Document::load_policy_with(path, &References { trust: None, objects })
    };
    let document = with(Some(Arc::new(objects))).unwrap();
    let keys = &document.value["spec"]["authorities"]["release"]["cosign"]["keys"];
    assert_eq!(keys, &json!([pem("release"), pem("one"), pem("inline")]));
    let ca = &document.value["spec"]["trust"]["ca"]["x509"]["roots"];
    assert_eq!(ca, &json!([pem("manifest")]));
    let place = document.locate("/spec/authorities/release/cosign/keys/0");
    assert!(place.ends_with("(Secret cosign-system/release)"), "{place}");

    let said = with(None).unwrap_err().to_string();
    assert!(said.contains("no cluster to read it from"), "{said}");
    let denied = ObjectsError::Denied("status 403".to_owned());
    let said = with(Some(Arc::new(Refusing(denied)))).unwrap_err().to_string();
    assert!(said.contains("does not allow to read it (status 403): grant `get`"), "{said}");
    let silent = ObjectsError::Unavailable("timed out".to_owned());
    let said = with(Some(Arc::new(Refusing(silent)))).unwrap_err().to_string();
    assert!(said.contains("the cluster did not answer: timed out"), "{said}");
}
