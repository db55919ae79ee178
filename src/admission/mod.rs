//! Kubernetes admission: where the images of an object stand.

mod kinds;

pub use kinds::{Kinds, Resource};
use serde_json::Value;

use crate::{
    verdict::Code,
    wire::{ImageRequest, Patch, PolicyError, Request},
};

/// What an admission request asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// Judge these images.
    Judge(Box<Request>),
    /// Nothing comes to run: a deletion.
    Pass,
}

/// Reads an `AdmissionRequest` of `admission.k8s.io/v1`
/// ([reference](https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request)).
/// What cannot be read is refused in every mode.
pub fn read(
    request: &Value,
    kinds: &Kinds,
    can_patch: bool,
) -> Result<Admission, Vec<PolicyError>> {
    let operation = match request.get("operation").and_then(Value::as_str) {
        Some("DELETE") => return Ok(Admission::Pass),
        Some("CREATE") => Operation::Create,
        Some("UPDATE") => Operation::Update,
        Some(other) => {
            let message = format!("operation `{other}` is not known");
            return Err(malformed("/request/operation", message));
        }
        None => {
            return Err(malformed("/request/operation", "`operation` is missing".into()));
        }
    };
    let object = request
        .get("object")
        .filter(|o| o.is_object())
        .ok_or_else(|| malformed("/request/object", "`object` is missing".into()))?;
    let kind = request
        .pointer("/kind/kind")
        .or_else(|| object.get("kind"))
        .and_then(Value::as_str)
        .ok_or_else(|| malformed("/request/kind", "`kind` is missing".into()))?;
    let group = group(request, object);
    if kinds.ignores(&group, kind) {
        return Ok(Admission::Pass);
    }
    let built_in = pod_spec_pointer(kind).filter(|_| is_built_in(&group, kind));
    let resource = kinds.resource(&group, kind).filter(|_| built_in.is_none());
    let place = match (resource, built_in) {
        (Some(resource), _) => Where::Resource(resource),
        (None, Some(pod_spec)) => Where::PodSpec(pod_spec),
        (None, None) => {
            return Err(vec![PolicyError {
                code: Code::KindUnknown.as_str().to_owned(),
                path: "/request/kind".to_owned(),
                message: format!(
                    "objects of kind `{kind}` are not known: name their images in \
                     `spec.resources`, or the kind in `spec.ignoreKinds`"
                ),
                suggestion: None,
            }]);
        }
    };
    let mut images = place.images(object)?;
    if images.is_empty() {
        if place.is_optional() {
            return Ok(Admission::Pass);
        }
        let path = format!("/request/object{}", place.path());
        return Err(malformed(&path, "no image is there".into()));
    }
    if operation == Operation::Update {
        let unchanged = unchanged(request, kind, kinds, &place);
        images.retain(|image| !unchanged.contains(image));
        if images.is_empty() {
            return Ok(Admission::Pass);
        }
    }
    let text = |pointer: &str| request.pointer(pointer)?.as_str().map(str::to_owned);
    let given = |name: &str| request.get(name).filter(|v| !v.is_null()).cloned();
    Ok(Admission::Judge(Box::new(Request {
        images: images.into_iter().map(Place::into_request).collect(),
        can_patch,
        kind: Some(kind.to_owned()),
        group: Some(group),
        namespace: text("/namespace")
            .or_else(|| Some(object.pointer("/metadata/namespace")?.as_str()?.to_owned())),
        name: text("/name"),
        operation: text("/operation"),
        object: Some(object.clone()),
        old_object: given("oldObject"),
        user_info: given("userInfo"),
        ..Request::default()
    })))
}

/// The API group of the object: what the API server says of it, else what it says of itself.
fn group(request: &Value, object: &Value) -> String {
    if let Some(group) = request.pointer("/kind/group").and_then(Value::as_str) {
        return group.to_owned();
    }
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    version.split_once('/').map(|(group, _)| group).unwrap_or_default().to_owned()
}

/// Where the images of an object are.
enum Where<'k> {
    PodSpec(&'static str),
    Resource(&'k Resource),
}

impl Where<'_> {
    fn images(&self, object: &Value) -> Result<Vec<Place>, Vec<PolicyError>> {
        match self {
            Self::PodSpec(pod_spec) => images(object, pod_spec),
            Self::Resource(resource) => {
                let found = resource.find(object).map_err(|path| {
                    malformed(&format!("/request/object{path}"), "not an image".into())
                })?;
                let place = |(reference, path): (String, String)| Place {
                    list: "",
                    name: Some(path.clone()),
                    reference,
                    path,
                };
                Ok(found.into_iter().map(place).collect())
            }
        }
    }

    fn is_optional(&self) -> bool {
        matches!(self, Self::Resource(resource) if resource.optional)
    }

    fn path(&self) -> &str {
        match self {
            Self::PodSpec(pod_spec) => pod_spec,
            Self::Resource(resource) => resource.images.first().map_or("", String::as_str),
        }
    }
}

/// The object with every patch applied; `None` where an old value is not what it should be.
pub fn patched(object: &Value, patches: &[Patch]) -> Option<Value> {
    let mut object = object.clone();
    for patch in patches {
        let value = object.pointer_mut(&patch.path)?;
        if value.as_str() != Some(&patch.old) {
            return None;
        }
        *value = Value::String(patch.new.clone());
    }
    Some(object)
}

/// Where a kind keeps its Pod spec.
fn pod_spec_pointer(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Pod" => "/spec",
        "DaemonSet"
        | "Deployment"
        | "Job"
        | "ReplicaSet"
        | "ReplicationController"
        | "StatefulSet" => "/spec/template/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "PodTemplate" => "/template/spec",
        _ => return None,
    })
}

/// True for a kind of Kubernetes itself, whose images are found without a policy's help.
pub fn is_built_in(group: &str, kind: &str) -> bool {
    ["", "apps", "batch", "extensions"].contains(&group) && pod_spec_pointer(kind).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Update,
}

/// An image and where it stands. Two places are the same image of the same container, wherever in
/// its list the container stands.
#[derive(Clone, Debug)]
struct Place {
    list: &'static str,
    name: Option<String>,
    reference: String,
    path: String,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        let key = |p: &Self| (p.list, p.name.clone(), p.reference.clone());
        key(self) == key(other)
    }
}

impl Place {
    fn into_request(self) -> ImageRequest {
        ImageRequest { reference: self.reference, path: Some(self.path) }
    }
}

/// The images of an updated object that were there before: an update of something else must not
/// depend on a registry. What was there before and cannot be read excuses nothing.
fn unchanged(request: &Value, kind: &str, kinds: &Kinds, place: &Where<'_>) -> Vec<Place> {
    let Some(old) = request.get("oldObject") else {
        return Vec::new();
    };
    let labels = |name: &str| request.pointer(&format!("/{name}/metadata/labels"));
    if kinds.judge_updates || (kinds.reads_labels && labels("object") != labels("oldObject")) {
        return Vec::new();
    }
    if old.get("kind").and_then(Value::as_str).is_some_and(|old| old != kind) {
        return Vec::new();
    }
    let named = |place: &Place| place.name.as_ref().is_some_and(|name| !name.is_empty());
    place.images(old).unwrap_or_default().into_iter().filter(named).collect()
}

/// Where a Pod spec keeps images: containers, init and ephemeral containers, image volumes.
const LISTS: &[(&str, &str)] = &[
    ("initContainers", "image"),
    ("containers", "image"),
    ("ephemeralContainers", "image"),
    ("volumes", "image/reference"),
];

/// Every image of a Pod spec.
fn images(object: &Value, pod_spec: &str) -> Result<Vec<Place>, Vec<PolicyError>> {
    let at = |path: &str| format!("/request/object{path}");
    let spec = object
        .pointer(pod_spec)
        .filter(|spec| spec.is_object())
        .ok_or_else(|| malformed(&at(pod_spec), "the Pod spec is missing".into()))?;
    let mut images = Vec::new();
    for (list, field) in LISTS.iter().copied() {
        for (i, entry) in entries(spec, pod_spec, list)?.iter().enumerate() {
            if list == "volumes" && entry.get("image").is_none() {
                continue;
            }
            let path = format!("{pod_spec}/{list}/{i}/{field}");
            let Some(reference) = entry.pointer(&format!("/{field}")).and_then(Value::as_str)
            else {
                return Err(malformed(&at(&path), format!("`{field}` is missing")));
            };
            images.push(Place {
                list,
                name: entry.get("name").and_then(Value::as_str).map(str::to_owned),
                reference: reference.to_owned(),
                path,
            });
        }
    }
    Ok(images)
}

fn entries<'a>(
    spec: &'a Value,
    pod_spec: &str,
    list: &str,
) -> Result<&'a [Value], Vec<PolicyError>> {
    match spec.get(list) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => {
            Err(malformed(&format!("/request/object{pod_spec}/{list}"), "not a list".into()))
        }
    }
}

fn malformed(path: &str, message: String) -> Vec<PolicyError> {
    vec![PolicyError {
        code: Code::RequestMalformed.as_str().to_owned(),
        path: path.to_owned(),
        message,
        suggestion: None,
    }]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(kind: &str, object: &Value) -> Value {
        json!({ "operation": "CREATE", "kind": { "kind": kind }, "object": object })
    }

    fn references(request: &Value) -> Vec<String> {
        match read(request, &Kinds::default(), true) {
            Ok(Admission::Judge(r)) => r
                .images
                .into_iter()
                .map(|i| format!("{} {}", i.path.unwrap(), i.reference))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_container_is_found() {
        let spec = json!({
            "containers": [{ "image": "a" }],
            "initContainers": [{ "image": "b" }],
            "ephemeralContainers": [{ "image": "c" }],
            "volumes": [{ "emptyDir": {} }, { "image": { "reference": "d" } }],
        });
        assert_eq!(
            references(&request("Pod", &json!({ "spec": spec }))),
            [
                "/spec/initContainers/0/image b",
                "/spec/containers/0/image a",
                "/spec/ephemeralContainers/0/image c",
                "/spec/volumes/1/image/reference d",
            ]
        );
    }

    #[test]
    fn every_workload_kind_is_known() {
        let spec = json!({ "containers": [{ "image": "a" }] });
        let template = json!({ "spec": { "template": { "spec": spec } } });
        for kind in
            ["DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"]
        {
            assert_eq!(references(&request(kind, &template)).len(), 1, "{kind}");
        }
        let job = json!({ "spec": { "jobTemplate": template } });
        assert_eq!(references(&request("CronJob", &job)).len(), 1);
        let pod_template = json!({ "template": { "spec": spec } });
        assert_eq!(references(&request("PodTemplate", &pod_template)).len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let pod = |spec: Value| request("Pod", &json!({ "spec": spec }));
        for (request, code) in [
            (json!({}), "request.malformed"),
            (json!({ "operation": "PATCH" }), "request.malformed"),
            (json!({ "operation": "CREATE" }), "request.malformed"),
            (request("ConfigMap", &json!({})), "kind.unknown"),
            (pod(json!(null)), "request.malformed"),
            (pod(json!({})), "request.malformed"),
            (pod(json!({ "containers": {} })), "request.malformed"),
            (pod(json!({ "containers": [{}] })), "request.malformed"),
            (pod(json!({ "containers": [{ "image": 1 }] })), "request.malformed"),
            (
                pod(json!({ "containers": [{ "image": "a" }], "volumes": [{ "image": {} }] })),
                "request.malformed",
            ),
        ] {
            assert_eq!(
                read(&request, &Kinds::default(), true).unwrap_err()[0].code,
                code,
                "{request}"
            );
        }
    }

    #[test]
    fn an_update_judges_only_the_images_that_are_new_in_their_place() {
        let object = |containers: Value| json!({ "spec": { "containers": containers } });
        let update = |old: Value, new: Value| {
            json!({
                "operation": "UPDATE", "kind": { "kind": "Pod" }, "oldObject": old, "object": new,
            })
        };
        let a = json!({ "name": "a", "image": "x:1" });
        let b = json!({ "name": "b", "image": "y:1" });
        let both = object(json!([a, b]));
        assert_eq!(
            read(&update(both.clone(), both.clone()), &Kinds::default(), true),
            Ok(Admission::Pass)
        );
        // The order of containers does not matter; image, name and list do.
        let turned = object(json!([b, a]));
        assert_eq!(
            read(&update(both.clone(), turned), &Kinds::default(), true),
            Ok(Admission::Pass)
        );
        let newer = object(json!([a, { "name": "b", "image": "y:2" }]));
        assert_eq!(references(&update(both.clone(), newer)), ["/spec/containers/1/image y:2"]);
        let renamed = object(json!([a, { "name": "c", "image": "y:1" }]));
        assert_eq!(references(&update(both.clone(), renamed)), ["/spec/containers/1/image y:1"]);
        let moved = json!({ "spec": { "containers": [a], "ephemeralContainers": [b] } });
        assert_eq!(
            references(&update(both.clone(), moved)),
            ["/spec/ephemeralContainers/0/image y:1"]
        );
        // What was there before and cannot be read excuses nothing.
        for old in [json!(null), json!({}), json!({ "kind": "Job", "spec": both["spec"] })] {
            assert_eq!(references(&update(old, both.clone())).len(), 2);
        }
        let nameless = object(json!([{ "image": "x:1" }]));
        assert_eq!(references(&update(nameless.clone(), nameless)).len(), 1);
    }

    #[test]
    fn a_deletion_passes() {
        assert_eq!(
            read(&json!({ "operation": "DELETE" }), &Kinds::default(), true),
            Ok(Admission::Pass)
        );
    }

    #[test]
    fn a_patch_needs_its_old_value() {
        let object = json!({ "spec": { "containers": [{ "image": "a" }] } });
        let patch = |old: &str| Patch {
            path: "/spec/containers/0/image".into(),
            old: old.into(),
            new: "n".into(),
        };
        let patched_object = patched(&object, &[patch("a")]).unwrap();
        assert_eq!(patched_object.pointer("/spec/containers/0/image"), Some(&json!("n")));
        assert_eq!(patched(&object, &[patch("b")]), None);
    }
}
